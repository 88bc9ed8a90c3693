"""Settings: oneplan.toml, then the environment, then flags; the later word wins."""

from __future__ import annotations

import getpass
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.errors import SourceError, UsageError
from tools.location import DIALECTS, Dialect

if TYPE_CHECKING:
    from tools.migrate.pace import Pace

FILE_NAME = "oneplan.toml"
HOME_NAME = ".oneplan"

TEMPLATE = """\
# oneplan: what this workspace migrates. Every entry is optional; flags and the environment win over it.

[project]
# current = "env:DATABASE_URL"      # the schema that you have: a URL, a database file, a .sql file
# desired = "desired.sql"           # the schema that you want
# answers = "answers.yaml"          # renames, and values for old rows
# shadow = "env:SHADOW_URL"         # a Postgres on which rehearsals may make scratch databases
# code = "src"                      # the code that uses the schema: scanned for who reads and writes what
# dialect = "postgres"              # for .sql files that do not say: sqlite, duckdb, postgres

# [databases]                       # names for db:NAME
# staging = "env:STAGING_URL"

[monitor]
# After a run, queries are measured against what they took before it (`oneplan monitor`).
# hours = 48
# every = 300                       # seconds between two looks
# queries = "queries.sql"           # SELECTs that your application runs, besides our own

[model]
# Without a key the offline planner answers; with one, any OpenAI-compatible server.
# name = "gpt-5"
# base_url = "http://localhost:11434/v1"
# api_key_env = "OPENAI_API_KEY"
# send_rows = false                 # rows never leave this machine unless you say so

[backfill]
# batch_ms = 100                    # how long one batch of rows should take, and so hold its locks
# pause_ms = 0                      # between two batches
# rows_per_second = 20000           # at most
# replica_lag = 10                  # seconds a Postgres replica may be behind before the backfill waits
# workers = 1                       # batches at the same time, on Postgres
"""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProjectSettings(_Section):
    current: str | None = None
    desired: str | None = None
    answers: str | None = None
    shadow: str | None = None
    code: str | None = None
    dialect: Dialect | None = None


class ModelSettings(_Section):
    name: str = "gpt-5"
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    send_rows: bool = False
    mask: list[str] = Field(default_factory=list)

    @property
    def api_key(self) -> str | None:
        return os.environ.get(self.api_key_env) or None


class StoreSettings(_Section):
    wait: float = Field(default=10.0, ge=0, description="seconds to wait for another terminal")


class BackfillSettings(_Section):
    """How fast backfills go; `oneplan apply --pace KEY=VALUE,…` takes the same keys."""

    batch_ms: float = Field(default=100.0, gt=0, description="how long one batch should take")
    min_rows: int | None = Field(default=None, gt=0, description="rows a batch, at least; else the engine's")
    max_rows: int | None = Field(default=None, gt=0, description="rows a batch, at most; else the engine's")
    pause_ms: float = Field(default=0.0, ge=0, description="between two batches")
    rows_per_second: float | None = Field(default=None, gt=0, description="at most")
    replica_lag: float = Field(default=10.0, ge=0, description="seconds a replica may be behind; 0: do not look")
    workers: int = Field(default=1, ge=1, le=32, description="batches at the same time, on Postgres")
    statement_s: float | None = Field(
        default=None, ge=0, description="seconds that a statement of any step may keep others waiting; 0: for ever"
    )

    def pace(self, words: str | None = None) -> Pace:
        """With what `--pace` says put over it. UsageError for a key or a value that does not belong."""
        from tools.migrate.pace import Pace

        chosen = self._with(words) if words else self
        return Pace(
            chosen.batch_ms / 1000, chosen.min_rows, chosen.max_rows, chosen.pause_ms / 1000, chosen.rows_per_second,
            chosen.replica_lag, chosen.workers, chosen.statement_s,
        )  # fmt: skip

    def _with(self, words: str) -> BackfillSettings:
        pairs = [word.partition("=") for word in words.replace(" ", "").split(",") if word]
        given = {key: value for key, _, value in pairs}
        try:
            return BackfillSettings.model_validate(self.model_dump() | given)
        except ValidationError as error:
            first = error.errors()[0]
            keys = ", ".join(BackfillSettings.model_fields)
            raise UsageError(f"--pace: {first['loc'][0]!r}: {first['msg']}; the keys are {keys}") from error


class ApprovalSettings(_Section):
    hours: float = Field(default=24.0, gt=0, description="how long a proposal and its approval stay good")


class MonitorSettings(_Section):
    hours: float = Field(default=48.0, gt=0, description="how long a finished run is watched")
    every: float = Field(default=300.0, gt=0, description="seconds between two looks")
    queries: str | None = None


class Settings(_Section):
    """All settings of a workspace. `folder` is where oneplan.toml stands, or the current folder."""

    project: ProjectSettings = Field(default_factory=ProjectSettings)
    databases: dict[str, str] = Field(default_factory=dict)
    model: ModelSettings = Field(default_factory=ModelSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    approvals: ApprovalSettings = Field(default_factory=ApprovalSettings)
    monitor: MonitorSettings = Field(default_factory=MonitorSettings)
    backfill: BackfillSettings = Field(default_factory=BackfillSettings)
    folder: Path = Field(default_factory=Path.cwd, exclude=True)

    @property
    def home(self) -> Path:
        """The folder of the store, the threads and the backups; ONEPLAN_HOME moves it."""
        named = os.environ.get("ONEPLAN_HOME")
        return Path(named) if named else self.folder / HOME_NAME

    @property
    def actor(self) -> str:
        """Who acts: ONEPLAN_ACTOR, else the login name."""
        return os.environ.get("ONEPLAN_ACTOR") or _login_name()

    def location(self, text: str) -> str:
        """A location as typed or as set: `db:NAME` resolved, a relative path in oneplan.toml seen from its folder."""
        if text.startswith("db:"):
            name = text.removeprefix("db:")
            if name not in self.databases:
                known = ", ".join(sorted(self.databases)) or "none"
                raise UsageError(f"no database {name!r} in {FILE_NAME} (known: {known}): add it under [databases]")
            return self.anchored(self.databases[name])
        return text

    def anchored(self, text: str) -> str:
        """A location from oneplan.toml: relative paths are relative to that file."""
        if self.folder == Path.cwd() or text.startswith(("env:", "db:", "postgres")):
            return self.location(text) if text.startswith("db:") else text
        scheme, separator, rest = text.partition(":///")
        if separator:
            return text if rest.startswith("/") else f"{scheme}:///{self.folder / rest}"
        return str(self.folder / text)

    @property
    def current(self) -> str | None:
        return self.anchored(self.project.current) if self.project.current else None

    @property
    def desired(self) -> str | None:
        return self.anchored(self.project.desired) if self.project.desired else None

    @property
    def code(self) -> Path | None:
        return Path(self.anchored(self.project.code)) if self.project.code else None

    @property
    def queries(self) -> Path | None:
        """SELECTs of the application's, measured before a run and after it."""
        return Path(self.anchored(self.monitor.queries)) if self.monitor.queries else None

    @property
    def answers(self) -> Path | None:
        return Path(self.anchored(self.project.answers)) if self.project.answers else None

    @property
    def shadow(self) -> str | None:
        """The URL of a Postgres server on which a rehearsal may make scratch databases."""
        return self.project.shadow


def load_settings(start: Path | None = None) -> Settings:
    """Read oneplan.toml from `start` or the nearest folder above it. SourceError names the entry that is wrong."""
    start = start or Path.cwd()
    path = next((folder / FILE_NAME for folder in (start, *start.parents) if (folder / FILE_NAME).is_file()), None)
    return _with_environment(_from_file(path) if path else Settings(folder=start))


def _with_environment(settings: Settings) -> Settings:
    base_url = os.environ.get("OPENAI_BASE_URL")
    if not base_url:
        return settings
    return settings.model_copy(update={"model": settings.model.model_copy(update={"base_url": base_url})})


def _from_file(path: Path) -> Settings:
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"is not valid TOML: {error}", source=str(path)) from error
    values.pop("folder", None)
    try:
        return Settings(folder=path.parent, **values)
    except ValidationError as error:
        first = error.errors()[0]
        raise SourceError(_what_is_wrong(first), source=str(path)) from error


def _what_is_wrong(error: Any) -> str:
    entry = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown setting {entry!r}"
    if error["type"] == "literal_error":
        return f"{entry} must be one of {', '.join(DIALECTS)}"
    return f"{entry}: {error['msg'].lower()}"


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container user without an entry in passwd
        return f"uid-{os.getuid()}"
