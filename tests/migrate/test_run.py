"""Whole runs, on every engine."""

from __future__ import annotations

import json

import pytest

from tests.migrate.kit import Desk, Target, contents, opened, people_plan
from tools.errors import Drift, UsageError
from tools.migrate.rehearsal import rehearsal_from_json
from tools.migrate.rehearse import rehearse
from tools.migrate.rollback import runs
from tools.migrate.verify import verify


def test_a_plan_runs_to_its_goal_and_is_then_already_applied(people: Target, desk: Desk) -> None:
    plan = people_plan(people)
    results = desk.run_all(plan, people.location)
    assert [(result.status, result.rows) for result in results] == [
        ("done", 0),
        ("done", 50),
        ("done", results[2].rows),
    ]
    found = contents(people.location)
    assert found["schema"] == plan.target
    assert (7, "Name 7", "name 7") in found["people"]
    with desk.migration(plan, people.location) as migration:
        assert migration.finished
        assert migration.found.startswith("already applied")


def test_rehearse_run_verify_and_back(people: Target, desk: Desk) -> None:
    plan = people_plan(people)
    before = contents(people.location)
    rehearsal = rehearse(plan, people.location)
    assert rehearsal.ok, rehearsal.sentence
    assert rehearsal.back
    assert contents(people.location) == before
    desk.run_all(plan, people.location, rehearsal=rehearsal)
    proven = verify(people.location)
    assert proven.ok, proven.findings
    assert [(t.table, t.source_rows, t.migrated, t.checksum_equal) for t in proven.tables] == [("people", 50, 50, True)]
    desk.roll_back(people.location)
    assert contents(people.location) == before
    assert verify(people.location).ok


def test_in_the_middle_of_a_run_what_remains_is_rehearsed(people: Target, desk: Desk) -> None:
    plan = people_plan(people)
    with desk.migration(plan, people.location) as migration:
        migration.execute(plan.steps[0], desk.approve(migration.action(plan.steps[0])))
        before = migration.backend.schema()
        rehearsal = rehearse(plan, people.location)  # in this very process, with the database open and locked
        assert rehearsal.ok, rehearsal.sentence
        assert [step.id for step in rehearsal.steps] == [step.id for step in plan.steps[1:]]
        assert migration.backend.schema() == before
        assert rehearsal_from_json(json.loads(json.dumps(rehearsal.as_json()))) == rehearsal
    desk.run_all(plan, people.location, rehearsal=rehearsal)
    assert verify(people.location).ok


def test_back_to_a_step_and_forward_again(people: Target, desk: Desk) -> None:
    plan = people_plan(people)
    desk.run_all(plan, people.location)
    done = contents(people.location)
    back = desk.roll_back(people.location, to="expand-people-nick")
    assert [result.id for result in back] == ["contract-people-age", "migrate-people-nick"]
    assert runs(people.location)[-1]["state"] == "running"
    assert [result.id for result in desk.run_all(plan, people.location)] == [
        "migrate-people-nick", "contract-people-age",
    ]  # fmt: skip
    assert contents(people.location) == done
    with pytest.raises(UsageError, match="no step 'x'"), desk.rollback(people.location, to="x"):
        pass
    with pytest.raises(UsageError, match="no run 'x'"):
        verify(people.location, run="x")


def test_after_a_rollback_the_plan_runs_anew(people: Target, desk: Desk) -> None:
    plan = people_plan(people)
    desk.run_all(plan, people.location)
    desk.roll_back(people.location)
    desk.run_all(plan, people.location)
    assert [run["state"] for run in runs(people.location)] == ["rolled_back", "done"]
    assert verify(people.location).ok
    desk.roll_back(people.location)
    assert verify(people.location).ok


def test_a_restart_leaves_an_unfinished_run_behind(people: Target, desk: Desk) -> None:
    plan = people_plan(people)
    with desk.migration(plan, people.location) as migration:
        migration.execute(plan.steps[0], desk.approve(migration.action(plan.steps[0])))
    with opened(people.location) as backend:  # somebody put the database back by hand
        backend.execute('ALTER TABLE "people" DROP COLUMN "nick"')
    with pytest.raises(Drift, match="nick"), desk.migration(plan, people.location):
        pass
    desk.run_all(plan, people.location, restart=True)
    assert [run["state"] for run in runs(people.location)] == ["abandoned", "done"]
    assert verify(people.location).ok


def test_a_missing_row_a_changed_value_and_an_orphan_are_found(people: Target, desk: Desk) -> None:
    desk.run_all(people_plan(people), people.location)
    with opened(people.location) as backend:
        backend.execute('UPDATE "people" SET "name" = \'other\' WHERE "id" = 2')
    assert 'people: values are not as at the start ("name")' in verify(people.location).findings
    with opened(people.location) as backend:
        backend.execute('DELETE FROM "people" WHERE "id" = 2')
    (table,) = verify(people.location).tables
    assert (table.source_rows, table.migrated, table.failed, table.checksum_equal) == (50, 49, 1, False)
    if people.dialect == "sqlite":
        with opened(people.location) as backend:
            backend.execute("PRAGMA foreign_keys = OFF")
            backend.execute('UPDATE "notes" SET "person" = 777 WHERE "id" = 1')
        assert "notes: rows point to no row of people: person=777" in verify(people.location).findings
