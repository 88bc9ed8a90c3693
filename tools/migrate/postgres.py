"""Postgres behind the Backend protocol."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import psycopg
from psycopg import RawCursor, errors

from tools.errors import DatabaseError, LockTimeout, StatementTimeout
from tools.location import masked
from tools.migrate.advisory import ExecutorLock
from tools.migrate.backend import Fingerprint, Key
from tools.migrate.concurrently import drop_leftover, index_done
from tools.migrate.keyset import batch_end, highest
from tools.plan.facts import Facts, TableFacts, read_facts
from tools.schema.model import Schema
from tools.schema.render import qualified

CONNECT_SECONDS = 10
ROW_BYTES = 100
"""How large a row is taken to be where the server has no estimate."""
COUNTED_BYTES = 10_000_000
_NULL = "18446744073709551629"
"""What NULL counts for in a checksum: a prime beyond every 64-bit hash."""
_WRAP = 1 << 64
_PLAIN_TEXT = {"TimeZone": "UTC", "DateStyle": "ISO", "IntervalStyle": "iso_8601", "extra_float_digits": "1",
               "bytea_output": "hex"}  # fmt: skip
"""Settings under which a value's text is the same on every machine."""

SOONER = 0.7
SHOWN = 80
"""Characters of a statement that an error shows."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds. lock: how long one try may stand in the queue for a lock, where it holds up everybody behind it; less
    than that where the server looks for deadlocks sooner."""

    lock: float = 2.0


class _OneStatement(RawCursor[tuple[Any, ...]]):
    """Speaks the extended protocol, in which the server itself refuses a second statement in one text."""

    def _execute_send(self, query: Any, *, force_extended: bool = True, binary: bool | None = None) -> None:
        super()._execute_send(query, force_extended=True, binary=binary)


class PostgresBackend:
    dialect: Literal["postgres"] = "postgres"

    def __init__(self, url: str, *, read_only: bool = False, timeouts: Timeouts | None = None) -> None:
        self.address = url
        self.location = masked(url)
        self.timeouts = timeouts or Timeouts()
        self.connection: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
            url, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="oneplan"
        )
        # Whatever the database's default is: a step must see what was written before it had its lock.
        self.connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        # Leaves % and ? in a user's SQL alone; parameters are the server's own $1.
        self._cursor = _OneStatement(self.connection)
        if read_only:
            self.execute("SET default_transaction_read_only = on")
        self._lock = ExecutorLock(url, self.location)
        self._written: list[tuple[float, int]] = []
        self._limit = 0.0

    def close(self) -> None:
        self.connection.close()

    def schema(self) -> Schema:
        from tools.schema.postgres import read_postgres

        with _words():
            return read_postgres(self.connection, source=self.location)

    def facts(self, schema: Schema | None = None) -> Facts:
        """The server's own estimates. A table that was never analysed has none: a small one is counted, a large one
        told by its size."""
        found = read_facts(schema or self.schema(), self.query)
        unknown = {
            str(key) for (key,) in self.query(
                """SELECT CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END
                   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.relkind = 'r' AND c.reltuples < 0"""
            )
        }  # fmt: skip
        return found | {key: replace(found[key], rows=self._guess(key, found[key])) for key in unknown & found.keys()}

    def _guess(self, key: str, facts: TableFacts) -> int:
        return facts.bytes // ROW_BYTES if facts.bytes > COUNTED_BYTES else self.rows(qualified(key))

    @contextmanager
    def transaction(self, *, rebuild: bool = False) -> Generator[None]:
        with _words(), self.connection.transaction():
            self.execute(f"SET LOCAL lock_timeout = '{int(min(self.timeouts.lock, self._before_deadlock) * 1000)}ms'")
            self.limit(0)
            try:
                yield
            finally:
                self._limit = 0.0

    def limit(self, seconds: float) -> None:
        self.execute(f"SET LOCAL statement_timeout = '{int(seconds * 1000)}ms'")
        self._limit = seconds

    @cached_property
    def _before_deadlock(self) -> float:
        """Seconds after which we let go while the server has not looked for a deadlock yet: it would end whoever has
        waited for long enough, and that may be the application."""
        looks = "SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout'"
        return SOONER * int(self.query(looks)[0][0]) / 1000

    def mark(self, number: int) -> str:
        return f"${number}"

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        with _words(sql), self._in_time(sql):
            self._cursor.execute(sql, list(parameters) or None)  # pyright: ignore
            return max(self._cursor.rowcount, 0) if self._cursor.description is None else 0

    @contextmanager
    def _in_time(self, sql: str) -> Generator[None]:
        """The server cancels for a person by the same error: only the clock tells which of the two it was."""
        started = time.monotonic()
        try:
            yield
        except errors.QueryCanceled as error:
            if not self._limit or time.monotonic() - started < self._limit:
                raise
            text = " ".join(sql.split())
            shown = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
            raise StatementTimeout(
                f"`{shown}` took longer than the {self._limit:g} s that a statement may take while others wait for its"
                " locks: `--pace statement_s=SECONDS`, or statement_s under [backfill] in oneplan.toml, gives it more",
                sql=sql,
            ) from error

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _words(sql), self._in_time(sql):
            return self._cursor.execute(sql, list(parameters) or None).fetchall()  # pyright: ignore

    def sample(self, sql: str, limit: int) -> list[dict[str, Any]]:
        # In a subquery with a limit, so that the server does not send millions of rows to be thrown away.
        # A SELECT can call a function that writes: within this savepoint the server lets none.
        with _words(sql), self.connection.transaction():
            self.execute("SET LOCAL transaction_read_only = on")
            found = self.query(f"SELECT * FROM ({sql.rstrip().rstrip(';')}) AS found LIMIT {limit}")
        names = [column.name for column in self._cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found]

    def execute_alone(self, sql: str, *, again: bool = False) -> None:
        """Without lock_timeout: CONCURRENTLY waits for old transactions by design, and blocks nobody while it does."""
        drop_leftover(self, sql)
        if again and index_done(self, sql):
            return
        self.execute("SET lock_timeout = 0")
        self.execute("SET statement_timeout = 0")
        try:
            self.execute(sql)
        except DatabaseError:
            drop_leftover(self, sql)
            raise
        finally:
            self.execute("RESET lock_timeout")
            self.execute("RESET statement_timeout")

    def lock(self) -> AbstractContextManager[None]:
        return self._lock.held()

    def check_lock(self) -> None:
        self._lock.check()

    def replica_lag(self) -> float | None:
        """By what was written when this was asked before and is not replayed yet: the server's own replay_lag stands
        still for a replica that has stopped to replay."""
        here, slowest = self.query(
            """SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint,
                      min(pg_wal_lsn_diff(replay_lsn, '0/0'))::bigint FROM pg_stat_replication"""
        )[0]
        if slowest is None:
            return None
        now = time.monotonic()
        self._written = [(at, lsn) for at, lsn in self._written if lsn > slowest] + [(now, here)]
        return now - self._written[0][0]

    def rows(self, table: str) -> int:
        return int(self.query(f"SELECT count(*) FROM {table}")[0][0])

    def fingerprint(self, table: str, expressions: Sequence[str]) -> Fingerprint:
        texts = [f"(({expression})::text)" for expression in expressions]
        whole = f"ROW({', '.join(texts)})::text" if texts else "''"
        sums = ", ".join(_sum(f"hashtextextended({text}, 0)") for text in [*texts, whole])
        # Rolled back, which gives the session its own settings again.
        with _words(), self.connection.transaction(force_rollback=True):
            for name, value in _PLAIN_TEXT.items():
                self.execute(f"SET LOCAL {name} = '{value}'")
            self.execute("SET LOCAL statement_timeout = 0")
            self.execute("SET LOCAL transaction_read_only = on")
            rows, *totals = self.query(f"SELECT count(*), {sums} FROM {table}")[0]
        checksums = [f"{int(total) % _WRAP:016x}" for total in totals]
        return Fingerprint(int(rows), checksums[-1], tuple(checksums[:-1]))

    def last_key(self, table: str, key: Sequence[str]) -> Key | None:
        return highest(self.query, table, _texts(key), key)

    def next_key(self, table: str, key: Sequence[str], after: Key | None, last: Key, size: int) -> Key | None:
        condition, values = self.key_range(table, key, after, last)
        return batch_end(self.query, table, _texts(key), key, condition, values, size, last)

    def key_range(self, table: str, key: Sequence[str], after: Key | None, upto: Key) -> tuple[str, list[Any]]:
        # Keys are kept as text, and sent without a type: the server reads each as the column's own.
        lower = [] if after is None else [_compare(key, ">", 1)]
        values = [] if after is None else list(after)
        return " AND ".join([*lower, _compare(key, "<=", len(values) + 1)]), [*values, *upto]


def open_postgres(url: str, *, read_only: bool = False, timeouts: Timeouts | None = None) -> PostgresBackend:
    """Raises DatabaseError when the server does not answer or does not let us in."""
    try:
        return PostgresBackend(url, read_only=read_only, timeouts=timeouts)
    except psycopg.Error as error:
        raise DatabaseError(f"cannot connect to {masked(url)}: {_first_line(error)}") from error


@contextmanager
def _words(sql: str = "") -> Generator[None]:
    try:
        yield
    except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
        raise LockTimeout(_first_line(error), sql=sql) from error
    except psycopg.Error as error:
        raise DatabaseError(_first_line(error), sql=sql) from error


def _first_line(error: psycopg.Error) -> str:
    """The server's message and its detail, which names the row at fault."""
    detail = error.diag.message_detail
    message = error.diag.message_primary or str(error).strip().partition("\n")[0]
    return f"{message} ({detail})" if detail else message


def _sum(hashed: str) -> str:
    return f"coalesce(sum(coalesce({hashed}::numeric, {_NULL})), 0)"


def _texts(key: Sequence[str]) -> str:
    # Under names of their own: ORDER BY would take a result's name for the column's, and sort the text.
    return ", ".join(f"({column})::text AS oneplan_key{place}" for place, column in enumerate(key))


def _compare(key: Sequence[str], operator: str, first: int) -> str:
    marks = [f"${first + place}" for place in range(len(key))]
    if len(key) == 1:
        return f"{key[0]} {operator} {marks[0]}"
    return f"({', '.join(key)}) {operator} ({', '.join(marks)})"
