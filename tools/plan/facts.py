"""Facts: what a live database says of its tables, for hazards. Nothing here holds a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.schema.model import Schema, Table

Query = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class TableFacts:
    """rows and bytes as estimated by the engine where counting would be slow (Postgres), else counted.

    triggers: names of the users' triggers on it. dependants: keys of tables and views that lean on it.
    """

    rows: int = 0
    bytes: int = 0
    triggers: tuple[str, ...] = ()
    dependants: tuple[str, ...] = ()


Facts = dict[str, TableFacts]

_POSTGRES = """
    SELECT n.nspname, c.relname, c.reltuples::bigint, pg_total_relation_size(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"""
_DUCKDB = "SELECT schema_name, table_name, estimated_size, 0 FROM duckdb_tables() WHERE NOT internal"


def read_facts(schema: Schema, query: Query) -> Facts:
    """The facts of every table of a live schema; `query` runs one SELECT in the caller's transaction."""
    sizes = _sizes(schema, query)
    return {
        table.key: TableFacts(*sizes.get(table.key, (0, 0)), _triggers(schema, table), _dependants(schema, table))
        for table in schema.tables
    }


def facts_of(schema: Schema) -> Facts:
    """What a schema alone tells: triggers and dependants, no sizes."""
    return {t.key: TableFacts(0, 0, _triggers(schema, t), _dependants(schema, t)) for t in schema.tables}


def is_own_trigger(name: str) -> bool:
    return name.startswith(("_oneplan_", "zz_oneplan_"))


def _sizes(schema: Schema, query: Query) -> dict[str, tuple[int, int]]:
    from tools.schema.render import quote

    if schema.dialect == "sqlite":
        return {t.key: (int(query(f"SELECT count(*) FROM {quote(t.name)}")[0][0]), 0) for t in schema.tables}
    rows = query(_POSTGRES if schema.dialect == "postgres" else _DUCKDB)
    # Postgres says -1 for a table that was never analysed.
    return {_key(row[0], row[1]): (max(0, int(row[2])), int(row[3])) for row in rows}


def _key(namespace: str, name: str) -> str:
    return name if namespace in ("public", "main") else f"{namespace}.{name}"


def _triggers(schema: Schema, table: Table) -> tuple[str, ...]:
    """The users' own: those that a running plan has put there keep its copies equal, and are expected."""
    return tuple(t.name for t in schema.triggers if t.table == table.key and not is_own_trigger(t.name))


def _dependants(schema: Schema, table: Table) -> tuple[str, ...]:
    children = {t.key for t in schema.tables for f in t.foreign_keys if f.ref_table == table.key and t.key != table.key}
    return tuple(sorted(children | {v.key for v in schema.views if table.key in v.depends_on}))
