"""Postgres where the plan is applied by one role and the code runs as another: a step takes no right from the code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.plan.conftest import Opener
from tests.plan.harness import Database, run_step, undo_step
from tools.migrate.rehearse import rehearse
from tools.plan.build import build_plan
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers

CURRENT = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
CREATE TABLE people (id bigserial PRIMARY KEY, name text, size varchar(20), feels mood DEFAULT 'ok');
CREATE TABLE visits (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person bigint REFERENCES people (id),
                     at date NOT NULL DEFAULT '2026-02-02');
CREATE TABLE gone (id integer PRIMARY KEY);
CREATE SEQUENCE spare;
CREATE TABLE log (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW shown AS SELECT id, name, size, feels FROM people;
CREATE MATERIALIZED VIEW counted AS SELECT feels, count(*) FROM shown GROUP BY feels;
CREATE FUNCTION biggest() RETURNS varchar LANGUAGE sql BEGIN ATOMIC SELECT max(size) FROM people; END;
INSERT INTO people (name, size) SELECT 'n' || n, n::text FROM generate_series(1, 50) AS n;
INSERT INTO visits (person) SELECT n FROM generate_series(1, 50) AS n;
"""
DESIRED = """
CREATE TYPE mood AS ENUM ('ok', 'glad');
CREATE TABLE people (id bigserial PRIMARY KEY, label text, size integer, feels mood DEFAULT 'ok',
                     more text NOT NULL DEFAULT 'x');
CREATE TABLE stays (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person bigint REFERENCES people (id),
                    at date NOT NULL DEFAULT '2026-02-02');
CREATE TABLE log (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE log_2027 PARTITION OF log FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
CREATE VIEW shown AS SELECT id, label AS name, size, feels FROM people;
CREATE MATERIALIZED VIEW counted AS SELECT feels, count(*) FROM shown GROUP BY feels;
CREATE FUNCTION biggest() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT max(size) FROM people; END;
"""
ANSWERS = Answers(columns=(("people", "name", "label"),), tables=(("visits", "stays"),), none=True)
READS = ("SELECT * FROM shown", "SELECT * FROM counted", "SELECT biggest()", "SELECT * FROM log")
OLD = (
    "INSERT INTO people (name, size, feels) VALUES ('new', '7', 'ok')",
    "UPDATE people SET size = '8', name = 'b' WHERE id = 3", "INSERT INTO visits (person) VALUES (1)",
    "UPDATE visits SET at = at", "SELECT count(*) FROM visits", "DELETE FROM visits WHERE id = 2",
    "INSERT INTO log VALUES ('2026-03-03', 'x')", *READS,
)  # fmt: skip
NEW = (
    "INSERT INTO people (label, size) VALUES ('new', 7)", "UPDATE people SET size = 8 WHERE id = 3",
    "INSERT INTO stays (person) VALUES (1)", "DELETE FROM stays WHERE id = 3",
    "INSERT INTO log VALUES ('2027-03-03', 'x')", *READS,
)  # fmt: skip
WAYS = {
    "rights": "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {0};"
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {0};",
    "owner": "".join(
        f"ALTER {thing} OWNER TO {{0}};"
        for thing in ("TYPE mood", "TABLE people", "TABLE visits", "TABLE gone", "SEQUENCE spare", "TABLE log",
                      "TABLE log_2026", "VIEW shown", "MATERIALIZED VIEW counted", "FUNCTION biggest()")
    ),
}  # fmt: skip
_OWNERS = """
SELECT relname, pg_get_userbyid(relowner) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
UNION ALL SELECT proname, pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT typname, pg_get_userbyid(typowner) FROM pg_type WHERE typname = 'mood'"""


@contextmanager
def as_code(database: Database, role: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the application's, which is not a superuser's."""
    info = database.raw.info
    with psycopg.connect(host=info.host, port=info.port, dbname=info.dbname, user=role, autocommit=True) as connection:
        yield connection


def refused(code: psycopg.Connection[Any], statements: Sequence[str]) -> list[str]:
    found: list[str] = []
    for sql in statements:
        try:
            with code.transaction(force_rollback=True):
                code.execute(sql)  # pyright: ignore
        except psycopg.Error as error:
            found.append(f"{sql}: {error}")
    return found


def prepared(open_database: Opener, role: str, way: str, text: str = CURRENT) -> Database:
    database = open_database("postgres")
    if not database.query(f"SELECT FROM pg_roles WHERE rolname = '{role}'"):
        database.execute(f"CREATE ROLE {role} LOGIN")
    database.script(text)
    database.script(f"GRANT ALL ON SCHEMA public TO {role}; {WAYS[way].format(role)}")
    return database


@pytest.mark.parametrize("way", WAYS)
def test_the_code_of_another_role_works_through_the_whole_plan(way: str, open_database: Opener) -> None:
    role = f"oneplan_test_{way}"
    database = prepared(open_database, role, way)
    owners = dict(database.query(_OWNERS))
    plan = build_plan(database.schema(), read_ddl(DESIRED, "postgres"), ANSWERS)
    assert not plan.held_back
    with as_code(database, role) as code:
        assert refused(code, OLD) == []
        old = True
        for step in plan.steps:
            run_step(database, step)
            old = old and step.operation != "sign_off"
            assert not old or refused(code, OLD) == [], step.id
        assert refused(code, NEW) == []
        assert _belong(database, owners | {"stays": owners["visits"], "log_2027": owners["log"]})
        for step in (s for s in reversed(plan.steps) if s.undo):
            undo_step(database, step)
        assert refused(code, OLD) == []
        assert dict(database.query(_OWNERS)) == owners


def _belong(database: Database, owners: dict[str, str]) -> bool:
    now = dict(database.query(_OWNERS))
    return now == {name: owners[name] for name in now}


def test_the_rehearsal_is_on_a_copy_with_the_same_owners(open_database: Opener) -> None:
    database = prepared(open_database, "oneplan_test_owner", "owner")
    plan = build_plan(database.schema(), read_ddl(DESIRED, "postgres"), ANSWERS)
    info = database.raw.info
    result = rehearse(plan, f"postgresql://{info.user}@/{info.dbname}?host={info.host}&port={info.port}")
    assert result.ok, result.sentence
    assert result.back


POLICIES = """
CREATE TABLE visits (id integer PRIMARY KEY, who text);
ALTER TABLE visits ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON visits USING (who = current_user);
"""
ROWS = "INSERT INTO visits VALUES (1, 'oneplan_test_rights'), (2, 'other');"


def test_the_old_name_of_a_table_shows_no_more_than_its_policies_do(open_database: Opener) -> None:
    role = "oneplan_test_rights"
    database = prepared(open_database, role, "rights", POLICIES + ROWS)
    desired = read_ddl(POLICIES.replace("visits", "stays"), "postgres")
    plan = build_plan(database.schema(), desired, Answers(tables=(("visits", "stays"),)))
    with as_code(database, role) as code:
        for step in plan.steps:
            run_step(database, step)
            if step.operation == "rename_table":
                assert code.execute("SELECT id FROM visits").fetchall() == [(1,)]
        assert code.execute("SELECT id FROM stays").fetchall() == [(1,)]


def test_a_new_table_beside_those_of_another_role_is_noted(open_database: Opener) -> None:
    database = prepared(open_database, "oneplan_test_owner", "owner")
    desired = read_ddl(CURRENT + "CREATE TABLE fresh (id integer PRIMARY KEY);", "postgres")
    notes = build_plan(database.schema(), desired).notes
    assert any(note.startswith("fresh will belong to the role that applies the plan") for note in notes)
    assert any("oneplan_test_owner" in note for note in notes)


def test_code_that_looks_no_name_up_is_served_too(open_database: Opener) -> None:
    database = open_database("postgres")
    database.script(
        "CREATE TYPE mood AS ENUM ('ok', 'glad'); CREATE TABLE t (id integer PRIMARY KEY, feels text);"
        "INSERT INTO t VALUES (1, 'ok')"
    )
    desired = "CREATE TYPE mood AS ENUM ('ok', 'glad'); CREATE TABLE t (id integer PRIMARY KEY, feels mood);"
    plan = build_plan(database.schema(), read_ddl(desired, "postgres"))
    with as_code(database, "postgres") as code:
        code.execute("SET search_path = ''")
        old = "INSERT INTO public.t VALUES (2, 'glad'); UPDATE public.t SET feels = 'ok' WHERE id = 1"
        for step in plan.steps:
            run_step(database, step)
            if step.operation == "sign_off":
                break
            assert refused(code, [old]) == [], step.id
