"""SQLite behind the Backend protocol."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

from tools.errors import Busy, DatabaseError, LockTimeout
from tools.migrate.backend import Fingerprint, Key
from tools.migrate.checksum import Checksums
from tools.migrate.file_backend import FileBackend
from tools.migrate.keyset import batch_end, highest
from tools.plan.facts import Facts, read_facts
from tools.schema.model import Schema

BUSY_SECONDS = 10.0
ROWS_AT_ONCE = 1_000
"""Rows read at a time for a checksum."""


class SQLiteBackend(FileBackend):
    dialect: Literal["sqlite"] = "sqlite"

    def __init__(self, path: Path, *, read_only: bool = False, confined: bool = False) -> None:
        self.path = path.resolve()
        self.address = str(self.path)
        self.location = f"sqlite:///{self.path}"
        # Transactions are ours alone: the module would open and close some behind our back.
        self.connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={'ro' if read_only else 'rw'}",
            uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False,
        )  # fmt: skip
        # Text that is not UTF-8 does occur in old files, and must be counted and compared like any other.
        self.connection.text_factory = _decoded
        self.execute("PRAGMA foreign_keys = ON")
        if confined:
            self.connection.set_authorizer(_within_the_file)

    def close(self) -> None:
        self.connection.close()

    def schema(self) -> Schema:
        from tools.schema.sqlite import read_sqlite

        with self._words():
            return read_sqlite(self.connection, source=self.location)

    def facts(self, schema: Schema | None = None) -> Facts:
        return read_facts(schema or self.schema(), self.query)

    @contextmanager
    def transaction(self, *, rebuild: bool = False) -> Generator[None]:
        if rebuild:
            # Inside a transaction these do nothing, and a dropped parent would take its children's rows along.
            self.execute("PRAGMA foreign_keys = OFF")
            self.execute("PRAGMA legacy_alter_table = ON")
        try:
            self.execute("BEGIN IMMEDIATE")
            orphans = self._orphans() if rebuild else None
            yield
            if orphans is not None:
                self._refuse_new_orphans(orphans)
            self.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        finally:
            if rebuild:
                self.execute("PRAGMA legacy_alter_table = OFF")
                self.execute("PRAGMA foreign_keys = ON")

    def mark(self, number: int) -> str:
        return f"?{number}"

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        with self._words(sql):
            return max(self.connection.execute(sql, tuple(parameters)).rowcount, 0)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._words(sql):
            return self.connection.execute(sql, tuple(parameters)).fetchall()

    def sample(self, sql: str, limit: int) -> list[dict[str, Any]]:
        with self._words(sql), self._reading():
            cursor = self.connection.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            found = cursor.fetchmany(limit)
            cursor.close()
        return [dict(zip(names, row, strict=True)) for row in found]

    @contextmanager
    def _reading(self) -> Generator[None]:
        """No write in here, also not by a DELETE … RETURNING, which answers with rows like any query."""
        self.connection.execute("PRAGMA query_only = ON")
        try:
            yield
        finally:
            self.connection.execute("PRAGMA query_only = OFF")

    def fingerprint(self, table: str, expressions: Sequence[str]) -> Fingerprint:
        sql = f"SELECT {', '.join(expressions) or '1'} FROM {table}"
        with self._words(sql), self._reading():
            try:
                return self._sums(sql, len(expressions), str)  # which the module reads without a call for each text
            except sqlite3.OperationalError as error:
                if hasattr(error, "sqlite_errorcode"):  # not the module's own word that a text is no UTF-8
                    raise
            return self._sums(sql, len(expressions), _decoded)

    def _sums(self, sql: str, width: int, reads: Callable[[bytes], str]) -> Fingerprint:
        sums = Checksums(width)
        self.connection.text_factory = reads
        try:
            with closing(self.connection.execute(sql)) as cursor:
                while rows := cursor.fetchmany(ROWS_AT_ONCE):
                    sums.add(rows if width else [()] * len(rows))
        finally:
            self.connection.text_factory = _decoded
        return sums.fingerprint()

    def last_key(self, table: str, key: Sequence[str]) -> Key | None:
        found = highest(self.query, table, ", ".join(key), key)
        return _plain(found) if found else None

    def next_key(self, table: str, key: Sequence[str], after: Key | None, last: Key, size: int) -> Key | None:
        condition, values = self.key_range(table, key, after, last)
        found = batch_end(self.query, table, ", ".join(key), key, condition, values, size, last)
        return found if found is None or found is last else _plain(found)

    def key_range(self, table: str, key: Sequence[str], after: Key | None, upto: Key) -> tuple[str, list[Any]]:
        lower, values = ([], []) if after is None else ([_compare(key, ">", 1)], _values(after))
        upper = _compare(key, "<=", len(values) + 1)
        return " AND ".join([*lower, upper]), values + _values(upto)

    def replace_by(self, copy: Path) -> None:
        """Take over all of another SQLite file, in one transaction."""
        with self._words(), closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as source:
            source.backup(self.connection)

    def _orphans(self) -> Counter[tuple[Any, Any]]:
        return Counter((row[0], row[2]) for row in self.query("PRAGMA foreign_key_check"))

    def _refuse_new_orphans(self, before: Counter[tuple[Any, Any]]) -> None:
        """Rows that pointed nowhere before are the owner's; one more than before is our doing."""
        now = Counter((row[0], row[2]) for row in self.query("PRAGMA foreign_key_check"))
        for (table, parent), count in now.items():
            if count > before[table, parent]:
                rowid = next(r[1] for r in self.query("PRAGMA foreign_key_check") if (r[0], r[2]) == (table, parent))
                where = "a row" if rowid is None else f"row {rowid}"
                raise DatabaseError(f"{where} of {table!r} would point to no row of {parent!r}")

    @contextmanager
    def _words(self, sql: str = "") -> Generator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                message = f"{self.path} is locked by another program: {error}"
                raise LockTimeout(message, sql=sql) from error
            raise DatabaseError(str(error), sql=sql) from error
        except sqlite3.Error as error:
            raise DatabaseError(str(error), sql=sql) from error


def open_sqlite(path: Path, *, read_only: bool = False, confined: bool = False) -> SQLiteBackend:
    try:
        return SQLiteBackend(path, read_only=read_only, confined=confined)
    except sqlite3.OperationalError as error:
        raise Busy(f"cannot open {path}: {error}") from error


def _within_the_file(action: int, _first: Any, second: Any, _database: Any, _trigger: Any) -> int:
    """No other file is attached, which VACUUM INTO does too, and no extension is loaded."""
    outside = action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH)
    loads = action == sqlite3.SQLITE_FUNCTION and second == "load_extension"
    return sqlite3.SQLITE_DENY if outside or loads else sqlite3.SQLITE_OK


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _compare(key: Sequence[str], operator: str, first: int) -> str:
    if len(key) == 1:
        return f"{key[0]} {operator} ?{first}"
    marks = ", ".join(f"?{first + place}" for place in range(len(key)))
    return f"({', '.join(key)}) {operator} ({marks})"


def _plain(row: Sequence[Any]) -> Key:
    return tuple({"bytes": value.hex()} if isinstance(value, bytes) else value for value in row)


def _values(key: Key) -> list[Any]:
    return [bytes.fromhex(value["bytes"]) if isinstance(value, dict) else value for value in key]  # pyright: ignore
