"""Rows of single tables, back from a SQLite or DuckDB backup file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.errors import BackupFailed
from tools.migrate.backend import Backend
from tools.migrate.backup import Backup, wanted_columns
from tools.schema.model import Schema, Table
from tools.schema.render import literal, name_of, parents_first, quote


def restore_rows(backend: Backend, backup: Backup) -> None:
    """Exchange the tables' rows for the backup's, all in one transaction. Triggers rest meanwhile: the rows are to be
    those that were kept. BackupFailed when they are not, afterwards."""
    columns, schema = wanted_columns(backend, backup), backend.schema()
    tables = parents_first(tuple(table for table in schema.tables if table.key in columns))
    backend.execute(f"ATTACH {literal(str(backup.path))} AS oneplan_backup" + _read_only(backend))
    try:
        with backend.transaction(rebuild=True):
            triggers = _triggers(backend, tables)
            for name in triggers:
                backend.execute(f"DROP TRIGGER {quote(name)}")
            for table in reversed(tables):
                backend.execute(_removal(backend, schema, table))
            for table in tables:
                for sql in _return(backend, schema, table, columns[table.key]):
                    backend.execute(sql)
            for sql in triggers.values():
                backend.execute(sql)
            _refuse_others(backend, backup, tables)
    finally:
        backend.execute("DETACH oneplan_backup")


def _triggers(backend: Backend, tables: Sequence[Table]) -> dict[str, str]:
    """SQLite's triggers on these tables with the statements that make them again: it knows no other way to stop one."""
    if backend.dialect != "sqlite":
        return {}
    named = {table.name.lower() for table in tables}
    found = backend.query("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid")
    return {str(name): str(sql) for name, table, sql in found if str(table).lower() in named}


def _removal(backend: Backend, schema: Schema, table: Table) -> str:
    if not _stays(backend, schema, table):
        return f"DELETE FROM {name_of(table)}"
    there = f"SELECT 1 FROM {_kept(backend, table)} k WHERE {_same_key(table)}"
    return f"DELETE FROM {name_of(table)} AS t WHERE NOT EXISTS ({there})"


def _return(backend: Backend, schema: Schema, table: Table, columns: Sequence[str]) -> Iterator[str]:
    names, kept = ", ".join(map(quote, columns)), _kept(backend, table)
    if not _stays(backend, schema, table):
        yield f"INSERT INTO {name_of(table)} ({names}) SELECT {names} FROM {kept}"
        return
    key = table.primary_key.columns if table.primary_key else ()
    for name in (quote(column) for column in columns if column not in key):
        differs = f"t.{name} IS DISTINCT FROM k.{name}"
        yield f"UPDATE {name_of(table)} AS t SET {name} = k.{name} FROM {kept} k WHERE {_same_key(table)} AND {differs}"
    there = f"SELECT 1 FROM {name_of(table)} t WHERE {_same_key(table)}"
    yield f"INSERT INTO {name_of(table)} ({names}) SELECT {names} FROM {kept} k WHERE NOT EXISTS ({there})"


def _stays(backend: Backend, schema: Schema, table: Table) -> bool:
    """Whether the rows are written over where they stand: DuckDB removes none that another row points to, not even when
    it comes again in the same transaction."""
    pointed_to = any(key.ref_table == table.key for other in schema.tables for key in other.foreign_keys)
    return backend.dialect == "duckdb" and pointed_to and table.primary_key is not None


def _same_key(table: Table) -> str:
    columns = table.primary_key.columns if table.primary_key else ()
    return " AND ".join(f"t.{quote(name)} = k.{quote(name)}" for name in columns)


def _kept(backend: Backend, table: Table) -> str:
    if backend.dialect == "duckdb":
        return f"oneplan_backup.main.{quote(table.key)}"
    return f"oneplan_backup.{quote(table.name)}"


def _refuse_others(backend: Backend, backup: Backup, tables: Sequence[Table]) -> None:
    names, counted = backup.columns(), {one.table: one for one in backup.tables}
    for table in tables:
        found = backend.fingerprint(name_of(table), [quote(name) for name in names[table.key]])
        if (found.rows, found.row) != (counted[table.key].rows, counted[table.key].checksum):
            raise BackupFailed(f"{table.key} would not hold the rows of backup {backup.id}: nothing was changed")


def _read_only(backend: Backend) -> str:
    return " (READ_ONLY)" if backend.dialect == "duckdb" else ""
