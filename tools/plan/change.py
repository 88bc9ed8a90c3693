"""Plans changed at a person's word: smaller batches, several releases, nothing that holds others up for too long.

A change gives another plan, and says what it could not do. Nothing here runs: the new plan is rehearsed like any other.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tools.errors import UsageError
from tools.plan.model import Hazard, Plan, Step
from tools.plan.releases import in_releases

SMALLEST = 100
"""Rows below which a batch costs more than it saves."""
ROOM = 0.7
"""How much of the time allowed a batch is planned to take: the database itself may be slower than its copy."""


@dataclass(frozen=True)
class Change:
    """plan: the new one, the old one where nothing could be changed. told: what was done and what could not be."""

    plan: Plan
    told: tuple[str, ...]


@dataclass(frozen=True)
class Hold:
    """What the rehearsal measured of a step. seconds: for which others wait; batch: of its longest batch; rows:
    written; locks: as `ACCESS EXCLUSIVE on agents`; took: seconds of the whole step."""

    seconds: float
    batch: float = 0.0
    rows: int = 0
    locks: tuple[str, ...] = ()
    took: float = 0.0


def smaller_batches(
    plan: Plan, usual: int, rows: int | None = None, written: Mapping[str, int] | None = None
) -> Change:
    """Batches of so many rows at most, by default a quarter of what they are. usual: the backend's own size. written:
    how many rows steps write, as far as a rehearsal has told: where one batch still takes all, that is said."""
    if rows is not None and rows < 1:
        raise UsageError(f"a batch of {rows} rows writes nothing: name a number from 1 on")
    sizes = {
        step.id: rows or max(SMALLEST, (step.backfill.batch or usual) // 4)
        for step in plan.steps if step.backfill and step.backfill.key
    }  # fmt: skip
    told = [
        f"{step_id}: batches of at most {size:,} rows{_one_batch((written or {}).get(step_id, 0), size)}"
        for step_id, size in sizes.items()
    ]
    return Change(_with_batches(plan, sizes), tuple(told or ["the plan writes nothing in batches"]))


def _one_batch(rows: int, size: int) -> str:
    return f"; all {rows:,} still fit into one: say `batches of N` for fewer" if 0 < rows <= size else ""


def releases(plan: Plan, number: int) -> Change:
    """The plan in `number` releases that a team runs one by one."""
    return Change(*in_releases(plan, number))


def locks_below(plan: Plan, seconds: float, held: Mapping[str, Hold]) -> Change:
    """Batches small enough that none takes longer than `seconds`; what no batch can cut short is named, and why."""
    sizes: dict[str, int] = {}
    told: list[str] = []
    for step in plan.steps:
        hold = held.get(step.id)
        if hold is None or max(hold.seconds, hold.batch) <= seconds:
            continue
        if step.backfill and step.backfill.key and hold.batch > seconds:
            size = max(SMALLEST, _round(hold.rows / max(hold.took, hold.batch) * seconds * ROOM))
            if step.backfill.batch and size >= step.backfill.batch:
                told.append(f"{step.id}: {_small_enough(step.backfill.batch, hold.batch)}")
            else:
                sizes[step.id] = size
                told.append(f"{step.id}: batches of at most {size:,} rows; one took {_ms(hold.batch)}")
        if hold.seconds > seconds:
            told.append(f"{step.id}: held {', '.join(hold.locks)} for {_ms(hold.seconds)}: {_whole(step)}")
    if not told:
        told = [f"no step of the rehearsal held anybody up for more than {_ms(seconds)}"]
    return Change(_with_batches(plan, sizes), tuple(told))


def skipped(plan: Plan, step: Step) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """What cannot run without a step (whatever depends on it, by way of others too), and the gaps that stay open."""
    lost = {step.id}
    for other in plan.steps:
        if lost & set(other.depends_on):
            lost.add(other.id)
    gone = tuple(other for other in plan.steps if other.id in lost)
    return gone[1:], tuple(dict.fromkeys(sentence for other in gone for sentence in other.closes))


def difference(before: Plan, after: Plan) -> tuple[str, ...]:
    """The difference of two plans as their files show it, in lines that begin with +, - or @."""
    from tools.plan.files import plan_to_yaml

    lines = difflib.unified_diff(
        plan_to_yaml(before).splitlines(), plan_to_yaml(after).splitlines(), "the plan before", "the plan now",
        lineterm="", n=1,
    )  # fmt: skip
    return tuple(lines)


def outline(plan: Plan) -> tuple[str, str, str, tuple[str, ...]]:
    """What a changed plan must have in common with the one whose run goes on: its ends, and which steps lie between."""
    return plan.dialect, plan.origin, plan.target, tuple(step.id for step in plan.steps)


def _with_batches(plan: Plan, sizes: Mapping[str, int]) -> Plan:
    return replace(plan, steps=tuple(_sized(step, sizes.get(step.id)) for step in plan.steps))


def _sized(step: Step, rows: int | None) -> Step:
    return step if rows is None or step.backfill is None else replace(step, backfill=replace(step.backfill, batch=rows))


def _small_enough(rows: int, took: float) -> str:
    return f"one of its batches of {rows:,} rows took {_ms(took)}, and smaller ones would spend the time on commits"


def _whole(step: Step) -> str:
    """Why nothing can be cut off the step, and what helps."""
    if step.rebuild and Hazard.TABLE_REWRITE in step.hazards:
        return "a table made anew is one transaction here; run it while nobody writes"
    if step.backfill and not step.backfill.key:
        return "the table has no key to cut it into batches by"
    if Hazard.TABLE_REWRITE in step.hazards:
        return "the engine writes the table anew in one statement; run it while few wait for the table"
    if step.writes_data:
        return "values are set aside and removed in one transaction, so that none written in between is lost"
    return (
        "its statements belong together in one transaction; a lock that is not had at once is given up and tried again"
    )


def _round(rows: float) -> int:
    """Two digits are enough."""
    scale = 10 ** max(len(str(int(rows))) - 2, 0)
    return max(1, int(rows) // scale * scale)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"
