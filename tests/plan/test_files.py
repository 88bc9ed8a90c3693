"""Plan files: exact round trip, and errors that say where and what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.errors import SourceError, UsageError
from tools.location import DIALECTS, Dialect
from tools.plan.build import build_plan
from tools.plan.explain import script, stages
from tools.plan.files import edit_step, plan_from_yaml, plan_to_json, plan_to_yaml
from tools.plan.model import Hazard, Plan, step_digest
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers, Trigger

CURRENT = "CREATE TABLE agents (id INTEGER PRIMARY KEY, goal VARCHAR(20), junk VARCHAR(20), score VARCHAR(9));"
DESIRED = """
CREATE TABLE agents (id INTEGER PRIMARY KEY, purpose VARCHAR(20), score INTEGER, slug VARCHAR(20) NOT NULL);
CREATE INDEX agents_slug ON agents (slug);
"""


@pytest.fixture(params=DIALECTS)
def plan(request: pytest.FixtureRequest) -> Plan:
    dialect: Dialect = request.param
    answers = Answers(columns=(("agents", "goal", "purpose"),), fills=(("agents", "slug", "'it''s: {x}' || id"),))
    return build_plan(read_ddl(CURRENT, dialect, "a.sql"), read_ddl(DESIRED, dialect, "b.sql"), answers)


def test_round_trip_is_exact(plan: Plan) -> None:
    text = plan_to_yaml(plan)
    assert plan_from_yaml(text) == plan
    assert plan_to_yaml(plan_from_yaml(text)) == text
    assert plan_from_yaml(text).digest == plan.digest


def test_multi_line_sql_is_a_block_scalar(plan: Plan) -> None:
    text = plan_to_yaml(plan)
    assert "\\n" not in text
    assert "- |-" in text or plan.dialect == "duckdb"


def _line_of(text: str, needle: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if needle in line)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("phase: contract", "phase: demolish", "'demolish' is no phase"),
        (
            "- id: expand.agents.add_purpose",
            "- id: expand.agents.add_slug",
            "two steps are called 'expand.agents.add_slug'",
        ),
        ("operation: add_column", "operatoin: add_column", "a step knows no `operatoin`"),
        ("phase: monitor", "phase: analyse", "is of phase analyse but stands after phase contract"),
        ("- analyse.baseline\n", "- analyse.nothing\n", "depends on 'analyse.nothing', which is no step of this plan"),
        ('    undo:\n      - ALTER TABLE "agents" DROP COLUMN "slug"\n', "", "has SQL and no undo"),
        ("dialect: sqlite", "dialect: oracle", "dialect 'oracle' is not one of"),
        ("oneplan: 1", "oneplan: 7", "is of a newer form"),
        ("origin: ", "origin: x", "`origin` is no digest"),
        ("manual: true", "manual: perhaps", "`manual` is true or false"),
        ("steps:", "steps: [", "is no YAML"),
    ],
)
def test_nonsense_is_refused_with_its_line(before: str, after: str, says: str) -> None:
    plan = build_plan(
        read_ddl(CURRENT, "sqlite"),
        read_ddl(DESIRED, "sqlite"),
        Answers(columns=(("agents", "goal", "purpose"),), fills=(("agents", "slug", "'s'"),)),
    )
    text = plan_to_yaml(plan)
    assert before in text
    with pytest.raises(SourceError) as caught:
        plan_from_yaml(text.replace(before, after, 1), "edited.yaml")
    assert says in str(caught.value)
    assert str(caught.value).startswith("edited.yaml:")
    assert caught.value.line


@pytest.mark.parametrize("text", ["", "hello", "- a\n- b\n", "a: 1\n", "oneplan: 1\n"])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match="plan"):
        plan_from_yaml(text, "plan.yaml")


def test_missing_sql_is_refused(plan: Plan) -> None:
    text = plan_to_yaml(plan)
    start = text.index("  - id: expand.agents.add_slug")
    sql = text.index("    sql:", start)
    undo = text.index("    undo:", sql)
    with pytest.raises(SourceError, match="has no sql, no backfill and no checks") as caught:
        plan_from_yaml(text[:sql] + text[undo:], "p.yaml")
    assert caught.value.line == _line_of(text, "- id: expand.agents.add_slug")


def test_json_has_the_form_of_the_contract(plan: Plan) -> None:
    data = plan_to_json(plan)
    assert [phase["phase"] for phase in data["phases"]] == [
        "analyse",
        "expand",
        "refactor",
        "migrate",
        "verify",
        "contract",
        "monitor",
    ]
    for phase in data["phases"]:
        for step in phase["steps"]:
            assert {"id", "phase", "operation", "summary", "sql", "undo", "hazards", "reversible", "checks"} <= set(
                step
            )
    assert data["origin"] == plan.origin
    assert data["digest"] == plan.digest


def test_an_edited_step_is_judged_anew(plan: Plan) -> None:
    edited = edit_step(
        plan, "expand.agents.add_slug", "ALTER TABLE agents ADD COLUMN slug VARCHAR(20); DELETE FROM agents"
    )
    step = edited.step("expand.agents.add_slug")
    assert step is not None
    assert len(step.sql) == 2
    assert Hazard.DELETES_DATA in step.hazards
    assert edited.digest != plan.digest
    assert plan_from_yaml(plan_to_yaml(edited)) == edited


def test_an_unchanged_backfill_stays_in_batches(plan: Plan) -> None:
    step = plan.step("migrate.agents.fill_slug")
    assert step is not None
    assert edit_step(plan, step.id, step.statements()[-1]).step(step.id) == step


def test_an_unchanged_backfill_keeps_its_triggers_off() -> None:
    trigger = "CREATE TRIGGER t BEFORE UPDATE ON agents FOR EACH ROW EXECUTE FUNCTION f()"
    before = read_ddl("CREATE TABLE agents (id INTEGER PRIMARY KEY, goal TEXT);", "postgres")
    before = before.with_triggers((Trigger("t", "agents", trigger),))
    after = read_ddl("CREATE TABLE agents (id INTEGER PRIMARY KEY, purpose TEXT);", "postgres")
    plan = build_plan(before, after, Answers(columns=(("agents", "goal", "purpose"),)))
    step = plan.step("migrate.agents.fill_purpose")
    assert step is not None
    assert step.backfill is not None
    assert step.backfill.quiet == ('"t"',)
    assert step.hazards == (Hazard.SHARE_LOCK,)
    assert plan_from_yaml(plan_to_yaml(plan)) == plan
    assert edit_step(plan, step.id, ";".join(step.statements())).step(step.id) == step
    with pytest.raises(SourceError, match="has SQL and no undo"):  # without its frame it is no backfill any more
        edit_step(plan, step.id, step.backfill.statement())
    assert all(any(sql == text for stage in stages(plan) for _, text in stage.does) for sql in step.statements())


def test_an_unchanged_backfill_makes_its_triggers_again_on_sqlite() -> None:
    trigger = "CREATE TRIGGER t AFTER UPDATE ON AGENTS BEGIN SELECT 1; SELECT 2; END;"
    before = read_ddl("CREATE TABLE agents (id INTEGER PRIMARY KEY, goal TEXT);" + trigger, "sqlite")
    after = read_ddl("CREATE TABLE agents (id INTEGER PRIMARY KEY, purpose TEXT);" + trigger, "sqlite")
    plan = build_plan(before, after, Answers(columns=(("agents", "goal", "purpose"),)))
    step = plan.step("migrate.agents.fill_purpose")
    assert step is not None
    assert step.backfill is not None
    assert (step.statements()[0], step.statements()[-1]) == ('DROP TRIGGER "t"', trigger.removesuffix(";"))
    assert step.hazards == ()
    assert plan_from_yaml(plan_to_yaml(plan)) == plan
    assert edit_step(plan, step.id, ";".join(step.statements())).step(step.id) == step
    assert all(any(sql == text for stage in stages(plan) for _, text in stage.does) for sql in step.statements())
    bare = replace(step, backfill=replace(step.backfill, quiet=(), again=()))
    assert step_digest(step) != step_digest(bare)


@pytest.mark.parametrize("sql", ["", " ; ", "-- nothing"])
def test_an_edit_without_sql_is_refused(plan: Plan, sql: str) -> None:
    with pytest.raises(SourceError, match="holds no SQL"):
        edit_step(plan, "expand.agents.add_slug", sql)


def test_edits_that_make_no_sense_are_refused(plan: Plan) -> None:
    with pytest.raises(UsageError, match="has no step 'nope'"):
        edit_step(plan, "nope", "SELECT 1")
    with pytest.raises(UsageError, match="runs no SQL"):
        edit_step(plan, "contract.sign_off", "SELECT 1")
    with pytest.raises(SourceError, match="is no"):
        edit_step(plan, "expand.agents.add_slug", "ALTER TABLE agents ADD COLUMN (((")


def test_stages_and_script_walk_every_step(plan: Plan) -> None:
    walked = stages(plan)
    assert [stage.step_id for stage in walked] == [step.id for step in plan.steps]
    whole = script(plan)
    for step in plan.steps:
        assert step.id in whole
        for sql in step.statements():
            assert sql in whole
            assert any(sql == text for stage in walked for _, text in stage.does)
