"""SQL that no approval opens: what would leave the database, or the transaction in which a step is journaled."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import build_sqlite
from tests.commandline import Oneplan
from tools.errors import DatabaseError, Refused, UsageError
from tools.location import Dialect
from tools.migrate.open import open_backend
from tools.migrate.preview import preview
from tools.migrate.session import phases_named
from tools.plan.files import plan_from_yaml, plan_to_yaml
from tools.plan.model import Backfill, Phase, Plan, Step, StepCheck
from tools.plan.walls import plan_breaches
from tools.schema.model import Answers, Merge

STEP = Step("expand.a.b", Phase.EXPAND, "add_column", "Add b", ("a",), ('ALTER TABLE "a" ADD COLUMN "b" INTEGER',), ())

BREACHES: list[tuple[Dialect, str]] = [
    ("sqlite", "COMMIT"),
    ("sqlite", "ATTACH DATABASE '/tmp/x.db' AS x"),
    ("sqlite", "VACUUM INTO '/tmp/x.db'"),
    ("sqlite", "PRAGMA writable_schema = ON"),
    ("sqlite", 'DELETE FROM "_oneplan_runs"'),
    ("sqlite", 'UPDATE "a" SET "b" = 1; DROP TABLE "a"'),
    ("sqlite", "SELECT load_extension('x')"),
    ("duckdb", "COPY a TO '/tmp/x.csv'"),
    ("duckdb", "CREATE TABLE c AS SELECT * FROM read_csv('/etc/passwd')"),
    ("duckdb", "CREATE TABLE c AS SELECT * FROM '/etc/passwd'"),
    ("duckdb", "INSTALL httpfs"),
    ("duckdb", "ATTACH 'x.db'"),
    ("postgres", "COPY a TO PROGRAM 'touch /tmp/x'"),
    ("postgres", "DO $$ BEGIN PERFORM pg_read_file('/etc/passwd'); END $$"),
    ("postgres", "SET ROLE postgres"),
    ("postgres", "ALTER SYSTEM SET fsync = off"),
    ("postgres", "DROP DATABASE x"),
    ("postgres", 'UPDATE "oneplan"."runs" SET state = 1'),
    ("postgres", "ROLLBACK"),
]


@pytest.mark.parametrize(("dialect", "sql"), BREACHES, ids=lambda value: value[:40])
def test_a_plan_with_it_is_not_even_read(dialect: Dialect, sql: str) -> None:
    plan = Plan(dialect, "0" * 64, "1" * 64, (replace(STEP, sql=(sql,), undo=("SELECT 1",)),))
    assert list(plan_breaches(plan))
    with pytest.raises(Refused, match="whoever approves it"):
        plan_from_yaml(plan_to_yaml(plan), "plan.yaml")


@pytest.mark.parametrize(
    "where", ["TRUE; DROP TABLE a", "TRUE -- ", "TRUE RETURNING 1", "TRUE) OR (TRUE", "1 = 1, b = 2"], ids=str
)
def test_an_expression_stays_one(where: str) -> None:
    filled = replace(STEP, backfill=Backfill("a", '"a"', ('"id"',), (('"b"', "1"),), where))
    assert list(plan_breaches(Plan("sqlite", "0", "1", (filled,))))


def test_a_trigger_that_is_switched_off_stays_a_name() -> None:
    filled = replace(STEP, backfill=Backfill("a", '"a"', ('"id"',), (('"b"', "1"),), quiet=("t; DROP TABLE a",)))
    assert list(plan_breaches(Plan("postgres", "0", "1", (filled,))))


@pytest.mark.parametrize(
    "again",
    [
        ("DROP TABLE a",),
        ("CREATE TRIGGER u AFTER UPDATE ON a BEGIN DELETE FROM b; END",),
        ("CREATE TRIGGER t AFTER UPDATE ON b BEGIN DELETE FROM b; END",),
        ("CREATE TRIGGER t AFTER UPDATE ON a BEGIN SELECT load_extension('x'); END",),
        ("CREATE TRIGGER t AFTER UPDATE ON a BEGIN SELECT 1; END; DROP TABLE a",),
        ("CREATE TRIGGER t",),
        ("CREATE TRIGGER t AFTER UPDATE ON a BEGIN SELECT 1; END",) * 2,
    ],
)
def test_a_trigger_that_is_made_again_is_the_one_that_was_dropped(again: tuple[str, ...]) -> None:
    fill = Backfill("a", '"a"', ('"id"',), (('"b"', "1"),), quiet=('"t"',), again=again)
    assert list(plan_breaches(Plan("sqlite", "0", "1", (replace(STEP, backfill=fill),))))
    fine = replace(fill, again=("CREATE TRIGGER T AFTER UPDATE ON [A] BEGIN SELECT 1; END",))
    assert not list(plan_breaches(Plan("sqlite", "0", "1", (replace(STEP, backfill=fine),))))


@pytest.mark.parametrize(
    ("kind", "sql"),
    [
        ("sqlite", "load_extension('x')"),
        ("duckdb", "(SELECT content FROM read_text('/etc/passwd'))"),
        ("postgres", "pg_create_physical_replication_slot('eve')"),
        ("postgres", "set_config('transaction_read_only', 'off', false)"),
    ],
)
def test_an_expression_that_nobody_approved_is_not_even_tried(
    kind: str, sql: str, workspace: Path, request: pytest.FixtureRequest
) -> None:
    """A model may name the expression of a merge, and it is tried on the rows at once."""
    location = request.getfixturevalue("postgres_url") if kind == "postgres" else f"{kind}:///x.{kind}"
    if kind == "sqlite":
        Path("x.sqlite").touch()
    elif kind == "duckdb":
        import duckdb

        duckdb.connect("x.duckdb").close()
    with closing(open_backend(location)) as backend:
        backend.execute("CREATE TABLE t (a integer)")
    merge = Merge("t", ("a",), "b", sql)
    with pytest.raises(Refused, match="it is not tried"):
        preview(location, Answers(merges=(merge,)))


def test_a_word_that_names_no_phase_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'DROP TABLE t' is no phase: one of analyse"):
        phases_named(["expand", "DROP TABLE t"])


def test_a_check_only_reads() -> None:
    checked = replace(STEP, checks=(StepCheck("all is well", 'DELETE FROM "a" RETURNING *'),))
    assert list(plan_breaches(Plan("sqlite", "0", "1", (checked,))))


def test_a_breach_in_a_plan_file_is_refused_before_anything_runs(oneplan: Oneplan, workspace: Path) -> None:
    build_sqlite(workspace / "app.sqlite")
    (workspace / "desired.sql").write_text("-- dialect: sqlite\nCREATE TABLE customers (id integer PRIMARY KEY);\n")
    database = "sqlite:///app.sqlite"
    assert oneplan("plan", database, "desired.sql", "--renames", "none", "-o", "plan.yaml").code == 0
    text = (workspace / "plan.yaml").read_text()
    begun = text.index("DROP TABLE")
    (workspace / "plan.yaml").write_text(text[:begun] + "COMMIT; " + text[begun:])
    before = (workspace / "app.sqlite").read_bytes()
    refused = oneplan("apply", "plan.yaml", "--database", database, "--yes", "--allow", "DELETES_DATA,NOT_REHEARSED")
    assert refused.code == 4, refused.err
    assert (workspace / "app.sqlite").read_bytes() == before


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgres"])
def test_engines_take_one_statement_and_queries_write_nothing(
    kind: str, workspace: Path, request: pytest.FixtureRequest
) -> None:
    location = request.getfixturevalue("postgres_url") if kind == "postgres" else f"{kind}:///x.{kind}"
    if kind == "sqlite":
        with closing(sqlite3.connect("x.sqlite")) as connection:
            connection.execute("CREATE TABLE seed (n integer)")
    elif kind == "duckdb":
        import duckdb

        duckdb.connect("x.duckdb").close()
    with closing(open_backend(location)) as backend:
        backend.execute("CREATE TABLE t (n integer)")
        backend.execute("INSERT INTO t VALUES (1), (2)")
        for sql in ("SELECT 1; DELETE FROM t", "DELETE FROM t; SELECT 1"):
            with pytest.raises((DatabaseError, sqlite3.Error)):
                backend.execute(sql)
        with pytest.raises((DatabaseError, sqlite3.Error)):
            backend.sample("DELETE FROM t RETURNING *", 3)
        assert backend.rows("t") == 2
