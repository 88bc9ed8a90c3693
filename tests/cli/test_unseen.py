"""What schemas of other teams have shown: each case once failed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import build_sqlite
from tests.commandline import Oneplan


def test_a_desired_schema_may_be_of_another_dialect(oneplan: Oneplan, workspace: Path) -> None:
    """--dialect speaks of the file; the database knows its own."""
    build_sqlite(workspace / "app.sqlite")
    (workspace / "desired.sql").write_text(
        "CREATE TABLE customers (id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL, active BOOLEAN NOT NULL DEFAULT TRUE);"
    )
    for command in ("gap", "plan"):
        done = oneplan(command, "sqlite:///app.sqlite", "desired.sql", "--dialect", "postgres", "--renames", "none")
        assert done.code in (0, 2), done.err
        assert not done.err.startswith("oneplan:")
    two = oneplan("gap", "sqlite:///app.sqlite", "sqlite:///app.sqlite", "--dialect", "postgres")
    assert two.code == 64
    assert "does not fit" in two.err


@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_a_value_that_cannot_become_the_new_type_is_named_first(
    oneplan: Oneplan, workspace: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    current = "CREATE TABLE u (id INTEGER PRIMARY KEY, e VARCHAR(20), n BIGINT);"
    rows = "INSERT INTO u VALUES (1, '12', 1), (2, 'twelve', 99999999);"
    url = _made(request, workspace, kind, current + rows)
    (workspace / "desired.sql").write_text("CREATE TABLE u (id INTEGER PRIMARY KEY, e INTEGER, n SMALLINT);")
    assert oneplan("plan", url, "desired.sql", "-o", "p.yaml", "--renames", "none").code == 0
    done = oneplan("rehearse", "p.yaml", "--database", url)
    assert done.code == 4
    said = " ".join(done.out.split())
    assert "analyse.baseline" in said
    assert "every value of u.e can become" in said
    assert "e='twelve'" in said


def _made(request: pytest.FixtureRequest, workspace: Path, kind: str, script: str) -> str:
    if kind == "postgres":
        import psycopg

        url: str = request.getfixturevalue("postgres_url")
        with psycopg.connect(url) as connection:
            connection.execute(script.encode())
        return url
    if kind == "duckdb":
        import duckdb

        with duckdb.connect(str(workspace / "app.duckdb")) as duck:
            duck.execute(script)
        return "duckdb:///app.duckdb"
    with closing(sqlite3.connect(workspace / "app.sqlite")) as lite, lite:
        lite.executescript(script)
    return "sqlite:///app.sqlite"
