"""`read_schema`: the schema at any location, by the reader of its kind. Live databases are opened to read only."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools.errors import Busy, SourceError, UsageError
from tools.location import Dialect, Location, Written, convex_schema, existing, parse_location
from tools.schema.ddl import header_dialect, read_ddl
from tools.schema.leftout import is_left_out
from tools.schema.model import Schema

_DEFAULT_NAMESPACES = ("public", "main", "")


def read_schema(
    location: str,
    *,
    dialect: Written | None = None,
    fallback: Dialect | None = None,
    namespaces: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> Schema:
    """The schema at a location: a file of DDL, Convex or Prisma, or a live database, which is opened to read only.

    dialect: the user's word for a file of DDL; else its header comment tells, else `fallback` (the live side's, or the
    settings'). namespaces: read only these. exclude: patterns (`log_*`) of tables and views to leave out, by key.

    Raises LocationError, SourceError (with file and line where it has them), Busy for a database that another process
    holds, UsageError for a file of no known dialect.
    """
    found = existing(parse_location(location))
    if found.kind == "file":
        schema = _read_file(found, dialect, fallback)
    else:
        if dialect not in (None, found.kind):
            raise UsageError(f"{str(found)!r} is a {found.kind} database: --dialect {dialect} does not fit it")
        schema = _read_live(found, namespaces)
    return restricted(schema, namespaces, exclude)


def restricted(schema: Schema, namespaces: Sequence[str] = (), exclude: Sequence[str] = ()) -> Schema:
    """The schema with the tables and views of these namespaces only, without those whose key an `exclude` matches."""
    wanted = {"" if name in _DEFAULT_NAMESPACES else name for name in namespaces}

    def keeps(key: str, namespace: str) -> bool:
        shown = (key, f"public.{key}", f"main.{key}") if not namespace else (key,)
        named = not wanted or namespace in wanted
        return named and not any(fnmatchcase(name, pattern) for name in shown for pattern in exclude)

    if not namespaces and not exclude:
        return schema
    tables = tuple(table for table in schema.tables if keeps(table.key, table.namespace))
    views = tuple(view for view in schema.views if keeps(view.key, view.namespace))
    kept = {thing.key for thing in (*tables, *views)}
    return replace(
        schema, tables=tables, views=views,
        triggers=tuple(trigger for trigger in schema.triggers if trigger.table in kept),
        enums=tuple(enum for enum in schema.enums if not wanted or enum.namespace in wanted),
        sequences=tuple(s for s in schema.sequences if not wanted or s.namespace in wanted),
        objects=tuple(
            o for o in schema.objects
            if (o.table in kept if o.table else not wanted or o.kind == "extension" or o.namespace in wanted)
        ),
    )  # fmt: skip


def _read_file(location: Location, dialect: Written | None, fallback: Dialect | None) -> Schema:
    if location.form == "convex":
        from tools.schema.convex import read_convex

        return read_convex(convex_schema(location.path) or location.path)
    if location.form == "prisma":
        from tools.schema.prisma import read_prisma_path

        return read_prisma_path(location.path)
    if location.form == "markdown":
        from tools.schema.markdown import read_markdown

        return read_markdown(location.path)
    if location.form == "folder":
        from tools.schema.folder import read_folder

        return _without_bookkeeping(read_folder(location.path, dialect, fallback))
    try:
        text = Path(location.address).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError("is not a text file in UTF-8", source=location.address) from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", source=location.address) from error
    known = dialect or header_dialect(text) or fallback
    if known is None:
        raise UsageError(
            f"{location.address}: the SQL dialect is not known: pass --dialect sqlite|duckdb|postgres|mysql, "
            "or begin the file with a line `-- dialect: postgres`"
        )
    if known == "mysql":
        from tools.schema.mysql import read_mysql

        schema = read_mysql(text, location.address)
    else:
        schema = read_ddl(text, known, location.address)
    return _without_bookkeeping(schema)


def _without_bookkeeping(schema: Schema) -> Schema:
    """A dump of a live database holds other tools' bookkeeping too; the live readers leave it out by themselves."""
    return replace(
        schema, tables=tuple(table for table in schema.tables if not is_left_out(table.name, table.namespace))
    )


def _read_live(location: Location, namespaces: Sequence[str]) -> Schema:
    if location.kind == "sqlite":
        return _read_sqlite(location)
    return _read_duckdb(location) if location.kind == "duckdb" else _read_postgres(location, namespaces)


def _read_sqlite(location: Location) -> Schema:
    from tools.schema.sqlite import read_sqlite

    url = f"file:{quote(str(location.path.resolve()))}?mode=ro"
    try:
        with closing(sqlite3.connect(url, uri=True, isolation_level=None)) as connection:
            connection.execute("BEGIN")  # all queries see one state
            return read_sqlite(connection, str(location))
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise Busy(f"{location}: another process is writing to it: try again when it is done") from error
        raise SourceError(f"cannot be read as a SQLite database: {error}", source=str(location)) from error


def _read_duckdb(location: Location) -> Schema:
    import duckdb

    from tools.schema.duckdb import read_duckdb

    try:
        with duckdb.connect(location.address, read_only=True) as connection:
            connection.execute("BEGIN")
            return read_duckdb(connection, str(location))
    except duckdb.Error as error:
        text = str(error)
        if "lock on file" in text or "different configuration" in text:
            raise Busy(f"{location}: another process or connection holds it: close that one, and try again") from error
        first = text.partition("\n")[0]
        raise SourceError(f"cannot be read as a DuckDB database: {first}", source=str(location)) from error


def _read_postgres(location: Location, namespaces: Sequence[str]) -> Schema:
    import psycopg

    from tools.schema.postgres import read_postgres

    wanted = [name if name not in ("", "main") else "public" for name in namespaces]
    try:
        with psycopg.connect(location.address, connect_timeout=10) as connection:
            _one_state_read_only(connection)
            return read_postgres(connection, str(location), wanted)
    except psycopg.Error as error:
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise SourceError(f"cannot be read: {first}", source=str(location)) from error


def _one_state_read_only(connection: Any) -> None:
    import psycopg

    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
