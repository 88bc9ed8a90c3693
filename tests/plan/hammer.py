"""A writer that hammers a Postgres while a plan runs: no retry, every error and the longest wait kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import psycopg

Statement = tuple[str, tuple[Any, ...]]


class Writer:
    """One connection in a thread of its own. `work(n)` gives the statement of the n-th turn; it can be exchanged."""

    def __init__(self, url: str, work: Callable[[int], Statement]) -> None:
        self.url, self.work = url, work
        self.turns, self.longest, self.slowest = 0, 0.0, ""
        self.errors: list[str] = []
        self._stop, self._swap = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(30)

    def switch(self, work: Callable[[int], Statement]) -> None:
        """From the next statement on another code writes; the one on its way is waited for."""
        with self._swap:
            self.work = work

    def _run(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self._stop.is_set() and not self.errors:
                with self._swap:
                    sql, values = self.work(self.turns)
                    started = time.perf_counter()
                    try:
                        connection.execute(sql, values)
                    except psycopg.Error as error:
                        self.errors.append(f"{sql}: {error}")
                    waited = time.perf_counter() - started
                if waited > self.longest:
                    self.longest, self.slowest = waited, sql
                self.turns += 1
                time.sleep(0.001)
