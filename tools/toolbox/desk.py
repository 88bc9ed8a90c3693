"""What a tool works with, and what it answers with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, TypeAdapter

from tools.errors import UsageError
from tools.schema.model import Answers, Question, Schema

if TYPE_CHECKING:
    from knowledge.approvals import Ledger
    from knowledge.store import Store
    from tools.migrate.pace import Pace
    from tools.plan.model import Plan
    from tools.usages.model import Usage

_ANSWERS: TypeAdapter[Answers] = TypeAdapter(Answers)


class AtHand(Protocol):
    """Plans outside the conversation: the one that the person names, and the one made last; None for none."""

    def named(self) -> Plan | None: ...
    def newest(self) -> Plan | None: ...


def _no_progress(what: str, done: int, total: int) -> None:
    """Nobody looks."""


class Pins(BaseModel):
    """What a conversation holds on to, outside its messages: the digest of its plan and of the one before
    the last change, the person's answers, and the questions that the person chose to leave open."""

    plan: str = ""
    plan_before: str = ""
    answers: dict[str, Any] = {}
    left_open: list[str] = []

    def read_answers(self) -> Answers:
        return _ANSWERS.validate_python(self.answers)

    def with_answers(self, answers: Answers) -> Pins:
        return self.model_copy(update={"answers": _ANSWERS.dump_python(answers, mode="json")})


@dataclass
class Desk:
    """One turn's surroundings.

    current, desired: locations, "" where the workspace names none. shadow: a Postgres server for rehearsals. code: the
    folder of the code that uses the schema. queries: a file of SELECTs to measure before and after a run. interactive:
    a person can be asked right now. progress: called with (what, done, total) as long work goes on; it may raise to
    stop the work between two batches. life: how long a proposal stays good. pace: how fast backfills go. send_rows:
    tools may answer with rows of the user's tables. at_hand: where a plan is found that the conversation has not.
    """

    store: Store
    ledger: Ledger
    home: Path
    actor: str
    thread: str = ""
    current: str = ""
    desired: str = ""
    shadow: str | None = None
    code: Path | None = None
    queries: Path | None = None
    pins: Pins = field(default_factory=Pins)
    life: timedelta = timedelta(hours=24)
    interactive: bool = False
    send_rows: bool = False
    progress: Callable[[str, int, int], None] = _no_progress
    pace: Pace | None = None
    at_hand: AtHand | None = None

    @property
    def database(self) -> str:
        """The live database that plans are run on."""
        if not self.current:
            raise UsageError("no current schema is named: set `current` in oneplan.toml")
        from tools.location import parse_location

        if parse_location(self.current).live is None:
            raise UsageError(f"{self.current!r} is a file, not a database: a plan can only be run on a live one")
        return self.current

    @cached_property
    def current_schema(self) -> Schema:
        from tools.schema.source import read_schema

        if not self.current:
            raise UsageError("no current schema is named: set `current` in oneplan.toml")
        return read_schema(self.current)

    @cached_property
    def desired_schema(self) -> Schema:
        from tools.schema.source import read_schema

        if not self.desired:
            raise UsageError("no desired schema is named: set `desired` in oneplan.toml")
        return read_schema(self.desired, fallback=self.current_schema.dialect)

    @cached_property
    def usages(self) -> tuple[Usage, ...] | None:
        """Who in the code uses what is in the current schema; None where no code is named."""
        from tools.usages.scan import find_usages

        return None if self.code is None else find_usages(self.code, [self.current_schema], self.home / "usages.json")

    @property
    def answers(self) -> Answers:
        return self.pins.read_answers()

    def forget_schemas(self) -> None:
        """After a write: the next look reads anew."""
        self.__dict__.pop("current_schema", None)
        self.__dict__.pop("desired_schema", None)
        self.__dict__.pop("usages", None)


@dataclass(frozen=True)
class Outcome:
    """A tool's answer: plain JSON, the pins as they are from now on (None: unchanged), and what a person must be asked
    before the answer can be whole."""

    data: dict[str, Any]
    pins: Pins | None = None
    questions: tuple[Question, ...] = ()
    fills: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Proposed:
    """A proposal in the ledger, and what the person is shown of it, as plain JSON. `standing` is the id of an approval
    given before (for a step that was cut off, or with its phase): then nobody is asked again."""

    proposal_id: str
    view: dict[str, Any]
    standing: str = ""


PAGE_CHARACTERS = 10_000
"""How much of a list one answer holds, whatever was asked for."""


def at_most(items: Iterable[str], number: int = 20) -> list[str]:
    """The first of many sentences, and how many were left out."""
    found = list(items)
    return found[:number] + ([f"… and {len(found) - number} more"] if len(found) > number else [])


def page(items: list[Any], offset: int = 0, limit: int = 40) -> dict[str, Any]:
    """One page of a list of plain JSON, with what is needed to ask for the next one. Long entries make it shorter."""
    shown = items[offset : offset + limit]
    while len(shown) > 1 and len(json.dumps(shown, default=str)) > PAGE_CHARACTERS:
        shown = shown[: len(shown) // 2]
    answer: dict[str, Any] = {"total": len(items), "offset": offset, "items": shown}
    if offset + len(shown) < len(items):
        answer["next_offset"] = offset + len(shown)
    return answer
