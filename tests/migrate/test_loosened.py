"""Rows written since a run that its old schema does not take: told before the way back begins, and kept."""

from __future__ import annotations

import pytest

from tests.migrate.kit import Desk, Target, contents, opened
from tools.errors import Refused
from tools.plan.build import build_plan
from tools.plan.files import plan_from_yaml, plan_to_yaml
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers

BEFORE = 'CREATE TABLE "people" ("id" INTEGER PRIMARY KEY, "name" VARCHAR(20) NOT NULL, "gone" VARCHAR(20) NOT NULL)'
AFTER = 'CREATE TABLE "people" ("id" INTEGER PRIMARY KEY, "called" VARCHAR(20))'
LOOSE = BEFORE.replace('"name" VARCHAR(20) NOT NULL', '"name" VARCHAR(20)')
RENAMED = Answers(columns=(("people", "name", "called"),))


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb", "postgres"])
@pytest.mark.parametrize(
    ("desired", "answers", "written", "told", "mended"),
    [
        (LOOSE, Answers(), "(7, NULL, 'x'), (8, NULL, 'y')", "people has NULL in name: 2 rows .*id=7",
         "UPDATE \"people\" SET \"name\" = 'late' WHERE \"name\" IS NULL"),
        (AFTER, RENAMED, "(7, 'late')", "has a value for gone.*: 1 row .*id=7", 'DELETE FROM "people" WHERE "id" = 7'),
    ],
    ids=["kept", "removed"],
)  # fmt: skip
def test_the_way_back_says_which_rows_are_in_the_way(
    dialect: str, desired: str, answers: Answers, written: str, told: str, mended: str, desk: Desk,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    target: Target = request.getfixturevalue(dialect)
    with opened(target.location) as backend:
        backend.execute(BEFORE)
        backend.execute("INSERT INTO \"people\" VALUES (1, 'a', 'b'), (2, 'c', 'd')")
        current = backend.schema()
    plan = build_plan(current, read_ddl(desired, target.dialect), answers)
    plan = plan_from_yaml(plan_to_yaml(plan))
    desk.run_all(plan, target.location)
    with opened(target.location) as backend:
        backend.execute(f'INSERT INTO "people" VALUES {written}')
    since = contents(target.location)
    with desk.rollback(target.location) as back:
        first = back.pending()[0]
        assert any("written since" in note for note in back.view(first).notes)
    with pytest.raises(Refused, match=told):
        desk.roll_back(target.location)
    assert contents(target.location) == since
    with opened(target.location) as backend:
        backend.execute(mended)
    desk.roll_back(target.location)
    with opened(target.location) as backend:
        assert len(backend.query('SELECT "name", "gone" FROM "people" WHERE "name" IS NULL OR "gone" IS NULL')) == 0
        assert backend.schema().table("people") == current.table("people")
