"""Hazards of steps: computed from the statements and from what the live database says. A plan file can only add."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tools.location import Dialect
from tools.plan.facts import Facts
from tools.plan.judge import is_own, judge
from tools.plan.lint import Finding, lint, lint_plan
from tools.plan.model import Hazard, Plan, Step
from tools.plan.statement import Verb, effects

__all__ = ["Finding", "hazards_of", "is_brief", "lint", "lint_plan", "with_hazards"]


def hazards_of(step: Step, dialect: Dialect, facts: Facts) -> tuple[Hazard, ...]:
    """All hazards of a step, in the order of Hazard: its own, and those of its SQL against these facts."""
    found = set(step.hazards) | judge(step.statements(), dialect, facts, step.checks, _made_again(step, dialect))
    if not step.reversible:
        found.add(Hazard.IRREVERSIBLE)
    return tuple(hazard for hazard in Hazard if hazard in found)


def _made_again(step: Step, dialect: Dialect) -> frozenset[str]:
    """Tables of oneplan's own that the way back of the step makes again, of rows that are still where they were."""
    made = (e.table for sql in step.undo for e in effects(sql, dialect) if e.verb is Verb.CREATE_TABLE)
    return frozenset(table for table in made if is_own(table))


def with_hazards(plan: Plan, facts: Facts) -> Plan:
    """The plan with the hazards that these facts show; none is ever taken away."""
    return replace(
        plan, steps=tuple(replace(step, hazards=hazards_of(step, plan.dialect, facts)) for step in plan.steps)
    )


def is_brief(hazards: Collection[str], writes_data: bool) -> bool:
    """Whether a step only changes the catalog under a lock that shuts everybody out: then it must be quick, and is
    given up when it is not. What scans or writes rows takes its time."""
    long = {Hazard.TABLE_REWRITE, Hazard.LONG_RUNNING}
    return Hazard.ACCESS_EXCLUSIVE_LOCK in hazards and not long & set(hazards) and not writes_data
