"""Facts: what a live database says of its tables, for hazards. Nothing here holds a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tools.schema.model import Schema, Table

Query = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class TableFacts:
    """rows and bytes as estimated by the engine where counting would be slow (Postgres), else counted.

    triggers: names of the users' triggers on it. dependants: keys of tables and views that lean on it. reads, writes:
    scans begun and rows written as the server has counted them since `since` ("": since it was made), None for an
    engine that counts nothing.
    """

    rows: int = 0
    bytes: int = 0
    triggers: tuple[str, ...] = ()
    dependants: tuple[str, ...] = ()
    reads: int | None = None
    writes: int | None = None
    since: str = ""


Facts = dict[str, TableFacts]

_POSTGRES = """
    SELECT n.nspname, c.relname,
        CASE WHEN c.reltuples < 0 THEN coalesce(s.n_live_tup, 0) ELSE c.reltuples END::bigint,
        pg_total_relation_size(c.oid),
        coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0), s.n_tup_ins + s.n_tup_upd + s.n_tup_del,
        coalesce(to_char(d.stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), '')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
    LEFT JOIN pg_stat_database d ON d.datname = current_database()
    WHERE c.relkind IN ('r', 'p')"""
"""A table that was never analysed has -1 rows in the catalog; those that the statistics count stand in for it."""
_DUCKDB = "SELECT schema_name, table_name, estimated_size FROM duckdb_tables() WHERE NOT internal"
_BLOCK = 262_144
_WALKED = 1 << 28
"""Bytes of a SQLite file whose pages are counted table by table; those of a larger one are shared out by rows."""


def read_facts(schema: Schema, query: Query) -> Facts:
    """The facts of every table of a live schema; `query` runs one SELECT in the caller's transaction."""
    found = _MEASURED[schema.dialect](schema, query)
    return {
        table.key: replace(
            found.get(table.key, TableFacts()), triggers=_triggers(schema, table), dependants=_dependants(schema, table)
        )
        for table in schema.tables
    }


def facts_of(schema: Schema) -> Facts:
    """What a schema alone tells: triggers and dependants, no sizes."""
    return {t.key: TableFacts(0, 0, _triggers(schema, t), _dependants(schema, t)) for t in schema.tables}


def is_own_trigger(name: str) -> bool:
    return name.startswith(("_oneplan_", "zz_oneplan_"))


def _of_postgres(schema: Schema, query: Query) -> Facts:
    return {
        _key(row[0], row[1]): TableFacts(
            max(0, int(row[2])), int(row[3]), reads=int(row[4]), writes=int(row[5] or 0), since=str(row[6])
        )
        for row in query(_POSTGRES)
    }


def _of_duckdb(schema: Schema, query: Query) -> Facts:
    from tools.schema.render import literal, name_of

    def taken(table: Table) -> int:
        if '"' in table.key:  # the function reads a name as text, and knows no quote within quotes
            return 0
        asked = f"SELECT count(DISTINCT block_id) FROM pragma_storage_info({literal(name_of(table))}) WHERE persistent"
        return int(query(asked)[0][0]) * _BLOCK

    rows = {_key(row[0], row[1]): int(row[2]) for row in query(_DUCKDB)}
    return {table.key: TableFacts(rows.get(table.key, 0), taken(table)) for table in schema.tables}


def _of_sqlite(schema: Schema, query: Query) -> Facts:
    from tools.schema.render import quote

    rows = {t.key: int(query(f"SELECT count(*) FROM {quote(t.name)}")[0][0]) for t in schema.tables}
    (whole,) = query("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")[0]
    if whole <= _WALKED and query("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'"):
        sizes = {str(name): int(size) for name, size in query(_SQLITE)}
    else:
        share = int(whole) / max(1, sum(rows.values()))
        sizes = {key: int(count * share) for key, count in rows.items()}
    return {key: TableFacts(count, sizes.get(key, 0)) for key, count in rows.items()}


_SQLITE = """
    SELECT m.tbl_name, sum(d.pgsize) FROM dbstat('main', 1) AS d JOIN sqlite_schema AS m ON m.name = d.name
    GROUP BY m.tbl_name"""
_MEASURED = {"postgres": _of_postgres, "duckdb": _of_duckdb, "sqlite": _of_sqlite}


def _key(namespace: str, name: str) -> str:
    return name if namespace in ("public", "main") else f"{namespace}.{name}"


def _triggers(schema: Schema, table: Table) -> tuple[str, ...]:
    """The users' own that fire: those that a running plan has put there keep its copies equal, and are expected."""
    quiet = ("DISABLE", "ENABLE REPLICA")
    ours = (t for t in schema.triggers if t.table == table.key and t.firing not in quiet)
    return tuple(t.name for t in ours if not is_own_trigger(t.name))


def _dependants(schema: Schema, table: Table) -> tuple[str, ...]:
    children = {t.key for t in schema.tables for f in t.foreign_keys if f.ref_table == table.key and t.key != table.key}
    return tuple(sorted(children | {v.key for v in schema.views if table.key in v.depends_on}))
