"""Hazards of steps: computed from the statements and from what the live database says. A plan file can only add."""

from __future__ import annotations

from dataclasses import replace

from tools.location import Dialect
from tools.plan.facts import Facts
from tools.plan.judge import judge
from tools.plan.lint import Finding, lint, lint_plan
from tools.plan.model import Hazard, Plan, Step

__all__ = ["Finding", "hazards_of", "lint", "lint_plan", "with_hazards"]


def hazards_of(step: Step, dialect: Dialect, facts: Facts) -> tuple[Hazard, ...]:
    """All hazards of a step, in the order of Hazard: its own, and those of its SQL against these facts."""
    found = set(step.hazards) | judge(step.statements(), dialect, facts, step.checks)
    if not step.reversible:
        found.add(Hazard.IRREVERSIBLE)
    return tuple(hazard for hazard in Hazard if hazard in found)


def with_hazards(plan: Plan, facts: Facts) -> Plan:
    """The plan with the hazards that these facts show; none is ever taken away."""
    return replace(
        plan, steps=tuple(replace(step, hazards=hazards_of(step, plan.dialect, facts)) for step in plan.steps)
    )
