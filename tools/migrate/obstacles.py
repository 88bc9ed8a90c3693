"""Rows written since a run that its old schema does not take: what they are, how many, and what to do with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.errors import DatabaseError
from tools.migrate.backend import Backend
from tools.plan.model import Step, StepCheck

SHOWN = 3


def in_the_way(backend: Backend, steps: Sequence[Step]) -> Iterator[str]:
    """A sentence for each thing that does not hold, and that the undo of one of these steps needs. Reads only.

    A check that speaks of columns which other undos bring back first cannot be asked yet, and is left out.
    """
    for step in steps:
        for check in step.undo_checks:
            found = _asked(backend, check)
            if found:
                yield found


def _asked(backend: Backend, check: StepCheck) -> str:
    query = check.sql.rstrip().rstrip(";")
    try:
        rows = backend.sample(check.sql, SHOWN)
        number = backend.query(f"SELECT count(*) FROM ({query}) AS found")[0][0] if rows else 0
    except DatabaseError:
        return ""
    if not rows:
        return ""
    listed = "; ".join(", ".join(f"{name}={value!r}" for name, value in row.items()) for row in rows)
    more = f", and {number - SHOWN} more" if number > SHOWN else ""
    return (
        f"it does not hold that {check.sentence}: {number} {'row' if number == 1 else 'rows'} ({listed}{more}), "
        "written since; give each a value that the old schema takes, then roll back again"
    )
