"""What earlier runs of the same plan set aside: it stays, under another name, when the plan runs once more."""

from __future__ import annotations

from tools.migrate.backend import Backend
from tools.plan.model import Plan
from tools.schema.render import quote


def make_room(backend: Backend, plan: Plan, number: int) -> tuple[str, ...]:
    """Rename every kept table whose name the plan's SQL uses; their new names. number: the run that begins. A plan that
    went forward, and whose way another plan took back, finds its names taken."""
    used = [sql for step in plan.steps for sql in step.sql]
    renamed: list[str] = []
    for name in _kept_tables(backend):
        place = quote(name) if backend.dialect == "sqlite" else f'"oneplan".{quote(name)}'
        if any(place in sql for sql in used):
            renamed.append(f"{name}_before_run_{number}")
            backend.execute(f"ALTER TABLE {place} RENAME TO {quote(renamed[-1])}")
    return tuple(renamed)


def _kept_tables(backend: Backend) -> list[str]:
    if backend.dialect == "sqlite":
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 14) = '_oneplan_kept_'"
    else:
        sql = (
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'oneplan' "
            "AND table_catalog = current_database() AND substr(table_name, 1, 5) = 'kept_'"
        )
    return [str(name) for (name,) in backend.query(sql)]
