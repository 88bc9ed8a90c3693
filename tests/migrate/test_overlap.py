"""Data as evidence for a rename: both sides databases, values counted and never shown."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.commandline import Oneplan
from tools.location import Dialect
from tools.migrate.open import open_backend
from tools.migrate.overlap import with_overlap
from tools.schema.renames import rename_questions
from tools.schema.source import read_schema

OLD = "CREATE TABLE people (id INTEGER PRIMARY KEY, nick VARCHAR(20), town VARCHAR(20))"
NEW = "CREATE TABLE people (id INTEGER PRIMARY KEY, handle VARCHAR(20), place VARCHAR(20))"


def make(dialect: Dialect, name: str, ddl: str, rows: list[tuple[int, str | None, str | None]]) -> str:
    path = f"{name}.{dialect}"
    if dialect == "sqlite":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(ddl)
            connection.executemany("INSERT INTO people VALUES (?, ?, ?)", rows)
    else:
        import duckdb

        with duckdb.connect(path) as connection:
            connection.execute(ddl)
            for row in rows:
                connection.execute("INSERT INTO people VALUES (?, ?, ?)", row)
    return f"{dialect}:///{path}"


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
def test_shared_values_speak_for_a_rename_and_none_against_it(dialect: Dialect) -> None:
    old = make(dialect, "old", OLD, [(1, "ada", "Bath"), (2, "bob", "York"), (3, None, None)])
    new = make(dialect, "new", NEW, [(1, "ada", "x"), (2, "bob", "y"), (3, "cyd", None)])
    asked = rename_questions(read_schema(old), read_schema(new))
    told = {(q.before, q.after): q for q in with_overlap(asked, old, new)}
    assert "2 of 2 values looked at are in both columns" in told["nick", "handle"].evidence
    assert "0 of 2 values looked at are in both columns" in told["town", "place"].evidence
    before = {(q.before, q.after): q.likeness for q in asked}
    assert told["nick", "handle"].likeness > before["nick", "handle"]
    assert told["town", "place"].likeness < before["town", "place"]


def test_an_empty_column_and_a_file_say_nothing() -> None:
    old, new = make("sqlite", "old", OLD, [(1, "ada", "Bath")]), make("sqlite", "new", NEW, [])
    asked = rename_questions(read_schema(old), read_schema(new))
    assert with_overlap(asked, old, new) == asked
    assert asked


def test_on_the_command_line_it_stands_with_the_evidence_and_shows_no_value(oneplan: Oneplan) -> None:
    old = make("sqlite", "old", OLD, [(1, "secret", "Bath")])
    new = make("sqlite", "new", NEW, [(1, "secret", "Bath")])
    done = oneplan("gap", old, new, "--json")
    evidence = [line for question in done.data["questions"] for line in question["evidence"]]
    assert "1 of 1 values looked at are in both columns" in evidence
    assert "secret" not in done.out
    with closing(open_backend(old, read_only=True)) as database:
        assert database.query("SELECT count(*) FROM people")[0][0] == 1
