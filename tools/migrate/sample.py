"""A sample of a database for its shadow: the first rows of every table, and every row that those point to, so that no
foreign key is left without its row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tools.errors import DatabaseError
from tools.migrate.backend import Backend
from tools.migrate.pgtools import run_program
from tools.schema.model import ForeignKey, Schema, Table
from tools.schema.render import name_of, quote

ROWS = 10_000
"""Rows of each table where nothing else is said."""
_DEEPEST = 5
"""So many foreign keys are followed; rows of longer chains are left out whole."""
_POSTGRES_TABLES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1, 2"""


def told(rows: int) -> str:
    return f"a sample of it, {rows:,} rows of each table and all that they point to"


def chosen(schema: Schema, table: Table, rows: int, rowid: str, place: Callable[[Table], str]) -> str:
    """The condition on a table's rows. rowid: what tells rows apart without a key; place: a table's quoted name."""
    return _chosen(schema, table, (table.key,), rows, rowid, place)


def _chosen(
    schema: Schema, table: Table, path: tuple[str, ...], rows: int, rowid: str, place: Callable[[Table], str]
) -> str:
    key = listed(table.primary_key.columns) if table.primary_key else rowid
    parts = [f"({key}) IN (SELECT {key} FROM {place(table)} ORDER BY {key} LIMIT {rows})"]
    for child, foreign in _children(schema, table):
        if child.key in path or len(path) > _DEEPEST:
            continue
        inner = _chosen(schema, child, (*path, child.key), rows, rowid, place)
        columns = listed(foreign.columns)
        parts.append(f"({listed(referenced(foreign, table))}) IN (SELECT {columns} FROM {place(child)} WHERE {inner})")
    return "(" + " OR ".join(parts) + ")"


def dangling(schema: Schema) -> Iterator[str]:
    """Statements that mend rows whose foreign key points to no row, in cycles and in chains too long to follow: the
    link is cut where it may be NULL, else the row goes."""
    for table in schema.tables:
        for foreign in table.foreign_keys:
            parent = schema.table(foreign.ref_table)
            if parent is None:
                continue
            pairs = list(zip(foreign.columns, referenced(foreign, parent), strict=True))
            some = " AND ".join(f"{quote(a)} IS NOT NULL" for a, _ in pairs)
            name = name_of(table)
            same = " AND ".join(f"p.{quote(b)} = {name}.{quote(a)}" for a, b in pairs)
            there = f"SELECT 1 FROM {name_of(parent)} AS p WHERE {same}"
            where = f"WHERE {some} AND NOT EXISTS ({there})"
            optional = [c.name for c in table.columns if c.name in foreign.columns and c.nullable]
            sets = ", ".join(f"{quote(column)} = NULL" for column in optional)
            yield f"UPDATE {name} SET {sets} {where}" if optional else f"DELETE FROM {name} {where}"


def pour_sample(
    source: Backend, target: str, tools: int, rows: int, folder: Path, left_out: Sequence[str] = ()
) -> None:  # fmt: skip
    """Postgres: the schema by a dump, the chosen rows by COPY, and constraints, indexes and triggers behind them.

    left_out: options of pg_restore for what the copy shall not have (`--no-owner`).
    """
    import psycopg

    dump = str(folder / "schema.dump")
    run_program("pg_dump", ["-Fc", "--schema-only", "--file", dump], source.address, tools)
    _section(dump, "pre-data", target, tools, folder, left_out)
    schema = source.schema()
    try:
        with psycopg.connect(source.address) as origin, psycopg.connect(target) as copy:
            origin.read_only = True
            for namespace, name in origin.execute(_POSTGRES_TABLES).fetchall():
                _copy_table(origin, copy, schema, (namespace, name), rows)
            _mend(schema, lambda sql: copy.execute(sql).rowcount)  # pyright: ignore
    except psycopg.Error as error:
        raise DatabaseError(f"no sample can be copied: {error}") from error
    _section(dump, "post-data", target, tools, folder, left_out)


def sample_sqlite(source: Path, target: Path, rows: int) -> None:
    """SQLite: tables, chosen rows, and then what hangs on the tables."""
    from tools.schema.sqlite import read_sqlite

    with closing(sqlite3.connect(target, isolation_level=None, uri=True)) as copy:
        with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as origin:
            schema = read_sqlite(origin)
            made = origin.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        if any(sql.upper().startswith("CREATE VIRTUAL") for _, _, sql in made):
            raise DatabaseError("a database with virtual tables cannot be sampled: rehearse on a whole copy")
        copy.execute("ATTACH ? AS source", (f"{source.resolve().as_uri()}?mode=ro",))
        copy.execute("PRAGMA foreign_keys = OFF")
        copy.execute("BEGIN")
        tables = [(name, sql) for kind, name, sql in made if kind == "table" and not name.startswith("sqlite_")]
        for name, sql in tables:
            copy.execute(sql)
            table = schema.table(name)
            where = chosen(schema, table, rows, "rowid", lambda t: f"source.{name_of(t)}") if table else "TRUE"
            columns = listed(stored(table)) if table else "*"
            copy.execute(
                f"INSERT INTO main.{quote(name)} {f'({columns})' if table else ''} "
                f"SELECT {columns} FROM source.{quote(name)} WHERE {where}"
            )
        _mend(schema, lambda sql: copy.execute(sql).rowcount)
        for kind, _, sql in made:
            if kind != "table":
                copy.execute(sql)
        copy.execute("COMMIT")


def _copy_table(origin: Any, copy: Any, schema: Schema, name: tuple[str, str], rows: int) -> None:
    namespace, bare = name
    table = next((t for t in schema.tables if (t.namespace or "public", t.name) == name), None)
    place = f"{quote(namespace)}.{quote(bare)}"
    columns = f"({listed(stored(table))})" if table else ""
    where = chosen(schema, table, rows, "ctid", name_of) if table else "TRUE"
    values = listed(stored(table)) if table else "*"
    with (
        origin.cursor().copy(f"COPY (SELECT {values} FROM {place} WHERE {where}) TO STDOUT") as out,
        copy.cursor().copy(f"COPY {place} {columns} FROM STDIN") as into,
    ):
        for data in out:
            into.write(data)


def _section(dump: str, section: str, target: str, tools: int, folder: Path, left_out: Sequence[str]) -> None:
    script = str(folder / f"{section}.sql")
    run_program("pg_restore", [f"--section={section}", *left_out, "--file", script, dump], None, tools)
    run_program("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script], target, tools)


def _mend(schema: Schema, execute: Callable[[str], int]) -> None:
    while sum([execute(sql) for sql in dangling(schema)]):
        pass


def _children(schema: Schema, table: Table) -> list[tuple[Table, ForeignKey]]:
    return [(child, f) for child in schema.tables for f in child.foreign_keys if f.ref_table == table.key]


def referenced(foreign: ForeignKey, parent: Table) -> tuple[str, ...]:
    """The columns that a foreign key points to."""
    return foreign.ref_columns or (parent.primary_key.columns if parent.primary_key else ())


def stored(table: Table) -> tuple[str, ...]:
    """The columns whose values are copied; the others are computed anew."""
    return tuple(column.name for column in table.columns if column.generated is None)


def listed(columns: tuple[str, ...]) -> str:
    return ", ".join(map(quote, columns))
