"""A backfill by several workers at once: each a range of the key, a connection and a cursor of its own.

Only on Postgres: SQLite and DuckDB write one transaction at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace

from tools.migrate.backend import Backend, Key, Progress
from tools.migrate.backfill import Asked, Commit, run_batches
from tools.migrate.journal import Journal
from tools.migrate.open import open_backend
from tools.migrate.pace import Pace
from tools.migrate.record import Entry, KeyRange
from tools.plan.model import Backfill

POLL = 0.2
"""Seconds between two reports of progress, and two looks at whether somebody wants it to stop."""


def split(backend: Backend, backfill: Backfill, last: Key, total: int, workers: int) -> tuple[KeyRange, ...]:
    """The keys up to `last` in as many ranges of about as many rows each."""
    size, after = -(-total // workers), None
    ranges: list[KeyRange] = []
    while after != last:
        upto = backend.next_key(backfill.table, backfill.key, after, last, size)
        if upto is None:
            break
        ranges.append(KeyRange(len(ranges) + 1, after, upto, 0, min(size, total - size * len(ranges)), 0, 0.0))
        after = upto
    return tuple(ranges)


@dataclass
class Tally:
    """What all workers have done so far."""

    done: dict[int, int]

    def note(self, place: int, done: int) -> None:
        self.done[place] = done

    @property
    def rows(self) -> int:
        return sum(self.done.values())


def run_ranges(
    backend: Backend, backfill: Backfill, entry: Entry, ranges: tuple[KeyRange, ...], *, pace: Pace, asked: Asked,
    progress: Progress | None = None, tell: Callable[[], None],
) -> bool:  # fmt: skip
    """Write every range to its end. False when it was asked to stop; a worker's error stops the others and is raised.

    `tell` is called inside every batch's transaction.
    """
    if pace.rate:  # is that of all together
        pace = replace(pace, rate=pace.rate / len(ranges))
    stopped, tally = threading.Event(), Tally({one.place: one.done for one in ranges})

    def work(one: KeyRange) -> None:
        with closing(open_backend(backend.address)) as own:
            run_batches(
                own, backfill, after=one.cursor, last=one.last, done=one.done, total=one.total,
                commit=_commit(Journal(own), entry, one, tell), asked=stopped.is_set, pace=pace,
                progress=lambda done, _total: tally.note(one.place, done),
            )  # fmt: skip

    with ThreadPoolExecutor(max_workers=pace.workers) as pool:
        futures = [pool.submit(work, one) for one in ranges]
        try:
            while (state := wait(futures, POLL, FIRST_EXCEPTION)).not_done:
                if progress:
                    progress(tally.rows, entry.total)
                if asked() or any(future.exception() for future in state.done):
                    break
        finally:
            stopped.set()
    for future in futures:
        future.result()
    return not asked()


def _commit(journal: Journal, entry: Entry, one: KeyRange, tell: Callable[[], None]) -> Commit:
    rows, seconds = one.rows, one.seconds

    def commit(after: Key | None, upto: Key, done: int, written: int, took: float) -> None:
        nonlocal rows, seconds
        journal.advance_range(entry, one.place, after, upto, done=done, rows=rows + written, seconds=seconds + took)
        rows, seconds = rows + written, seconds + took
        tell()

    return commit
