"""Tools that answer for a plan and change it: what a step is needed for, smaller batches, releases, short locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from knowledge.records import Records
from tools.errors import UsageError
from tools.toolbox.desk import Desk, Outcome, at_most
from tools.toolbox.plan import ExplainStep, find_step, keep_plan, plan_in_short, rehearsal_of, rehearse_now, the_plan
from tools.toolbox.schema import Arguments

if TYPE_CHECKING:
    from tools.plan.change import Change, Hold
    from tools.plan.model import Plan

LINES = 60


class ChangePlan(Arguments):
    how: Literal["smaller_batches", "releases", "short_locks", "the_plan_before", "compare"] = Field(
        description="smaller_batches (rows: how many; else a quarter), releases (number), short_locks (milliseconds "
        "that nothing may hold others up for), the_plan_before (take the change back), compare (change nothing: show "
        "the difference to the plan before)."
    )
    rows: int | None = Field(default=None, ge=1, description="Rows a batch.")
    number: int | None = Field(default=None, description="How many releases: 2, 3 or 4.")
    milliseconds: float | None = Field(default=None, gt=0)


def what_if_skipped(desk: Desk, arguments: ExplainStep) -> Outcome:
    """What would not run, and which gaps would stay open, if a step were left out. Changes nothing."""
    from tools.plan.change import skipped

    plan = the_plan(desk)
    number, step = find_step(plan, arguments.step)
    lost, open_ = skipped(plan, step)
    numbers = {other.id: place for place, other in enumerate(plan.steps, 1)}
    return Outcome({
        "n": number, "m": len(plan.steps), "id": step.id, "summary": step.summary, "manual": step.manual,
        "reason": step.reason, "needed_by": [numbers[other.id] for other in lost],
        "lost": at_most(f"{numbers[other.id]}. {other.summary}" for other in lost),
        "stays_open": at_most(open_), "hazards": [str(hazard) for hazard in step.hazards],
        "proves": [check.sentence for check in step.checks],
    })  # fmt: skip


def change_plan(desk: Desk, arguments: ChangePlan) -> Outcome:
    """Another plan in place of the conversation's, with what is different about it. It must be rehearsed anew."""
    from tools.plan.change import difference

    plan = the_plan(desk)
    if arguments.how == "compare":
        diff = difference(_before(desk), plan)
        return Outcome({"plan": plan.digest, "changed": False, "compared": True, "told": [], "diff": list(diff[:LINES]),
                        "diff_left_out": max(len(diff) - LINES, 0)})  # fmt: skip
    change = _changed(desk, plan, arguments)
    diff = difference(plan, change.plan)
    data: dict[str, Any] = {
        "was": plan.digest, "changed": change.plan.digest != plan.digest, "told": at_most(change.told),
        "diff": list(diff[:LINES]), "diff_left_out": max(len(diff) - LINES, 0),
    }  # fmt: skip
    if change.plan.digest == plan.digest:
        return Outcome(data | {"plan": plan.digest})
    _refuse_other_outline(desk, plan, change.plan)
    keep_plan(desk, change.plan)
    pins = desk.pins.model_copy(update={"plan": change.plan.digest, "plan_before": plan.digest})
    return Outcome(data | plan_in_short(change.plan) | {"steps": len(change.plan.steps)}, pins=pins)


def _changed(desk: Desk, plan: Plan, arguments: ChangePlan) -> Change:
    from tools.migrate.pace import LIMITS
    from tools.plan.change import Change, locks_below, releases, smaller_batches

    usual = LIMITS[plan.dialect].start
    if arguments.how == "smaller_batches":
        known = rehearsal_of(desk, plan)
        written = {step.id: max(step.rows, step.real) for step in known.steps} if known else {}
        return smaller_batches(plan, usual, arguments.rows, written)
    if arguments.how == "releases":
        return releases(plan, arguments.number or 2)
    if arguments.how == "short_locks":
        return locks_below(plan, (arguments.milliseconds or 100) / 1000, _measured(desk, plan))
    return Change(_before(desk), ("the plan is again as it was before the last change",))


def _measured(desk: Desk, plan: Plan) -> dict[str, Hold]:
    """What the rehearsal on record, else one made now, measured of every step."""
    from tools.plan.change import Hold

    result = rehearsal_of(desk, plan) or rehearse_now(desk, plan)
    if not result.ok:
        raise UsageError(f"how long locks are held is not known: the rehearsal failed ({result.sentence})")
    return {step.id: Hold(step.locked, step.batch, step.rows, step.locks, step.seconds) for step in result.steps}


def _before(desk: Desk) -> Plan:
    from tools.plan.files import plan_from_yaml

    kept = Records(desk.store).plan(desk.pins.plan_before) if desk.pins.plan_before else None
    if kept is None:
        raise UsageError("the plan was not changed in this conversation: there is no earlier one to take")
    return plan_from_yaml(kept.body, f"plan {kept.digest[:12]}")


def _refuse_other_outline(desk: Desk, plan: Plan, changed: Plan) -> None:
    """In the middle of a run only the SQL and the batches of steps that have not run can still change."""
    from tools.migrate.session import unfinished_run
    from tools.plan.change import outline

    if outline(plan) != outline(changed):
        run = unfinished_run(desk.database)
        if run is not None and run.plan_digest == plan.digest:
            raise UsageError(
                f"run {run.id} of this plan is in the middle: its steps cannot be divided otherwise now; finish it or "
                "roll it back first"
            )
