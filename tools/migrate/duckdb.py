"""DuckDB behind the Backend protocol."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import duckdb

from tools.errors import Busy, DatabaseError, is_interrupt
from tools.migrate.backend import Fingerprint, Key
from tools.migrate.file_backend import FileBackend
from tools.migrate.keyset import batch_end, highest
from tools.plan.facts import Facts, read_facts
from tools.schema.model import Schema
from tools.schema.render import quote

_ZONED = "TIMESTAMP WITH TIME ZONE"
_NULL = "18446744073709551629"
"""What NULL counts for in a checksum: a prime above every 64-bit hash."""
_WRAP = 1 << 64
_CONFINED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false", "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
}  # fmt: skip
"""No file but the database itself, and no extension: what is not approved may not reach out."""


class DuckDBBackend(FileBackend):
    dialect: Literal["duckdb"] = "duckdb"

    def __init__(self, path: Path, *, read_only: bool = False, confined: bool = False) -> None:
        self.path = path.resolve()
        self.address = str(self.path)
        self.location = f"duckdb:///{self.path}"
        self.connection = duckdb.connect(self.address, read_only=read_only, config=_CONFINED if confined else {})
        self._types: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        self._loaded: set[str] = set()

    def close(self) -> None:
        self.connection.close()

    def schema(self) -> Schema:
        from tools.schema.duckdb import read_duckdb

        with _words():
            return read_duckdb(self.connection, source=self.location)

    def facts(self, schema: Schema | None = None) -> Facts:
        return read_facts(schema or self.schema(), self.query)

    @contextmanager
    def transaction(self, *, rebuild: bool = False) -> Generator[None]:
        self.execute("BEGIN TRANSACTION")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._types.clear()

    def mark(self, number: int) -> str:
        return f"${number}"

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        with _words(sql):
            if duckdb.StatementType.DROP in self._kinds(sql):
                self._load_indexes()
            result = self.connection.execute(sql, list(parameters))
            names = [column[0] for column in result.description or ()]
            # An INSERT, UPDATE or DELETE answers with one row, its count.
            return int((result.fetchone() or (0,))[0]) if names == ["Count"] else 0

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _words(sql):
            return self.connection.execute(self._query(sql), list(parameters)).fetchall()

    def sample(self, sql: str, limit: int) -> list[dict[str, Any]]:
        with _words(sql):
            result = self.connection.execute(self._query(sql))
            kinds = [str(column[1]) for column in result.description or ()]
            if any(_ZONED in kind for kind in kinds):  # DuckDB makes a Python value of it only where pytz is installed
                shown = (f"#{n}::VARCHAR" if _ZONED in kind else f"#{n}" for n, kind in enumerate(kinds, 1))
                called = [f"AS {quote(str(column[0]))}" for column in result.description or ()]
                listed = ", ".join(f"{value} {name}" for value, name in zip(shown, called, strict=True))
                result = self.connection.execute(f"SELECT {listed} FROM ({sql})")
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchmany(limit)]

    def _kinds(self, sql: str) -> list[Any]:
        """What kind of statement `sql` is, as DuckDB's StatementType; it would run any number, and one is let in.

        The engine itself turns some into several (`ADD COLUMN … DEFAULT …` into five): what separates those that
        were written is counted too. They are looked at only: executing one parsed before can crash DuckDB 1.5.
        """
        kinds = [statement.type for statement in self.connection.extract_statements(sql)]
        written = len(kinds) if len(kinds) < 2 else _written(sql)
        if written != 1:
            raise DatabaseError(f"{written} statements stand where one belongs", sql=sql)
        return kinds

    def _query(self, sql: str) -> str:
        """`sql`, when it is one statement that reads."""
        if self._kinds(sql) != [duckdb.StatementType.SELECT]:
            raise DatabaseError("this is no query", sql=sql)
        return sql

    def _load_indexes(self) -> None:
        """Have the indexes of every table loaded, which DuckDB does on the first write to it.

        DuckDB 1.5 aborts the process on the COMMIT of a transaction that drops an index not yet loaded and makes
        another on the same table (its issue 23929).
        """
        sql = "SELECT DISTINCT schema_name, table_name FROM duckdb_indexes()"
        for names in self.connection.execute(sql).fetchall():
            table = ".".join(quote(str(name)) for name in names)
            if table not in self._loaded:
                self.connection.execute(f"DELETE FROM {table} WHERE false")
                self._loaded.add(table)

    def fingerprint(self, table: str, expressions: Sequence[str]) -> Fingerprint:
        """Rows by MD5, since DuckDB's own hash, which only tells the columns, may differ from version to version; times
        are told in UTC."""
        texts = [f"(({expression})::VARCHAR)" for expression in expressions]
        parts = [f"coalesce(strlen({text}) || ':' || {text}, '-')" for text in texts]
        sums = [_sum(f"hash({text})") for text in texts]
        sums.append(_sum(f"md5_number_lower(concat({', '.join(parts) or chr(39) * 2}))"))
        zone = self.query("SELECT current_setting('TimeZone')")[0][0]
        self.execute("SET TimeZone = 'UTC'")
        try:
            rows, *totals = self.query(f"SELECT count(*), {', '.join(sums)} FROM {table}")[0]
        finally:
            with suppress(DatabaseError):  # a transaction that has just failed takes no more statements
                self.execute(f"SET TimeZone = '{zone}'")
        checksums = [f"{int(total) % _WRAP:016x}" for total in totals]
        return Fingerprint(int(rows), checksums[-1], tuple(checksums[:-1]))

    def last_key(self, table: str, key: Sequence[str]) -> Key | None:
        return highest(self.query, table, _texts(key), key)

    def next_key(self, table: str, key: Sequence[str], after: Key | None, last: Key, size: int) -> Key | None:
        condition, values = self.key_range(table, key, after, last)
        # To count is cheap where to put in order is not, and nobody else writes: the last batch, often the only one.
        if self.query(f"SELECT count(*) FROM {table} WHERE {condition}", values)[0][0] in range(1, size + 1):
            return last
        return batch_end(self.query, table, _texts(key), key, condition, values, size, last)

    def key_range(self, table: str, key: Sequence[str], after: Key | None, upto: Key) -> tuple[str, list[Any]]:
        types = self._key_types(table, key)
        lower = [] if after is None else [_compare(key, types, ">", 1)]
        values = [] if after is None else list(after)
        return " AND ".join([*lower, _compare(key, types, "<=", len(values) + 1)]), [*values, *upto]

    def replace_by(self, copy: Path) -> None:
        """Take over another DuckDB file, by renaming it over our own; `copy` must lie on the same file system."""
        self.connection.close()  # writes its log into the file, and removes it
        try:
            copy.replace(self.path)
        finally:
            self.connection = duckdb.connect(self.address)
            self._types.clear()
            self._loaded.clear()

    def _key_types(self, table: str, key: Sequence[str]) -> list[str]:
        """Keys are kept as text: a comparison needs them back in their own type."""
        names = (table, tuple(key))
        if names not in self._types:
            described = self.query(f"DESCRIBE SELECT {', '.join(key)} FROM {table}")
            self._types[names] = [str(row[1]) for row in described]
        return self._types[names]

    def _roll_back(self) -> None:
        try:
            self.connection.execute("ROLLBACK")
        except duckdb.TransactionException:  # a failed COMMIT has already ended it
            return


def open_duckdb(path: Path, *, read_only: bool = False, confined: bool = False) -> DuckDBBackend:
    """Raises Busy when another process has the file open: DuckDB lets in one at a time."""
    try:
        return DuckDBBackend(path, read_only=read_only, confined=confined)
    except duckdb.ConnectionException:
        # This very process has it open for writing, and a file cannot be open in both ways at once.
        return DuckDBBackend(path)
    except duckdb.IOException as error:
        if is_held(error):
            raise Busy(f"{path} is open in another process: DuckDB lets in one at a time; close it there") from error
        raise DatabaseError(f"cannot open {path}: {_first_line(error)}{_damaged(error)}") from error
    except duckdb.Error as error:
        raise DatabaseError(f"cannot open {path}: {_first_line(error)}") from error


def is_held(error: Exception) -> bool:
    """Whether another process has the file; the word `lock` alone stands in `block` too."""
    return "set lock on file" in str(error) or "being used by another process" in str(error)


def _damaged(error: Exception) -> str:
    told = "; the file is damaged: `oneplan backups restore ID` puts a backup in its place (`oneplan backups list`)"
    return told if "Corrupt database file" in str(error) else ""


@contextmanager
def _words(sql: str = "") -> Generator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise DatabaseError(_first_line(error), sql=sql) from error
    except RuntimeError as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        raise


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _written(sql: str) -> int:
    """How many statements stand in `sql`, by DuckDB's own lexer, which knows no comments and counts in bytes."""
    text = sql.encode()
    marks = [text[place : place + 1] == b";" for place, _ in duckdb.tokenize(sql)]
    return sum(not mark and (place == 0 or marks[place - 1]) for place, mark in enumerate(marks))


def _sum(hashed: str) -> str:
    return f"coalesce(sum(coalesce({hashed}::HUGEINT, {_NULL}::HUGEINT)), 0)"


def _texts(key: Sequence[str]) -> str:
    # Under names of their own: ORDER BY would take a result's name for the column's, and sort the text.
    return ", ".join(f"({column})::VARCHAR AS oneplan_key{place}" for place, column in enumerate(key))


def _compare(key: Sequence[str], types: Sequence[str], operator: str, first: int) -> str:
    """Written out column by column: DuckDB 1.5 cannot compare rows with `<=`."""
    marks = [f"CAST(${first + place} AS {type_})" for place, type_ in enumerate(types)]
    either: list[str] = []
    for place, column in enumerate(key):
        same = [f"{k} = {m}" for k, m in zip(key[:place], marks[:place], strict=True)]
        sign = operator if place == len(key) - 1 else operator[0]
        either.append(" AND ".join([*same, f"{column} {sign} {marks[place]}"]))
    return either[0] if len(either) == 1 else "(" + " OR ".join(f"({part})" for part in either) + ")"
