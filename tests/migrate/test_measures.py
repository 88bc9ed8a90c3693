"""What a rehearsal measures of each step: locks that keep writers out, tables written anew, batches."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from tools.migrate.rehearsal import rehearsal_from_json
from tools.migrate.rehearse import rehearse
from tools.plan.build import build_plan
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers
from tools.schema.source import read_schema

BEFORE = """
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE TABLE agents (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, goal text, mood mood DEFAULT 'calm');
CREATE TABLE notes (id integer PRIMARY KEY, agent_id integer);
"""
AFTER = """
CREATE TYPE mood AS ENUM ('calm');
CREATE TABLE agents (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, purpose text, mood mood DEFAULT 'calm');
CREATE TABLE notes (id integer PRIMARY KEY, agent_id integer);
CREATE INDEX notes_agent ON notes (agent_id);
"""


def test_on_postgres_locks_and_rewrites_are_those_that_the_server_shows(
    postgres_url: str, postgres_server: str
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(BEFORE)
        connection.execute("INSERT INTO agents (goal) SELECT 'g' FROM generate_series(1, 30000)")
    answers = Answers(columns=(("agents", "goal", "purpose"),))
    plan = build_plan(read_schema(postgres_url), read_ddl(AFTER, "postgres"), answers)
    result = rehearse(plan, postgres_url, shadow=postgres_server)
    assert result.ok, result.sentence
    anew = result.step("contract.mood.remake_enum")
    assert anew
    assert "ACCESS EXCLUSIVE on agents" in anew.locks
    assert anew.rewrites == ("agents",)
    assert 0 < anew.locked <= anew.seconds
    added = result.step("expand.agents.add_purpose")
    assert added
    assert ("ACCESS EXCLUSIVE on agents" in added.locks, added.rewrites) == (True, ())
    index = result.step("expand.notes.index_notes_agent")
    assert index
    assert (index.locks, index.locked) == ((), 0.0)
    filled = result.step("migrate.agents.fill_purpose")
    assert filled
    assert 0 < filled.batch < filled.seconds
    assert filled.locks == ()
    assert rehearsal_from_json(result.as_json()) == result


def test_on_sqlite_a_step_that_writes_holds_the_whole_database(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    url = f"sqlite:///{tmp_path / 'x.db'}"
    plan = build_plan(read_schema(url), read_ddl("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);", "sqlite"))
    result = rehearse(plan, url)
    added = result.step("expand.t.add_a")
    assert added
    assert added.locks == ("write lock on the database",)
    assert added.locked > 0
    assert result.steps[0].locks == ()
