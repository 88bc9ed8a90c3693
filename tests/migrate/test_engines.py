"""What each engine asks for: locks, timeouts, indexes built concurrently, orphans, keys of every shape, pauses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from tests.migrate.kit import Desk, Target, contents, make_people, opened, people_plan, people_steps, with_step
from tools.errors import BackupFailed, Busy, DatabaseError, LocationError, SourceError, StatementTimeout, StepFailed
from tools.migrate import bounds, execute
from tools.migrate.backend import Backend
from tools.migrate.open import open_backend
from tools.migrate.pace import LIMITS, Limits, Pace
from tools.migrate.postgres import Timeouts, open_postgres
from tools.migrate.rehearse import rehearse
from tools.migrate.verify import verify
from tools.plan.model import Backfill, Hazard, Phase, Plan, Step, StepCheck


@contextmanager
def blocking(url: str, sql: str) -> Iterator[psycopg.Connection[Any]]:
    """Another session in the middle of a transaction."""
    with psycopg.connect(url) as session:
        session.execute(sql)  # type: ignore[arg-type]
        yield session
        session.rollback()


def test_a_table_that_stays_locked_stops_the_step_in_bounded_time(
    postgres: Target, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_people(postgres.location)
    plan = people_plan(postgres)
    monkeypatch.setattr(execute, "LOCK_TRIES", 2)
    monkeypatch.setattr(execute, "FIRST_WAIT", 0.05)
    with desk.migration(plan, postgres.location) as migration:
        migration.backend.timeouts = Timeouts(lock=0.1)  # type: ignore[attr-defined]
        approval = desk.approve(migration.action(plan.steps[0]))
        held = blocking(postgres.location, 'LOCK TABLE "people" IN ACCESS SHARE MODE')
        with held, pytest.raises(StepFailed, match="no lock was to be had in 2 tries"):
            migration.execute(plan.steps[0], approval)
        migration.execute(plan.steps[0], desk.approve(migration.action(plan.steps[0])))


def test_a_lock_that_is_given_up_in_time_is_waited_for(postgres: Target, desk: Desk) -> None:
    make_people(postgres.location)
    plan = people_plan(postgres)
    with (
        desk.migration(plan, postgres.location) as migration,
        blocking(postgres.location, 'LOCK TABLE "people" IN ACCESS SHARE MODE') as session,
    ):
        migration.backend.timeouts = Timeouts(lock=0.1)  # type: ignore[attr-defined]
        timer = threading.Timer(0.4, session.rollback)
        timer.start()
        assert migration.execute(plan.steps[0], desk.approve(migration.action(plan.steps[0]))).status == "done"
        timer.join()


def sleep(backend: Backend, seconds: float, limit: float) -> None:
    with backend.transaction():
        backend.limit(limit)
        backend.query(f"SELECT pg_sleep({seconds})")


def test_a_statement_that_holds_everybody_up_is_given_up(postgres: Target) -> None:
    with opened(postgres.location) as backend:
        with pytest.raises(StatementTimeout, match="longer than the 0.1 s"):
            sleep(backend, 5, 0.1)
        with backend.transaction():
            backend.query("SELECT pg_sleep(0.2)")


def test_what_a_person_cancels_is_no_statement_that_took_too_long(postgres: Target) -> None:
    with opened(postgres.location) as backend, psycopg.connect(postgres.location, autocommit=True) as other:
        (pid,) = backend.query("SELECT pg_backend_pid()")[0]
        timer = threading.Timer(0.3, lambda: other.execute("SELECT pg_cancel_backend(%s)", [pid]))
        timer.start()
        with pytest.raises(DatabaseError, match="user request") as told:
            sleep(backend, 20, 20)
        timer.join()
        assert not isinstance(told.value, StatementTimeout)


WAITS = 'WHERE CASE WHEN "id" = 1 THEN pg_sleep(0.6) IS NULL END'
"""Takes more than half a second, and holds for no row."""


def slow_plan(target: Target, *, writes: bool = False, check: bool = False) -> Plan:
    """Its second step takes its time, there and back, under a lock that keeps all others out; or in a check before."""
    add, fill, _ = people_steps("postgres")
    alter, wait = 'ALTER TABLE "people" ALTER COLUMN "nick"', f'UPDATE "people" SET "nick" = \'x\' {WAITS}'
    sql, undo = (f"{alter} SET DEFAULT 'n'", wait), (f"{alter} DROP DEFAULT", wait)
    slow = replace(
        fill, backfill=None, writes_data=writes, sql=sql[:1] if check else sql, undo=undo[:1] if check else undo,
        checks=(StepCheck("it takes its time", f'SELECT * FROM "people" {WAITS}'),) if check else (),
        hazards=(Hazard.ACCESS_EXCLUSIVE_LOCK,),
    )  # fmt: skip
    return people_plan(target, (add, slow))


@pytest.mark.parametrize("writes", [False, True])
def test_a_step_that_keeps_others_waiting_is_given_up_and_says_how_it_may_take_longer(
    postgres: Target, desk: Desk, writes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_people(postgres.location)
    plan = slow_plan(postgres, writes=writes)
    slow = plan.steps[1]
    monkeypatch.setattr(bounds, "LONG" if writes else "QUICK", 0.3)
    said = f"{slow.id}': `UPDATE .* took longer than the 0.3 s .*statement_s=SECONDS.*; nothing was changed"
    with pytest.raises(StepFailed, match=said):
        desk.run_all(plan, postgres.location)
    with opened(postgres.location) as backend:
        assert backend.query("SELECT column_default FROM information_schema.columns WHERE column_name = 'nick'") == [
            (None,)
        ]
    assert [result.id for result in desk.run_all(plan, postgres.location, pace=Pace(statement=20))] == [slow.id]
    monkeypatch.setattr(bounds, "QUICK", 0.3)
    monkeypatch.setattr(bounds, "LONG", 0.3)
    with pytest.raises(StepFailed, match="undoing step .* took longer than the 0.3 s"):
        desk.roll_back(postgres.location)
    desk.roll_back(postgres.location, pace=Pace(statement=0))
    assert verify(postgres.location).ok


def test_what_keeps_nobody_out_may_take_its_time(
    postgres: Target, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    make_people(postgres.location)
    plan = slow_plan(postgres, check=True)
    monkeypatch.setattr(bounds, "QUICK", 0.3)
    monkeypatch.setattr(bounds, "LONG", 0.3)
    assert [result.status for result in desk.run_all(plan, postgres.location)] == ["done", "done"]


def test_nobody_waits_for_a_rehearsal(postgres: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    make_people(postgres.location)
    monkeypatch.setattr(bounds, "QUICK", 0.3)
    rehearsal = rehearse(slow_plan(postgres), postgres.location, shadow=postgres.shadow)
    assert rehearsal.ok, rehearsal.sentence


def concurrent_plan(target: Target) -> Plan:
    build = Step(
        "expand-people-index", Phase.EXPAND, "add_index", "index people.name", ("people",),
        ('CREATE INDEX CONCURRENTLY "people_name" ON "people" ("name")',),
        ('DROP INDEX CONCURRENTLY "people_name"',), transactional=False, undo_transactional=False,
    )  # fmt: skip
    return people_plan(target, (build,))


def test_an_index_is_built_concurrently_while_another_executor_waits(postgres: Target, desk: Desk) -> None:
    make_people(postgres.location)
    plan, origin = concurrent_plan(postgres), contents(postgres.location)
    with desk.migration(plan, postgres.location) as migration:
        waiting = threading.Thread(target=_expect_busy, args=(postgres.location,))
        waiting.start()
        migration.execute(plan.steps[0], desk.approve(migration.action(plan.steps[0])))
        waiting.join()
    assert verify(postgres.location).ok
    desk.roll_back(postgres.location)
    assert contents(postgres.location) == origin


def _expect_busy(location: str) -> None:
    with closing(open_backend(location)) as backend, pytest.raises(Busy), backend.lock():
        pass


def test_an_invalid_index_left_behind_is_dropped_first(postgres: Target, desk: Desk) -> None:
    make_people(postgres.location)
    unique = 'CREATE UNIQUE INDEX CONCURRENTLY "people_name" ON "people" ("name")'
    plan = with_step(concurrent_plan(postgres), "expand-people-index", sql=(unique,))
    with opened(postgres.location) as backend:
        backend.execute('UPDATE "people" SET "name" = \'same\' WHERE "id" < 3')
    with desk.migration(plan, postgres.location) as migration:
        with pytest.raises(StepFailed, match="people_name"):
            migration.execute(plan.steps[0], desk.approve(migration.action(plan.steps[0])))
        assert not migration.backend.query("SELECT 1 FROM pg_index WHERE NOT indisvalid"), "cleared away"
    with opened(postgres.location) as backend:
        with pytest.raises(DatabaseError):
            backend.execute(unique)
        assert backend.query("SELECT 1 FROM pg_index WHERE NOT indisvalid"), "left by somebody's own attempt"
        backend.execute('UPDATE "people" SET "name" = \'Name \' || "id"')
        backend.execute_alone(unique)
        assert backend.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'people_name'::regclass") == [(True,)]
        backend.execute_alone(unique, again=True)
        with pytest.raises(DatabaseError, match="already exists"):
            backend.execute_alone(unique)


def test_a_lost_lock_session_stops_the_next_step(postgres: Target, desk: Desk) -> None:
    make_people(postgres.location)
    plan = people_plan(postgres)
    with desk.migration(plan, postgres.location) as migration:
        approval = desk.approve(migration.action(plan.steps[0]))
        migration.backend.query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        with pytest.raises(Busy, match="was lost"):
            migration.execute(plan.steps[0], approval)


def test_rows_that_would_point_nowhere_roll_a_rebuild_back_and_are_named(sqlite: Target, desk: Desk) -> None:
    make_people(sqlite.location)
    rebuild = Step(
        "contract-people", Phase.CONTRACT, "rebuild_table", "people without the first", ("people",),
        (
            'CREATE TABLE "_oneplan_new_people" ("id" INTEGER PRIMARY KEY, "name" TEXT NOT NULL)',
            'INSERT INTO "_oneplan_new_people" SELECT "id", "name" FROM "people" WHERE "id" > 1',
            'DROP TABLE "people"', 'ALTER TABLE "_oneplan_new_people" RENAME TO "people"',
        ), rebuild=True,
    )  # fmt: skip
    before = contents(sqlite.location)
    with pytest.raises(StepFailed, match=r"row 1 of 'notes' would point to no row of 'people'; nothing was changed"):
        desk.run_all(replace(people_plan(sqlite, ()), steps=(rebuild,)), sqlite.location)
    assert contents(sqlite.location) == before


def test_a_locked_sqlite_file_is_said_to_be(sqlite: Target, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    make_people(sqlite.location)
    plan = people_plan(sqlite)
    monkeypatch.setattr(execute, "LOCK_TRIES", 1)
    with opened(sqlite.location) as other, desk.migration(plan, sqlite.location) as migration:
        migration.backend.execute("PRAGMA busy_timeout = 50")
        approval = desk.approve(migration.action(plan.steps[0]))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackupFailed, match="is locked by another program.*was not started"):
            migration.execute(plan.steps[0], approval)
        other.execute("ROLLBACK")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for dialect in LIMITS:
        monkeypatch.setitem(LIMITS, dialect, Limits(7, 7, 7))


KEYS = {
    "composite": ('"a" INTEGER, "b" TEXT, PRIMARY KEY ("a", "b")', ('"a"', '"b"'), "{i} / 10, 'x' || ({i} % 10)"),
    "text": ('"a" TEXT PRIMARY KEY', ('"a"',), "'k' || {i}"),
    "time": ('"a" TIMESTAMP PRIMARY KEY', ('"a"',), "'2026-01-01 00:00:' || substr('0' || {i}, -2)"),
    "none": ('"a" INTEGER', (), "{i}"),
}


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("shape", KEYS)
def test_keys_of_every_shape_are_walked_once(target: Target, desk: Desk, shape: str) -> None:
    columns, key, values = KEYS[shape]
    declared = columns.replace(", PRIMARY KEY", ', "n" INTEGER, "note" TEXT, PRIMARY KEY')
    if declared == columns:
        declared += ', "n" INTEGER, "note" TEXT'
    with opened(target.location) as backend:
        backend.execute(f'CREATE TABLE "t" ({declared})')
        for i in range(1, 60):
            row = _values(values, i, backend)
            backend.execute(f'INSERT INTO "t" VALUES ({row}, {i}, NULL)')
        schema = backend.schema()
    fill = Step(
        "migrate-t", Phase.MIGRATE, "backfill", "add one", ("t",), writes_data=True,
        backfill=Backfill("t", '"t"', key, (('"n"', '"n" + 1000'),)),
    )  # fmt: skip
    from tools.schema.digest import schema_digest

    plan = Plan(target.dialect, schema_digest(schema), schema_digest(schema), (fill,))
    seen: list[tuple[int, int]] = []
    with desk.migration(plan, target.location) as migration:
        assert bool(migration.view(fill).notes) == (shape == "none")
        result = migration.execute(fill, desk.approve(migration.action(fill)), lambda *at: seen.append(at))
    assert (result.rows, result.status) == (59, "done")
    assert seen == ([] if shape == "none" else [(min(n, 59), 59) for n in range(7, 64, 7)])
    with opened(target.location) as backend:
        assert backend.query('SELECT count(*), min("n"), max("n") FROM "t"') == [(59, 1001, 1059)]


def _values(template: str, i: int, backend: Backend) -> str:
    text = template.format(i=i)
    if "substr" in text:
        return f"'2026-01-01 00:00:{i:02d}'"
    return text.replace("/", "//") if backend.dialect == "duckdb" else text


@pytest.mark.usefixtures("small_batches")
def test_an_interrupt_pauses_between_batches_and_the_run_goes_on(people: Target, desk: Desk) -> None:
    plan = people_plan(people)
    fill = plan.steps[1]

    def stop(done: int, _total: int) -> None:
        if done >= 21:
            raise KeyboardInterrupt

    with desk.migration(plan, people.location) as migration:
        migration.execute(plan.steps[0], desk.approve(migration.action(plan.steps[0])))
        approval = desk.approve(migration.action(fill))
        paused = migration.execute(fill, approval, stop)
        assert (paused.status, paused.rows) == ("paused", 21)
        assert [state.status for state in migration.steps()] == ["done", "paused", "pending"]
    with desk.migration(plan, people.location) as migration:
        assert "21 of 50 rows through" in migration.found
        assert migration.view(fill).begun
        assert migration.standing(fill) == approval
        assert migration.execute(fill, approval).rows == 50
    desk.run_all(plan, people.location)
    assert verify(people.location).ok


@pytest.mark.usefixtures("small_batches")
def test_another_workspace_goes_on_under_an_approval_of_its_own(people: Target, desk: Desk) -> None:
    plan = people_plan(people)

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with desk.migration(plan, people.location) as migration:
        migration.execute(plan.steps[0], desk.approve(migration.action(plan.steps[0])))
        migration.execute(plan.steps[1], desk.approve(migration.action(plan.steps[1])), stop)
    other = Desk(desk.home.parent / "other")
    assert [result.status for result in other.run_all(plan, people.location)] == ["done", "done"]


def test_rows_that_come_while_a_backfill_runs_do_not_keep_it_going(people: Target, desk: Desk) -> None:
    plan = people_plan(people, people_steps(people.dialect)[:2])
    with desk.migration(plan, people.location) as migration:
        migration.execute(plan.steps[0], desk.approve(migration.action(plan.steps[0])))

        def more(_done: int, _total: int) -> None:
            count = migration.backend.rows('"people"')
            migration.backend.execute(f'INSERT INTO "people" ("id", "name") VALUES ({1000 + count}, \'late\')')
            assert count < 60

        assert migration.execute(plan.steps[1], desk.approve(migration.action(plan.steps[1])), more).rows == 50


def test_null_the_empty_string_and_exchanged_values_all_show_in_a_fingerprint(target: Target) -> None:
    with opened(target.location) as backend:
        backend.execute('CREATE TABLE "t" ("id" INTEGER, "a" TEXT)')
        found: set[str] = set()
        for rows in ("(1, NULL), (2, 'x')", "(1, ''), (2, 'x')", "(1, 'x'), (2, '')", "(1, 'x'), (2, 'NULL')"):
            backend.execute('DELETE FROM "t"')
            backend.execute(f'INSERT INTO "t" VALUES {rows}')
            found.add(backend.fingerprint('"t"', ['"id"', '"a"']).row)
        assert len(found) == 4
        backend.execute('DELETE FROM "t"')
        backend.execute("INSERT INTO \"t\" VALUES (2, 'NULL'), (1, 'x')")
        assert backend.fingerprint('"t"', ['"id"', '"a"']).row in found, "the order of rows plays no part"


def test_bad_locations_are_one_sentence(sqlite: Target, tmp_path: Any) -> None:
    (tmp_path / "x.sql").write_text("CREATE TABLE a (b INTEGER);")
    for location, error in (
        ("x.sql", LocationError), ("sqlite:///nowhere.db", SourceError), ("duckdb:///x.sql", SourceError),
    ):  # fmt: skip
        with pytest.raises(error):
            open_backend(location)
    with pytest.raises(DatabaseError, match=r"cannot connect to postgresql://ada:\*\*\*@127.0.0.1:1/x"):
        open_postgres("postgresql://ada:secret@127.0.0.1:1/x")
    assert "secret" not in str(sqlite.location)


def test_an_index_is_made_anew_in_one_transaction_on_a_file_opened_again(duckdb: Target) -> None:
    """DuckDB's issue 23929: the COMMIT would abort the process."""
    with opened(duckdb.location) as backend:
        backend.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, kind VARCHAR)")
        backend.execute("CREATE INDEX events_kind ON events (kind)")
        backend.execute("INSERT INTO events SELECT i, i::VARCHAR FROM range(3000) r(i)")
    with opened(duckdb.location) as backend, backend.transaction():
        backend.execute("DROP INDEX events_kind")
        backend.execute("CREATE INDEX events_kind ON events (kind, id)")
    with opened(duckdb.location) as backend:
        assert backend.rows("events") == 3000
        assert [index.columns for table in backend.schema().tables for index in table.indexes] == [("kind", "id")]


@pytest.mark.parametrize(
    ("sql", "number"),
    [
        ("ALTER TABLE t ADD COLUMN a INTEGER DEFAULT 1; DROP TABLE t", 2),
        ("ALTER TABLE t ADD COLUMN \"é;\" INTEGER DEFAULT 1; /* ; */ ; DROP TABLE t; SELECT ';'", 3),
        ("SELECT 1;;SELECT 2", 2),
        ("-- nothing", 0),
    ],
)
def test_duckdb_is_given_one_statement_at_a_time(duckdb: Target, sql: str, number: int) -> None:
    with opened(duckdb.location) as backend:
        backend.execute("CREATE TABLE t (id INTEGER)")
        with pytest.raises(DatabaseError, match=f"{number} statements stand where one belongs"):
            backend.execute(sql)
        backend.execute('ALTER TABLE t ADD COLUMN "é;" INTEGER DEFAULT 1 /* ; */ ; -- ;')  # five, to the engine
        assert backend.schema().tables[0].column_names == ("id", "é;")
