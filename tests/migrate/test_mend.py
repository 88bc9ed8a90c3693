"""Rows that changed between their copy and its proof are copied again: approved, backed up, journalled, resumable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.commandline import Oneplan
from tests.migrate.kit import Desk, Target, make_people, opened, people_plan
from tools.errors import ApprovalRefused, Refused, StepFailed
from tools.migrate.journal import Journal
from tools.migrate.mend import Mending
from tools.migrate.pace import Pace
from tools.migrate.verify import verify
from tools.plan.model import Phase, Plan, Step, StepCheck

DIFFERS = '"nick" IS DISTINCT FROM lower("name")'


def mending(desk: Desk, location: str, **more: object) -> Mending:
    return Mending(location, ledger=desk.ledger, home=desk.home, actor=desk.actor, **more)  # type: ignore[arg-type]


def plan_with_proof(target: Target) -> Plan:
    """Only what differs is copied, and a step asks for it, as in the plans that are made for a change of type."""
    made = people_plan(target)
    fill = next(step for step in made.steps if step.backfill)
    assert fill.backfill
    differs = DIFFERS.replace("IS DISTINCT FROM", "IS NOT") if target.dialect == "sqlite" else DIFFERS
    copies = replace(fill, backfill=replace(fill.backfill, where=differs))
    check = StepCheck("every row has its nick", f'SELECT * FROM "people" WHERE {differs}')
    proof = Step("verify-people", Phase.VERIFY, "verify_rows", "ask every row", ("people",), checks=(check,),
                 depends_on=(fill.id,))  # fmt: skip
    steps = [copies if step.id == fill.id else step for step in made.steps]
    place = 1 + next(n for n, step in enumerate(steps) if step.id == fill.id)
    return replace(made, steps=(*steps[:place], proof, *steps[place:]))


def copy_rows(plan: Plan, location: str, desk: Desk) -> None:
    """The plan up to where old rows have their copies, and before these are proven."""
    with desk.migration(plan, location) as migration:
        for step in migration.pending((Phase.ANALYSE, Phase.EXPAND, Phase.REFACTOR, Phase.MIGRATE)):
            migration.execute(step, desk.approve(migration.action(step)))


def test_rows_changed_since_they_were_copied_are_copied_again(target: Target, desk: Desk) -> None:
    make_people(target.location, 60, notes=target.dialect != "duckdb")
    plan = plan_with_proof(target)
    fill = next(step for step in plan.steps if step.backfill)
    copy_rows(plan, target.location, desk)
    with opened(target.location) as backend:
        backend.execute('UPDATE "people" SET "nick" = \'stale\' WHERE "id" IN (3, 44)')
        backend.execute('INSERT INTO "people" ("id", "name") VALUES (1000, \'New\')')
    with pytest.raises(StepFailed, match="severity minor"):
        desk.run_all(plan, target.location)

    with mending(desk, target.location) as mend:
        assert [step.id for step in mend.pending()] == [fill.id]
        action = mend.action(fill)
        assert action.sql == fill.statements()
        with pytest.raises(ApprovalRefused):
            mend.execute(fill, "nobody-gave-this")
        assert mend.execute(fill, desk.approve(action)).rows == 3
        assert mend.pending() == ()
        with pytest.raises(Refused, match="nothing to mend"):
            mend.execute(fill, desk.approve(mend.action(fill)))
    desk.run_all(plan, target.location)
    with opened(target.location) as backend:
        assert backend.query('SELECT "nick" FROM "people" WHERE "id" IN (3, 44, 1000) ORDER BY "id"') == [
            ("name 3",), ("name 44",), ("new",)
        ]  # fmt: skip
        run = Journal(backend).runs()[-1]
        fills = [entry for entry in Journal(backend).entries(run.id) if entry.step == fill.id]
    assert [(entry.state, bool(entry.backup)) for entry in fills] == [("done", True), ("done", True)]
    assert fills[0].approval != fills[1].approval
    with pytest.raises(Refused, match="no unfinished run"), mending(desk, target.location):
        pass

    desk.roll_back(target.location)
    with opened(target.location) as backend:
        assert "nick" not in {column.name for table in backend.schema().tables for column in table.columns}
    assert verify(target.location).findings == ("people: 1 row more than the 60 at the start",)


def test_a_mend_cut_off_goes_on_with_apply(sqlite: Target, desk: Desk) -> None:
    make_people(sqlite.location, 60)
    plan = plan_with_proof(sqlite)
    fill = next(step for step in plan.steps if step.backfill)
    copy_rows(plan, sqlite.location, desk)
    with opened(sqlite.location) as backend:
        backend.execute('UPDATE "people" SET "nick" = NULL')

    def falls_over(stage: str, _step: str) -> None:
        if stage == "batch":
            raise KeyboardInterrupt

    pace = Pace(least=20, most=20)
    with mending(desk, sqlite.location, observer=falls_over, pace=pace) as mend:
        assert mend.execute(fill, desk.approve(mend.action(fill))).status == "paused"
    with mending(desk, sqlite.location) as mend:
        assert [step.id for step in mend.pending()] == [fill.id]
    results = desk.run_all(plan, sqlite.location)
    assert (results[0].id, results[0].rows) == (fill.id, 60)
    assert verify(sqlite.location).ok


def test_by_the_command(oneplan: Oneplan, duckdb: Target, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    make_people(duckdb.location, notes=False)
    plan = plan_with_proof(duckdb)
    copy_rows(plan, duckdb.location, desk)
    with opened(duckdb.location) as backend:
        backend.execute('UPDATE "people" SET "nick" = NULL WHERE "id" = 9')
    words = ("rollback", "--database", duckdb.location, "--severity", "minor")
    asked = oneplan(*words)
    assert asked.code == 3, "it writes, so it asks"
    mended = oneplan(*words, "--yes")
    assert mended.code == 0, mended.err
    assert "minor: 1 rows copied again, verified in" in mended.err
    assert "nothing to copy again" in oneplan(*words, "--yes").err
