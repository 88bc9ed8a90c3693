"""What the journal holds, as values: runs, and the entries of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tools.migrate.backend import Key

RunState = Literal["running", "done", "rolled_back", "abandoned"]
Direction = Literal["apply", "undo", "restore"]
EntryState = Literal["started", "paused", "failed", "done"]


@dataclass(frozen=True)
class Run:
    """One execution of a plan. digest: the schema's, as it stood after the last entry; schema: that schema as JSON.
    Times are UTC in ISO 8601; finished is "" while the run goes on."""

    id: str
    number: int
    plan_digest: str
    plan: str
    started: str
    finished: str
    actor: str
    state: RunState
    origin: str
    digest: str
    schema: str

    @property
    def open(self) -> bool:
        return self.state == "running"


@dataclass(frozen=True)
class Entry:
    """One attempt at a step, forward or back. approval: unique in the journal; action: the approved action as JSON.
    before/after: digests of the step's objects; schema_after: of the whole schema. cursor: the last key written."""

    run: str
    number: int
    step: str
    direction: Direction
    step_digest: str
    approval: str
    action: str
    state: EntryState
    started: str
    finished: str
    seconds: float
    rows: int
    before: str
    after: str
    schema_after: str
    cursor: Key | None
    last: Key | None
    done: int
    total: int
    backup: str

    @property
    def begun(self) -> bool:
        """Started and neither finished nor undone: it goes on under its own approval."""
        return self.state in ("started", "paused")


@dataclass(frozen=True)
class KeyRange:
    """One worker's part of a backfill: the keys after `cursor` up to `last`, `done` of some `total` rows passed."""

    place: int
    cursor: Key | None
    last: Key
    done: int
    total: int
    rows: int
    seconds: float


def applied_steps(entries: tuple[Entry, ...]) -> tuple[str, ...]:
    """The ids of the steps that stand applied, in the order in which they first were: mending moves none."""
    standing: dict[str, None] = {}
    for entry in entries:
        if entry.state != "done":
            continue
        if entry.direction == "apply":
            standing.setdefault(entry.step)
        else:
            standing.pop(entry.step, None)
    return tuple(standing)
