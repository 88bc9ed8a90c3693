"""Rehearsals on a sample: foreign keys whole, cycles too, and the result says that it was a sample."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.commandline import Oneplan
from tests.migrate.kit import Target, opened
from tools.migrate.rehearse import rehearse
from tools.migrate.shadow import shadow_of
from tools.plan.build import build_plan
from tools.plan.files import plan_to_yaml
from tools.schema.ddl import read_ddl
from tools.schema.source import read_schema

TABLES = """
CREATE TABLE owners (id INTEGER PRIMARY KEY, boss INTEGER REFERENCES owners (id));
CREATE TABLE agents (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL REFERENCES owners (id), name TEXT);
CREATE TABLE notes (agent INTEGER REFERENCES agents (id), body TEXT);
CREATE INDEX notes_agent ON notes (agent);
CREATE VIEW named AS SELECT id, name FROM agents;
"""


def fill(target: Target) -> None:
    """Notes point to the last agents, those to the last owners, and every owner to the next one: a chain of 300."""
    with opened(target.location) as backend, backend.transaction():
        for sql in TABLES.split(";\n")[:-1]:
            backend.execute(sql)
        for n in range(300, 0, -1):
            backend.execute(f"INSERT INTO owners VALUES ({n}, {n + 1 if n < 300 else 'NULL'})")
        for n in range(1, 301):
            backend.execute(f"INSERT INTO agents VALUES ({n}, {301 - n}, 'a{n}')")
        for n in range(1, 301):
            backend.execute(f"INSERT INTO notes VALUES ({301 - n}, 'n')")


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgres"])
def test_every_row_of_the_sample_finds_what_it_points_to(kind: str, request: pytest.FixtureRequest) -> None:
    target: Target = request.getfixturevalue(kind)
    fill(target)
    with shadow_of(target.location, target.shadow, 10) as copy, opened(copy.location) as backend:
        assert "a sample of it, 10 rows of each table" in copy.told
        counts = {name: backend.rows(name) for name in ("owners", "agents", "notes")}
        assert 0 < counts["notes"] <= 10
        assert 0 < counts["agents"] <= 20
        assert all(count < 300 for count in counts.values())
        orphans = "SELECT 1 FROM notes n WHERE NOT EXISTS (SELECT 1 FROM agents a WHERE a.id = n.agent)"
        assert backend.query(orphans) == []
        lost = "SELECT 1 FROM agents a WHERE NOT EXISTS (SELECT 1 FROM owners o WHERE o.id = a.owner)"
        assert backend.query(lost) == []
        assert [index.name for index in backend.schema().table("notes").indexes] == ["notes_agent"]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgres"])
def test_a_plan_is_rehearsed_on_a_sample_forward_and_back(kind: str, request: pytest.FixtureRequest) -> None:
    target: Target = request.getfixturevalue(kind)
    with opened(target.location) as backend:
        for sql in TABLES.replace("boss INTEGER REFERENCES owners (id)", "boss INTEGER").split(";\n")[:-1]:
            backend.execute(sql)
        for n in range(1, 101):
            backend.execute(f"INSERT INTO owners VALUES ({n}, NULL)")
        for n in range(1, 101):
            backend.execute(f"INSERT INTO agents VALUES ({n}, {101 - n}, 'a{n}')")
    changed = TABLES.replace("boss INTEGER REFERENCES owners (id)", "boss INTEGER").replace(
        "body TEXT", "body TEXT, n INTEGER"
    )
    plan = build_plan(read_schema(target.location), read_ddl(changed, kind))  # type: ignore[arg-type]
    result = rehearse(plan, target.location, shadow=target.shadow, sample=7)
    assert result.ok, result.sentence
    assert result.back
    assert "7 rows of each table" in result.shadow
    assert {table.table: table.source_rows for table in result.tables}["agents"] == 7
    assert {table.table: table.source_rows for table in result.tables}["owners"] == 14


def test_what_does_not_fit_is_sampled_by_itself(sqlite: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(sqlite)
    usage = namedtuple("usage", "total used free")  # noqa: PYI024
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(100, 99, 1))
    with shadow_of(sqlite.location) as copy:
        assert copy.told.startswith("a sample of it, 10,000 rows")


def test_duckdb_chains_types_and_views_are_as_in_the_source(duckdb: Target) -> None:
    with opened(duckdb.location) as backend:
        for sql in (
            "CREATE TYPE mood AS ENUM ('calm', 'busy')", "CREATE SEQUENCE numbers",
            "CREATE SCHEMA app", "CREATE TABLE app.k (a INTEGER, b INTEGER, m mood, n INTEGER DEFAULT "
            "nextval('numbers'), g INTEGER GENERATED ALWAYS AS (a * 2), PRIMARY KEY (a, b))",
            "CREATE TABLE tree (id INTEGER PRIMARY KEY, up INTEGER REFERENCES tree (id))",
            "CREATE TABLE rows (body TEXT)", "CREATE VIEW upper AS SELECT a FROM app.k",
            "INSERT INTO app.k (a, b, m) SELECT n, n, 'busy' FROM range(40) AS t(n)",
            "INSERT INTO rows SELECT 'r' FROM range(40)", "INSERT INTO tree VALUES (60, NULL)",
        ):  # fmt: skip
            backend.execute(sql)
        for n in range(59, 0, -1):
            backend.execute(f"INSERT INTO tree VALUES ({n}, {n + 1})")
    with shadow_of(duckdb.location, None, 30) as copy, opened(copy.location) as backend:
        assert backend.query("SELECT count(*), min(g), max(m) FROM app.k") == [(30, 0, "busy")]
        assert (backend.rows("rows"), backend.rows("tree")) == (30, 30)
        linked = "SELECT count(*) FROM tree t JOIN tree p ON t.up = p.id"
        assert backend.query(linked) == [(19,)]  # the chain of 30 is cut behind twenty levels
        assert backend.query("SELECT 1 FROM tree t WHERE up NOT IN (SELECT id FROM tree)") == []


def test_the_command_says_that_it_was_a_sample(workspace: Path, oneplan: Oneplan) -> None:
    with closing(sqlite3.connect("app.db")) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(50)])
        connection.commit()
    desired = read_ddl("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);", "sqlite")
    plan = build_plan(read_schema("sqlite:///app.db"), desired)
    Path("plan.yaml").write_text(plan_to_yaml(plan), encoding="utf-8")
    done = oneplan("rehearse", "plan.yaml", "--database", "sqlite:///app.db", "--sample", "5", "--json")
    assert done.code == 0
    assert json.loads(done.out)["data"]["shadow"].startswith("a sample of it, 5 rows")


def test_generated_columns_are_computed_anew(postgres: Target) -> None:
    with psycopg.connect(postgres.location, autocommit=True) as connection:
        connection.execute("CREATE TABLE g (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)")
        connection.execute("INSERT INTO g SELECT n FROM generate_series(1, 30) AS n")
    with shadow_of(postgres.location, postgres.shadow, 4) as copy, opened(copy.location) as backend:
        assert backend.query("SELECT * FROM g ORDER BY 1") == [(1, 2), (2, 4), (3, 6), (4, 8)]
