"""A plan in several releases, which a team runs one by one: what the code as it is goes on working with, the deployment
of the code, and what needs it; the removals last. A run stops before each boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tools.errors import UsageError
from tools.location import Dialect
from tools.plan.model import WATCH, Phase, Plan, Step
from tools.plan.statement import Verb, effects

RELEASE = "release"
"""The operation of the step that begins a release: a person's word that the one before is out and stable."""
CODE = "the deployment of the code"
BOUNDARIES: dict[int, tuple[Phase | str, ...]] = {
    2: (CODE,), 3: (CODE, Phase.CONTRACT), 4: (Phase.MIGRATE, CODE, Phase.CONTRACT),
}  # fmt: skip
"""Before what a release begins, for so many releases."""


def in_releases(plan: Plan, number: int) -> tuple[Plan, tuple[str, ...]]:
    """The plan in `number` releases, and in sentences what each holds. UsageError for a number that cannot be.

    Backfills that triggers keep up to date come before the deployment: code that knows only the old names goes on
    writing, and no row is missed. Others stay behind it.
    """
    if number not in BOUNDARIES:
        *most, last = map(str, BOUNDARIES)
        raise UsageError(f"a plan is made into {', '.join(most)} or {last} releases, not into {number}")
    steps = _code_later(_one_release(plan.steps), plan.dialect)
    steps, told = _divided(steps, BOUNDARIES[number])
    if len(told) < number:
        told.append(f"only {len(told)} came of it: the plan does nothing on the other side")
    return replace(plan, steps=steps), tuple(told)


def this_release(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps up to where the next release begins; a boundary that stands first is part of its release."""
    at = next((place for place, step in enumerate(steps) if place and step.operation == RELEASE), len(steps))
    return tuple(steps[:at])


def ending(steps: Sequence[Step]) -> str:
    """What is told when a run stops before a boundary; "" where none follows. steps: all that are left."""
    here = this_release(steps)
    if len(here) == len(steps):
        return ""
    code = any(step.operation == "deploy_code" for step in steps[len(here) :])
    then = "deploy the code when it has proven stable" if code else "let it prove stable"
    return (
        f"this release is done, {len(steps) - len(here)} steps are left for the next: {then}, then apply the plan again"
    )


def _one_release(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps without the boundaries of an earlier change, what people do to the code in its own phase again."""
    gone = {step.id for step in steps if step.operation == RELEASE}
    kept = [
        replace(
            s, depends_on=tuple(d for d in s.depends_on if d not in gone),
            phase=Phase.REFACTOR if s.manual and s.phase is Phase.MIGRATE else s.phase,
        )
        for s in steps if s.id not in gone
    ]  # fmt: skip
    return tuple(sorted(kept, key=lambda step: list(Phase).index(step.phase)))


def _code_later(steps: tuple[Step, ...], dialect: Dialect) -> tuple[Step, ...]:
    """The deployment behind the backfills that old code does not spoil."""
    code = tuple(step for step in steps if step.phase is Phase.REFACTOR)
    names = {step.id for step in code}
    ahead = _ahead(steps, names, dialect)
    if not ahead:
        return steps
    before = tuple(s for s in steps if list(Phase).index(s.phase) < list(Phase).index(Phase.REFACTOR))
    rest = tuple(s for s in steps if s not in before and s not in code and s not in ahead)
    freed = (replace(s, depends_on=tuple(d for d in s.depends_on if d not in names)) for s in ahead)
    return (*before, *freed, *(replace(s, phase=Phase.MIGRATE) for s in code), *rest)


def _ahead(steps: tuple[Step, ...], code: set[str], dialect: Dialect) -> tuple[Step, ...]:
    by_id = {step.id: step for step in steps}
    found: list[Step] = []
    for step in steps:
        fill = step.backfill
        if step.phase is not Phase.MIGRATE or fill is None or not code:
            continue
        needed = [by_id[name] for name in step.depends_on if name in by_id and name not in code]
        kept_equal = any(fill.table_key in _triggers_on(other, dialect) for other in needed)
        if kept_equal and all(other.phase is not Phase.MIGRATE or other in found for other in needed):
            found.append(step)
    return tuple(found)


def _triggers_on(step: Step, dialect: Dialect) -> set[str]:
    return {e.table for sql in step.sql for e in effects(sql, dialect) if e.verb is Verb.CREATE_TRIGGER}


def _divided(steps: tuple[Step, ...], boundaries: Sequence[Phase | str]) -> tuple[tuple[Step, ...], list[str]]:
    """With a step at every boundary that has something to run on both sides of it."""
    places = [at for boundary in boundaries if (at := _place(steps, boundary)) is not None]
    places = [
        at for n, at in enumerate(places)
        if _runs(steps[places[n - 1] if n else 0 : at]) and _runs(steps[at:])
    ]  # fmt: skip
    told = [_holds(1, steps[: places[0] if places else len(steps)])]
    for number, at in enumerate(places, 2):
        end = places[number - 1] if number - 1 < len(places) else len(steps)
        told.append(_holds(number, steps[at:end]))
    for number, at in reversed(list(enumerate(places, 2))):
        steps = _with_boundary(steps, at, number)
    return steps, told


def _place(steps: tuple[Step, ...], boundary: Phase | str) -> int | None:
    """Where a release begins. A plan without a deployment has its boundary where the removals begin."""
    if boundary == CODE:
        found = next((at for at, step in enumerate(steps) if step.operation in ("add_flag", "deploy_code")), None)
        return found if found is not None else _place(steps, Phase.CONTRACT)
    order = list(Phase)
    return next((at for at, step in enumerate(steps) if order.index(step.phase) >= order.index(Phase(boundary))), None)


def _runs(steps: Sequence[Step]) -> bool:
    return any(step.statements() or (step.checks and step.phase is not Phase.ANALYSE) for step in steps)


def _with_boundary(steps: tuple[Step, ...], at: int, number: int) -> tuple[Step, ...]:
    phase = steps[at].phase
    boundary = Step(
        f"{phase}.release_{number}", phase, RELEASE,
        f"Begin release {number}: release {number - 1} is out, and what it left has proven stable",
        manual=True, depends_on=tuple(step.id for step in steps[at - 1 : at]),
        reason=f"Asked for: the plan in several releases. A run stops here; nothing of release {number} runs before "
        "somebody says so.",
    )  # fmt: skip
    waiting = (replace(step, depends_on=(*step.depends_on, boundary.id)) for step in steps[at:])
    return (*steps[:at], boundary, *waiting)


def _holds(number: int, steps: Sequence[Step]) -> str:
    run = [step for step in steps if step.operation != WATCH]
    phases = ", ".join(dict.fromkeys(step.phase.value for step in run))
    code = any(step.operation == "deploy_code" for step in run)
    what = "begins with the deployment of the code, then " if code else ""
    return f"release {number}: {what}{len(run)} steps, {phases}"
