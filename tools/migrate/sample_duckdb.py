"""A sample of a DuckDB file for its shadow.

DuckDB holds foreign keys at every statement, so that tables come in the order in which they lean on each other, and the
rows of a table that points to itself come level by level. A process of its own does it: closing a file gives up all
the locks that the closing process holds on it, and the caller has the source open.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.errors import DatabaseError
from tools.migrate.backend import Backend
from tools.migrate.sample import chosen, listed, referenced, stored
from tools.schema.model import ForeignKey, Schema, Table
from tools.schema.render import literal, name_of, quote

LEVELS = 20
"""Rows of a table that points to itself come in so many levels; longer chains are cut."""
_RUN = """
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1])
try:
    for sql in json.load(sys.stdin):
        connection.execute(sql)
except duckdb.Error as error:
    sys.exit(str(error).strip().splitlines()[0])
connection.close()
"""
_STAGED = '"_oneplan_staged"'
_TABLES = "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary ORDER BY ALL"


def sample_duckdb(source: Backend, target: Path, rows: int) -> None:
    """Make `target` a database like `source` with so many rows of each table, and all that they point to."""
    schema = source.schema()
    known = {(table.namespace or "main", table.name) for table in schema.tables}
    others = [name for name in source.query(_TABLES) if (name[0], name[1]) not in known]
    statements = [
        f"ATTACH {literal(source.address)} AS source (READ_ONLY)",
        f"COPY FROM DATABASE source TO {quote(target.stem)} (SCHEMA)",
        *(f"INSERT INTO {_named(*name)} SELECT * FROM source.{_named(*name)}" for name in others),
        *(sql for table in _parents_first(schema) for sql in _of_table(schema, table, rows)),
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-c", _RUN, str(target)], input=json.dumps(statements), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise DatabaseError(f"no sample can be copied: {done.stderr.strip().rpartition(chr(10))[2]}")


def _of_table(schema: Schema, table: Table, rows: int) -> Iterator[str]:
    columns = listed(stored(table))
    where = chosen(schema, table, rows, "rowid", lambda t: f"source.{name_of(t)}")
    yield f"CREATE TEMP TABLE {_STAGED} AS SELECT {columns} FROM source.{name_of(table)} WHERE {where}"
    for foreign in table.foreign_keys:
        parent = schema.table(foreign.ref_table)
        if parent is not None:
            place = _STAGED if parent.key == table.key else name_of(parent)
            yield _mended(table, foreign, referenced(foreign, parent), place)
    own = next((f for f in table.foreign_keys if f.ref_table == table.key), None)
    yield from _by_levels(table, own, columns) if own else _at_once(table, columns)
    yield f"DROP TABLE {_STAGED}"


def _at_once(table: Table, columns: str) -> Iterator[str]:
    yield f"INSERT INTO {name_of(table)} ({columns}) SELECT {columns} FROM {_STAGED}"


def _by_levels(table: Table, own: ForeignKey, columns: str) -> Iterator[str]:
    ends = referenced(own, table)
    unlinked = " OR ".join(f"s.{quote(c)} IS NULL" for c in own.columns)
    parent = _same("p", ends, "s", own.columns)
    there = f"SELECT 1 FROM {name_of(table)} AS p WHERE"
    take = f"INSERT INTO {name_of(table)} ({columns}) SELECT {columns} FROM {_STAGED} AS s"
    for _ in range(LEVELS):
        yield f"{take} WHERE {unlinked} OR EXISTS ({there} {parent})"
        yield f"DELETE FROM {_STAGED} AS s WHERE EXISTS ({there} {_same('p', ends, 's', ends)})"
    cut = [c.name for c in table.columns if c.name in own.columns and c.nullable]
    if cut:
        yield f"UPDATE {_STAGED} SET {', '.join(f'{quote(name)} = NULL' for name in cut)}"
        yield from _at_once(table, columns)


def _mended(table: Table, foreign: ForeignKey, ends: tuple[str, ...], place: str) -> str:
    """What points to no row of the sample: the link is cut where it may be NULL, else the row goes."""
    some = " AND ".join(f"s.{quote(c)} IS NOT NULL" for c in foreign.columns)
    there = f"SELECT 1 FROM {place} AS p WHERE {_same('p', ends, 's', foreign.columns)}"
    where = f"WHERE {some} AND NOT EXISTS ({there})"
    optional = [c.name for c in table.columns if c.name in foreign.columns and c.nullable]
    sets = ", ".join(f"{quote(name)} = NULL" for name in optional)
    return f"UPDATE {_STAGED} AS s SET {sets} {where}" if optional else f"DELETE FROM {_STAGED} AS s {where}"


def _same(a: str, left: tuple[str, ...], b: str, right: tuple[str, ...]) -> str:
    return " AND ".join(f"{a}.{quote(x)} = {b}.{quote(y)}" for x, y in zip(left, right, strict=True))


def _parents_first(schema: Schema) -> list[Table]:
    """DuckDB lets no two tables point to each other: each can come behind all that it points to."""
    left, found = list(schema.tables), list[Table]()
    while left:
        there = {table.key for table in found} | {table.key for table in schema.tables if table not in left}
        ready = [t for t in left if {f.ref_table for f in t.foreign_keys} <= there | {t.key}] or left
        found += ready
        left = [table for table in left if table not in ready]
    return found


def _named(namespace: object, name: object) -> str:
    return f"{quote(str(namespace))}.{quote(str(name))}"
