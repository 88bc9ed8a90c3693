"""Values for old rows, in batches: each a range of the key, with its cursor in its own transaction."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from tools.location import Dialect
from tools.migrate.backend import Backend, Key, Progress
from tools.plan.model import Backfill

BATCH_ROWS: dict[Dialect, int] = {"sqlite": 50_000, "postgres": 20_000, "duckdb": 491_520}
"""Rows a batch: short enough to hold locks for some 0.1 s. On DuckDB, where nobody else waits, four of the groups of
122,880 in which it keeps rows and which an update scans whole."""

Commit = Callable[[Key, int, int, float], None]
"""Called inside a batch's transaction with (its upper key, rows passed so far, rows written in it, seconds)."""


def batch_sql(backend: Backend, backfill: Backfill, after: Key | None, upto: Key) -> tuple[str, list[Any]]:
    condition, values = backend.key_range(backfill.table, backfill.key, after, upto)
    sets = ", ".join(f"{column} = {expression}" for column, expression in backfill.assignments)
    return f"UPDATE {backfill.table} SET {sets} WHERE ({backfill.where}) AND {condition}", values


def run_batches(
    backend: Backend, backfill: Backfill, *, after: Key | None, last: Key, done: int, total: int,
    commit: Commit, progress: Progress | None = None, size: int | None = None,
) -> bool:  # fmt: skip
    """Write batch after batch from `after` to `last`. False when an interrupt stopped it between two batches.

    `last` is fixed at the start, so that rows which come meanwhile do not keep it going for ever: those are the
    application's (or a trigger's) to fill.
    """
    rows = size or BATCH_ROWS[backend.dialect]
    with interrupt_asked() as asked:
        while (upto := backend.next_key(backfill.table, backfill.key, after, last, rows)) is not None:
            if asked():
                return False
            started = time.perf_counter()
            done = min(done + rows, total)
            with backend.transaction():
                sql, values = batch_sql(backend, backfill, after, upto)
                written = backend.execute(sql, values)
                commit(upto, done, written, time.perf_counter() - started)
            after = upto
            if progress:
                progress(done, total)
    return True


@contextmanager
def interrupt_asked() -> Generator[Callable[[], bool]]:
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
