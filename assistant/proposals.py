"""A proposal as it is shown away from where it was made: with what this workspace knows of the steps in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tools.errors import OneplanError

if TYPE_CHECKING:
    from assistant.session import Workspace
    from knowledge.approvals import Action, Proposal
    from tools.plan.facts import Facts
    from tools.plan.model import Plan, Step


def proposal_whole(workspace: Workspace, proposal: Proposal) -> dict[str, Any]:
    """What the gate shows where the proposal was made: besides what is proposed, the step's place in its plan, the
    tables that it touches, what its rehearsal measured and the way back, as far as this workspace knows them.

    The database is asked, read-only, how large and busy those tables are; where it cannot be reached a note says so.
    """
    action = proposal.action
    decided = f" by {proposal.decided_by}" if proposal.decided_by else ""
    view: dict[str, Any] = {
        "kind": action.kind.replace("_", " "), "summary": action.summary, "hazards": list(action.hazards),
        "sql": list(action.sql), "target": action.arguments.get("target", action.arguments.get("path", "")),
        "expires": f"{proposal.expires:%Y-%m-%d %H:%M} UTC", "steps": action.arguments.get("steps", ()),
        "notes": [f"{proposal.id}: {proposal.status}{decided}"],
    }  # fmt: skip
    plan = _plan(workspace, action)
    steps = list(_steps(plan, action)) if plan else []
    return view | _known(workspace, plan, steps, action, view["notes"]) if plan and steps else view


def _plan(workspace: Workspace, action: Action) -> Plan | None:
    from knowledge.records import Records
    from tools.plan.files import plan_from_yaml

    digest = str(action.arguments.get("plan", ""))
    kept = Records(workspace.store).plan(digest) if digest else None
    plan = plan_from_yaml(kept.body, f"plan {kept.digest[:12]}") if kept else None
    return plan if plan and plan.digest == digest else None  # the proposal's, or none


def _steps(plan: Plan, action: Action) -> Iterator[Step]:
    """The steps that the proposal names, each just as it was when it was proposed: the plan's digest says so."""
    named = action.arguments.get("steps") or [action.arguments.get("step", "")]
    yield from (step for name in named if (step := plan.step(str(name))))


def _known(
    workspace: Workspace, plan: Plan, steps: Sequence[Step], action: Action, notes: list[str]
) -> dict[str, Any]:  # fmt: skip
    from assistant.on_record import rehearsal_on_record
    from tools.migrate.outlook import outlook
    from tools.migrate.session import reversed_step
    from tools.plan.impact import impacts

    going_back = action.kind != "apply_step" and action.kind != "apply_phase"
    facts = _facts(str(action.arguments["target"]), notes)
    taken = [reversed_step(step) if going_back else step for step in steps]
    found = (str(impact) for step in taken for impact in impacts(step, plan.dialect, facts))
    view: dict[str, Any] = {"touches": list(dict.fromkeys(found))}
    if not going_back:
        view["undo"] = [sql for step in reversed(steps) for sql in step.undo]
    if len(steps) > 1:
        return view
    [step] = steps
    rehearsal = outlook(plan, None, rehearsal_on_record(workspace, plan)).rehearsal
    measured = rehearsal.step(step.id) if rehearsal else None
    if going_back:
        view["rehearsal"] = {"seconds": measured.undone} if measured and measured.undone is not None else None
    else:
        view["rehearsal"] = measured.shown() if measured else None
    return view | {"n": plan.steps.index(step) + 1, "m": len(plan.steps), "phase": str(step.phase)}


def _facts(target: str, notes: list[str]) -> Facts | None:
    from tools.migrate.facts import live_facts

    try:
        return live_facts(target)
    except OneplanError as error:
        notes.append(f"how large the tables are is not known here: {error}")
        return None
