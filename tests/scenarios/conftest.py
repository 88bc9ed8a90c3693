"""A small team's database and the schema that it wants: a rename, a new NOT NULL column, a column to go, a new table,
an index; and rows that must survive."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

CURRENT = """\
CREATE TABLE agents (id INTEGER PRIMARY KEY, title TEXT NOT NULL, goal TEXT, tier TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, agent_id INTEGER REFERENCES agents (id), body TEXT NOT NULL);
"""
DESIRED = """\
-- dialect: sqlite
CREATE TABLE agents (
    id INTEGER PRIMARY KEY, display_name TEXT NOT NULL, tier TEXT NOT NULL, industry TEXT NOT NULL DEFAULT 'any'
);
CREATE TABLE notes (id INTEGER PRIMARY KEY, agent_id INTEGER REFERENCES agents (id), body TEXT NOT NULL);
CREATE TABLE mapping (agent_id INTEGER NOT NULL REFERENCES agents (id), persona TEXT NOT NULL);
CREATE INDEX mapping_agent ON mapping (agent_id);
"""
ANSWERS = """\
renames:
  - {table: agents, from: title, to: display_name}
not_renames:
  - {table: agents, from: goal, to: industry}
fills:
  agents.tier: "'basic'"
"""
AGENTS, NOTES = 300, 700


@pytest.fixture
def project(workspace: Path) -> Path:
    """A workspace over app.db with its settings, and no answers."""
    with closing(sqlite3.connect("app.db")) as connection:
        connection.executescript(CURRENT)
        rows = [(n, f"agent {n}", f"goal {n}", "gold" if n % 3 else None) for n in range(1, AGENTS + 1)]
        connection.executemany("INSERT INTO agents VALUES (?, ?, ?, ?)", rows)
        notes = [(n, 1 + n % AGENTS, f"note {n}") for n in range(1, NOTES + 1)]
        connection.executemany("INSERT INTO notes VALUES (?, ?, ?)", notes)
        connection.commit()
    Path("desired.sql").write_text(DESIRED, encoding="utf-8")
    Path("oneplan.toml").write_text(
        '[project]\ncurrent = "sqlite:///app.db"\ndesired = "desired.sql"\n', encoding="utf-8"
    )
    return workspace


@pytest.fixture
def answered(project: Path) -> Path:
    """The same, with the questions answered in a file."""
    settings = (project / "oneplan.toml").read_text(encoding="utf-8")
    (project / "oneplan.toml").write_text(settings + 'answers = "answers.yaml"\n', encoding="utf-8")
    (project / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    return project
