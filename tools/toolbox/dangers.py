"""Which gaps are dangerous: those whose steps in the plan carry a grave hazard, and those that no plan closes."""

from __future__ import annotations

from typing import Any

from tools.plan.model import Hazard, Plan, Step
from tools.schema.model import Gap
from tools.toolbox.desk import Desk, Outcome, page
from tools.toolbox.schema import Paged

GRAVE = (Hazard.DELETES_DATA, Hazard.IRREVERSIBLE, Hazard.BREAKS_OLD_CODE, Hazard.LONG_RUNNING, Hazard.TABLE_REWRITE,
         Hazard.ACCESS_EXCLUSIVE_LOCK, Hazard.SHARE_LOCK, Hazard.FIRES_TRIGGERS)  # fmt: skip
"""In the order in which they are told."""


def dangerous_gaps(desk: Desk, arguments: Paged) -> Outcome:
    """Every gap with what closing it may do to the live system, by the plan's own hazards and the code that uses it."""
    from tools.location import parse_location
    from tools.plan.build import build_plan
    from tools.schema.gaps import compare
    from tools.usages.model import by_name

    facts = None
    if parse_location(desk.current).live:
        from tools.migrate.facts import live_facts

        facts = live_facts(desk.current)
    places = by_name(desk.usages or ())
    plan = build_plan(desk.current_schema, desk.desired_schema, desk.answers, facts, places)
    gaps = compare(desk.current_schema, desk.desired_schema, desk.answers)
    found = [told for gap in gaps if (told := _told(gap, plan, places))]
    found.sort(key=lambda each: min((GRAVE.index(Hazard(name)) for name in each["hazards"]), default=len(GRAVE)))
    return Outcome({
        "gaps": len(gaps), "harmless": len(gaps) - len(found), "held_back": len(plan.held_back),
        **page(found, arguments.offset, arguments.limit),
    })  # fmt: skip


def _told(gap: Gap, plan: Plan, places: Any) -> dict[str, Any] | None:
    steps = [step for step in plan.steps if _closes(step, gap)]
    hazards = {hazard for step in steps for hazard in step.hazards}
    held = next((sentence for sentence in plan.held_back if gap.sentence and sentence.startswith(gap.sentence)), None)
    if not hazards and held is None:
        return None
    name = f"{gap.table}.{gap.column}" if gap.column else gap.table
    told: dict[str, Any] = {
        "sentence": gap.sentence or gap.kind, "hazards": [str(h) for h in GRAVE if h in hazards],
        "steps": [step.id for step in steps if step.hazards],
        "reversible": all(step.reversible for step in steps),
    }  # fmt: skip
    used = places.get(name, ())
    return told | ({"held_back": held} if held else {}) | ({"used_in": len(used)} if used else {})


def _closes(step: Step, gap: Gap) -> bool:
    return bool(gap.sentence) and gap.sentence in step.closes
