"""How long a statement may take while others wait for the locks of its transaction (Postgres).

Nothing of a step is bounded before it takes a lock that keeps somebody out: its checks, the copy of what is set aside,
VALIDATE. From there on each statement is, and one that takes longer is given up with all that the step has done. On a
shadow nobody waits.
"""

from __future__ import annotations

from tools.location import Dialect
from tools.migrate.pace import Pace
from tools.plan.statement import Verb, effects

QUICK = 30.0
"""Seconds where only the catalog changes: one that takes as long has met what nobody reckoned with."""
LONG = 600.0
"""Seconds where rows are read or written too, as the step's hazards say."""
SHORTEST_BATCH = 10.0
BATCHES = 100
"""A batch may take so many times as long as it should, and never less than the seconds above."""
_KEEPS_NOBODY_OUT = frozenset({Verb.CREATE_TABLE, Verb.VALIDATE})


def keeps_out(sql: str, dialect: Dialect) -> bool:
    """Whether somebody may have to wait from this statement on; it is so too where the statement is not understood."""
    done = effects(sql, dialect)
    return not done or any(effect.verb not in _KEEPS_NOBODY_OUT for effect in done)


def of_step(pace: Pace, *, brief: bool) -> float:
    """brief: it changes the catalog alone. 0: for ever."""
    return (QUICK if brief else LONG) if pace.statement is None else pace.statement


def of_batch(pace: Pace) -> float:
    return max(SHORTEST_BATCH, BATCHES * pace.seconds) if pace.statement is None else pace.statement
