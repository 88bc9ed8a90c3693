"""What the steps of a plan do to those who use the database: which are dangerous, which lock, which take long."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tools.migrate.outlook import Outlook
from tools.plan.impact import BLOCKS, ROW
from tools.plan.model import Plan, Step
from tools.toolbox.dangers import GRAVE
from tools.toolbox.desk import Desk, Outcome, page
from tools.toolbox.plan import find_step, outlook_of, the_plan
from tools.toolbox.schema import Arguments, Paged


class RankSteps(Paged):
    by: Literal["hazards", "locks", "time", "people"] = Field(
        default="hazards",
        description="hazards: the gravest first; locks: the longest held first; time: by seconds; people: the steps "
        "that people do (deploy, feature flag, sign-off), with the code that was seen to use what changes.",
    )


class StepEffects(Arguments):
    step: str = Field(description="A step's id or its number in the plan.")


class StepPair(Arguments):
    step: str = Field(description="A step's id or its number in the plan.")
    other: str = Field(description="Another step's id or number.")


def rank_steps(desk: Desk, arguments: RankSteps) -> Outcome:
    """The steps that carry a hazard, keep others out, take time, or are people's, with what is known of each."""
    plan = the_plan(desk)
    known = outlook_of(desk, plan)
    steps = [(number, step) for number, step in enumerate(plan.steps, 1) if _counts(step, known, arguments.by)]
    steps.sort(key=lambda each: _rank(each[1], known, arguments.by))
    return Outcome({
        "by": arguments.by, "steps": len(plan.steps), "rehearsed": known.rehearsal is not None,
        **page([_told(number, step, known) for number, step in steps], arguments.offset, arguments.limit),
    })  # fmt: skip


def step_effects(desk: Desk, arguments: StepEffects) -> Outcome:
    """One step's hazards, the tables that it touches, its locks, and the time that it takes by the rehearsal."""
    plan = the_plan(desk)
    known = outlook_of(desk, plan)
    number, step = find_step(plan, arguments.step)
    lost = [] if step.reversible else ["only a backup brings it back"]
    return Outcome(_told(number, step, known) | {"m": len(plan.steps), "manual": step.manual, "lost": lost,
                                                 "rehearsed": known.rehearsal is not None})  # fmt: skip


def why_after(desk: Desk, arguments: StepPair) -> Outcome:
    """Why the later one of two steps comes behind the other: the steps by way of which it needs it."""
    plan = the_plan(desk)
    pair = sorted((find_step(plan, arguments.step), find_step(plan, arguments.other)), key=lambda found: found[0])
    (first, earlier), (last, later) = pair
    numbers = {step.id: number for number, step in enumerate(plan.steps, 1)}
    path = _path(plan, earlier, later)
    same = earlier.phase is later.phase
    phases = "Both are of the phase " + str(later.phase) if same else f"{later.phase} comes after {earlier.phase}"
    return Outcome({
        "earlier": _named(first, earlier), "later": _named(last, later), "phases": f"{phases}.",
        "path": [_named(numbers[step.id], step) for step in path],
    })  # fmt: skip


def _named(number: int, step: Step) -> dict[str, Any]:
    return {"n": number, "id": step.id, "summary": step.summary, "reason": step.reason}


def _path(plan: Plan, earlier: Step, later: Step) -> list[Step]:
    """The shortest chain of needs that leads from the earlier step to the later one, without the earlier."""
    steps = {step.id: step for step in plan.steps}
    chains = [[later]] if earlier is not later else []
    seen = {later.id}
    while chains:
        chain = chains.pop(0)
        for name in chain[0].depends_on:
            if name == earlier.id:
                return chain
            if name not in seen and name in steps:
                seen.add(name)
                chains.append([steps[name], *chain])
    return []


def _told(number: int, step: Step, known: Outlook) -> dict[str, Any]:
    return {
        "n": number, "id": step.id, "phase": str(step.phase), "summary": step.summary,
        "hazards": [str(hazard) for hazard in GRAVE if hazard in step.hazards]
        + [str(hazard) for hazard in step.hazards if hazard not in GRAVE],
        "known": list(known.lines(step.id)), "keeps_out": _keeps_out(step, known),
        **({"reason": step.reason} if step.manual else {}),
    }  # fmt: skip


def _keeps_out(step: Step, known: Outlook) -> list[str]:
    """Who waits while the step holds its locks, as sentences; none for locks of the rows written alone."""
    return [
        f"{impact.lock} on {impact.table} keeps {impact.blocks} out"
        for impact in known.impacts.get(step.id, ())
        if impact.lock not in ("", ROW)
    ]


def _counts(step: Step, known: Outlook, by: str) -> bool:
    if by == "hazards":
        return bool(step.hazards)
    if by == "people":
        return step.manual
    if by == "locks":
        return bool(_keeps_out(step, known))
    return bool(known.estimate(step.id)) and not step.manual


def _rank(step: Step, known: Outlook, by: str) -> tuple[float, ...]:
    found = known.rehearsal.step(step.id) if known.rehearsal else None
    if by == "people":
        return ()
    if by == "time":
        return (-(found.estimated if found else 0.0),)
    if by == "locks":
        strength = list(BLOCKS)
        strongest = min(strength.index(impact.lock) for impact in known.impacts[step.id])
        return (-(found.holds if found else 0.0), strongest)
    return (min((GRAVE.index(hazard) for hazard in step.hazards if hazard in GRAVE), default=len(GRAVE)),)
