"""What both forms of export share: a step as plain SQL that looks after itself, and the page that goes with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.location import Dialect
from tools.plan.hazards import is_brief
from tools.plan.model import WATCH, Plan, Step, StepCheck
from tools.plan.sql import literal
from tools.schema.render import quote

LOCK_TIMEOUT = "700ms"
STATEMENT_TIMEOUT = "30s"
"""As oneplan's own runner sets them; a statement that scans or writes rows may take as long as it needs."""
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_GUARD = '"_oneplan_check"'


@dataclass(frozen=True)
class Exported:
    """One file. `name` is its path below the folder of the export; `step` the step it holds, "" for the page."""

    name: str
    text: str
    step: str = ""


def slug(step: Step) -> str:
    return _UNSAFE.sub("_", step.id).strip("_").lower()[:80]


def line(text: str) -> str:
    return " ".join(text.split())


def counted_only(step: Step) -> bool:
    """Whether the step counts and compares, which only oneplan's own runner does."""
    return step.operation in ("baseline", "proof", WATCH)


def forward(step: Step, dialect: Dialect, *, backfill: bool = True) -> tuple[str, ...]:
    """The statements of a step behind its checks, without BEGIN and COMMIT."""
    guards = tuple(sql for check in step.checks for sql in guard(check, dialect))
    filled = step.backfill.whole() if step.backfill and backfill else ()
    return (*_timeouts(step, dialect, step.transactional), *guards, *step.sql, *filled)


def backward(step: Step, dialect: Dialect) -> tuple[str, ...]:
    if not step.reversible:
        return guard(
            StepCheck(f"{step.id} can be undone: only a backup brings back what it removed", "SELECT 1"), dialect
        )
    return (*_timeouts(step, dialect, step.undo_transactional), *step.undo) if step.undo else ()


def guard(check: StepCheck, dialect: Dialect) -> tuple[str, ...]:
    """Statements that fail, and say why, where the check's SELECT finds a row."""
    told = line(f"it does not hold that {check.sentence}")
    if dialect == "postgres":
        raising = f"RAISE EXCEPTION '%', {literal(told)}"
        return (f"DO $oneplan$ BEGIN IF EXISTS ({check.sql}) THEN {raising}; END IF; END $oneplan$",)
    if dialect == "duckdb":
        return (f"SELECT CASE WHEN EXISTS ({check.sql}) THEN error({literal(told)}) END",)
    # SQLite raises nothing outside a trigger; the name of a CHECK that fails is in its message.
    return (
        f"CREATE TEMP TABLE {_GUARD} (ok INTEGER, CONSTRAINT {quote(told)} CHECK (ok))",
        f"INSERT INTO temp.{_GUARD} SELECT NOT EXISTS ({check.sql})",
        f"DROP TABLE temp.{_GUARD}",
    )


def enclosed(step: Step, statements: Sequence[str], dialect: Dialect, *, transactional: bool) -> tuple[str, ...]:
    """The statements in a transaction of their own; for SQLite with the settings that a table made anew asks for."""
    if not statements or not transactional:
        return tuple(statements)
    if dialect != "sqlite" or not step.rebuild:
        return ("BEGIN", *statements, "COMMIT")
    whole = StepCheck("every foreign key points to a row", "SELECT 1 FROM pragma_foreign_key_check")
    return (
        "PRAGMA foreign_keys=OFF", "PRAGMA legacy_alter_table=ON",
        "BEGIN", *statements, *guard(whole, "sqlite"), "COMMIT",
        "PRAGMA legacy_alter_table=OFF", "PRAGMA foreign_keys=ON",
    )  # fmt: skip


def _timeouts(step: Step, dialect: Dialect, transactional: bool) -> tuple[str, ...]:
    if dialect != "postgres" or not transactional or not (step.sql or step.undo or step.backfill):
        return ()
    statement = STATEMENT_TIMEOUT if is_brief(step.hazards, step.writes_data) else "0"
    return (f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'", f"SET LOCAL statement_timeout = '{statement}'")


def guide(plan: Plan, to: str, made: Sequence[Exported]) -> Exported:
    """What whoever deploys these files must know: their order, and where a person's word is needed."""
    how = _ALEMBIC if to == "alembic" else _SQL
    rows = [f"| {_file_of(step, made)} | {step.phase} | {line(step.summary)} |" for step in plan.steps]
    text = [
        f"# The plan {plan.digest[:12]} for {plan.dialect}", "", how, "",
        "The files change the database without approvals, backups, a journal or a proof of the rows: those come with",
        "`oneplan apply`. Rehearse the plan with `oneplan rehearse` before they run anywhere.", "",
        *(f"- Held back: {line(sentence)}" for sentence in plan.held_back),
        *(f"- Note: {line(sentence)}" for sentence in plan.notes),
        "", "| File | Phase | What it does |", "| --- | --- | --- |", *rows,
    ]  # fmt: skip
    return Exported(f"oneplan-{plan.digest[:12]}.md", "\n".join(text) + "\n")


def _file_of(step: Step, made: Sequence[Exported]) -> str:
    names = [f"`{file.name}`" for file in made if file.step == step.id]
    return ", ".join(names) or ("**a person**" if step.manual else "only by `oneplan apply`")


_ALEMBIC = """\
Revisions of Alembic, one a step. Where a person must have done something first, the revision refuses until it is said:
`alembic -x done=STEP upgrade head`. On Postgres, `env.py` must configure `transaction_per_migration=True`, so that no
lock is held from one step to the next; the revisions refuse without it."""
_SQL = """\
Scripts numbered in the order in which they run, up and down, one pair a step; each folder is one release: run all
of it, then let people do what the table says, then go on with the next. Let the runner stop at the first error:
`psql -v ON_ERROR_STOP=1 -f`, `sqlite3 -bail`."""
