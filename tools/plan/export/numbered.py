"""Numbered up and down scripts, in one folder a release: the next begins where a person has done their part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.plan.export.pieces import Exported, backward, counted_only, enclosed, forward, line, slug
from tools.plan.model import Plan, Step


def scripts(plan: Plan) -> tuple[Exported, ...]:
    files: list[Exported] = []
    number = 0
    for place, steps in enumerate(_releases(plan), 1):
        folder = f"release-{place}"
        for step in steps:
            up, down = _up(plan, step), _down(plan, step)
            if up or down:
                number += 1
                name = f"{folder}/{number:04d}_{slug(step)}"
                files += [Exported(f"{name}.{way}.sql", _text(plan, step, sql), step.id)
                          for way, sql in (("up", up), ("down", down))]  # fmt: skip
    return tuple(files)


def _releases(plan: Plan) -> Iterator[list[Step]]:
    """The steps between one person's doing and the next."""
    release: list[Step] = []
    for step in plan.steps:
        if not step.manual:
            release.append(step)
        elif release:
            yield release
            release = []
    if release:
        yield release


def _up(plan: Plan, step: Step) -> tuple[str, ...]:
    if counted_only(step) and not step.checks:
        return ()
    return enclosed(step, forward(step, plan.dialect), plan.dialect, transactional=step.transactional)


def _down(plan: Plan, step: Step) -> tuple[str, ...]:
    return enclosed(step, backward(step, plan.dialect), plan.dialect, transactional=step.undo_transactional)


def _text(plan: Plan, step: Step, statements: Sequence[str]) -> str:
    head = [f"-- dialect: {plan.dialect}", f"-- {step.id}: {line(step.summary)}"]
    head += [f"-- hazards: {', '.join(hazard.value for hazard in step.hazards)}"] if step.hazards else []
    return "\n".join([*head, "", *(f"{sql};" for sql in statements)]) + "\n"
