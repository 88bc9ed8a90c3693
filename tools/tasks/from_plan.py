"""A board made from a plan: a section for each phase that has steps, a task for each step, in step with its run."""

from __future__ import annotations

from collections.abc import Mapping

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
    "done": "done", "begun": "doing", "started": "doing", "paused": "doing", "failed": "doing",
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


def progress(board: Board, states: Mapping[str, str]) -> tuple[Change, ...]:
    """The status changes that bring a board in step with a run: `states` by step id, in the journal's words.

    Tasks without a step, steps that the journal does not mention, words that are not known and cancelled tasks stay.
    """
    changes: list[Change] = []
    for task in board:
        status = _STATUS_OF.get(states.get(task.step_id, "")) if task.step_id else None
        if status and task.status not in (status, "cancelled"):
            changes.append({"op": "set", "task": task.id, "field": "status", "from": task.status, "to": status})
    return tuple(changes)


def _task(step: Step, ids: Mapping[str, str], section: str, before: str) -> Task:
    own = [ids[name] for name in step.depends_on if ids.get(name, "").startswith(f"{section}.")]
    careful = step.writes_data or bool(MUST_BE_ALLOWED.intersection(step.hazards))
    return Task(
        ids[step.id], section, one_line(step.summary) or step.id, priority="High" if careful else "Medium",
        depends=", ".join([*([before] if before else []), *own]), notes=", ".join(step.hazards), step_id=step.id,
    )  # fmt: skip
