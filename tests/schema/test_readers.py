"""The live readers against real databases: what a catalog tells, and what only a statement's text does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.schema.engines import read_live
from tools.location import DIALECTS, Dialect
from tools.schema.ddl import read_ddl
from tools.schema.digest import objects_digest, schema_digest
from tools.schema.duckdb import read_duckdb
from tools.schema.gaps import compare
from tools.schema.model import Check, Column, Enum, ForeignKey, Index, PrimaryKey, Schema, Sequence, Unique
from tools.schema.postgres import read_postgres
from tools.schema.render import script
from tools.schema.sqlite import read_sqlite

SQLITE = """
CREATE TABLE Parent (
    Id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT COLLATE NOCASE DEFAULT (datetime('now')) NOT NULL CONSTRAINT longer CHECK (length(name) > 2),
    twice INT GENERATED ALWAYS AS (Id * 2) STORED, thrice AS (Id * 3), UNIQUE (name, id) ON CONFLICT IGNORE,
    CHECK (name <> 'a;b,c' AND "Id" IN (1, 2)));
CREATE TABLE child (
    a INT REFERENCES parent DEFERRABLE INITIALLY DEFERRED, "Mixed Case" TEXT, n TEXT DEFAULT NULL,
    PRIMARY KEY ("Mixed Case", a), FOREIGN KEY (a, n) REFERENCES PARENT (ID, NAME) ON DELETE SET NULL ON UPDATE CASCADE
) WITHOUT ROWID;
CREATE INDEX by_case ON child (lower("Mixed Case"), a DESC, "Mixed Case" COLLATE NOCASE) WHERE a > 1;
CREATE VIEW seen (x) AS SELECT name FROM Parent;
CREATE TRIGGER touched AFTER UPDATE ON Parent BEGIN DELETE FROM child; END;
"""
SQLITE_MORE = """
CREATE VIRTUAL TABLE words USING fts5 (a, b);
CREATE TABLE alembic_version (version_num TEXT);
CREATE TABLE _oneplan_journal (a INT);
"""

DUCKDB = """
CREATE SCHEMA other; CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE SEQUENCE ids START 5;
CREATE TABLE parent (id INTEGER PRIMARY KEY DEFAULT nextval('ids'), n VARCHAR COLLATE NOCASE NOT NULL DEFAULT 'x',
    m mood, amount DECIMAL(10, 2) CHECK (amount > 0), twice INT GENERATED ALWAYS AS (id + 1), UNIQUE (n, m));
CREATE TABLE child (id INT PRIMARY KEY, up INT REFERENCES child (id), parent INT REFERENCES parent, "Q x" INT);
CREATE TABLE other.t (x STRUCT(a INT, b VARCHAR[]), d TIMESTAMPTZ DEFAULT now());
CREATE INDEX by_parent ON child (parent, ("Q x" + 1)); CREATE UNIQUE INDEX lone ON child ("Q x");
CREATE VIEW seen (a) AS SELECT id FROM child;
"""
DUCKDB_MORE = """
CREATE MACRO plus(a) AS a + 1; COMMENT ON TABLE child IS 'it''s'; COMMENT ON VIEW seen IS 'x';
CREATE SCHEMA oneplan; CREATE TABLE oneplan.journal (a INT); CREATE TABLE flyway_schema_history (a INT);
"""

POSTGRES = """
CREATE SCHEMA other; CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE other."Mood" AS ENUM ('x');
CREATE TABLE parent (id serial PRIMARY KEY, b bigint GENERATED ALWAYS AS IDENTITY,
    n varchar(10) COLLATE "C" DEFAULT 'x' NOT NULL, m mood DEFAULT 'ok', om other."Mood",
    twice int GENERATED ALWAYS AS (id * 2) STORED, at timestamptz DEFAULT now(),
    CONSTRAINT longer CHECK (length(n) > 2), UNIQUE NULLS NOT DISTINCT (n, m));
CREATE TABLE other."Q x" (id int PRIMARY KEY, "a B" int REFERENCES parent ON DELETE CASCADE DEFERRABLE, up int,
    FOREIGN KEY (up) REFERENCES other."Q x" (id));
CREATE INDEX by_n ON parent (lower(n), id DESC, n text_pattern_ops) INCLUDE (b) WHERE id > 3;
CREATE SEQUENCE free INCREMENT 5; CREATE TABLE uses (id int DEFAULT nextval('free'), CONSTRAINT c CHECK (id > 1));
ALTER TABLE uses ADD CONSTRAINT later CHECK (id > 3) NOT VALID;
CREATE VIEW seen AS SELECT id FROM parent; CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM seen;
"""
POSTGRES_MORE = """
CREATE DOMAIN email AS text CHECK (value LIKE '%@%');
ALTER TABLE other."Q x" ADD EXCLUDE USING gist (int4range(id, up) WITH &&);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$;
CREATE TRIGGER touched BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION f();
CREATE TABLE pt (id int, d date) PARTITION BY RANGE (d);
CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
ALTER TABLE parent ENABLE ROW LEVEL SECURITY; CREATE POLICY pol ON parent USING (id > 3);
COMMENT ON COLUMN parent.n IS 'hey'; CREATE TABLE _prisma_migrations (a int);
CREATE SCHEMA oneplan; CREATE TABLE oneplan.journal (a int);
"""
SCRIPTS: dict[Dialect, str] = {"sqlite": SQLITE, "duckdb": DUCKDB, "postgres": POSTGRES}


def table(schema: Schema, key: str):
    found = schema.table(key)
    assert found is not None
    return found


def reasons(schema: Schema) -> set[str]:
    return {item.reason for item in schema.not_understood}


def test_sqlite_reads_what_only_the_text_says() -> None:
    schema = read_live("sqlite", SQLITE + SQLITE_MORE)
    assert [found.key for found in schema.tables] == ["Parent", "child"]
    parent, child = table(schema, "Parent"), table(schema, "child")
    assert parent.options == ("AUTOINCREMENT",)
    assert parent.columns == (
        Column("Id", "INTEGER", nullable=False),
        Column("name", "TEXT", False, "datetime('now')", collation="NOCASE"),
        Column("twice", "INT", generated="Id * 2"),
        Column("thrice", "", generated="Id * 3", stored=False),
    )
    assert parent.uniques == (Unique(("name", "Id"), None, ("ON CONFLICT IGNORE",)),)
    assert parent.checks == (
        Check("length(name) > 2", "longer", columns=("name",)),
        Check("name <> 'a;b,c' AND \"Id\" IN (1, 2)", columns=("Id", "name")),
    )
    assert child.primary_key == PrimaryKey(("Mixed Case", "a"))
    assert child.foreign_keys == (
        ForeignKey(("a",), "Parent", ("Id",), deferrable=True, initially_deferred=True),
        ForeignKey(("a", "n"), "Parent", ("Id", "name"), "SET NULL", "CASCADE"),
    )
    assert child.indexes == (
        Index("by_case", "child", ('(lower("Mixed Case"))', "a DESC", '"Mixed Case" COLLATE NOCASE'), where="a > 1"),
    )
    assert [(view.name, view.sql, view.depends_on) for view in schema.views] == [
        ("seen", "(x) AS SELECT name FROM Parent", ("Parent",))
    ]
    assert [trigger.name for trigger in schema.triggers] == ["touched"]
    assert reasons(schema) == {"a virtual table"}


def test_duckdb_reads_its_catalog() -> None:
    schema = read_live("duckdb", DUCKDB + DUCKDB_MORE)
    assert {found.key for found in schema.tables} == {"parent", "child", "other.t"}
    parent, child = table(schema, "parent"), table(schema, "child")
    assert parent.columns == (
        Column("id", "INTEGER", False, "nextval('ids')"),
        Column("n", "VARCHAR", False, "'x'", collation="NOCASE"),
        Column("m", "mood"),
        Column("amount", "DECIMAL(10,2)"),
        Column("twice", "INTEGER", generated="(id + 1)", stored=False),
    )
    assert parent.checks == (Check("(amount > 0)", columns=("amount",)),)
    assert child.foreign_keys == (ForeignKey(("up",), "child", ("id",)), ForeignKey(("parent",), "parent", ("id",)))
    assert child.indexes == (
        Index("by_parent", "child", ("parent", '(("Q x" + 1))')),
        Index("lone", "child", ('"Q x"',), unique=True),
    )
    assert schema.enums == (Enum("mood", ("sad", "ok")),)
    assert schema.sequences == (Sequence("ids", start=5),)
    assert [view.sql for view in schema.views] == ["(a) AS SELECT id FROM child"]
    assert reasons(schema) == {"a macro"}
    assert {thing.kind for thing in schema.objects} == {"comment"}


def test_postgres_reads_its_catalog(postgres_url: str) -> None:
    schema = read_live("postgres", POSTGRES + POSTGRES_MORE, postgres_url)
    assert {found.key for found in schema.tables} == {"parent", "other.Q x", "uses", "pt"}
    parent, odd, uses = table(schema, "parent"), table(schema, "other.Q x"), table(schema, "uses")
    assert parent.columns == (
        Column("id", "integer", False, "nextval('parent_id_seq'::regclass)", serial=True),
        Column("b", "bigint", False, identity="ALWAYS"),
        Column("n", "character varying(10)", False, "'x'::character varying", collation='"C"'),
        Column("m", "mood", True, "'ok'::mood"),
        Column("om", 'other."Mood"'),
        Column("twice", "integer", generated="id * 2"),
        Column("at", "timestamp with time zone", True, "now()"),
    )
    assert parent.checks == (Check("length((n)::text) > 2", "longer", columns=("n",)),)
    assert parent.uniques == (Unique(("n", "m"), "parent_n_m_key", ("NULLS NOT DISTINCT",)),)
    assert odd.foreign_keys[0] == ForeignKey(
        ("a B",), "parent", ("id",), "CASCADE", deferrable=True, name="Q x_a B_fkey"
    )
    assert parent.indexes == (
        Index("by_n", "parent", ("(lower((n)::text))", "id DESC", "n text_pattern_ops"), False, "id > 3",
              include=("b",)),
    )  # fmt: skip
    assert not uses.columns[0].serial
    assert [check.validated for check in uses.checks] == [True, False]
    assert schema.sequences == (Sequence("free", increment=5),)
    assert [(view.name, view.materialized, view.depends_on) for view in schema.views] == [
        ("seen", False, ("parent", "parent#id")), ("counted", True, ("seen",)),
    ]  # fmt: skip
    assert [trigger.name for trigger in schema.triggers] == ["touched"]
    assert reasons(schema) == set()
    assert {(thing.kind, thing.table) for thing in schema.objects} >= {("policy", "parent"), ("comment", "parent")}
    assert {thing.kind for thing in schema.objects} == {"domain", "function", "partition", "policy", "comment", "check"}


def test_postgres_prints_the_same_whatever_the_search_path(postgres_url: str) -> None:
    schema = read_live("postgres", POSTGRES + POSTGRES_MORE, postgres_url)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("SET search_path TO other, public")
        again = read_postgres(connection)
        assert connection.execute("SHOW search_path").fetchone() == ("other, public",)
    assert schema_digest(again) == schema_digest(schema)


def test_postgres_reads_only_the_named_namespaces(postgres_url: str) -> None:
    read_live("postgres", POSTGRES + POSTGRES_MORE, postgres_url)
    with psycopg.connect(postgres_url) as connection:
        schema = read_postgres(connection, namespaces=["other"])
    assert [found.key for found in schema.tables] == ["other.Q x"]
    assert [enum.key for enum in schema.enums] == ["other.Mood"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_read_rendered_and_run_again_is_the_same(dialect: Dialect, postgres_url: str) -> None:
    """The model's own words lose nothing that the model holds."""
    first = read_live(dialect, SCRIPTS[dialect], postgres_url)
    if dialect == "postgres":
        with psycopg.connect(postgres_url) as connection:
            connection.execute("DROP SCHEMA public, other CASCADE; CREATE SCHEMA public")
    second = read_live(dialect, script(first), postgres_url)
    assert first.tables
    assert not first.not_understood
    assert schema_digest(second) == schema_digest(first)


def test_reading_changes_nothing_and_sees_the_open_transaction() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript("CREATE TABLE a (x INT)")
        connection.execute("BEGIN")
        connection.execute("ALTER TABLE a ADD COLUMN y INT")
        assert table(read_sqlite(connection), "a").column_names == ("x", "y")
        assert connection.in_transaction
        connection.execute("ROLLBACK")
        assert table(read_sqlite(connection), "a").column_names == ("x",)


def test_the_number_of_queries_does_not_grow_with_the_tables() -> None:
    counts: list[int] = []
    for tables in (1, 40):
        with closing(sqlite3.connect(":memory:")) as connection:
            for i in range(tables):
                connection.execute(f"CREATE TABLE t{i} (a INT UNIQUE REFERENCES t0 (a), b INT)")
            seen: list[str] = []
            connection.set_trace_callback(lambda sql, seen=seen: seen.append(sql) if sql.startswith("SELECT") else None)
            read_sqlite(connection)
            counts.append(len([sql for sql in seen if "FROM" in sql]))
    assert counts[0] == counts[1]


def test_the_digest_of_named_objects_moves_only_with_them() -> None:
    before = read_live("sqlite", "CREATE TABLE a (x INT); CREATE TABLE b (y INT);")
    after = read_live("sqlite", "CREATE TABLE a (x INT); CREATE TABLE b (y TEXT);")
    assert objects_digest(before, ["a"]) == objects_digest(after, ["A"])
    assert objects_digest(before, ["b"]) != objects_digest(after, ["b"])
    assert objects_digest(before, ["missing"]) != objects_digest(before, [])


def test_a_used_sequence_of_duckdb_is_the_same_after_reopening(tmp_path: Path) -> None:
    """DuckDB's file keeps where a sequence has got to as its start: no gap, and no drift, may come of that."""
    import duckdb

    script = "CREATE SEQUENCE ids START 10; CREATE TABLE t (id INTEGER PRIMARY KEY DEFAULT nextval('ids'), x INTEGER);"
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute(script)
        before = schema_digest(read_duckdb(connection))
        connection.execute("INSERT INTO t (x) SELECT * FROM range(5)")
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        found = read_duckdb(connection)
    assert schema_digest(found) == before
    assert compare(found, read_ddl(script, "duckdb")) == ()
