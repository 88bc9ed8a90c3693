"""Users' triggers at rest while a backfill writes, within its transaction: a copy is none of their business."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from tools.errors import DatabaseError
from tools.migrate.backend import Backend
from tools.plan.model import Backfill
from tools.schema.normal import normal_expression
from tools.schema.tokens import unquote

_LIVE = "SELECT lower(name), sql FROM sqlite_schema WHERE type = 'trigger'"


@contextmanager
def at_rest(backend: Backend, backfill: Backfill) -> Generator[None]:
    """Raises DatabaseError where a trigger that would be dropped is not the one that would be made again."""
    if backfill.again:
        _refuse_other_triggers(backend, backfill)
    for statement in backfill.off:
        backend.execute(statement)
    yield
    for statement in backfill.on:
        backend.execute(statement)


def _refuse_other_triggers(backend: Backend, backfill: Backfill) -> None:
    """Somebody may have changed one between two batches, and would find it as it was before."""
    live = dict(backend.query(_LIVE))
    for name, again in zip(map(unquote, backfill.quiet), backfill.again, strict=True):
        found = live.get(name.lower())
        if found is None or normal_expression(found, "sqlite") != normal_expression(again, "sqlite"):
            what = "is gone" if found is None else "is not as it was"
            raise DatabaseError(
                f"the trigger {name} on {backfill.table_key} {what} since this was planned, and would come back as it"
                " was: put it back, or give the run up and plan anew"
            )
