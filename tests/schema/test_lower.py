"""One desired schema for every backend: lowered, run there, and no gap is left to the original."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.schema.engines import make_database, read_live
from tools.location import DIALECTS, Dialect
from tools.schema.ddl import read_ddl
from tools.schema.gaps import compare
from tools.schema.lower import lower
from tools.schema.model import Answers, Schema
from tools.schema.render import script, statements
from tools.schema.serial import gap_to_json
from tools.schema.source import read_schema

POSTGRES = """
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE SEQUENCE tickets START 100;
CREATE TABLE agents (
  id serial PRIMARY KEY,
  unique_id varchar(64) NOT NULL UNIQUE,
  name text NOT NULL,
  goal text,
  mood mood NOT NULL DEFAULT 'calm',
  active boolean NOT NULL DEFAULT true,
  budget numeric(12,2) DEFAULT 0,
  metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
  tags text[] DEFAULT '{}',
  token uuid DEFAULT gen_random_uuid(),
  ticket bigint DEFAULT nextval('tickets'),
  created_at timestamptz NOT NULL DEFAULT now(),
  born date DEFAULT CURRENT_DATE,
  parent_id integer REFERENCES agents (id) ON DELETE SET NULL,
  shout text GENERATED ALWAYS AS (upper(name)) STORED,
  CONSTRAINT named CHECK (length(name) > 2),
  CHECK (goal IN ('grow', 'rest') OR goal IS NULL),
  CHECK (budget BETWEEN 0 AND 1000000)
);
CREATE TABLE agent_industry_mapping (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent_id integer NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  industry varchar(80) NOT NULL,
  confidence double precision DEFAULT 0.5,
  UNIQUE (agent_id, industry)
);
CREATE INDEX agents_by_mood ON agents (mood, name DESC);
CREATE INDEX agents_by_lower_name ON agents (lower(name));
CREATE INDEX agents_active ON agents (name) WHERE active;
CREATE UNIQUE INDEX one_resting ON agents (parent_id) WHERE goal = 'rest';
CREATE INDEX agents_metadata ON agents USING gin (metadata);
CREATE VIEW active_agents AS SELECT id, name FROM agents WHERE active;
"""
SQLITE = """
CREATE TABLE Agents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  "uniqueId" TEXT NOT NULL UNIQUE COLLATE NOCASE,
  name VARCHAR(80) NOT NULL DEFAULT '',
  active BOOLEAN NOT NULL DEFAULT 1,
  budget DECIMAL(12,2) DEFAULT 0,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  twice INTEGER GENERATED ALWAYS AS (id * 2) STORED,
  CHECK (length(name) < 80)
);
CREATE TABLE tasks (
  id INTEGER PRIMARY KEY,
  agent INTEGER NOT NULL REFERENCES agents ON DELETE CASCADE,
  title TEXT
);
CREATE INDEX tasks_by_agent ON tasks (agent, lower(title));
CREATE VIEW busy AS SELECT Agents.id, name FROM Agents WHERE active;
"""
DUCKDB = """
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE SEQUENCE ids;
CREATE TABLE agents (
  id BIGINT PRIMARY KEY DEFAULT nextval('ids'),
  name VARCHAR NOT NULL,
  mood mood DEFAULT 'calm',
  at TIMESTAMPTZ DEFAULT now(),
  amount DECIMAL(10,2) CHECK (amount >= 0),
  tags VARCHAR[],
  place STRUCT(x INTEGER, y INTEGER),
  tiny UTINYINT, big HUGEINT, open BOOLEAN DEFAULT true
);
CREATE TABLE tasks (id INTEGER PRIMARY KEY, agent BIGINT REFERENCES agents (id), title VARCHAR);
CREATE INDEX tasks_by_agent ON tasks (agent);
""".replace("  at TIMESTAMPTZ", "  made TIMESTAMPTZ")
SOURCES: dict[Dialect, str] = {"postgres": POSTGRES, "sqlite": SQLITE, "duckdb": DUCKDB}
PAIRS = [(source, target) for source in DIALECTS for target in DIALECTS if source != target]


def sentences(current: Schema, desired: Schema, answers: Answers | None = None) -> list[str]:
    return [gap.sentence for gap in compare(current, desired, answers)]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_lowered_and_run_there_is_no_gap(
    source: Dialect, target: Dialect, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    desired = read_ddl(SOURCES[source], source, "desired.sql")
    url = request.getfixturevalue("postgres_url") if target == "postgres" else ""
    location = make_database(target, script(lower(desired, target)), tmp_path, url)
    assert sentences(read_schema(location), desired) == []


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_nothing_much_is_lost_on_the_way(source: Dialect, target: Dialect) -> None:
    desired = read_ddl(SOURCES[source], source, "desired.sql")
    held = lower(desired, target)
    assert [table.name for table in held.tables] == [table.name for table in desired.tables]
    for before, after in zip(desired.tables, held.tables, strict=True):
        assert after.column_names == before.column_names
        assert after.primary_key is not None
        assert len(after.uniques) == len(before.uniques)
        assert len(after.foreign_keys) == len(before.foreign_keys)
        assert len(after.checks) >= len(before.checks)
        assert [c.nullable for c in after.columns] == [c.nullable for c in before.columns] or source == "sqlite"
        assert all(str(column.span).startswith("desired.sql:") for column in after.columns)
    assert [view.name for view in held.views] == [view.name for view in desired.views]


def test_the_same_dialect_is_left_alone() -> None:
    desired = read_ddl(SQLITE, "sqlite")
    assert lower(desired, "sqlite") is desired


def test_postgres_on_sqlite() -> None:
    held = lower(read_ddl(POSTGRES, "postgres"), "sqlite")
    agents, mapping = held.tables
    types = {column.name: (column.type, column.default) for column in agents.columns}
    assert types["id"] == ("INTEGER", None)
    assert types["mood"] == ("TEXT", "'calm'")
    assert types["created_at"] == ("TEXT", "CURRENT_TIMESTAMP")
    assert types["active"] == ("INTEGER", "1")
    assert types["metadata"] == ("TEXT", "'{}'")
    assert any("mood" in check.expression and "'busy'" in check.expression for check in agents.checks)
    assert [index.name for index in agents.indexes] == [
        "agents_by_mood", "agents_by_lower_name", "agents_active", "one_resting",
    ]  # fmt: skip
    assert mapping.foreign_keys[0].on_delete == "CASCADE"
    assert held.enums == held.sequences == ()


def test_postgres_on_duckdb() -> None:
    held = lower(read_ddl(POSTGRES, "postgres"), "duckdb")
    agents, mapping = held.tables
    types = {column.name: (column.type, column.default) for column in agents.columns}
    assert types["id"] == ("INTEGER", "nextval('\"agents_id_seq\"')")
    assert types["mood"] == ("mood", "'calm'")
    assert types["created_at"] == ("TIMESTAMP WITH TIME ZONE", "now()")
    assert types["metadata"] == ("JSON", "'{}'")
    assert types["ticket"][1] == "nextval('tickets')"
    assert {sequence.name for sequence in held.sequences} == {
        "tickets",
        "agents_id_seq",
        "agent_industry_mapping_id_seq",
    }
    assert [(index.name, index.where) for index in agents.indexes] == [
        ("agents_by_mood", None), ("agents_by_lower_name", None), ("agents_active", None),
    ]  # fmt: skip
    assert mapping.foreign_keys[0].on_delete == "NO ACTION"


def test_sqlite_on_postgres() -> None:
    held = lower(read_ddl(SQLITE, "sqlite"), "postgres")
    agents, tasks = held.tables
    types = {column.name: column.type for column in agents.columns}
    assert agents.columns[0].identity == "BY DEFAULT"
    assert types["name"] == "character varying(80)"
    assert types["active"] == "boolean"
    assert agents.columns[3].default == "true"
    assert agents.columns[6].generated == "id * 2"
    assert tasks.foreign_keys[0].ref_table == "Agents"


HAND_WRITTEN: list[tuple[Dialect, str]] = [
    ("sqlite", """
        CREATE TABLE AGENTS (ID INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(10) NOT NULL COLLATE NOCASE,
          mood TEXT DEFAULT 'calm' CHECK ("mood" in ('calm','busy')), active BOOLEAN NOT NULL DEFAULT TRUE,
          at DATETIME DEFAULT (datetime('now')), doc JSON DEFAULT '{}', amount DECIMAL(10,2) DEFAULT 0.0,
          parent INT REFERENCES agents, CHECK (Length(name) > 2 AND amount >= 0));
        CREATE INDEX By_Name ON agents (name COLLATE NOCASE, LOWER(mood));
        CREATE TRIGGER t AFTER INSERT ON agents BEGIN SELECT 1; END;
        CREATE VIRTUAL TABLE words USING fts5 (a);
        CREATE VIEW seen AS SELECT agents.name FROM agents WHERE (amount > 0);"""),
    ("duckdb", """
        CREATE TYPE mood AS ENUM ('calm', 'busy'); CREATE SEQUENCE my_ids START 7;
        CREATE TABLE agents (id INTEGER PRIMARY KEY DEFAULT nextval('my_ids'), name VARCHAR NOT NULL,
          mood mood DEFAULT 'calm', active BOOLEAN NOT NULL DEFAULT true, at TIMESTAMPTZ DEFAULT current_timestamp,
          doc JSON DEFAULT '{}', amount DECIMAL(10,2) DEFAULT 0, parent INTEGER REFERENCES agents (id),
          CHECK (length(name) > 2 AND amount >= 0));
        CREATE INDEX by_name ON agents (name, lower(mood::VARCHAR));
        CREATE MACRO plus(a) AS a + 1;
        CREATE VIEW seen AS SELECT name FROM agents WHERE amount > 0;"""),
]  # fmt: skip
DESIRED = """
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE TABLE agents (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(10) NOT NULL,
  mood mood DEFAULT 'calm', active boolean NOT NULL DEFAULT true, at timestamptz DEFAULT now(),
  doc jsonb DEFAULT '{}', amount numeric(10,2) DEFAULT 0, parent integer REFERENCES agents,
  CHECK (length(name) > 2 AND amount >= 0));
CREATE INDEX by_name ON agents (name);
CREATE VIEW seen AS SELECT name FROM agents WHERE amount > 0;
"""


@pytest.mark.parametrize(("dialect", "sql"), HAND_WRITTEN, ids=["sqlite", "duckdb"])
def test_what_means_the_same_keeps_its_spelling(dialect: Dialect, sql: str) -> None:
    """The current side was written by hand, in its own dialect's habits; only the index differs."""
    gaps = compare(
        read_live(dialect, sql.replace(" at ", " made ")), read_ddl(DESIRED.replace(" at ", " made "), "postgres")
    )
    assert [(gap.kind, str(gap.name).lower()) for gap in gaps] == [("index_changed", "by_name")], [
        gap_to_json(gap) for gap in gaps
    ]


def test_a_real_change_shows_across_dialects() -> None:
    current = read_ddl("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c INTEGER DEFAULT 1)", "sqlite")
    desired = read_ddl(
        "CREATE TABLE t (id serial PRIMARY KEY, a integer, b text NOT NULL, c integer DEFAULT 2, d uuid)", "postgres"
    )
    assert {(gap.kind, gap.column) for gap in compare(current, desired)} == {
        ("type_changed", "a"), ("nullability_changed", "b"), ("default_changed", "c"), ("column_added", "d"),
    }  # fmt: skip


def test_a_renamed_column_keeps_its_spelling_too() -> None:
    current = read_ddl("CREATE TABLE t (id INTEGER PRIMARY KEY, goal VARCHAR(20) DEFAULT 'x')", "sqlite")
    desired = read_ddl("CREATE TABLE t (id serial PRIMARY KEY, objective text DEFAULT 'x')", "postgres")
    answers = Answers(columns=(("t", "goal", "objective"),))
    assert [gap.kind for gap in compare(current, desired, answers)] == ["column_renamed"]


def test_a_postgres_that_has_more_than_sqlite_can_say_is_left_in_peace(postgres_url: str) -> None:
    current = read_live(
        "postgres",
        """CREATE TYPE mood AS ENUM ('calm', 'busy');
        CREATE TABLE agents (id serial PRIMARY KEY, mood mood DEFAULT 'calm', doc jsonb, small smallint,
          at timestamptz DEFAULT now(), tags text);
        CREATE INDEX by_doc ON agents USING gin (doc); CREATE SEQUENCE free;
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$;
        CREATE TRIGGER touched BEFORE INSERT ON agents FOR EACH ROW EXECUTE FUNCTION f();""",
        postgres_url,
    )
    desired = read_ddl(
        """CREATE TABLE agents (id INTEGER PRIMARY KEY, mood TEXT DEFAULT 'calm' CHECK (mood IN ('calm', 'busy')),
          doc TEXT, small INTEGER, at TEXT DEFAULT CURRENT_TIMESTAMP, tags TEXT);""",
        "sqlite",
    )
    assert sentences(current, desired) == []


def test_every_lowered_statement_runs_by_itself() -> None:
    held = lower(read_ddl(POSTGRES, "postgres"), "duckdb")
    assert len(statements(held)) == 1 + len(held.sequences) + 2 + 3 + 1
