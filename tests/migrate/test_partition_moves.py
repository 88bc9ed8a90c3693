"""Partitions that go or get other bounds, by the real runner: rows accounted for, refused, and back."""

from __future__ import annotations

import pytest

from tests.migrate.kit import Desk, Target, contents, opened
from tools.errors import Refused, StepFailed
from tools.migrate.rehearse import rehearse
from tools.migrate.verify import verify
from tools.plan.build import build_plan
from tools.plan.model import Hazard, Plan
from tools.schema.ddl import read_ddl

BEFORE = """CREATE TABLE metrics (id integer, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE metrics_23 PARTITION OF metrics FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE metrics_24 PARTITION OF metrics FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE metrics_rest PARTITION OF metrics DEFAULT"""
AFTER = """CREATE TABLE metrics (id integer, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE metrics_24 PARTITION OF metrics FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE metrics_rest PARTITION OF metrics DEFAULT"""
ROWS = "INSERT INTO metrics VALUES (1, '2023-05-05', 'a'), (2, '2024-02-02', 'b'), (3, '2030-01-01', 'c')"


def _plan(target: Target, *rows: str) -> Plan:
    with opened(target.location) as backend:
        for sql in (*BEFORE.split(";"), *rows):
            backend.execute(sql)
        plan = build_plan(backend.schema(), read_ddl(AFTER, "postgres"))
    assert not plan.held_back
    return plan


def test_a_partition_that_goes_is_set_aside_whole_and_comes_back(postgres: Target, desk: Desk) -> None:
    plan = _plan(postgres, ROWS)
    before = contents(postgres.location)
    detach = next(step for step in plan.steps if step.operation == "detach_partition")
    assert Hazard.DELETES_DATA in detach.hazards
    assert any(step.operation == "sign_off" and step.id in detach.depends_on for step in plan.steps)
    rehearsal = rehearse(plan, postgres.location, shadow=postgres.shadow)
    assert rehearsal.ok, rehearsal.sentence
    results = desk.run_all(plan, postgres.location)
    assert any(result.id == detach.id and result.backup for result in results)
    proof = verify(postgres.location)
    assert {table.table: table.migrated for table in proof.tables} == {
        "metrics_23": 1, "metrics_24": 1, "metrics_rest": 1,
    }  # fmt: skip
    assert not proof.findings
    with opened(postgres.location) as backend:
        kept = next(sql for sql in detach.undo if "RENAME TO" in sql).split(" RENAME ")[0].removeprefix("ALTER TABLE ")
        assert backend.query(f"SELECT id FROM {kept}") == [(1,)]
        backend.execute("INSERT INTO metrics VALUES (9, '2023-06-06', 'since')")
    with pytest.raises(Refused, match="no row of metrics_rest belongs into metrics_23 as it was: 1 row .*id=9"):
        desk.roll_back(postgres.location)
    with opened(postgres.location) as backend:
        backend.execute("DELETE FROM metrics WHERE id = 9")
    desk.roll_back(postgres.location)
    assert contents(postgres.location) == before


def test_rows_that_do_not_fit_moved_bounds_are_named_and_stay(postgres: Target, desk: Desk) -> None:
    plan = _plan(postgres, ROWS, "INSERT INTO metrics VALUES (4, '2024-10-10', 'late')")
    with pytest.raises(StepFailed, match="every row of metrics_24 fits its new bounds .*id=4"):
        desk.run_all(plan, postgres.location)
    with opened(postgres.location) as backend:
        assert backend.query("SELECT id FROM metrics_24 ORDER BY id") == [(2,), (4,)]
    desk.roll_back(postgres.location)
    with opened(postgres.location) as backend:
        assert backend.query("SELECT id FROM metrics ORDER BY id") == [(1,), (2,), (3,), (4,)]
