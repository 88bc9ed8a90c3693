"""The executor's lock of a Postgres database: an advisory lock on a session of its own, which dies with it."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg

from tools.errors import Busy

LOCK = 0x6F6E65706C616E  # "oneplan"
"""Advisory locks are kept apart by database, so that one number serves for all."""
WAIT_SECONDS = 2.0
POLL_SECONDS = 0.1


class ExecutorLock:
    """Polls: a session that stands in the queue for a lock holds a snapshot, and CREATE INDEX CONCURRENTLY would wait
    for that snapshot while the session waits for the lock."""

    def __init__(self, url: str, location: str) -> None:
        self._url, self._location = url, location
        self._session: psycopg.Connection[Any] | None = None
        self._server_process = 0

    @contextmanager
    def held(self) -> Generator[None]:
        """Raises Busy, naming the server process that has it, after a bounded time."""
        with psycopg.connect(self._url, autocommit=True, application_name="oneplan lock") as session:
            deadline = time.monotonic() + WAIT_SECONDS
            while not self._try(session):
                if time.monotonic() > deadline:
                    raise Busy(f"another run is at work on {self._location}{self._owner(session)}: wait for it to end")
                time.sleep(POLL_SECONDS)
            self._session, self._server_process = session, session.info.backend_pid
            try:
                yield
            finally:
                self._session = None

    def check(self) -> None:
        """Raises Busy when the session that holds the lock was ended: somebody else may be at work by now."""
        if self._session is None:
            return
        try:
            mine = self._session.execute(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = %s AND granted AND objid = %s::oid",
                [self._server_process, str(LOCK & 0xFFFFFFFF)],
            ).fetchone()
        except psycopg.Error:
            mine = None
        if mine is None:
            raise Busy(f"the lock of {self._location} was lost with its session: start again, and the run goes on")

    def _try(self, session: psycopg.Connection[Any]) -> bool:
        found = session.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        return bool(found and found[0])

    def _owner(self, session: psycopg.Connection[Any]) -> str:
        found = session.execute(
            """SELECT l.pid, coalesce(host(a.client_addr), 'local') FROM pg_locks l
               LEFT JOIN pg_stat_activity a ON a.pid = l.pid
               WHERE l.locktype = 'advisory' AND l.granted AND l.objid = %s::oid
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())""",
            [str(LOCK & 0xFFFFFFFF)],
        ).fetchone()
        return f" (server process {found[0]}, from {found[1]})" if found else ""
