"""Every folder of tests/fixtures/plans, run there and back on the real databases it names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.plan.conftest import Opener
from tests.plan.harness import there_and_back
from tools.location import DIALECTS, Dialect
from tools.plan.build import build_plan
from tools.plan.facts import Facts, facts_of
from tools.plan.lint import SAID_BY, SEEN_TO, lint_plan, squawk_by_step
from tools.plan.model import WATCH, Plan
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers, Schema
from tools.schema.renames import read_answers

CASES = sorted(p for p in (Path(__file__).parents[1] / "fixtures" / "plans").iterdir() if p.is_dir())


def answers_of(folder: Path) -> Answers:
    path = folder / "answers.yaml"
    if not path.exists():
        return Answers()
    return read_answers(path)


def facts_of_case(folder: Path, schema: Schema) -> Facts:
    """What the schema tells, and how large the tables are taken to be."""
    path = folder / "facts.yaml"
    told: dict[str, dict[str, int]] = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {key: replace(found, **told.get(key, {})) for key, found in facts_of(schema).items()}


def _expected(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))


def _pairs() -> list[Any]:
    found: list[Any] = []
    for folder in CASES:
        for dialect in _expected(folder).get("dialects", DIALECTS):
            found.append(pytest.param(folder, dialect, id=f"{folder.name}-{dialect}"))
    return found


def _text(folder: Path, name: str, dialect: Dialect) -> str:
    own = folder / f"{name}.{dialect}.sql"
    return (own if own.exists() else folder / f"{name}.sql").read_text(encoding="utf-8")


@pytest.mark.parametrize(("folder", "dialect"), _pairs())
def test_there_and_back(folder: Path, dialect: Dialect, open_database: Opener) -> None:
    database = open_database(dialect)
    database.script(_text(folder, "current", dialect))
    database.script(_text(folder, "data", dialect))
    desired = read_ddl(_text(folder, "desired", dialect), dialect, "desired.sql")
    current = database.schema()
    plan = build_plan(current, desired, answers_of(folder), facts_of_case(folder, current))
    _as_expected(plan, _expected(folder), dialect)
    if dialect == "postgres":
        _squawk_says_nothing_new(plan)
    there_and_back(database, plan, desired)


AVOIDED = {("changing-column-type", "enlarge_column"), ("renaming-table", "rename_table"),
           ("renaming-object", "rename_index"), ("changing-column-type", "change_composite"),
           ("ban-drop-not-null", "change_domain")}  # fmt: skip
"""A type that Postgres changes in its catalog alone, by a check of the step; a table whose old name stays as a view; an
index, which no statement of an application names; an attribute of a type that no table holds values of; NULL
in a domain before any code writes it."""
NOTHING_TO_DO = {"prefer-bigint-over-int", "ban-alter-domain"}
"""A new column is of the type that the desired schema says, a domain takes what it says: the finding is shown, and may
be no hazard of the step."""


def _squawk_says_nothing_new(plan: Plan) -> None:
    """Every finding of squawk's, those too that are not shown: avoided by the step, or shown with a hazard of it."""
    steps = {step.id: step for step in plan.steps}
    shown = {(finding.source, finding.rule) for finding in lint_plan(plan)}
    for step_id, findings in squawk_by_step(plan, everything=True).items():
        step = steps[step_id]
        for finding in findings:
            rule = finding.rule.removeprefix("squawk:")
            alone = rule == "require-concurrent-index-creation" and " ON ONLY " in finding.statement
            if rule in SEEN_TO or (rule, step.operation) in AVOIDED or alone:  # partitions have their index already
                continue
            if rule in SAID_BY:
                assert SAID_BY[rule] in step.hazards, finding
            else:
                assert (step_id, finding.rule) in shown, finding
                assert step.hazards or rule in NOTHING_TO_DO, finding


def _as_expected(plan: Plan, expected: dict[str, Any], dialect: Dialect) -> None:
    """Steps in order, each with its operation and hazards; what is held back; what is noted."""
    assert plan.steps[-1].operation == WATCH  # as in every plan
    steps = [{step.id: " ".join([step.operation, *(h.value for h in step.hazards)])} for step in plan.steps[:-1]]
    assert steps == expected["steps"][dialect]
    assert list(plan.held_back) == expected.get("held_back", {}).get(dialect, [])
    assert list(plan.notes) == expected.get("notes", {}).get(dialect, [])
