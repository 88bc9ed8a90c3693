"""A small shop: its schema now and as desired, and databases of each kind with rows in them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

CURRENT = """
CREATE TABLE customers (
    id integer PRIMARY KEY,
    name text NOT NULL,
    mail text,
    age text,
    tier text,
    old_note text
);
CREATE TABLE orders (
    id integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers (id),
    total integer NOT NULL
);
"""
DESIRED = """
CREATE TABLE customers (
    id integer PRIMARY KEY,
    name text NOT NULL,
    email text,
    age integer,
    tier text NOT NULL,
    referrer_id integer REFERENCES customers (id)
);
CREATE TABLE orders (
    id integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers (id),
    total integer NOT NULL
);
CREATE TABLE coupons (
    id integer PRIMARY KEY,
    code text NOT NULL UNIQUE,
    customer_id integer REFERENCES customers (id)
);
CREATE INDEX customers_by_tier ON customers (tier);
"""
ANSWERS = """
renames:
  - {table: customers, from: mail, to: email}
fills:
  customers.tier: "'standard'"
"""
ROWS = [
    (n, f"customer {n}", f"c{n}@example.com" if n % 5 else None, str(n % 90), "gold" if n % 3 else None, f"note {n}")
    for n in range(1, 401)
]
ORDERS = [(n, 1 + n % 400, n * 7) for n in range(1, 901)]


@pytest.fixture
def schemas(workspace: Path) -> tuple[Path, Path]:
    """current.sql and desired.sql, without a word on their dialect."""
    (workspace / "current.sql").write_text(CURRENT)
    (workspace / "desired.sql").write_text(DESIRED)
    (workspace / "answers.yaml").write_text(ANSWERS)
    return workspace / "current.sql", workspace / "desired.sql"


@pytest.fixture(params=["sqlite", "duckdb", "postgres"])
def database(request: pytest.FixtureRequest, workspace: Path) -> str:
    """The location of a database of each kind, with CURRENT and its rows in it."""
    kind: str = request.param
    if kind == "postgres":
        return _postgres(request.getfixturevalue("postgres_url"))
    path = workspace / f"app.{kind}"
    return build_sqlite(path) if kind == "sqlite" else _duckdb(path)


def build_sqlite(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(CURRENT)
        connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)", ROWS)
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", ORDERS)
    return f"sqlite:////{str(path).lstrip('/')}"


def _duckdb(path: Path) -> str:
    import duckdb

    with duckdb.connect(str(path)) as connection:
        connection.execute(CURRENT)
        connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)", ROWS)
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", ORDERS)
    return f"duckdb:////{str(path).lstrip('/')}"


def _postgres(url: str) -> str:
    import psycopg

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(CURRENT.encode())
        cursor.executemany("INSERT INTO customers VALUES (%s, %s, %s, %s, %s, %s)", ROWS)
        cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s)", ORDERS)
    return url


def rows_of(database: str, query: str) -> list[tuple[Any, ...]]:
    """What a query gives, on whatever kind of database."""
    if database.startswith("postgresql"):
        import psycopg

        with psycopg.connect(database) as connection:
            return connection.execute(query.encode()).fetchall()
    path = database.split(":///", 1)[1]
    if database.startswith("sqlite"):
        with closing(sqlite3.connect(path)) as lite:
            return lite.execute(query).fetchall()
    import duckdb

    with duckdb.connect(path, read_only=True) as duck:
        return duck.execute(query).fetchall()


def change(database: str, statement: str) -> None:
    """A change behind oneplan's back."""
    if database.startswith("postgresql"):
        import psycopg

        with psycopg.connect(database) as connection:
            connection.execute(statement.encode())
        return
    path = database.split(":///", 1)[1]
    if database.startswith("sqlite"):
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(path)) as lite, lite:
            lite.execute(statement)
        return
    import duckdb

    with duckdb.connect(path) as duck:
        duck.execute(statement)
