"""What goes of a large table of Postgres is set aside while its writers go on: nothing is missed, and nobody waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.migrate.kit import Desk
from tests.plan.conftest import Opener
from tests.plan.hammer import Statement, Writer
from tests.plan.harness import CheckFailed, Database, leftovers, run_step, undo_step
from tests.plan.test_roles import as_code, refused
from tools.embedded import scratch_database
from tools.migrate.open import open_backend
from tools.migrate.postgres import Timeouts
from tools.migrate.rehearse import rehearse
from tools.migrate.session import reversed_step
from tools.migrate.verify import verify
from tools.plan.build import build_plan
from tools.plan.facts import Facts, TableFacts
from tools.plan.files import plan_to_yaml
from tools.plan.hazards import hazards_of
from tools.plan.model import Hazard, Plan, Step
from tools.plan.steps import set_aside
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers

LARGE: Facts = {"t": TableFacts(rows=set_aside.LONG_ROWS)}
BEFORE = "CREATE TABLE t (id bigint PRIMARY KEY, v text, w integer);"
AFTER = "CREATE TABLE t (id bigint PRIMARY KEY, w integer);"
NONE = Answers(none=True)


def planned(database: Database, before: str = BEFORE, after: str = AFTER, facts: Facts | None = LARGE) -> Plan:
    database.script(before)
    return build_plan(database.schema(), read_ddl(after, "postgres"), NONE, facts)


def contract(plan: Plan) -> list[Step]:
    """The steps that note, set aside and drop."""
    return [s for s in plan.steps if s.operation in ("note_changes", "set_aside", "drop_column", "finish_type_change")]


def kept(database: Database, plan: Plan) -> dict[Any, Any]:
    copied = next(sql for s in contract(plan) for sql in s.sql if sql.startswith('CREATE TABLE "oneplan"."kept_'))
    rows = database.query(f"SELECT * FROM {copied.split()[2]}")
    assert len(rows) == len({row[0] for row in rows})
    return {row[0]: row[1] for row in rows}


@pytest.mark.parametrize(
    ("facts", "ahead"),
    [
        (None, False),
        ({"t": TableFacts(rows=set_aside.LONG_ROWS - 1, bytes=set_aside.LONG_BYTES - 1)}, False),
        ({"t": TableFacts(rows=set_aside.LONG_ROWS)}, True),
        ({"t": TableFacts(bytes=set_aside.LONG_BYTES)}, True),
    ],
)
def test_only_large_tables_get_steps_more(facts: Facts | None, ahead: bool, open_database: Opener) -> None:
    plan = planned(open_database("postgres"), facts=facts)
    operations = [step.operation for step in contract(plan)]
    assert operations == (["note_changes", "set_aside", "drop_column"] if ahead else ["drop_column"])
    drop = contract(plan)[-1]
    assert Hazard.LONG_RUNNING not in drop.hazards
    assert Hazard.TABLE_REWRITE not in drop.hazards
    signed = next(step.id for step in plan.steps if step.operation == "sign_off")
    assert all(signed in step.depends_on for step in contract(plan))


def test_the_plan_is_the_same_to_the_byte(open_database: Opener) -> None:
    database = open_database("postgres")
    first = planned(database)
    again = build_plan(database.schema(), read_ddl(AFTER, "postgres"), NONE, LARGE)
    assert plan_to_yaml(again) == plan_to_yaml(first)


def test_rows_that_change_before_the_drop_are_set_aside_as_they_are_then(open_database: Opener) -> None:
    database = open_database("postgres")
    plan = planned(database)
    note, copy, drop = contract(plan)
    database.execute("INSERT INTO t SELECT n, 'v' || n, n FROM generate_series(1, 20) AS n")
    run_step(database, note)
    database.execute("UPDATE t SET v = 'between' WHERE id = 1")
    run_step(database, copy)
    database.execute("UPDATE t SET v = 'later' WHERE id IN (2, 3)")
    database.execute("UPDATE t SET v = NULL WHERE id = 3")
    database.execute("UPDATE t SET w = 0 WHERE id = 4")
    database.execute("UPDATE t SET id = 50 WHERE id = 5")
    database.execute("DELETE FROM t WHERE id IN (6, 7)")
    database.execute("INSERT INTO t VALUES (7, 'again', 7), (51, 'new', 51)")
    database.execute("SET session_replication_role = replica")
    database.execute("UPDATE t SET v = 'replicated' WHERE id = 8")
    database.execute("RESET session_replication_role")
    noted = database.query(f"SELECT DISTINCT * FROM {note.sql[1].split()[2]} ORDER BY 1")
    assert [key for (key,) in noted] == [1, 2, 3, 5, 6, 7, 8, 50, 51]
    there, rows = dict(database.query("SELECT id, v FROM t")), database.rows()
    run_step(database, drop)
    assert kept(database, plan) == there
    undo_step(database, drop)
    assert database.rows() == rows
    undo_step(database, copy)
    undo_step(database, note)
    assert leftovers(database) == []


def test_a_table_that_is_emptied_meanwhile(open_database: Opener) -> None:
    database = open_database("postgres")
    plan = planned(database)
    note, copy, drop = contract(plan)
    database.execute("INSERT INTO t SELECT n, 'v' || n, n FROM generate_series(1, 20) AS n")
    run_step(database, note)
    run_step(database, copy)
    database.execute("TRUNCATE t")
    database.execute("INSERT INTO t VALUES (2, 'again', 2)")
    run_step(database, drop)
    assert kept(database, plan) == {2: "again"}


def test_a_drop_that_was_taken_back_can_be_made_again(open_database: Opener) -> None:
    """What was written while the column was gone is noted when it comes back."""
    database = open_database("postgres")
    plan = planned(database)
    note, copy, drop = contract(plan)
    database.execute("INSERT INTO t SELECT n, 'v' || n, n FROM generate_series(1, 20) AS n")
    for step in (note, copy, drop):
        run_step(database, step)
    database.execute("DELETE FROM t WHERE id = 1")
    database.execute("INSERT INTO t VALUES (30, 30)")
    undo_step(database, drop)
    database.execute("UPDATE t SET v = 'late' WHERE id = 2")
    there = dict(database.query("SELECT id, v FROM t"))
    assert there[30] is None
    run_step(database, drop)
    assert kept(database, plan) == there


@pytest.mark.parametrize(
    "unseen",
    [
        "ALTER TABLE t DISABLE TRIGGER ALL; UPDATE t SET v = 'unseen' WHERE id = 1; ALTER TABLE t ENABLE TRIGGER ALL",
        "ALTER TABLE t DISABLE TRIGGER ALL; DELETE FROM t WHERE id = 1; ALTER TABLE t ENABLE TRIGGER ALL",
        "ALTER TABLE t DISABLE TRIGGER ALL; INSERT INTO t VALUES (30, 'x', 1); ALTER TABLE t ENABLE TRIGGER ALL",
    ],
)
def test_what_the_triggers_did_not_see_stops_the_drop(unseen: str, open_database: Opener) -> None:
    database = open_database("postgres")
    note, copy, drop = contract(planned(database))
    database.execute("INSERT INTO t SELECT n, 'v' || n, n FROM generate_series(1, 20) AS n")
    run_step(database, note)
    run_step(database, copy)
    database.execute("UPDATE t SET v = 'seen' WHERE id = 2")
    database.script(unseen)
    with pytest.raises(CheckFailed, match="was noted as changed"):
        run_step(database, drop)


KINDS = {
    "number": ("numeric", "1.0", "1.00"),
    "zero": ("double precision", "0", "'-0'"),
    "json": ("json", "'{}'", "'[ ]'"),
    "point": ("point", "'(1,1)'", "'(1,2)'"),
    "list": ("json[]", "ARRAY['{}']::json[]", "ARRAY['[]']::json[]"),
    "enum": ("kind", "'a'", "'b'"),
    "long": ("text", "repeat('x', 90000)", "repeat('x', 90000) || 'y'"),
    "empty": ("text", "NULL", "''"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_is_seen_to_change(kind: str, open_database: Opener) -> None:
    type_, old, new = KINDS[kind]
    database = open_database("postgres")
    made = "CREATE TYPE kind AS ENUM ('a', 'b');"
    database.script(made)
    plan = planned(database, f'CREATE TABLE t (id text COLLATE "C" PRIMARY KEY, v {type_}, w integer);',
                   made + 'CREATE TABLE t (id text COLLATE "C" PRIMARY KEY, w integer);')  # fmt: skip
    note, copy, drop = contract(plan)
    database.execute(f"INSERT INTO t VALUES ('1', {old}, 1), ('2', {old}, 2)")
    run_step(database, note)
    run_step(database, copy)
    database.execute(f"UPDATE t SET v = {new} WHERE id = '1'")
    database.execute("UPDATE t SET v = v, w = 0 WHERE id = '2'")
    assert database.query(f"SELECT DISTINCT * FROM {note.sql[1].split()[2]}") == [("1",)]
    rows = database.rows()
    run_step(database, drop)
    undo_step(database, drop)
    assert database.rows() == rows


def test_the_application_has_no_right_on_our_schema_and_writes(open_database: Opener) -> None:
    """Nor does it look any name up, and it reads what it has read before."""
    role = "oneplan_test_rights"
    database = open_database("postgres")
    if not database.query(f"SELECT FROM pg_roles WHERE rolname = '{role}'"):
        database.execute(f"CREATE ROLE {role} LOGIN")
    plan = planned(database)
    database.execute("INSERT INTO t SELECT n, 'v' || n, n FROM generate_series(1, 20) AS n")
    database.script(f"GRANT ALL ON t TO {role}")
    old = ("INSERT INTO public.t VALUES (100, 'x', 1)", "UPDATE public.t SET v = 'y' WHERE id = 3",
           "UPDATE public.t SET id = 200 WHERE id = 4", "DELETE FROM public.t WHERE id = 5",
           "TRUNCATE public.t")  # fmt: skip
    with as_code(database, role) as code:
        for step in contract(plan)[:-1]:
            run_step(database, step)
            assert refused(code, old) == []
            code.execute("SET search_path = ''")
            assert refused(code, old) == []
            code.execute("RESET search_path")
        code.execute("UPDATE t SET v = 'theirs' WHERE id = 1")
        run_step(database, contract(plan)[-1])
        assert kept(database, plan)[1] == "theirs"
        assert refused(code, ["INSERT INTO public.t VALUES (100, 1)", "DELETE FROM public.t WHERE id = 5"]) == []


def test_a_publication_of_all_tables_stops_nothing(open_database: Opener) -> None:
    database = open_database("postgres")
    plan = planned(database)
    database.execute("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)")
    database.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    note, copy, drop = contract(plan)
    run_step(database, note)
    run_step(database, copy)
    database.execute("UPDATE t SET v = 'c' WHERE id = 2")
    run_step(database, drop)
    assert kept(database, plan) == {1: "a", 2: "c"}


def test_a_partition_attached_meanwhile_stops_the_drop(open_database: Opener) -> None:
    database = open_database("postgres")
    before = (
        "CREATE TABLE t (id integer PRIMARY KEY, v text) PARTITION BY RANGE (id);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);"
    )
    plan = planned(database, before, before.replace(", v text", ""))
    note, copy, drop = contract(plan)
    database.execute("INSERT INTO t VALUES (1, 'a')")
    run_step(database, note)
    run_step(database, copy)
    database.execute("UPDATE t SET v = 'b'")
    run_step(database, drop)
    undo_step(database, drop)
    database.script("CREATE TABLE t2 (id integer NOT NULL, v text); INSERT INTO t2 VALUES (11, 'c');"
                    "ALTER TABLE t ATTACH PARTITION t2 FOR VALUES FROM (10) TO (20)")  # fmt: skip
    with pytest.raises(CheckFailed, match="was noted as changed"):
        run_step(database, drop)


def test_a_small_table_is_locked_before_it_is_copied(open_database: Opener) -> None:
    """A value written between the copy and the drop would be lost."""
    database = open_database("postgres")
    (drop,) = contract(planned(database, facts=None))
    database.execute("INSERT INTO t VALUES (1, 'a', 1)")
    assert _shut_out(database, drop) == ["SELECT", "UPDATE"]


def test_readers_of_a_large_table_without_a_key_go_on_while_it_is_copied(open_database: Opener) -> None:
    database = open_database("postgres")
    (drop,) = contract(planned(database, BEFORE.replace(" PRIMARY KEY", ""), AFTER.replace(" PRIMARY KEY", "")))
    database.execute("INSERT INTO t VALUES (1, 'a', 1)")
    assert _shut_out(database, drop) == ["UPDATE"]
    facts = {"t": TableFacts(rows=5_000_000)}
    assert {Hazard.LONG_RUNNING, Hazard.ACCESS_EXCLUSIVE_LOCK} <= set(hazards_of(drop, "postgres", facts))


def test_nothing_is_written_to_a_table_that_goes_once_it_is_copied(open_database: Opener) -> None:
    database = open_database("postgres")
    database.script(BEFORE)
    plan = build_plan(database.schema(), read_ddl("CREATE TABLE other (id integer);", "postgres"), NONE)
    drop = next(step for step in plan.steps if step.operation == "drop_table")
    assert _shut_out(database, drop) == ["UPDATE"]


def _shut_out(database: Database, step: Step) -> list[str]:
    """Which statements have to wait once the step has copied what goes."""
    found: list[str] = []
    copied = next(n for n, sql in enumerate(step.sql) if sql.startswith("CREATE TABLE"))
    with database.raw.transaction(force_rollback=True):
        for sql in step.sql[: copied + 1]:
            database.execute(sql)
        info = database.raw.info
        with psycopg.connect(info.dsn, autocommit=True) as other:
            other.execute("SET lock_timeout = '50ms'")
            for sql in ("SELECT * FROM t", "UPDATE t SET v = 'late'"):
                try:
                    other.execute(sql)  # pyright: ignore
                except psycopg.errors.LockNotAvailable:
                    found.append(sql.split()[0])
    return found


def test_to_go_back_from_the_copy_deletes_nothing(open_database: Opener) -> None:
    note, copy, _ = contract(planned(open_database("postgres")))
    for step in (note, copy):
        assert Hazard.DELETES_DATA not in hazards_of(reversed_step(step), "postgres", LARGE)


def test_a_step_sees_what_was_written_before_it(postgres_url: str) -> None:
    with closing(open_backend(postgres_url)) as backend:
        backend.execute("ALTER ROLE CURRENT_USER SET default_transaction_isolation = 'serializable'")
    try:
        with closing(open_backend(postgres_url)) as backend, backend.transaction():
            assert backend.query("SHOW transaction_isolation") == [("read committed",)]
    finally:
        with closing(open_backend(postgres_url)) as backend:
            backend.execute("ALTER ROLE CURRENT_USER RESET default_transaction_isolation")


ROWS = 3_000
NEW_ROWS = 1_000_000
"""Numbers from here on are those of rows that the new code adds."""


@contextmanager
def hammered(url: str) -> Iterator[tuple[Writer, Writer]]:
    """Code that still writes what goes, row by row beside a table that says what it wrote, and code that does not."""

    def old(turn: int) -> Statement:
        row = 1 + turn * 37 % ROWS
        if turn % 5 == 4:
            sql = "WITH d AS (DELETE FROM t WHERE id = %s AND v IS NOT DISTINCT FROM v) DELETE FROM said WHERE id = %s"
            return sql, (row, row)
        if turn % 5 == 3:
            sql = (
                "WITH a AS (INSERT INTO t (id, v, w) VALUES (%s, %s, 0) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v)"
                " INSERT INTO said VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v"
            )
            return sql, (row, f"i{turn}", row, f"i{turn}")
        sql = "WITH u AS (UPDATE t SET v = %s WHERE id = %s) UPDATE said SET v = %s WHERE id = %s"
        return sql, (f"u{turn}", row, f"u{turn}", row)

    def new(turn: int) -> Statement:
        if turn % 4 == 3:
            return "INSERT INTO t (id, w) VALUES (%s, 1)", (NEW_ROWS + turn,)
        return "UPDATE t SET w = w + 1 WHERE id = %s", (1 + turn * 41 % ROWS,)

    with Writer(url, old) as first, Writer(url, new) as second:
        yield first, second


def test_writers_wait_for_nothing_and_lose_nothing(
    postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(set_aside, "LONG_ROWS", 1000)
    with scratch_database(postgres_server, "hammer") as url, closing(Database("postgres", url)) as database:
        database.script(BEFORE + "CREATE TABLE said (id bigint PRIMARY KEY, v text);")
        database.execute(f"INSERT INTO t SELECT n, 'v' || n, n FROM generate_series(1, {ROWS}) AS n")
        database.execute("INSERT INTO said SELECT id, v FROM t")
        database.execute("ANALYZE")
        current = database.schema()
        desired = read_ddl(AFTER + "CREATE TABLE said (id bigint PRIMARY KEY, v text);", "postgres")
        with closing(open_backend(url)) as backend:
            plan = build_plan(current, desired, NONE, backend.facts(current))
        assert [s.operation for s in contract(plan)] == ["note_changes", "set_aside", "drop_column"]
        rehearsal = rehearse(plan, url, shadow=postgres_server)
        assert rehearsal.ok, rehearsal.sentence
        desk = Desk(tmp_path / "home")
        with hammered(url) as (old, new):
            desk.run_all(plan, url, rehearsal=rehearsal)
            assert not new.errors
        assert [error for error in old.errors if 'column "v"' not in error] == []
        assert min(old.turns, new.turns) > 20
        print(f"\nlongest wait {max(old.longest, new.longest) * 1000:.0f} ms")
        assert max(old.longest, new.longest) <= Timeouts().lock
        aside, said = kept(database, plan), dict(database.query("SELECT id, v FROM said"))
        assert {key: v for key, v in aside.items() if key < NEW_ROWS} == said
        assert all(v is None for key, v in aside.items() if key >= NEW_ROWS)
        proven = verify(url)
        assert not [f for f in proven.findings if "schema" in f]
        desk.roll_back(url)
        back = dict(database.query(f"SELECT id, v FROM t WHERE id < {NEW_ROWS}"))
        assert back == said
        assert database.query("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == [(0,)]
        assert database.query("SELECT count(*) FROM pg_proc WHERE pronamespace = 'oneplan'::regnamespace") == [(0,)]


def test_the_same_plan_again_after_another_went_back(
    postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """What the first run set aside stays, under another name; its index is in nobody's way."""
    with scratch_database(postgres_server, "again") as url, closing(Database("postgres", url)) as database:
        there = planned(database)
        back = build_plan(read_ddl(AFTER, "postgres"), read_ddl(BEFORE, "postgres"), NONE, LARGE)
        database.execute("INSERT INTO t VALUES (1, 'first', 1)")
        desk = Desk(tmp_path / "home")
        for plan in (there, back):
            desk.run_all(plan, url)
        database.execute("UPDATE t SET v = 'second'")
        desk.run_all(there, url)
        assert kept(database, there) == {1: "second"}
        desk.roll_back(url)
        assert database.query("SELECT v FROM t") == [("second",)]
