"""Rows of single tables, back from a SQLite or DuckDB backup file."""

from __future__ import annotations

from tools.migrate.backend import Backend
from tools.migrate.backup import Backup, wanted_columns
from tools.schema.render import literal, name_of, parents_first, quote


def restore_rows(backend: Backend, backup: Backup) -> None:
    """Exchange the tables' rows for the backup's, all in one transaction."""
    columns, schema = wanted_columns(backend, backup), backend.schema()
    tables = parents_first(tuple(table for table in schema.tables if table.key in columns))
    backend.execute(f"ATTACH {literal(str(backup.path))} AS oneplan_backup" + _read_only(backend))
    try:
        with backend.transaction(rebuild=True):
            for table in reversed(tables):
                backend.execute(f"DELETE FROM {name_of(table)}")
            for table in tables:
                names = ", ".join(quote(name) for name in columns[table.key])
                source = quote(table.key if backend.dialect == "duckdb" else table.name)
                kept = f"oneplan_backup.{'main.' if backend.dialect == 'duckdb' else ''}{source}"
                backend.execute(f"INSERT INTO {name_of(table)} ({names}) SELECT {names} FROM {kept}")
    finally:
        backend.execute("DETACH oneplan_backup")


def _read_only(backend: Backend) -> str:
    return " (READ_ONLY)" if backend.dialect == "duckdb" else ""
