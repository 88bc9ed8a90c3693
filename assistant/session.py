"""The workspace of one call: settings, knowledge store and approvals ledger, wired once."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import UsageError

if TYPE_CHECKING:
    from assistant.settings import Settings
    from knowledge.approvals import Ledger
    from knowledge.store import Store
    from tools.schema.model import Answers, Schema
    from tools.usages.model import Usage


class Workspace:
    """What a command or a conversation works with. Nothing is opened or created before it is asked for."""

    def __init__(self, settings: Settings | None = None) -> None:
        from assistant.settings import load_settings  # pydantic: not for `--help`

        self.settings = settings or load_settings()

    @property
    def actor(self) -> str:
        return self.settings.actor

    @cached_property
    def home(self) -> Path:
        """The `.oneplan` folder; made, with a note that keeps it out of Git, when first used."""
        home = self.settings.home
        if not home.is_dir():
            home.mkdir(parents=True)
            (home / ".gitignore").write_text("*\n", encoding="utf-8")
        return home

    @cached_property
    def store(self) -> Store:
        from knowledge.store import Store

        return Store(self.home / "knowledge.duckdb", wait=self.settings.store.wait)

    @cached_property
    def ledger(self) -> Ledger:
        from knowledge.approvals import Ledger

        return Ledger(self.store)

    @property
    def proposal_life(self) -> timedelta:
        return timedelta(hours=self.settings.approvals.hours)

    def schema(self, location: str, *, dialect: str | None = None, fallback: str | None = None) -> Schema:
        """Read a location as the user typed it. `fallback` is the live side's dialect."""
        from tools.location import parse_dialect, parse_written
        from tools.schema.source import read_schema

        return read_schema(
            self.settings.location(location),
            dialect=parse_written(dialect) if dialect else None,
            fallback=parse_dialect(fallback) if fallback else self.settings.project.dialect,
        )

    def database(self, typed: str | None) -> str:
        """The database that a command works on: the flag, else the settings' current one."""
        if typed:
            return self.settings.location(typed)
        if self.settings.current:
            return self.settings.current
        raise UsageError("which database? Pass --database URL, or set current in oneplan.toml")

    def usages(self, typed: str | None, *schemas: Schema) -> tuple[Usage, ...] | None:
        """Who in the code uses what is in the schemas; None where neither the flag nor the settings name a folder."""
        code = Path(typed) if typed else self.settings.code
        if code is None:
            return None
        from tools.usages.scan import find_usages

        kept = self.settings.home / "usages.json" if self.settings.home.is_dir() else None
        return find_usages(code, schemas, kept)

    def answers(self, typed: str | None) -> Answers:
        """What `--renames` says: a file, `none`, or nothing (then the settings' answers file, where there is one)."""
        from tools.schema.model import Answers
        from tools.schema.renames import read_answers

        if typed == "none":
            return Answers(none=True)
        if typed and typed != "ask":
            return read_answers(Path(typed))
        if not typed and self.settings.answers and self.settings.answers.exists():
            return read_answers(self.settings.answers)
        return Answers()
