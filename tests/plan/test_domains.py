"""Domains that change under rows: what offends is named before anything changes, there and back."""

from __future__ import annotations

import pytest

from tests.plan.conftest import Opener
from tests.plan.harness import CheckFailed, Database, backward, forward
from tools.plan.build import build_plan
from tools.plan.domains import domain_of, object_of, on_column
from tools.plan.model import Plan
from tools.plan.type_users import attributes
from tools.schema.ddl import read_ddl

BEFORE = """CREATE DOMAIN size AS integer CONSTRAINT positive CHECK (value > 0); CREATE DOMAIN half AS size;
CREATE TABLE notes (id integer PRIMARY KEY, n size, h half); INSERT INTO notes VALUES (1, 5, 6), (2, NULL, 200);"""
AFTER = """CREATE DOMAIN size AS integer CONSTRAINT below CHECK (value < 100); CREATE DOMAIN half AS size;
CREATE TABLE notes (id integer PRIMARY KEY, n size, h half);"""


@pytest.fixture
def database(open_database: Opener) -> Database:
    found = open_database("postgres")
    found.script(BEFORE)
    return found


def _plan(database: Database) -> Plan:
    plan = build_plan(database.schema(), read_ddl(AFTER, "postgres"))
    assert not plan.held_back
    return plan


def test_a_row_that_offends_a_new_rule_is_named_and_the_rule_is_not_validated(database: Database) -> None:
    with pytest.raises(CheckFailed, match=r"every value of notes\.h satisfies .*200"):
        forward(database, _plan(database))
    assert database.query("SELECT convalidated FROM pg_constraint WHERE conname = 'below'") == [(False,)]


def test_a_row_written_since_stands_against_a_rule_that_went(database: Database) -> None:
    database.execute("UPDATE notes SET h = 7")
    plan = _plan(database)
    forward(database, plan)
    database.execute("INSERT INTO notes VALUES (3, -1, 1)")
    with pytest.raises(AssertionError, match=r"every value of notes\.n satisfies"):
        backward(database, plan)
    database.execute("DELETE FROM notes WHERE id = 3")
    backward(database, plan)
    assert database.query("SELECT conname FROM pg_constraint WHERE contypid = 'size'::regtype") == [("positive",)]


def test_domains_and_composite_types_are_taken_apart(open_database: Opener) -> None:
    database = open_database("postgres")
    database.script(
        """CREATE DOMAIN "Odd, NOT NULL" AS numeric(8,2) DEFAULT 2.5 NOT NULL CONSTRAINT "a b" CHECK (value <> 3
        AND value IS NOT NULL) CONSTRAINT c CHECK (value > 1); CREATE TYPE "T" AS ("a, b" numeric(8,2), "C" text[]);"""
    )
    by_kind = {thing.kind: thing for thing in database.schema().objects}
    domain = domain_of(by_kind["domain"])
    assert (domain.base, domain.not_null, [c.name for c in domain.checks]) == ("numeric(8,2)", True, ["a b", "c"])
    assert object_of(domain, by_kind["domain"]).form == by_kind["domain"].form
    assert on_column("VALUE > 1 AND 'VALUE' <> ''", '"v"') == "\"v\" > 1 AND 'VALUE' <> ''"
    assert attributes(by_kind["type"]) == (('"a, b"', "numeric(8,2)"), ('"C"', "text[]"))
