"""A board made from a plan: a section for each phase that has steps, a task for each step, in step with its run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tools.plan.model import MUST_BE_ALLOWED, Phase, Plan, Step
from tools.tasks.dependencies import resolved
from tools.tasks.model import Board, CheckItem, Section, Status, Task
from tools.tasks.update import Change, one_line

TITLES: dict[Phase, str] = {
    Phase.ANALYSE: "Analyse",
    Phase.EXPAND: "Expand the schema",
    Phase.REFACTOR: "Refactor the code",
    Phase.MIGRATE: "Migrate the data",
    Phase.VERIFY: "Verify",
    Phase.CONTRACT: "Contract the schema",
    Phase.MONITOR: "Monitor",
}
_CHECKS: dict[Phase, str] = {
    Phase.ANALYSE: "Schema gap analysis complete",
    Phase.EXPAND: "New tables and columns added beside the old ones",
    Phase.REFACTOR: "Code reads and writes the new schema",
    Phase.MIGRATE: "Old rows have their new values",
    Phase.VERIFY: "Every row accounted for",
    Phase.CONTRACT: "Old columns and tables removed after validation",
    Phase.MONITOR: "Watched after launch, with the way back ready",
}
_STATUS_OF: dict[str, Status] = {
    "done": "done", "begun": "doing", "started": "doing", "paused": "doing", "waiting": "doing",
    "failed": "doing",
    "pending": "todo", "undone": "todo",
}  # fmt: skip


def board_from_plan(plan: Plan, title: str = "Migration Task Board") -> Board:
    """Tasks in the order of the steps. Each waits for the steps that its own depends on in its phase, and for the whole
    phase before; steps that ask for a named consent are of high priority."""
    phases = [(phase, steps) for phase, steps in plan.phases() if steps]
    ids = {
        step.id: f"{key}.{number}"
        for key, (_, steps) in enumerate(phases, start=1)
        for number, step in enumerate(steps, start=1)
    }
    sections: list[Section] = []
    for key, (phase, steps) in enumerate(phases, start=1):
        before = TITLES[phases[key - 2][0]] if key > 1 else ""
        tasks = tuple(_task(step, ids, str(key), before) for step in steps)
        sections.append(Section(str(key), TITLES[phase], tasks))
    checklist = tuple(CheckItem(f"c{n}", _CHECKS[phase]) for n, (phase, _) in enumerate(phases, start=1))
    return resolved(Board(title, tuple(sections), checklist, source=f"plan {plan.digest[:12]}"))


def steps_of(task: Task) -> tuple[str, ...]:
    """The ids of the plan's steps that a task is tied to."""
    return tuple(part.strip() for part in task.step_id.split(",") if part.strip())


def progress(board: Board, states: Mapping[str, str], unproven: Collection[str] = ()) -> tuple[Change, ...]:
    """The status changes that bring a board in step with a run: `states` by step id, in the journal's words. A task of
    several steps is done when all are. unproven: steps that have run and whose rows are not accounted for yet.

    Tasks without a step, steps that the journal does not mention, words that are not known and cancelled tasks stay.
    """
    changes: list[Change] = []
    for task in board:
        found = [_status_of(step, states, unproven) for step in steps_of(task)]
        known = [status for status in found if status]
        if not known or task.status == "cancelled":
            continue
        status = known[0] if len(set(known)) == 1 and len(known) == len(found) else "doing"
        if task.status != status:
            changes.append({"op": "set", "task": task.id, "field": "status", "from": task.status, "to": status})
    return tuple(changes)


def unproven(steps: Iterable[Step], states: Mapping[str, str]) -> tuple[str, ...]:
    """The steps that wrote rows, as long as a proof of the plan that accounts for them has not run."""
    every = tuple(steps)
    if all(states.get(step.id) == "done" for step in every if step.operation == "proof"):
        return ()
    return tuple(step.id for step in every if step.writes_data)


def _status_of(step: str, states: Mapping[str, str], unproven: Collection[str]) -> Status | None:
    status = _STATUS_OF.get(states.get(step, ""))
    return "doing" if status == "done" and step in unproven else status


def _task(step: Step, ids: Mapping[str, str], section: str, before: str) -> Task:
    own = [ids[name] for name in step.depends_on if ids.get(name, "").startswith(f"{section}.")]
    careful = step.writes_data or bool(MUST_BE_ALLOWED.intersection(step.hazards))
    return Task(
        ids[step.id], section, one_line(step.summary) or step.id, priority="High" if careful else "Medium",
        depends=", ".join([*([before] if before else []), *own]), notes=", ".join(step.hazards), step_id=step.id,
    )  # fmt: skip
