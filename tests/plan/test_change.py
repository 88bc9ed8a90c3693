"""Plans changed at a person's word: what is different, what stays whole, and that the new plan still runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plan.conftest import Opener
from tests.plan.harness import there_and_back
from tools.errors import SourceError, UsageError
from tools.plan.build import build_plan
from tools.plan.change import Hold, difference, locks_below, releases, skipped, smaller_batches
from tools.plan.files import plan_from_yaml, plan_to_yaml
from tools.plan.model import Hazard, Phase, Plan, step_digest
from tools.plan.releases import RELEASE
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers

BEFORE = "CREATE TABLE agents (id INTEGER PRIMARY KEY, goal TEXT, tier TEXT);"
AFTER = "CREATE TABLE agents (id INTEGER PRIMARY KEY, purpose TEXT, tier TEXT NOT NULL DEFAULT 'a', rank INTEGER);"
ANSWERS = Answers(columns=(("agents", "goal", "purpose"),))
FILL = "migrate.agents.fill_purpose"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return build_plan(read_ddl(BEFORE, "sqlite"), read_ddl(AFTER, "sqlite"), ANSWERS)


def batches(plan: Plan) -> dict[str, int]:
    return {step.id: step.backfill.batch for step in plan.steps if step.backfill}


def test_smaller_batches_are_a_quarter_each_time_or_as_said(plan: Plan) -> None:
    once = smaller_batches(plan, 50_000).plan
    assert set(batches(once).values()) == {12_500}
    assert set(batches(smaller_batches(once, 50_000).plan).values()) == {3_125}
    assert set(batches(smaller_batches(plan, 50_000, 700).plan).values()) == {700}
    assert plan_from_yaml(plan_to_yaml(once)) == once
    assert once.digest != plan.digest


def test_a_batch_that_is_not_said_leaves_the_digest_as_it_was(plan: Plan) -> None:
    step = plan.step(FILL)
    assert step
    assert step.backfill
    assert step_digest(replace(step, backfill=replace(step.backfill, batch=0))) == step_digest(step)
    with pytest.raises(SourceError, match="`batch` is a number of rows"):
        plan_from_yaml(plan_to_yaml(smaller_batches(plan, 8).plan).replace("batch: 100", "batch: none"))


def test_two_releases_have_the_deployment_of_the_code_between(plan: Plan) -> None:
    """SQLite has triggers: the copy of goal is filled while old code writes. Tier has none: it waits for the code."""
    changed = releases(plan, 2).plan
    boundary = next(step for step in changed.steps if step.operation == RELEASE)
    at = changed.steps.index(boundary)
    first, second = changed.steps[:at], changed.steps[at + 1 :]
    assert boundary.manual
    assert FILL in {step.id for step in first}
    assert {step.phase for step in first} == {Phase.ANALYSE, Phase.EXPAND, Phase.MIGRATE}
    assert not [step.id for step in first if Hazard.BREAKS_OLD_CODE in step.hazards or step.manual]
    assert second[0].operation == "deploy_code"
    assert "migrate.agents.fill_tier_nulls" in {step.id for step in second}
    assert {step.id for step in plan.steps if step.phase is Phase.CONTRACT} <= {step.id for step in second}
    assert all(boundary.id in step.depends_on for step in second)
    assert {step.id for step in changed.steps} == {step.id for step in plan.steps} | {boundary.id}
    assert releases(releases(plan, 3).plan, 2).plan == changed
    assert plan_from_yaml(plan_to_yaml(changed)) == changed


def test_on_duckdb_nothing_fills_before_the_code_is_out() -> None:
    """There are no triggers: what old code wrote behind the fill would be missed."""
    made = build_plan(read_ddl(BEFORE, "duckdb"), read_ddl(AFTER, "duckdb"), ANSWERS)
    changed = releases(made, 2).plan
    at = next(n for n, step in enumerate(changed.steps) if step.operation == RELEASE)
    assert {step.phase for step in changed.steps[:at]} == {Phase.ANALYSE, Phase.EXPAND}
    assert changed.steps[at + 1].operation == "deploy_code"


def test_three_and_four_releases_and_five_are_refused(plan: Plan) -> None:
    for number, phases in ((3, ["migrate", "contract"]), (4, ["migrate", "migrate", "contract"])):
        changed = releases(plan, number).plan
        assert [str(step.phase) for step in changed.steps if step.operation == RELEASE] == phases
        assert plan_from_yaml(plan_to_yaml(changed)) == changed
    with pytest.raises(UsageError, match="2, 3 or 4 releases, not into 5"):
        releases(plan, 5)


def test_a_plan_of_additions_is_one_release() -> None:
    grown = build_plan(
        read_ddl(BEFORE, "sqlite"), read_ddl(BEFORE.replace("tier TEXT", "tier TEXT, rank INTEGER"), "sqlite")
    )
    change = releases(grown, 4)
    assert "only" in change.told[-1]


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb", "postgres"])
def test_a_changed_plan_still_leads_there_and_back(dialect: str, open_database: Opener) -> None:
    database = open_database(dialect)  # type: ignore[arg-type]
    database.script(BEFORE + "INSERT INTO agents VALUES (1, 'a', NULL), (2, NULL, 'x');")
    desired = read_ddl(AFTER, dialect)  # type: ignore[arg-type]
    made = build_plan(database.schema(), desired, ANSWERS)
    there_and_back(database, releases(smaller_batches(made, 4, 1).plan, 3).plan, desired)


def test_the_batch_is_cut_to_what_the_rehearsal_measured_and_the_rest_is_said(plan: Plan) -> None:
    rebuild = next(step for step in plan.steps if step.rebuild)
    held = {
        FILL: Hold(0.0, 0.4, 50_000, (), 0.4),
        rebuild.id: Hold(0.25, 0.0, 0, ("write lock on the database",)),
        plan.steps[0].id: Hold(0.01),
    }
    change = locks_below(plan, 0.1, held)
    assert batches(change.plan)[FILL] == 8_700
    assert change.told[0] == f"{FILL}: batches of at most 8,700 rows; one took 400 ms"
    assert f"{rebuild.id}: held write lock on the database for 250 ms" in change.told[1]
    assert len(change.told) == 2
    calm = locks_below(plan, 1.0, held)
    assert calm.plan == plan
    assert "held anybody up for more than 1,000 ms" in calm.told[0]


def test_what_a_step_is_needed_for_is_followed_through(plan: Plan) -> None:
    add = next(step for step in plan.steps if step.id == "expand.agents.add_purpose")
    lost, open_ = skipped(plan, add)
    assert FILL in {step.id for step in lost}
    assert any(step.phase is Phase.CONTRACT for step in lost)
    assert any("goal" in sentence for sentence in open_)


def test_the_difference_of_two_plans_names_only_what_changed(plan: Plan) -> None:
    lines = difference(plan, smaller_batches(plan, 8, 700).plan)
    added = [line for line in lines if line.startswith("+") and not line.startswith("+++")]
    assert {line.strip("+ ") for line in added} == {"batch: 700"}
    assert difference(plan, plan) == ()
