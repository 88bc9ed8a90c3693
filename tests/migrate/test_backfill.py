"""How a backfill goes: its batches follow the clock, it waits where it should, and several can share one."""

from __future__ import annotations

import threading
import time
from dataclasses import replace as changed
from io import StringIO
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from tests.cluster import cluster, replica
from tests.migrate.kit import Desk, Target, make_people, opened, people_plan, people_steps, with_step
from tools.errors import Busy, StepFailed
from tools.migrate import bounds, parallel
from tools.migrate import pace as pace_module
from tools.migrate.journal import Journal
from tools.migrate.pace import LIMITS, Brake, Limits, Pace, Sizer
from tools.migrate.record import KeyRange
from tools.migrate.verify import verify
from tools.plan.model import Plan
from tools.schema.digest import schema_digest


class NoReplica:
    def replica_lag(self) -> float | None:
        return None


def never() -> bool:
    return False


def test_batches_grow_and_shrink_to_take_the_time_asked_for() -> None:
    sizer = Sizer("postgres", Pace(seconds=0.1, least=100, most=10_000))
    assert sizer.rows == 10_000
    sizer.took(0.001)
    assert sizer.rows == 10_000, "twice as many at once, and within the limit"
    for _ in range(20):  # a row takes 0.1 ms: 1,000 of them take the 0.1 s
        sizer.took(sizer.rows * 0.0001)
    assert 950 <= sizer.rows <= 1_050
    sizer.took(60.0)
    sizer.crowded()
    assert 240 <= sizer.rows <= 260
    for _ in range(5):
        sizer.crowded()
    assert sizer.rows == 100


def test_pauses_count_in_the_time_that_a_backfill_takes(sqlite: Target, desk: Desk) -> None:
    """Else its rate, and the time that is left, would be told as if there were none."""
    make_people(sqlite.location)
    desk.run_all(people_plan(sqlite), sqlite.location, pace=Pace(most=10, pause=0.1))
    with opened(sqlite.location) as backend:
        journal = Journal(backend)
        entry = next(one for one in journal.entries(journal.runs()[-1].id) if one.total)
    assert entry.seconds >= 0.4


def test_a_rate_is_that_of_all_workers_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float | None] = []

    def run_batches(*_: object, pace: Pace, **_more: object) -> bool:
        rates.append(pace.rate)
        return True

    monkeypatch.setattr(parallel, "run_batches", run_batches)
    monkeypatch.setattr(parallel, "open_backend", lambda _address: StringIO())
    ranges = tuple(KeyRange(place, None, (place,), 0, 10, 0, 0.0) for place in (1, 2, 3))
    anything: Any = SimpleNamespace(address="", dialect="postgres", total=30)
    parallel.run_ranges(
        anything, anything, anything, ranges, pace=Pace(rate=900, workers=3), asked=never, tell=lambda: None
    )  # fmt: skip
    assert rates == [300, 300, 300]


@pytest.mark.parametrize("dialect", list(LIMITS))
def test_a_limit_that_is_set_wins_over_the_engines(dialect: str) -> None:
    assert Pace(least=3, most=7).limits(dialect) == Limits(7, 3, 7)  # type: ignore[arg-type]
    assert Pace(most=7).limits(dialect) == Limits(7, 7, 7)  # type: ignore[arg-type]
    assert Pace(least=10**9).limits(dialect) == Limits(10**9, 10**9, 10**9)  # type: ignore[arg-type]


def test_a_rate_and_a_pause_are_kept_and_end_when_asked_to() -> None:
    started = time.monotonic()
    Brake(NoReplica(), Pace(rate=1_000), never).after(200, 0.05)
    Brake(NoReplica(), Pace(pause=0.1), never).after(200, 0.05)
    assert 0.25 <= time.monotonic() - started < 1.0
    started = time.monotonic()
    Brake(NoReplica(), Pace(pause=60), lambda: True).after(1, 0)
    assert time.monotonic() - started < 1.0


def test_the_batches_of_a_run_follow_their_clock(target: Target, desk: Desk) -> None:
    make_people(target.location, 600, notes=target.dialect != "duckdb")
    plan = people_plan(target, people_steps(target.dialect)[:2])
    seen: list[int] = []
    with desk.migration(plan, target.location, pace=Pace(seconds=60, least=10, most=300)) as run:
        for step in run.pending():
            run.execute(step, desk.approve(run.action(step)), lambda done, _total: seen.append(done))
    assert seen[-1] == 600
    assert max(b - a for a, b in zip([0, *seen], seen, strict=False)) == 300
    assert verify(target.location).ok


def test_an_executor_that_was_overtaken_writes_nothing_more(people: Target, desk: Desk) -> None:
    """Its lock is gone and another goes on: the cursor, moved in the batch's own transaction, tells it."""
    plan = people_plan(people, people_steps(people.dialect)[:2])

    def overtaken(done: int, _total: int) -> None:
        if done == 20:
            journal = Journal(run.backend)
            entry = journal.entries(run.run_id)[-1]
            journal.advance(entry, entry.cursor, (40,), done=40, rows=40, seconds=1.0)

    with desk.migration(plan, people.location, pace=Pace(least=10, most=10)) as run:
        run.execute(plan.steps[0], desk.approve(run.action(plan.steps[0])))
        with pytest.raises(Busy, match="another executor"):
            run.execute(plan.steps[1], desk.approve(run.action(plan.steps[1])), overtaken)
        assert run.backend.query('SELECT count(*) FROM "people" WHERE "nick" IS NOT NULL') == [(20,)]


def test_workers_share_a_backfill_and_go_on_where_they_stopped(postgres: Target, desk: Desk) -> None:
    make_people(postgres.location, 400)
    plan = people_plan(postgres)
    fill, pace = plan.steps[1], Pace(least=10, most=10, workers=4)
    seen: list[int] = []

    def stop(done: int, _total: int) -> None:
        seen.append(done)
        if done > 100:
            raise KeyboardInterrupt

    with desk.migration(plan, postgres.location, pace=Pace(least=10, most=10, workers=4, pause=0.05)) as run:
        run.execute(plan.steps[0], desk.approve(run.action(plan.steps[0])))
        paused = run.execute(fill, desk.approve(run.action(fill)), stop)
        assert paused.status == "paused"
        parts = run.journal.ranges(run.entries()[-1])
        assert [part.total for part in parts] == [100] * 4
        assert all(0 < part.done < 100 for part in parts), "each had begun and none had ended"
        assert paused.rows == sum(part.rows for part in parts)
    results = desk.run_all(plan, postgres.location, pace=pace)
    assert (results[0].status, results[0].rows) == ("done", 400)
    assert verify(postgres.location).ok


def test_an_error_in_one_worker_stops_all_and_the_step_goes_on_later(postgres: Target, desk: Desk) -> None:
    make_people(postgres.location, 400)
    plan = people_plan(postgres)
    with opened(postgres.location) as backend:
        backend.execute("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS "
                        "$$ BEGIN IF NEW.id = 332 THEN RAISE 'not this one'; END IF; RETURN NEW; END $$")  # fmt: skip
        backend.execute('CREATE TRIGGER no BEFORE UPDATE ON "people" FOR EACH ROW EXECUTE FUNCTION no()')
    with opened(postgres.location) as backend:
        plan = changed(plan, origin=schema_digest(backend.schema()), steps=plan.steps[:2])
    with pytest.raises(StepFailed, match="not this one"):
        desk.run_all(plan, postgres.location, pace=Pace(least=10, most=10, workers=4))
    with opened(postgres.location) as backend:
        assert 0 < backend.query('SELECT count(*) FROM "people" WHERE "nick" IS NOT NULL')[0][0] < 400
        backend.execute('UPDATE "people" SET "id" = 1332 WHERE "id" = 332')
    (result,) = desk.run_all(plan, postgres.location, pace=Pace(least=10, most=10, workers=4))
    assert result.status == "done"


def test_a_lock_held_for_a_moment_makes_the_batch_wait_not_fail(postgres: Target, desk: Desk) -> None:
    make_people(postgres.location)
    plan = people_plan(postgres, people_steps("postgres")[:2])
    released = threading.Event()

    def hold() -> None:
        with psycopg.connect(postgres.location) as other:
            other.execute("UPDATE people SET age = 1 WHERE id = 25")
            held.set()
            time.sleep(2.5)  # longer than one try for a lock
            released.set()

    held = threading.Event()
    with desk.migration(plan, postgres.location, pace=Pace(least=10, most=10)) as run:
        run.execute(plan.steps[0], desk.approve(run.action(plan.steps[0])))
        approval = desk.approve(run.action(plan.steps[1]))

        def at(done: int, _total: int) -> None:
            if done == 10:
                threading.Thread(target=hold).start()
                assert held.wait(5)

        result = run.execute(plan.steps[1], approval, at)
    assert released.is_set()
    assert (result.status, result.rows) == ("done", 50)


def test_a_backfill_waits_for_a_replica_that_is_left_behind(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_module, "LOOK", 0.1)
    with cluster() as primary, replica(primary) as behind:
        make_people(primary.url, 60)
        target = Target("postgres", primary.url, lambda: "", lambda _: "")
        with opened(primary.url) as backend:
            assert backend.replica_lag() is not None, "the replica is there and seen"
        with psycopg.connect(behind.url, autocommit=True) as stopped:
            steps = people_steps("postgres")[:2]
            plan = Plan("postgres", _digest(primary.url), "", steps)
            pace = Pace(least=10, most=10, pause=0.3, lag=0.5)
            started = time.monotonic()
            at_seconds: list[float] = []

            def at(done: int, _total: int) -> None:
                if done == 20:
                    stopped.execute("SELECT pg_wal_replay_pause()")
                    threading.Timer(3.0, stopped.execute, ["SELECT pg_wal_replay_resume()"]).start()
                at_seconds.append(time.monotonic() - started)

            with desk.migration(plan, target.location, pace=pace) as run:
                run.execute(steps[0], desk.approve(run.action(steps[0])))
                result = run.execute(steps[1], desk.approve(run.action(steps[1])), at)
        assert (result.status, result.rows) == ("done", 60)
        gaps = [b - a for a, b in zip(at_seconds, at_seconds[1:], strict=False)]
        assert max(gaps) >= 1.5, f"no wait for the replica in {at_seconds}"


def _digest(location: str) -> str:
    with opened(location) as backend:
        return schema_digest(backend.schema())


SLOW = 'CASE WHEN pg_sleep(0.004) IS NOT NULL THEN lower("name") END'
"""Four milliseconds a row."""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_batch_that_takes_too_long_is_tried_again_smaller(
    postgres: Target, desk: Desk, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:  # fmt: skip
    make_people(postgres.location, 400)
    plan = _filled_by(people_plan(postgres), SLOW)
    monkeypatch.setattr(bounds, "SHORTEST_BATCH", 0.5)
    monkeypatch.setitem(pace_module.LIMITS, "postgres", pace_module.Limits(400, 10, 400))
    results = desk.run_all(plan, postgres.location, pace=Pace(seconds=0.001, workers=workers))
    assert [result.status for result in results] == ["done"] * 3
    assert verify(postgres.location).ok


def test_a_batch_that_always_takes_too_long_stops_and_goes_on_with_more_time(
    postgres: Target, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    make_people(postgres.location, 100)
    plan = _filled_by(people_plan(postgres), SLOW)
    monkeypatch.setattr(bounds, "SHORTEST_BATCH", 0.1)
    pace = Pace(seconds=0.001, least=100, most=100)
    with pytest.raises(StepFailed, match=r"longer than the 0\.1 s .*statement_s=SECONDS.*goes on after the last full"):
        desk.run_all(plan, postgres.location, pace=pace)
    assert [r.rows for r in desk.run_all(plan, postgres.location, pace=changed(pace, statement=20.0))][0] == 100


def _filled_by(plan: Plan, value: str) -> Plan:
    (fill,) = (step for step in plan.steps if step.backfill)
    assert fill.backfill is not None
    return with_step(plan, fill.id, backfill=changed(fill.backfill, assignments=(('"nick"', value),)))
