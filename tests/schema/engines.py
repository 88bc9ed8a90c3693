"""Real databases of all three engines for the schema tests: run a script, read the schema back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg

from tools.location import Dialect
from tools.schema.duckdb import read_duckdb
from tools.schema.model import Schema
from tools.schema.postgres import read_postgres
from tools.schema.sqlite import read_sqlite


def read_live(dialect: Dialect, sql: str, postgres_url: str = "") -> Schema:
    """Run a script in a new database of the dialect and read the schema with the live reader."""
    if dialect == "sqlite":
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(sql)
            return read_sqlite(connection, "live")
    if dialect == "duckdb":
        with duckdb.connect(":memory:") as duck:
            duck.execute(sql)
            return read_duckdb(duck, "live")
    with psycopg.connect(postgres_url) as postgres:
        postgres.execute(sql)
        return read_postgres(postgres, "live")


def make_database(dialect: Dialect, sql: str, folder: Path, postgres_url: str = "") -> str:
    """Run a script in a new database that stays, and give its location."""
    if dialect == "sqlite":
        with closing(sqlite3.connect(folder / "live.db")) as connection:
            connection.executescript(sql)
        return f"sqlite:///{folder / 'live.db'}"
    if dialect == "duckdb":
        with duckdb.connect(str(folder / "live.duckdb")) as duck:
            duck.execute(sql)
        return f"duckdb:///{folder / 'live.duckdb'}"
    with psycopg.connect(postgres_url) as postgres:
        postgres.execute(sql)
    return postgres_url
