"""The same plan a second time, after another plan went back: what the first run set aside stays."""

from __future__ import annotations

from tests.migrate.kit import Desk, Target, opened
from tools.migrate.verify import verify
from tools.plan.build import build_plan
from tools.schema.model import Answers
from tools.schema.source import read_schema

NONE = Answers(none=True)


def test_there_back_by_another_plan_and_there_again(target: Target, desk: Desk) -> None:
    with opened(target.location) as backend:
        backend.execute('CREATE TABLE "t" ("id" INTEGER PRIMARY KEY, "a" TEXT)')
        backend.execute("INSERT INTO \"t\" VALUES (1, 'first')")
    other = target.fresh()
    with opened(other) as backend:
        backend.execute('CREATE TABLE "t" ("id" INTEGER PRIMARY KEY)')
    a, b = read_schema(target.location), read_schema(other)
    there, back = build_plan(a, b, NONE), build_plan(b, a, NONE)
    desk.run_all(there, target.location)
    desk.run_all(back, target.location)
    with opened(target.location) as backend:
        backend.execute('UPDATE "t" SET "a" = \'second\'')
    desk.run_all(there, target.location)
    assert verify(target.location).ok
    desk.roll_back(target.location)
    with opened(target.location) as backend:
        assert backend.query('SELECT * FROM "t"') == [(1, "second")]
        kept = _kept(target, backend)
        assert [name.rpartition("_before_run_")[2] for name in kept] == ["3"]
        place = f'"{kept[0]}"' if target.dialect == "sqlite" else f'"oneplan"."{kept[0]}"'
        assert "first" in {value for row in backend.query(f"SELECT * FROM {place}") for value in row}


def _kept(target: Target, backend: object) -> list[str]:
    from tools.migrate.aside import _kept_tables

    return _kept_tables(backend)  # type: ignore[arg-type]
