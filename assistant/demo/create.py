"""Make the demo's workspace: a database with rows in it, the desired schema, the answers, the settings."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from assistant.demo.rows import Row, generate
from assistant.settings import FILE_NAME, HOME_NAME
from tools.errors import UsageError
from tools.location import Dialect

MARKER = ".oneplan-demo"
_FILES = ("desired.sql", "answers.yaml", FILE_NAME, "app.db", "app.duckdb", MARKER)
_FOLDERS = (HOME_NAME, "postgres")


def prepare_folder(folder: Path) -> None:
    """An empty folder for the demo. One that an earlier demo made is cleared of what that demo made; any other that
    holds something is refused (UsageError)."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a folder with --dir")
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise UsageError(f"{folder} is not empty, and no demo made it: name another folder with --dir")
        for name in _FILES:
            (folder / name).unlink(missing_ok=True)
        for name in _FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("made by `oneplan demo`, which may clear it\n", encoding="utf-8")


def create(folder: Path, dialect: Dialect, database: str) -> None:
    """Fill `database` (a location) and write the workspace's files into `folder`."""
    statements = _schema_statements(dialect)
    rows = generate()
    if dialect == "sqlite":
        _fill_sqlite(folder / "app.db", statements, rows)
    elif dialect == "duckdb":
        _fill_duckdb(folder / "app.duckdb", statements, rows)
    else:
        _fill_postgres(database, statements, rows)
    for name in ("desired.sql", "answers.yaml"):
        (folder / name).write_text(_text(name), encoding="utf-8")
    current = "env:DATABASE_URL" if dialect == "postgres" else database
    (folder / FILE_NAME).write_text(
        f'[project]\ncurrent = "{current}"\ndesired = "desired.sql"\nanswers = "answers.yaml"\n', encoding="utf-8"
    )


def _text(name: str) -> str:
    return (files("assistant.demo") / name).read_text(encoding="utf-8")


def _schema_statements(dialect: Dialect) -> list[str]:
    from tools.schema.ddl import read_ddl
    from tools.schema.lower import lower
    from tools.schema.render import statements

    return list(statements(lower(read_ddl(_text("current.sql"), "postgres", "current.sql"), dialect)))


def _insert(table: str, row: Row, mark: str) -> str:
    return f'INSERT INTO "{table}" VALUES ({", ".join([mark] * len(row))})'


def _fill_sqlite(path: Path, statements: Iterable[str], rows: dict[str, list[Row]]) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
        for table, values in rows.items():
            connection.executemany(_insert(table, values[0], "?"), values)


def _fill_duckdb(path: Path, statements: Iterable[str], rows: dict[str, list[Row]]) -> None:
    import duckdb

    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        for table, values in rows.items():
            connection.executemany(_insert(table, values[0], "?"), values)


def _fill_postgres(url: str, statements: Iterable[str], rows: dict[str, list[Row]]) -> None:
    import psycopg

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.encode())
        for table, values in rows.items():
            cursor.executemany(_insert(table, values[0], "%s").encode(), values)
