"""A plan as files for other runners: numbered up and down scripts, or revisions of Alembic."""

from __future__ import annotations

from typing import Literal

from tools.errors import UsageError
from tools.plan.export.alembic import revisions
from tools.plan.export.numbered import scripts
from tools.plan.export.pieces import Exported, guide
from tools.plan.model import Plan

Format = Literal["alembic", "sql"]
FORMATS: tuple[Format, ...] = ("alembic", "sql")


def export(plan: Plan, to: str, *, after: str | None = None) -> tuple[Exported, ...]:
    """The files, in the order in which they run, and last a page on where a person comes in.

    after: the revision of Alembic's that the first one follows. Raises UsageError for an unknown form, a plan without
    steps, one with open questions, and for Alembic with DuckDB, which SQLAlchemy knows only by a package of others.
    """
    if to not in FORMATS:
        raise UsageError(f"--to: {to!r} is none of {', '.join(FORMATS)}")
    if not plan.steps:
        raise UsageError("the plan has no step: there is nothing to export")
    if plan.questions:
        raise UsageError("the plan has open questions: answer them and plan again before others run it")
    if after is not None and to != "alembic":
        raise UsageError("--after names a revision of Alembic's: leave it out with --to sql")
    if to == "alembic" and plan.dialect == "duckdb":
        raise UsageError("Alembic does not come with DuckDB: use --to sql")
    made = revisions(plan, after) if to == "alembic" else scripts(plan)
    return (*made, guide(plan, to, made))
