"""Who may do what: kept through views and columns that are made again, planned where both sides speak of it."""

from __future__ import annotations

from tests.plan.conftest import Opener
from tests.plan.harness import Database, run_step, there_and_back, undo_step
from tools.migrate.rehearse import rehearse
from tools.plan.build import build_plan
from tools.schema.ddl import read_ddl
from tools.schema.gaps import compare

CURRENT = """
CREATE TABLE notes (id integer PRIMARY KEY, size varchar(20), body text);
CREATE VIEW shown AS SELECT id, size FROM notes;
GRANT SELECT ON notes TO PUBLIC;
GRANT UPDATE (size), REFERENCES (size) ON notes TO PUBLIC;
GRANT SELECT ON shown TO PUBLIC WITH GRANT OPTION;
INSERT INTO notes VALUES (1, '10', 'a'), (2, '20', NULL);
"""
DESIRED = """
CREATE TABLE notes (id integer PRIMARY KEY, size integer, body text);
CREATE TABLE log (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (what);
CREATE TABLE log_2026_rest PARTITION OF log_2026 DEFAULT;
CREATE VIEW shown AS SELECT id, size, body FROM notes;
"""
GRANTED = """
GRANT SELECT, INSERT ON notes TO PUBLIC;
GRANT UPDATE (size) ON notes TO PUBLIC;
GRANT INSERT ON log TO PUBLIC;
"""


def rights(database: Database) -> set[tuple[str, str]]:
    return {(o.name, o.form) for o in database.schema().objects if o.kind == "privilege"}


def open_with(open_database: Opener, text: str) -> Database:
    database = open_database("postgres")
    # GRANT OPTION cannot be given to PUBLIC: the fixture's role is every server's own.
    database.script(text.replace("TO PUBLIC WITH GRANT OPTION", "TO pg_monitor WITH GRANT OPTION"))
    return database


def test_a_desired_schema_that_says_nothing_of_rights_keeps_them(open_database: Opener) -> None:
    database = open_with(open_database, CURRENT)
    before = rights(database)
    assert before == {
        ("ON TABLE notes TO PUBLIC", "SELECT"), ("ON TABLE notes (size) TO PUBLIC", "REFERENCES, UPDATE"),
        ("ON TABLE shown TO pg_monitor WITH GRANT OPTION", "SELECT"),
    }  # fmt: skip
    desired = read_ddl(DESIRED, "postgres")
    plan = build_plan(database.schema(), desired)
    assert not plan.held_back
    assert not [step.id for step in plan.steps if "privilege" in step.operation]
    for step in plan.steps:
        run_step(database, step)
    assert rights(database) == before
    assert compare(database.schema(), desired) == ()
    for step in reversed(plan.steps):
        undo_step(database, step)
    assert rights(database) == before


def test_rights_that_are_asked_for_are_given_first_and_taken_last(open_database: Opener) -> None:
    database = open_with(open_database, CURRENT)
    before = rights(database)
    desired = read_ddl(DESIRED + GRANTED, "postgres")
    plan = build_plan(database.schema(), desired)
    steps = [(s.phase.value, s.operation) for s in plan.steps if "privilege" in s.operation]
    assert steps == [
        ("expand", "create_privilege"), ("contract", "drop_privilege"), ("contract", "change_privilege"),
        ("contract", "change_privilege"),
    ]  # fmt: skip
    there_and_back(database, plan, desired)
    for step in plan.steps:
        run_step(database, step)
    assert compare(database.schema(), desired) == ()
    for step in reversed(plan.steps):
        undo_step(database, step)
    assert rights(database) == before


def test_the_shadow_has_the_roles_that_grants_and_policies_name(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE oneplan_test_reader")
        try:
            connection.execute("CREATE TABLE t (id integer PRIMARY KEY, v varchar(5))")
            connection.execute("CREATE POLICY mine ON t TO oneplan_test_reader USING (id > 0)")
            connection.execute("INSERT INTO t VALUES (1, '1')")
            text = (
                "CREATE TABLE t (id integer PRIMARY KEY, v integer);"
                "CREATE POLICY mine ON t TO oneplan_test_reader USING (id > 0);"
                "GRANT SELECT ON t TO oneplan_test_reader"
            )
            from tools.schema.source import read_schema

            plan = build_plan(read_schema(postgres_url), read_ddl(text, "postgres"))
            assert [s.operation for s in plan.steps if "privilege" in s.operation] == ["create_privilege"]
            result = rehearse(plan, postgres_url)
            assert (result.ok, result.sentence) == (True, "")
        finally:
            connection.execute("DROP TABLE t")
            connection.execute("DROP ROLE oneplan_test_reader")
