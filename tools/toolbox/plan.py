"""Tools that make, show, explain and rehearse the plan of a conversation; and the one that writes it to a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from knowledge.approvals import Action
from knowledge.records import Records
from tools.errors import Refused, SourceError, UsageError
from tools.files import write_atomically
from tools.toolbox.desk import Desk, Outcome, Proposed, at_most, page
from tools.toolbox.jobs import SingleJob, approval_of, put
from tools.toolbox.schema import Arguments, Paged, asked, missing_values

if TYPE_CHECKING:
    from tools.migrate.outlook import Outlook
    from tools.migrate.rehearsal import Rehearsal
    from tools.plan.model import Plan, Step


class ShowPlan(Paged):
    phase: str | None = Field(default=None, description="Only the steps of this phase.")


class ExplainStep(Arguments):
    step: str = Field(description="A step's id or its number in the plan.")


class WritePlanFile(Arguments):
    path: str = Field(description="Where to write the plan, a .yaml file in the workspace.")


def make_plan(desk: Desk, arguments: Paged) -> Outcome:
    """The plan from the current to the desired schema, kept in the store by its digest."""
    from tools.location import parse_location
    from tools.migrate.differences import schema_text
    from tools.plan.build import build_plan
    from tools.usages.model import by_name

    current, desired = desk.current_schema, desk.desired_schema
    facts = None
    if parse_location(desk.current).live:
        from tools.migrate.facts import live_facts

        _refuse_halfway(desk)
        facts = live_facts(desk.current)
    plan = build_plan(current, desired, desk.answers, facts, by_name(desk.usages or ()))
    keep_plan(desk, plan)
    Records(desk.store).keep_schema(plan.origin, schema_text(current))  # so that drift can be told by its differences
    pins = desk.pins.model_copy(update={"plan": plan.digest})
    data = plan_in_short(plan) | page(steps_in_short(plan), arguments.offset, arguments.limit)
    return Outcome(data, pins=pins, questions=plan.questions, fills=missing_values(desk))


def show_plan(desk: Desk, arguments: ShowPlan) -> Outcome:
    plan = the_plan(desk)
    known = outlook_of(desk, plan)
    steps = [
        step | {"takes": known.estimate(step["id"]), "touches": list(known.touched(step["id"]))}
        for step in steps_in_short(plan, reasons=True)
        if arguments.phase in (None, step["phase"])
    ]
    return Outcome(plan_in_short(plan) | page(steps, arguments.offset, arguments.limit))


def explain_step(desk: Desk, arguments: ExplainStep) -> Outcome:
    plan = the_plan(desk)
    number, step = find_step(plan, arguments.step)
    return Outcome({
        "n": number, "m": len(plan.steps), "id": step.id, "phase": str(step.phase), "operation": step.operation,
        "summary": step.summary, "reason": step.reason, "sql": list(step.statements()), "undo": list(step.undo),
        "hazards": [str(hazard) for hazard in step.hazards], "reversible": step.reversible, "manual": step.manual,
        "depends_on": list(step.depends_on), "closes": list(step.closes),
        "checks": [check.sentence for check in step.checks], "known": list(outlook_of(desk, plan).lines(step.id)),
    })  # fmt: skip


def outlook_of(desk: Desk, plan: Plan) -> Outlook:
    """What the live database and the rehearsal on record say of the plan's steps."""
    from tools.location import parse_location
    from tools.migrate.outlook import outlook

    facts = None
    if desk.current and parse_location(desk.current).live:
        from tools.migrate.facts import live_facts

        facts = live_facts(desk.current)
    return outlook(plan, facts, rehearsal_of(desk, plan))


def rehearse_plan(desk: Desk, arguments: Arguments) -> Outcome:
    """Forward and back on a shadow copy; the database itself is only read."""
    plan = the_plan(desk)
    result = rehearse_now(desk, plan)
    return Outcome({
        "ok": result.ok, "plan": plan.digest, "steps": len(result.steps), "back": result.back,
        "seconds": round(sum(step.seconds for step in result.steps), 3), "shadow": result.shadow,
        "rows": sum(step.rows for step in result.steps), "failed_step": result.failed_step,
        "sentence": result.sentence, "tables": [asdict(table) for table in result.tables],
        "locks": [{"id": s.id, "locks": list(s.locks), "milliseconds": round(s.holds * 1000, 1)}
                  for s in sorted(result.steps, key=lambda s: -s.holds)[:5] if s.holds],
        "rewrites": [{"id": s.id, "tables": list(s.rewrites)} for s in result.steps if s.rewrites],
        "slowest": [{"id": s.id, "seconds": round(s.seconds, 3), "rows": s.rows}
                    for s in sorted(result.steps, key=lambda s: -s.seconds)[:5]],
        "estimated_seconds": round(sum(step.estimated for step in result.steps), 3),
        "sampled": any(step.sampled for step in result.steps),
    })  # fmt: skip


def rehearse_now(desk: Desk, plan: Plan) -> Rehearsal:
    """Rehearse, and keep what came of it in the store."""
    import json

    from tools.migrate.rehearse import rehearse

    result = rehearse(plan, desk.database, shadow=desk.shadow, home=desk.home, progress=desk.progress)
    Records(desk.store).keep_rehearsal(plan.digest, result.origin, json.dumps(result.as_json()))
    return result


def rehearsal_of(desk: Desk, plan: Plan) -> Rehearsal | None:
    """The rehearsal on record for the plan, from the schema that it starts from."""
    import json

    from tools.migrate.rehearsal import rehearsal_from_json

    body = Records(desk.store).rehearsal(plan.digest, plan.origin)
    return rehearsal_from_json(json.loads(body)) if body else None


def keep_plan(desk: Desk, plan: Plan) -> None:
    from tools.plan.files import plan_to_yaml

    Records(desk.store).keep_plan(plan.digest, plan_to_yaml(plan), name=plan.desired_source)


def the_plan(desk: Desk) -> Plan:
    """The plan that the conversation works on, else the one at hand; UsageError when there is none yet."""
    plan = _at_hand(desk) or plan_or_none(desk)
    if plan is None and desk.at_hand is not None:
        plan = _kept(desk, desk.at_hand.newest())
    if plan is None:
        if desk.at_hand is not None:
            raise UsageError("there is no plan here yet: `oneplan plan CURRENT DESIRED -o plan.yaml` makes one")
        raise UsageError("there is no plan in this conversation yet: say `plan it`")
    return plan


def _at_hand(desk: Desk) -> Plan | None:
    """The plan that the person names, as long as the conversation has made none of its own."""
    return None if desk.at_hand is None or desk.pins.plan else _kept(desk, desk.at_hand.named())


def _kept(desk: Desk, plan: Plan | None) -> Plan | None:
    """What is proposed of it can be looked up in another terminal."""
    if plan is not None and Records(desk.store).plan(plan.digest) is None:
        keep_plan(desk, plan)
    return plan


def plan_or_none(desk: Desk) -> Plan | None:
    """The conversation's plan, as the store keeps it; before it has one, that of a run which others left unfinished."""
    from tools.location import parse_location
    from tools.plan.files import plan_from_yaml

    kept = Records(desk.store).plan(desk.pins.plan) if desk.pins.plan else None
    if kept is not None:
        return plan_from_yaml(kept.body, f"plan {kept.digest[:12]}")
    if not desk.current or parse_location(desk.current).live is None:
        return None
    from tools.migrate.session import plan_of, unfinished_run

    run = unfinished_run(desk.database)
    return plan_of(run) if run else None


def _refuse_halfway(desk: Desk) -> None:
    """A plan made in the middle of another one's run would take its half-built columns for the schema."""
    from tools.location import parse_location
    from tools.migrate.session import unfinished_run

    run = unfinished_run(desk.database)
    if run:
        begun = run.started[:16].replace("T", " ")
        raise Refused(
            f"run {run.id}, begun {begun} UTC, is unfinished on {parse_location(desk.database)}: "
            "say `apply it` to go on with it, or `roll back`, before a new plan is made"
        )


def find_step(plan: Plan, name: str) -> tuple[int, Step]:
    """A step by number (from 1), by id, or as `first` or `last`, with its number."""
    ends = {"first": "1", "last": str(len(plan.steps))}
    name = ends.get(name.lower(), name)
    for number, step in enumerate(plan.steps, 1):
        if name.lower() in (step.id.lower(), str(number)):
            return number, step
    raise UsageError(f"the plan has no step {name!r}: its steps are numbered 1 to {len(plan.steps)}")


def plan_in_short(plan: Plan) -> dict[str, Any]:
    hazards = Counter(str(hazard) for step in plan.steps for hazard in step.hazards)
    return {
        "plan": plan.digest, "dialect": plan.dialect, "current": plan.current_source, "desired": plan.desired_source,
        "phases": [{"phase": str(phase), "steps": len(steps)} for phase, steps in plan.phases()],
        "hazards": dict(hazards), "questions": at_most(asked(question) for question in plan.questions),
        "held_back": at_most(plan.held_back), "notes": at_most(plan.notes),
    }  # fmt: skip


def steps_in_short(plan: Plan, reasons: bool = False) -> list[dict[str, Any]]:
    numbers = {step.id: number for number, step in enumerate(plan.steps, 1)}
    return [
        {"n": number, "id": step.id, "phase": str(step.phase), "summary": step.summary,
         "hazards": [str(hazard) for hazard in step.hazards]}
        | ({"reason": step.reason, "after": [numbers[other] for other in step.depends_on]} if reasons else {})
        for number, step in enumerate(plan.steps, 1)
    ]  # fmt: skip


class WritePlanJob(SingleJob):
    """Writes the conversation's plan to a file. The path comes from a model: it needs an approval."""

    def propose(self, desk: Desk, arguments: WritePlanFile, done: Sequence[dict[str, Any]]) -> Proposed | None:
        if done:
            return None
        action, text = self._action(desk, arguments)
        return put(desk, action, {"target": arguments.path, "notes": [f"{len(text.splitlines())} lines"]})

    def perform(self, desk: Desk, arguments: WritePlanFile, hints: Sequence[str]) -> Iterator[dict[str, Any]]:
        action, text = self._action(desk, arguments)
        approval = approval_of(desk, action.digest, hints, action.summary)
        with desk.ledger.claimed(approval, action, actor=desk.actor, thread=desk.thread):
            write_atomically(Path(arguments.path), text, expected=action.base)
        yield {"id": arguments.path, "status": "written"}

    def _action(self, desk: Desk, arguments: WritePlanFile) -> tuple[Action, str]:
        from tools.plan.files import plan_to_yaml

        plan = the_plan(desk)
        return file_action(arguments.path, plan_to_yaml(plan), f"write the plan to {arguments.path}")


def file_action(path: str, text: str, summary: str) -> tuple[Action, str]:
    """The writing of a file as an action: the path, what is in it now, and what would be."""
    import hashlib

    place = Path(path)
    try:
        base = hashlib.sha256(place.read_bytes()).hexdigest() if place.exists() else ""
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", source=path) from error
    arguments = {"path": str(place.absolute()), "content": hashlib.sha256(text.encode()).hexdigest()}
    return Action("write_file", summary + (", in place of the file there" if base else ""), arguments, base=base), text
