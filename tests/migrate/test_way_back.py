"""Rows written since a run against which its old schema stands: told, and the way back does not begin, kind by kind."""

from __future__ import annotations

import re

import pytest

from tests.migrate.kit import Desk, Target, contents, opened
from tools.errors import Refused
from tools.plan.build import build_plan
from tools.plan.files import plan_from_yaml, plan_to_yaml
from tools.schema.ddl import read_ddl

BEFORE = """
CREATE TABLE "makers" ("id" INTEGER PRIMARY KEY, "name" VARCHAR(20));
CREATE TABLE "gone" ("id" INTEGER PRIMARY KEY);
CREATE TABLE "notes" ("id" INTEGER NOT NULL, "size" INTEGER, "price" DECIMAL(4,1), "title" VARCHAR(5), "maker" INTEGER,
  "other" INTEGER, "code" VARCHAR(9), "email" VARCHAR(9), "low" INTEGER, CONSTRAINT "notes_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "positive" CHECK ("low" > 0), CONSTRAINT "code_once" UNIQUE ("code"),
  CONSTRAINT "made" FOREIGN KEY ("maker") REFERENCES "makers" ("id"),
  CONSTRAINT "led" FOREIGN KEY ("other") REFERENCES "gone" ("id"));
CREATE UNIQUE INDEX "email_once" ON "notes" (lower("email"));
"""
AFTER = """
CREATE TABLE "makers" ("id" INTEGER PRIMARY KEY, "name" VARCHAR(20));
CREATE TABLE "notes" ("id" INTEGER NOT NULL, "size" BIGINT, "price" DECIMAL(6,1), "title" VARCHAR(50), "maker" INTEGER,
  "other" INTEGER, "code" VARCHAR(9), "email" VARCHAR(9), "low" INTEGER);
"""
ROWS = """
INSERT INTO "makers" VALUES (1, 'a');
INSERT INTO "gone" VALUES (1);
INSERT INTO "notes" VALUES (1, 7, 1.5, 'short', 1, 1, 'x', 'A', 1), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
"""
SINCE = {
    "price": ({"id": 11, "price": 12345.5}, "price is one of .*: 1 row .*id=11"),
    "size": ({"id": 12, "size": 3000000000}, "size is one of .*: 1 row .*id=12"),
    "title": ({"id": 13, "title": "'far longer'"}, "title is one of .*: 1 row .*id=13"),
    "check": ({"id": 14, "low": -1}, "satisfies .*low.*: 1 row .*id=14"),
    "unique": ({"id": 15, "code": "'x'"}, "no two rows of notes share code: 1 row .*code='x'"),
    "index": ({"id": 16, "email": "'a'"}, "no two rows of notes share .*email.*: 1 row"),
    "foreign key": ({"id": 17, "maker": 8}, "maker of notes is found in makers: 1 row .*id=17"),
    "dropped parent": ({"id": 18, "other": 8}, "other of notes is found in gone: 1 row"),
    "primary key": ({"id": 1, "size": 8}, "no two rows of notes share id: 1 row"),
}
NOT_FELT = {"sqlite": ("price", "size", "title"), "duckdb": ("title",), "postgres": ()}
"""SQLite stores any number and text of any length in any column; DuckDB takes no notice of a text's length."""


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb", "postgres"])
def test_what_stands_against_the_way_back_is_told_kind_by_kind(
    dialect: str, desk: Desk, request: pytest.FixtureRequest
) -> None:
    target: Target = request.getfixturevalue(dialect)
    _begin(target, BEFORE, ROWS)
    _run(desk, target, AFTER)
    felt = [said for kind, said in SINCE.items() if kind not in NOT_FELT[dialect]]
    _refused_until_gone(desk, target, "notes", felt)
    desk.roll_back(target.location)
    assert len(contents(target.location)["notes"]) == 2


ENUMS = """CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE people (id INTEGER PRIMARY KEY, mood mood);"""


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_a_value_of_an_enum_that_rows_use_by_now(dialect: str, desk: Desk, request: pytest.FixtureRequest) -> None:
    target: Target = request.getfixturevalue(dialect)
    _begin(target, ENUMS, "INSERT INTO people VALUES (1, 'sad')")
    _run(desk, target, ENUMS.replace("'ok'", "'ok', 'glad'"))
    glad = ({"id": 9, "mood": "'glad'"}, "no row of people has glad in mood: 1 row .*id=9")
    _refused_until_gone(desk, target, "people", [glad])
    desk.roll_back(target.location)


def _begin(target: Target, *texts: str) -> None:
    with opened(target.location) as backend:
        for sql in ";".join(texts).split(";"):
            if sql.strip():
                backend.execute(sql)


def _run(desk: Desk, target: Target, desired: str) -> None:
    with opened(target.location) as backend:
        plan = build_plan(backend.schema(), read_ddl(desired, target.dialect))
    assert not plan.held_back
    desk.run_all(plan_from_yaml(plan_to_yaml(plan)), target.location)


def _refused_until_gone(desk: Desk, target: Target, table: str, since: list[tuple[dict[str, object], str]]) -> None:
    with opened(target.location) as backend:
        for row, _ in since:
            columns, values = ", ".join(f'"{name}"' for name in row), ", ".join(map(str, row.values()))
            backend.execute(f'INSERT INTO "{table}" ({columns}) VALUES ({values})')
    before = contents(target.location)
    with desk.rollback(target.location) as back:
        notes = "\n".join(back.view(back.pending()[0]).notes)
    for _, told in since:
        assert re.search(f"it does not hold that .*{told}", notes), told
    with pytest.raises(Refused, match="the way back does not begin: it does not hold"):
        desk.roll_back(target.location)
    assert contents(target.location) == before
    with opened(target.location) as backend:
        for row, _ in since:
            this = " AND ".join(f'"{name}" = {value}' for name, value in row.items())
            backend.execute(f'DELETE FROM "{table}" WHERE {this}')
