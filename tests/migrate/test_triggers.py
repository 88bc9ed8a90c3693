"""Triggers of the user's own while a plan writes: they rest while rows are copied, whatever happens in the middle.
Where they fire, a rehearsal that fails for it says where to look."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.migrate.kit import Desk, Target, contents, opened
from tools.errors import StepFailed
from tools.migrate.pace import Pace
from tools.migrate.rehearse import rehearse
from tools.migrate.sqlite import SQLiteBackend
from tools.migrate.verify import verify
from tools.plan.build import build_plan
from tools.plan.model import Plan
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers

TABLES = """
CREATE TABLE history (id INTEGER PRIMARY KEY, t INTEGER, changed TEXT);
CREATE TABLE t (id INTEGER PRIMARY KEY, {0}, changed TEXT NOT NULL DEFAULT 'then');
CREATE TRIGGER touched AFTER UPDATE ON T WHEN NEW.changed IS OLD.changed BEGIN
  UPDATE t SET changed = NEW.changed || ' and now' WHERE id = NEW.id;
END;
CREATE TRIGGER noted AFTER UPDATE ON t BEGIN INSERT INTO history (t, changed) VALUES (NEW.id, NEW.changed); END;
"""
ROWS = 50
PACE = Pace(least=10, most=10)
FILL = "migrate.t.fill_aim"


@pytest.fixture
def watched(sqlite: Target) -> Target:
    with opened(sqlite.location) as backend:
        for statement in TABLES.format("goal TEXT").strip().split(";\nCREATE"):
            backend.execute(statement.strip() if statement.startswith("CREATE") else "CREATE" + statement)
        for number in range(ROWS):
            backend.execute("INSERT INTO t (id, goal) VALUES (?1, ?2)", [number, f"goal {number}"])
    return sqlite


def plan_for(location: str, desired: str = "aim TEXT") -> Plan:
    with opened(location) as backend:
        current = backend.schema()
    return build_plan(
        current, read_ddl(TABLES.format(desired), "sqlite"),
        Answers(columns=(("t", "goal", "aim"),), fills=(("t", "aim", "'none'"),)),
    )  # fmt: skip


def before_the_fill(desk: Desk, plan: Plan, location: str) -> None:
    with desk.migration(plan, location) as migration:
        for step in migration.pending():
            if step.id == FILL:
                return
            migration.execute(step, desk.approve(migration.action(step)))


def cut_off(home: Path, location: str, before: str) -> None:
    """Fill, in a process that is killed in the middle of the third batch, before a statement that begins so."""
    desk, seen = Desk(home), list[str]()
    plan = plan_for_run(desk, location)

    def watch(sql: str) -> None:
        seen.append(sql)
        if sql.startswith(before) and sum(one.startswith(before) for one in seen) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    with desk.migration(plan, location, pace=PACE) as migration:
        step = next(s for s in plan.steps if s.id == FILL)
        assert isinstance(migration.backend, SQLiteBackend)
        migration.backend.connection.set_trace_callback(watch)
        migration.execute(step, desk.approve(migration.action(step)))


def plan_for_run(desk: Desk, location: str) -> Plan:
    """The plan that a run goes by, as its journal has it."""
    with desk.rollback(location) as back:
        assert back.plan is not None
        return back.plan


@contextmanager
def after_batches(desk: Desk, plan: Plan, location: str, then: Callable[[], None]) -> Iterator[None]:
    """A run of the fill, with something done by another connection between its second batch and its third."""
    batches = 0

    def tell(stage: str, _step: str) -> None:
        nonlocal batches
        batches += stage == "batch"
        if stage == "batch" and batches == 2:
            then()

    with desk.migration(plan, location, pace=PACE, observer=tell) as migration:
        step = next(s for s in plan.steps if s.id == FILL)
        migration.execute(step, desk.approve(migration.action(step)))
        yield


def test_they_take_no_copy_for_a_change(watched: Target, desk: Desk) -> None:
    before, plan = contents(watched.location), plan_for(watched.location)
    rehearsal = rehearse(plan, watched.location)
    assert rehearsal.ok, rehearsal.sentence
    desk.run_all(plan, watched.location, pace=PACE)
    done = contents(watched.location)
    assert (done["schema"], done["history"]) == (plan.target, [])
    assert {row[1] for row in done["t"]} == {"then"}
    assert verify(watched.location).ok
    desk.roll_back(watched.location)
    assert contents(watched.location) == before


@pytest.mark.parametrize("recursive", [False, True])
def test_they_take_the_applications_changes_between_two_batches(
    watched: Target, desk: Desk, recursive: bool
) -> None:  # fmt: skip
    plan = plan_for(watched.location)
    before_the_fill(desk, plan, watched.location)

    def application() -> None:
        with sqlite3.connect(watched.location.removeprefix("sqlite:///")) as connection:
            connection.execute(f"PRAGMA recursive_triggers = {'ON' if recursive else 'OFF'}")
            connection.execute("UPDATE t SET goal = 'mine' WHERE id = 49")
        connection.close()

    with after_batches(desk, plan, watched.location, application):
        pass
    found = contents(watched.location)
    by_id = {row[3]: row for row in found["t"]}
    assert (by_id[49][0], by_id[49][2]) == ("mine", "mine")
    assert by_id[49][1].startswith("then and now")
    assert by_id[48] == ("goal 48", "then", "goal 48", 48)
    assert {row[2] for row in found["history"]} == {49}


@pytest.mark.parametrize("before", ["DROP TRIGGER", 'UPDATE "t"', "CREATE TRIGGER", "COMMIT"])
def test_a_kill_in_the_middle_of_a_batch_leaves_them_there(watched: Target, desk: Desk, before: str) -> None:
    plan = plan_for(watched.location)
    before_the_fill(desk, plan, watched.location)
    with opened(watched.location) as backend:
        triggers = backend.schema().triggers
    process = get_context("spawn").Process(target=cut_off, args=(desk.home, watched.location, before))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with opened(watched.location) as backend:
        assert {t.name: t.definition for t in backend.schema().triggers} == {t.name: t.definition for t in triggers}
    desk.run_all(plan, watched.location)
    assert contents(watched.location)["history"] == []
    assert verify(watched.location).ok


@pytest.mark.parametrize("change", ["gone", "other"])
def test_one_that_changed_meanwhile_does_not_come_back_as_it_was(watched: Target, desk: Desk, change: str) -> None:
    plan = plan_for(watched.location)
    before_the_fill(desk, plan, watched.location)
    other = "CREATE TRIGGER noted AFTER UPDATE ON t BEGIN DELETE FROM history; END"

    def deployed() -> None:
        with opened(watched.location) as backend:
            backend.execute("DROP TRIGGER noted")
            if change == "other":
                backend.execute(other)

    told = "is gone" if change == "gone" else "is not as it was"
    with pytest.raises(StepFailed, match=f"trigger noted on t {told} since this was planned"):  # noqa: SIM117
        with after_batches(desk, plan, watched.location, deployed):
            pass
    with opened(watched.location) as backend:
        found = [t.definition for t in backend.schema().triggers if t.name == "noted"]
    assert found == ([other] if change == "other" else [])


def test_one_that_writes_other_values_where_it_fires_is_hinted_at(watched: Target) -> None:
    with opened(watched.location) as backend:
        backend.execute("UPDATE t SET goal = NULL, changed = 'then' WHERE id = 1")
    rehearsal = rehearse(plan_for(watched.location, "aim TEXT NOT NULL"), watched.location)
    assert not rehearsal.ok
    assert 't: values are not as at the start ("changed")' in rehearsal.sentence
    assert "triggers fire in migrate.t.fill_goal_nulls: see what they do" in rehearsal.sentence
