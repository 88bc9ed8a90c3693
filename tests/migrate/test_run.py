"""Whole runs, on every engine."""

from __future__ import annotations

from tests.migrate.kit import Desk, Target, contents, people_plan
from tools.migrate.rehearse import rehearse
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
