"""Foreign keys on Postgres while the columns at both of their ends are exchanged: no write slips by between steps."""

from __future__ import annotations

import psycopg
import pytest

from tests.plan.conftest import Opener
from tests.plan.harness import Database, run_step, undo_step
from tools.plan.build import build_plan
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers

CURRENT = """
CREATE TABLE owners (id integer PRIMARY KEY, name text);
CREATE TABLE trees (id integer PRIMARY KEY, up integer REFERENCES trees (id));
CREATE TABLE pets (id integer PRIMARY KEY, owner integer NOT NULL REFERENCES owners (id) ON DELETE CASCADE);
"""
ROWS = """
INSERT INTO owners SELECT n, 'n' || n FROM generate_series(1, 50) AS n;
INSERT INTO pets SELECT n, n FROM generate_series(1, 50) AS n;
INSERT INTO trees VALUES (1, NULL), (2, 1);
"""
WIDER = CURRENT.replace("integer", "bigint")
RENAMED = CURRENT.replace("owners (id integer", "owners (number integer").replace("owners (id)", "owners (number)")


@pytest.mark.parametrize(
    ("desired", "answers"), [(WIDER, Answers()), (RENAMED, Answers(columns=(("owners", "id", "number"),)))]
)
def test_rows_are_held_after_every_step_and_every_undo(desired: str, answers: Answers, open_database: Opener) -> None:
    database = open_database("postgres")
    database.script(CURRENT + ROWS)
    plan = build_plan(database.schema(), read_ddl(desired, "postgres"), answers)
    assert not plan.held_back
    for step in plan.steps:
        run_step(database, step)
        assert _held(database), f"after {step.id}"
    for step in reversed(plan.steps):
        if not step.manual:
            undo_step(database, step)
            assert _held(database), f"after the undo of {step.id}"


def test_what_cannot_point_in_between_comes_as_soon_as_both_ends_are_exchanged(open_database: Opener) -> None:
    """A text points to no integer: the foreign key waits for a step of its own."""
    database = open_database("postgres")
    database.script(CURRENT + ROWS)
    plan = build_plan(database.schema(), read_ddl(CURRENT.replace("integer", "text"), "postgres"))
    for step in plan.steps:
        run_step(database, step)
    assert "contract.pets.add_foreign_key_pets_owner_fkey" in [step.id for step in plan.steps]
    assert _held(database)


def _held(database: Database) -> bool:
    """Whether a row that points nowhere is refused, and one that goes takes along what points to it."""
    for table, column in (("pets", "owner"), ("trees", "up")):
        try:
            database.execute(f"INSERT INTO {table} (id, {column}) VALUES ('999', '888')")
        except psycopg.errors.ForeignKeyViolation:
            continue
        return False
    database.execute("BEGIN")
    try:
        database.execute("DELETE FROM owners WHERE name = 'n7'")
        return database.query("SELECT count(*) FROM pets") == [(49,)]
    finally:
        database.execute("ROLLBACK")
