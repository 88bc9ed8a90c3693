"""What is known of a step before it runs: the tables that it touches, their size and traffic, and the time it takes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.commandline import Oneplan
from tests.migrate.kit import Desk, Target, make_people, opened, people_plan
from tools.location import Dialect
from tools.migrate.facts import live_facts
from tools.migrate.outlook import outlook
from tools.migrate.rehearsal import StepRehearsal
from tools.migrate.rehearse import rehearse
from tools.plan.facts import TableFacts
from tools.plan.impact import Impact, impacts
from tools.plan.model import Phase, Step, StepCheck

ROWS = 300


def step(*sql: str, operation: str = "edited", checks: tuple[StepCheck, ...] = ()) -> Step:
    return Step("x", Phase.EXPAND, operation, "x", ("a",), sql, ("SELECT 1",), checks=checks)


def of(*sql: str, dialect: Dialect = "postgres") -> dict[str, Impact]:
    return {impact.table: impact for impact in impacts(step(*sql), dialect)}


@pytest.mark.parametrize(
    ("sql", "locks"),
    [
        ("ALTER TABLE a DROP COLUMN b", {"a": "ACCESS EXCLUSIVE"}),
        ("CREATE INDEX i ON a (b)", {"a": "SHARE"}),
        ("CREATE INDEX CONCURRENTLY i ON a (b)", {"a": "SHARE UPDATE EXCLUSIVE"}),
        ("ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES p (id) NOT VALID",
         {"a": "SHARE ROW EXCLUSIVE", "p": "SHARE ROW EXCLUSIVE"}),
        ("ALTER TABLE a ADD CONSTRAINT c CHECK (b > 1) NOT VALID", {"a": "ACCESS EXCLUSIVE"}),
        ("ALTER TABLE a VALIDATE CONSTRAINT f", {"a": "SHARE UPDATE EXCLUSIVE"}),
        ("CREATE TRIGGER t AFTER INSERT ON public.a FOR EACH ROW EXECUTE FUNCTION f()", {"a": "SHARE ROW EXCLUSIVE"}),
        ("DROP TRIGGER t ON a", {"a": "ACCESS EXCLUSIVE"}),
        ("ALTER TABLE a ADD COLUMN b int REFERENCES p (id)", {"a": "ACCESS EXCLUSIVE", "p": "SHARE ROW EXCLUSIVE"}),
        ("UPDATE a SET b = (SELECT max(c) FROM p)", {"a": "ROW EXCLUSIVE", "p": ""}),
    ],
)  # fmt: skip
def test_the_lock_is_the_one_that_postgres_itself_takes(sql: str, locks: dict[str, str], postgres_url: str) -> None:
    assert {table: impact.lock for table, impact in of(sql).items()} == locks
    if "CONCURRENTLY" in sql:
        return
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE p (id int PRIMARY KEY, c int); CREATE TABLE a (id int PRIMARY KEY, b int)")
        connection.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
        if "VALIDATE" in sql:
            connection.execute("ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES p (id) NOT VALID")
        if sql.startswith("DROP TRIGGER"):
            connection.execute("CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()")
        if "ADD COLUMN b" in sql:
            connection.execute("ALTER TABLE a DROP COLUMN b")
        connection.commit()
        connection.execute(sql)
        held = connection.execute(
            "SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
            "WHERE l.pid = pg_backend_pid() AND c.relname IN ('a', 'p')"
        ).fetchall()
        modes = {table: {_mode(mode) for name, mode in held if name == table} for table in ("a", "p")}
        for table, lock in locks.items():
            assert not lock or lock in modes[table], modes


def _mode(name: str) -> str:
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in name.removesuffix("Lock"))
    return words.strip().upper()


def test_what_is_written_anew_walked_over_and_made_in_the_step() -> None:
    assert of("ALTER TABLE a ALTER COLUMN b TYPE bigint")["a"].rewrites
    assert not of("ALTER TABLE a ADD COLUMN b int")["a"].scans
    assert of("CREATE INDEX CONCURRENTLY i ON a (b)")["a"].scans
    assert of("CREATE TABLE n (id int)", "CREATE INDEX i ON n (id)") == {}
    asked = StepCheck("no NULL", "SELECT * FROM a WHERE b IS NULL")
    assert [i.table for i in impacts(step(checks=(asked,)), "postgres") if i.scans] == ["a"]
    assert of("DROP TABLE a", dialect="sqlite")["a"].lock == "write lock on the database"
    assert of("ALTER TABLE a ADD COLUMN b INTEGER", dialect="duckdb")["a"].lock == "lock on the file"


def test_only_triggers_that_would_fire_are_named() -> None:
    facts = {"a": TableFacts(5, 1 << 21, ("audit",), ("v",), 7, 3, "2026-01-01 00:00 UTC")}
    (written,) = impacts(step("UPDATE a SET b = 1"), "postgres", facts)
    assert written.fires == ("audit",)
    (altered,) = impacts(step("ALTER TABLE a ADD COLUMN c int"), "postgres", facts)
    assert altered.fires == ()
    assert str(altered) == (
        "a: ACCESS EXCLUSIVE keeps readers and writers out (about 5 rows, 2 MB, 7 reads and 3 written rows since "
        "2026-01-01 00:00 UTC, v lean on it)"
    )


def test_postgres_tells_rows_bytes_and_traffic(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE busy (id int PRIMARY KEY, b text); CREATE VIEW seen AS SELECT id FROM busy")
        connection.execute("CREATE TABLE calm (id int PRIMARY KEY)")
        connection.execute("INSERT INTO busy SELECT n, 'x' FROM generate_series(1, 500) AS n")
        connection.execute("UPDATE busy SET b = 'y' WHERE id <= 100")
        for _ in range(7):
            connection.execute("SELECT count(*) FROM busy")
        connection.execute("SELECT pg_stat_force_next_flush()")
    facts = live_facts(postgres_url)
    busy, calm = facts["busy"], facts["calm"]
    assert busy.rows == 500  # never analysed: the statistics' count
    assert busy.bytes > 8192
    assert (busy.writes, busy.dependants) == (600, ("seen",))
    assert busy.reads is not None
    assert busy.reads >= 7
    assert (calm.reads or 0) < busy.reads
    assert calm.writes == 0


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_the_others_tell_rows_and_bytes_and_count_no_traffic(kind: str, request: pytest.FixtureRequest) -> None:
    target: Target = request.getfixturevalue(kind)
    make_people(target.location, 20, notes=False)
    with opened(target.location) as backend:
        if kind == "duckdb":
            backend.execute("CHECKPOINT")
        people = backend.facts()["people"]
    assert people.rows == 20
    assert people.bytes >= 4096
    assert (people.reads, people.writes) == (None, None)


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgres"])
def test_the_time_is_measured_on_the_sample_and_told_for_all_rows(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    target: Target = request.getfixturevalue(kind)
    make_people(target.location, ROWS, notes=kind != "duckdb")
    if kind == "postgres":
        with opened(target.location) as backend:
            backend.execute("ANALYZE")
    plan = people_plan(target)
    result = rehearse(plan, target.location, shadow=target.shadow, sample=30)
    assert result.ok, result.sentence
    filled, added = result.step("migrate-people-nick"), result.step("expand-people-nick")
    assert filled
    assert added
    sampled = 30 if kind == "duckdb" else 45  # those that the notes of the sample point to as well
    assert (filled.sampled, filled.real) == (sampled, ROWS)
    assert filled.estimated == pytest.approx(filled.seconds * ROWS / sampled, abs=0.001)
    assert f"on {sampled} of about 300 rows" in filled.estimate
    assert added.estimated == added.seconds
    with Desk(tmp_path / "home").migration(plan, target.location, rehearsal=result) as migration:
        shown = migration.view(migration.pending()[1])
    assert shown.rehearsal
    assert shown.rehearsal["estimate"] == filled.estimate
    assert [(impact.table, impact.rows) for impact in shown.impacts] == [("people", ROWS)]
    assert outlook(plan, None, result).as_json(filled.id)["estimate"]["seconds"] == filled.estimated
    whole = rehearse(plan, target.location, shadow=target.shadow).step(filled.id)
    assert whole
    assert (whole.sampled, whole.estimated) == (0, whole.seconds)


def test_a_step_that_takes_long_by_its_rehearsal_is_called_so(sqlite: Target, tmp_path: Path) -> None:
    make_people(sqlite.location)
    plan = people_plan(sqlite)
    result = rehearse(plan, sqlite.location)
    slow = replace(result, steps=tuple(replace(s, seconds=0.5, sampled=10, real=2000) for s in result.steps))
    with Desk(tmp_path / "home").migration(plan, sqlite.location, rehearsal=slow) as migration:
        assert "LONG_RUNNING" in migration.action(migration.pending()[1]).hazards
    with Desk(tmp_path / "home").migration(plan, sqlite.location, rehearsal=result) as migration:
        assert "LONG_RUNNING" not in migration.action(migration.pending()[1]).hazards


@pytest.mark.parametrize(("time", "told"), [(0.0314, "31 ms"), (3.14, "3.1 s"), (600.0, "10 min"), (9000.0, "2.5 h")])
def test_times_are_told_as_people_say_them(time: float, told: str) -> None:
    assert StepRehearsal("x", time, 0, "", "").estimate == f"about {told}, as on the copy"


def test_commands_show_it(workspace: Path, oneplan: Oneplan) -> None:
    with closing(sqlite3.connect("app.db")) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, 'b')", [(n,) for n in range(200)])
        connection.commit()
    Path("desired.sql").write_text(
        "-- dialect: sqlite\nCREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT);\nCREATE INDEX t_b ON t (b);\n",
        encoding="utf-8",
    )
    made = oneplan("plan", "sqlite:///app.db", "desired.sql", "-o", "plan.yaml", "--json")
    index = next(s for p in made.data["phases"] for s in p["steps"] if s["operation"] == "create_index")
    assert [(i["table"], i["lock"], i["rows"]) for i in index["impacts"]] == [("t", "write lock on the database", 200)]
    assert index["estimate"] is None
    assert "takes about" not in oneplan("explain", "plan.yaml").out
    assert not (workspace / ".oneplan").exists()
    rehearsed = oneplan("rehearse", "plan.yaml", "--database", "sqlite:///app.db", "--sample", "20", "--json")
    measured = next(s for s in rehearsed.data["steps"] if s["id"] == index["id"])
    assert measured["estimated_seconds"] >= measured["seconds"]
    told = oneplan("explain", "plan.yaml", "--database", "sqlite:///app.db").out
    assert "touches t: write lock on the database keeps all other writers out, walked over (about 200 rows" in told
    assert "on 20 of about 200 rows; held write lock on the database for" in told
    dry = oneplan("apply", "plan.yaml", "--database", "sqlite:///app.db", "--dry-run", "--json")
    assert any(s["estimate"] for s in dry.data["steps"])
    plain = oneplan("rehearse", "plan.yaml", "--database", "sqlite:///app.db", "--sample", "20").out
    assert "held (ms)" in plain
    assert "of about 200 rows" in " ".join(plain.split())
    assert json.loads(oneplan("explain", "plan.yaml", "--json").out)["data"]["phases"]
