"""Copying tables into a backup's folder, engine by engine, and reading them back."""

from __future__ import annotations

from tools.migrate.backend import Backend
from tools.migrate.copies import Copier


def copier(backend: Backend) -> Copier:
    if backend.dialect == "sqlite":
        from tools.migrate.copy_sqlite import SQLiteCopier

        return SQLiteCopier(backend)
    if backend.dialect == "duckdb":
        from tools.migrate.copy_duckdb import DuckDBCopier

        return DuckDBCopier(backend)
    from tools.migrate.copy_postgres import PostgresCopier

    return PostgresCopier(backend)
