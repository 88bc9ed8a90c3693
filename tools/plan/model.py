"""Plans: the way from a current schema to a desired one, as small steps in seven phases.

Values are frozen; a step emits SQL and never holds a connection. A plan's digest is computed, never kept in it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property

from tools.location import Dialect
from tools.schema.model import Question


class Phase(StrEnum):
    """The phases, in the order in which they run."""

    ANALYSE = "analyse"
    EXPAND = "expand"
    REFACTOR = "refactor"
    MIGRATE = "migrate"
    VERIFY = "verify"
    CONTRACT = "contract"
    MONITOR = "monitor"


class Hazard(StrEnum):
    """What a step may do to a live system. Computed from statement and database; a file can only add to them."""

    DELETES_DATA = "DELETES_DATA"
    IRREVERSIBLE = "IRREVERSIBLE"
    ACCESS_EXCLUSIVE_LOCK = "ACCESS_EXCLUSIVE_LOCK"
    SHARE_LOCK = "SHARE_LOCK"
    TABLE_REWRITE = "TABLE_REWRITE"
    BREAKS_OLD_CODE = "BREAKS_OLD_CODE"
    LONG_RUNNING = "LONG_RUNNING"
    NOT_REHEARSED = "NOT_REHEARSED"
    FIRES_TRIGGERS = "FIRES_TRIGGERS"


WATCH = "watch"
"""The operation that a run does not carry out: it stays open when all others are done, until its window is over."""
MUST_BE_ALLOWED = frozenset({Hazard.DELETES_DATA, Hazard.IRREVERSIBLE, Hazard.NOT_REHEARSED})
"""A `--yes` alone does not cover a step with one of these: each must be named in `--allow`."""


@dataclass(frozen=True)
class StepCheck:
    """What must hold before a step's SQL runs, in the same transaction.

    `sql` gives the rows that offend (a SELECT; the runner adds a limit): no row, no offence. `sentence` says what
    holds.
    """

    sentence: str
    sql: str


@dataclass(frozen=True)
class Backfill:
    """Values for old rows, written in batches ordered by `key`.

    One batch is `UPDATE table SET c = e, … WHERE (where) AND key in the batch's range`. `assignments` are (column,
    expression) pairs, `where` says which rows still need it (`TRUE` for all; must be idempotent: a row written once
    either no longer matches or gets the same value again). An empty `key` means one statement for the whole table.
    All names in it are quoted SQL; `table_key` is the table's plain key. batch: rows a batch, 0 for the
    backend's usual number. quiet: quoted names of the table's triggers that are off while a batch is written, in its
    own transaction. again: on SQLite, which switches none off and drops them instead, the statement that makes each of
    them again.
    """

    table_key: str
    table: str
    key: tuple[str, ...]
    assignments: tuple[tuple[str, str], ...]
    where: str = "TRUE"
    batch: int = 0
    quiet: tuple[str, ...] = ()
    again: tuple[str, ...] = ()

    def statement(self) -> str:
        """The whole backfill as one statement, as it is shown; the runner adds the range of each batch."""
        sets = ", ".join(f"{column} = {expression}" for column, expression in self.assignments)
        return f"UPDATE {self.table} SET {sets} WHERE {self.where}"

    def around(self, statements: tuple[str, ...]) -> tuple[str, ...]:
        """The statements with the triggers off meanwhile."""
        return (*self.off, *statements, *self.on)

    @property
    def off(self) -> tuple[str, ...]:
        if self.again:
            return tuple(f"DROP TRIGGER {name}" for name in self.quiet)
        return tuple(f"ALTER TABLE {self.table} DISABLE TRIGGER {name}" for name in self.quiet)

    @property
    def on(self) -> tuple[str, ...]:
        """What is deferred to the end of the transaction runs before: Postgres alters no table that waits for it."""
        if self.again:
            return self.again
        enabled = tuple(f"ALTER TABLE {self.table} ENABLE TRIGGER {name}" for name in self.quiet)
        return ("SET CONSTRAINTS ALL IMMEDIATE", *enabled) if enabled else ()

    def whole(self) -> tuple[str, ...]:
        """All that it runs, for the whole table at once."""
        return self.around((self.statement(),))


@dataclass(frozen=True)
class Step:
    """One reversible step.

    id: unique in the plan, made of phase, table and operation, so that it survives re-planning. objects: keys of the
    tables (and views, enums) it touches, whose digest an approval is bound to. sql: run in one transaction with the
    journal's entry, before the backfill; `transactional` False runs each statement by itself (CREATE INDEX
    CONCURRENTLY). undo: the way back, in the order to run it, in one transaction unless `undo_transactional` is False.
    writes_data: rows are written or removed, so a backup comes first. manual: a person's doing ("deploy the code");
    nothing is run. rebuild: tables are made anew, by sql or by undo, so SQLite must run either with foreign_keys=OFF
    and legacy_alter_table=ON, set before BEGIN, and with foreign_key_check before COMMIT. depends_on: ids of steps that
    must have run. closes: the gaps it closes, as sentences. Three operations carry no SQL and are no person's doing
    either: `baseline` (count and fingerprint every table of the plan's accounting), `proof` (account for those rows
    again) and WATCH. undo_checks: what rows written since may stand in the way of undoing it; asked of the shape that
    the step leaves, and before a way back begins of the shape that is there, as far as it has the columns.
    """

    id: str
    phase: Phase
    operation: str
    summary: str
    objects: tuple[str, ...] = ()
    sql: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    backfill: Backfill | None = None
    checks: tuple[StepCheck, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    reversible: bool = True
    transactional: bool = True
    undo_transactional: bool = True
    writes_data: bool = False
    manual: bool = False
    rebuild: bool = False
    depends_on: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()
    reason: str = ""
    undo_checks: tuple[StepCheck, ...] = ()

    def statements(self) -> tuple[str, ...]:
        """All SQL that the step runs, as it is shown: its statements, then the backfill."""
        return self.sql + (self.backfill.whole() if self.backfill else ())


@dataclass(frozen=True)
class Accounting:
    """How the rows of a table before the plan are found again after it, so that `verify` can prove them.

    columns: (expression before, expression after) pairs, quoted SQL, that must give equal values for every row; a
    column that the plan fills or removes has no pair. table_before/after: quoted names; None: the table is dropped.
    """

    table: str
    table_before: str
    table_after: str | None
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Plan:
    """origin/target: digests (tools.schema.digest) of the schema the plan starts from and of the one it must end in.

    held_back: sentences for gaps the plan leaves open on purpose (an unanswered rename's drops, what the backend
    cannot do); target already leaves them out. notes: what a reader should know (a fill without a value, …).
    """

    dialect: Dialect
    origin: str
    target: str
    steps: tuple[Step, ...] = ()
    current_source: str = ""
    desired_source: str = ""
    version: str = ""
    questions: tuple[Question, ...] = ()
    held_back: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    accounting: tuple[Accounting, ...] = ()

    def step(self, step_id: str) -> Step | None:
        return next((step for step in self.steps if step.id == step_id), None)

    def phases(self) -> tuple[tuple[Phase, tuple[Step, ...]], ...]:
        """The phases in order, each with its steps; a phase without steps is there too, empty."""
        return tuple((phase, tuple(step for step in self.steps if step.phase == phase)) for phase in Phase)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over what the plan does: its steps, origin, target and dialect; wording takes no part."""
        facts = {
            "dialect": self.dialect, "origin": self.origin, "target": self.target,
            "steps": [step_digest(step) for step in self.steps],
        }  # fmt: skip
        return sha256_json(facts)


def step_digest(step: Step) -> str:
    """SHA-256 over all of a step that decides what happens (its summary and reason do not)."""
    facts = asdict(step)
    for wording in ("summary", "reason", "closes"):
        del facts[wording]
    # As plans were told apart before there were such things.
    if not step.undo_checks:
        del facts["undo_checks"]
    if step.backfill and not step.backfill.batch:
        del facts["backfill"]["batch"]
    if step.backfill and not step.backfill.quiet:
        del facts["backfill"]["quiet"]
    if step.backfill and not step.backfill.again:
        del facts["backfill"]["again"]
    return sha256_json(facts)


def sha256_json(value: object) -> str:
    """SHA-256 of canonical JSON: sorted keys, no white space, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
