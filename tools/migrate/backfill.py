"""Values for old rows, in batches: each a range of the key, with its cursor in its own transaction."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from tools.errors import LockTimeout, StatementTimeout
from tools.migrate import bounds
from tools.migrate.backend import Backend, Key, Progress
from tools.migrate.pace import Brake, Pace, Sizer
from tools.migrate.resting import at_rest
from tools.plan.model import Backfill

LOCK_TRIES = 6

Asked = Callable[[], bool]
"""Whether somebody wants the work to stop at the next safe place."""
Commit = Callable[[Key | None, Key, int, int, float], None]
"""Called inside a batch's transaction with (the key it starts after, its upper key, rows passed so far, rows written in
it, seconds since the batch before, pauses included)."""


def batch_sql(backend: Backend, backfill: Backfill, after: Key | None, upto: Key) -> tuple[str, list[Any]]:
    condition, values = backend.key_range(backfill.table, backfill.key, after, upto)
    sets = ", ".join(f"{column} = {expression}" for column, expression in backfill.assignments)
    return f"UPDATE {backfill.table} SET {sets} WHERE ({backfill.where}) AND {condition}", values


def run_batches(
    backend: Backend, backfill: Backfill, *, after: Key | None, last: Key, done: int, total: int, commit: Commit,
    asked: Asked, pace: Pace | None = None, progress: Progress | None = None,
) -> bool:  # fmt: skip
    """Write batch after batch from `after` to `last`. False when it was asked to stop between two batches.

    `last` is fixed at the start, so that rows which come meanwhile do not keep it going for ever: those are the
    application's (or a trigger's) to fill. A batch that gets no lock, or takes too long, is tried again, smaller, a few
    times, and then LockTimeout or StatementTimeout.
    """
    pace = (pace or Pace()).at_most(backfill.batch)
    sizer, brake, tries = Sizer(backend.dialect, pace), Brake(backend, pace, asked), 0
    since = time.perf_counter()
    while (upto := backend.next_key(backfill.table, backfill.key, after, last, sizer.rows)) is not None:
        if asked():
            return False
        started, rows = time.perf_counter(), sizer.rows
        passed = min(done + rows, total)
        try:
            since = _write(backend, backfill, after, upto, passed, commit, since, bounds.of_batch(pace))
        except (LockTimeout, StatementTimeout):
            tries += 1
            if tries == LOCK_TRIES:
                raise
            sizer.crowded()
            continue
        took = time.perf_counter() - started
        after, done, tries = upto, passed, 0
        sizer.took(took)
        if progress:
            progress(done, total)
        brake.after(rows, took)
    return True


def _write(
    backend: Backend, backfill: Backfill, after: Key | None, upto: Key, passed: int, commit: Commit, since: float,
    longest: float,
) -> float:  # fmt: skip
    """The moment up to which the time is accounted for: what was waited for since the batch before counts too."""
    with backend.transaction():
        backend.limit(longest)
        sql, values = batch_sql(backend, backfill, after, upto)
        with at_rest(backend, backfill):
            written = backend.execute(sql, values)
        now = time.perf_counter()
        commit(after, upto, passed, written, now - since)
    return now


@contextmanager
def interrupt_asked() -> Generator[Asked]:
    """Turn the first Ctrl-C into an answer, so that a batch is not torn in the middle; a second one interrupts at once.

    Outside the main thread Ctrl-C arrives elsewhere, and the answer stays no.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def first(_signal: int, _frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, first)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)
