"""Scratch engines: where the text of a schema is run so that the engine itself says what it means.

A schema file is somebody's text. It can read and write no file, attach no database, load no extension, and not run for
ever; whatever it makes is gone when the scratch is closed.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any

from tools.location import Dialect
from tools.schema.duckdb_limits import instead
from tools.schema.model import Schema
from tools.schema.refusal import SECONDS, Refusal, Scratch
from tools.schema.tokens import Statement


@contextmanager
def scratch(dialect: Dialect) -> Generator[Scratch]:
    """A scratch engine of the dialect. Postgres raises OneplanError where the embedded server is not installed."""
    if dialect == "sqlite":
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            yield _SqliteScratch(connection)
        finally:
            connection.close()
    elif dialect == "duckdb":
        with _duckdb_connection() as duck:
            yield _DuckdbScratch(duck)
    else:
        from tools.schema.scratch_postgres import postgres_scratch

        with postgres_scratch() as postgres:
            yield postgres


class _SqliteScratch:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: Statement) -> None:
        self._run(statement, statement.text)

    def execute_all(self, statements: Sequence[Statement]) -> bool:
        return not statements  # one at a time is as fast, and tells what is wrong

    def parse(self, statement: Statement) -> None:
        try:
            self._run(statement, f"EXPLAIN {statement.text}")
        except Refusal as refusal:
            if refusal.syntax:
                raise

    def read(self) -> Schema:
        from tools.schema.sqlite import read_sqlite

        return read_sqlite(self._connection)

    def _run(self, statement: Statement, sql: str) -> None:
        try:
            self._guarded(sql)
        except sqlite3.Error as error:
            message = str(error)
            syntax = _is_sqlite_syntax(message)
            raise Refusal(message, syntax=syntax, line=self._line(statement, message) if syntax else 1) from error

    def _guarded(self, sql: str) -> None:
        deadline = time.monotonic() + SECONDS
        self._connection.set_authorizer(_authorize)
        self._connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 100_000)
        try:
            self._connection.execute(sql).close()
        finally:
            self._connection.set_authorizer(None)
            self._connection.set_progress_handler(None, 0)

    def _line(self, statement: Statement, message: str) -> int:
        """The line of the token that SQLite names: the first behind which the text is no longer a beginning."""
        last = statement.tokens[-1].line - statement.line + 1
        named = re.match(r'near "(.*)": syntax error', message, re.DOTALL)
        if not named:
            return last
        for token in statement.tokens:
            beginning = statement.text[: token.end - statement.tokens[0].start]
            if token.text == named[1] and self._breaks(beginning, message):
                return token.line - statement.line + 1
        return last

    def _breaks(self, beginning: str, message: str) -> bool:
        try:
            self._guarded(f"EXPLAIN {beginning}")
        except sqlite3.Error as error:
            return str(error) == message
        return False


def _is_sqlite_syntax(message: str) -> bool:
    return "syntax error" in message or message.startswith(("incomplete input", "unrecognized token"))


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    # PRAGMA statements are not run anyway; virtual tables use some inside.
    denied = action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH)
    loads = action == sqlite3.SQLITE_FUNCTION and second == "load_extension"
    return sqlite3.SQLITE_DENY if denied or loads else sqlite3.SQLITE_OK


@contextmanager
def _duckdb_connection() -> Generator[Any]:
    import duckdb

    options: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false", "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false", "memory_limit": "512MB", "threads": "1", "temp_directory": "",
    }  # fmt: skip
    with duckdb.connect(":memory:", config=options) as connection:
        connection.execute("SET lock_configuration = true")
        yield connection


class _DuckdbScratch:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, statement: Statement) -> None:
        self.parse(statement)
        try:
            self._timed(statement.text)
        except Exception as error:
            raise self._refusal(error) from error

    def execute_all(self, statements: Sequence[Statement]) -> bool:
        import duckdb

        self._connection.execute("BEGIN")
        try:
            self._timed(";\n".join(statement.text for statement in statements))
            self._connection.execute("COMMIT")
        except duckdb.Error:
            with suppress(duckdb.Error):  # a failed COMMIT has rolled back by itself
                self._connection.execute("ROLLBACK")
            return False
        return True

    def _timed(self, sql: str) -> None:
        timer = Timer(SECONDS, self._connection.interrupt)
        timer.start()
        try:
            self._connection.execute(sql)
        finally:
            timer.cancel()

    def parse(self, statement: Statement) -> None:
        try:
            self._connection.extract_statements(statement.text)
        except Exception as error:
            raise self._refusal(error) from error

    def read(self) -> Schema:
        from tools.schema.duckdb import read_duckdb

        self._connection.execute("USE main")  # the text may have moved to another schema
        return read_duckdb(self._connection)

    def _refusal(self, error: Exception) -> Refusal:
        import duckdb

        if not isinstance(error, duckdb.Error):
            raise error
        text = str(error)
        line = re.search(r"^LINE (\d+):", text, re.MULTILINE)
        message = text.partition("\n")[0].partition(": ")[2] or text
        return Refusal(
            instead(message), syntax=isinstance(error, duckdb.ParserException), line=int(line[1]) if line else 1
        )
