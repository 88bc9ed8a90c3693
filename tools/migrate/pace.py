"""How fast a backfill goes: rows a batch by the time that batches take, pauses, and a halt for replicas left behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from tools.location import Dialect

SLICE = 0.1
"""Seconds between two looks, while waiting, at whether somebody wants it to stop."""
LOOK = 1.0
"""Seconds between two looks at the replicas."""


class Limits(NamedTuple):
    """Rows a batch: to start with, at least, at most."""

    start: int
    least: int
    most: int


LIMITS: dict[Dialect, Limits] = {
    "sqlite": Limits(10_000, 500, 200_000),
    "postgres": Limits(20_000, 500, 100_000),
    "duckdb": Limits(1_966_080, 1_966_080, 3_932_160),
}
"""On DuckDB nobody else waits, a commit writes the table anew, and an update scans whole groups of 122,880 rows: so few
batches, each of 16 groups or more."""


@dataclass(frozen=True)
class Pace:
    """seconds: how long one batch should take, and so hold its locks. least, most: limits of rows a batch; None: the
    engine's. pause: seconds between two batches. rate: rows a second, at most. lag: seconds a replica may be behind
    before the backfill waits for it; 0 never waits. workers: batches written at the same time, on Postgres. statement:
    seconds that a statement of any step may take while others wait for its locks, 0 for ever; None: by `bounds`."""

    seconds: float = 0.1
    least: int | None = None
    most: int | None = None
    pause: float = 0.0
    rate: float | None = None
    lag: float = 10.0
    workers: int = 1
    statement: float | None = None

    def at_most(self, rows: int) -> Pace:
        """The same with batches of so many rows at most; 0 changes nothing."""
        if not rows:
            return self
        least = None if self.least is None else min(self.least, rows)
        return replace(self, least=least, most=min(self.most or rows, rows))

    def limits(self, dialect: Dialect) -> Limits:
        start, least, most = LIMITS[dialect]
        least = min(least, self.most) if self.least is None and self.most is not None else self.least or least
        most = max(self.most or most, least)
        return Limits(min(max(start, least), most), least, most)


class Sizer:
    """Rows for the next batch, from how long the last one took: at most twice or half as many, within the limits."""

    def __init__(self, dialect: Dialect, pace: Pace) -> None:
        self.rows, self._least, self._most = pace.limits(dialect)
        self._target = pace.seconds

    def took(self, seconds: float) -> None:
        factor = min(max(self._target / max(seconds, 1e-6), 0.5), 2.0)
        self._set(self.rows * factor)

    def crowded(self) -> None:
        """A lock was not to be had, or the batch took too long: fewer rows meet fewer people."""
        self._set(self.rows / 2)

    def _set(self, rows: float) -> None:
        self.rows = min(max(round(rows), self._least), self._most)


class Lagging(Protocol):
    def replica_lag(self) -> float | None: ...


class Brake:
    """What is waited for between two batches. `asked`: whether somebody wants it to stop, which ends every wait."""

    def __init__(self, backend: Lagging, pace: Pace, asked: Callable[[], bool]) -> None:
        self._backend, self._pace, self._asked = backend, pace, asked
        self._looked = 0.0

    def after(self, rows: int, seconds: float) -> None:
        """Wait as the pace wants it after a batch of so many rows that took so long."""
        owed = rows / self._pace.rate - seconds if self._pace.rate else 0.0
        self._wait(max(owed, self._pace.pause))
        if self._pace.lag and time.monotonic() - self._looked >= LOOK:
            self._let_replicas_catch_up()

    def _let_replicas_catch_up(self) -> None:
        while (self._backend.replica_lag() or 0.0) > self._pace.lag and not self._asked():
            self._wait(LOOK)
        self._looked = time.monotonic()

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._asked():
            time.sleep(min(left, SLICE))
