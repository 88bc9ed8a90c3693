"""What is asked of a board: tasks by a filter or by name, the critical path, what a task frees, who has what to do."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from tools.errors import UsageError
from tools.tasks.dependencies import stems
from tools.tasks.model import Board, Task
from tools.tasks.ready import Graph, ready

_HOURS = {"h": 1.0, "d": 8.0, "w": 40.0, "m": 1 / 60}
_ESTIMATE = re.compile(r"(\d+(?:[.,]\d+)?)\s*(m|h|d|w)?", re.I)
_FILLING = {"the", "all", "task", "every", "any", "my", "our"}
_CANDIDATES = 8


@dataclass(frozen=True)
class Filter:
    """What a task must be; None and "" ask for nothing. owner: "" matches tasks that nobody has. text: words of its
    name, in any form (`backfill` finds `Backfilling`). ready: it can be started now."""

    section: str | None = None
    owner: str | None = None
    status: str | None = None
    priority: str | None = None
    text: str | None = None
    ready: bool = False


@dataclass(frozen=True)
class Load:
    """One owner's work. open: tasks not finished. doing: those begun. startable: those that wait for nothing."""

    owner: str
    open: int
    doing: int
    startable: int


def select(board: Board, wanted: Filter) -> tuple[Task, ...]:
    """The tasks that fit, in the board's order. Raises UsageError for a section that is not there."""
    tasks = board.section(wanted.section).tasks if wanted.section else tuple(board)
    startable = {found.task.id for found in ready(board)} if wanted.ready else set[str]()
    words = set(stems(wanted.text or "")) - {word for filling in _FILLING for word in stems(filling)}
    return tuple(
        task
        for task in tasks
        if (wanted.owner is None or task.owner.casefold() == wanted.owner.casefold())
        and wanted.status in (None, "", task.status)
        and (not wanted.priority or task.priority.casefold() == wanted.priority.casefold())
        and words <= set(stems(f"{task.description} {task.label}"))
        and (not wanted.ready or task.id in startable)
    )


def find(board: Board, name: str) -> Task:
    """The task that a person means: by id, whole name, beginning of it, words of it, or the section that it leads.
    Raises UsageError where it may be several, naming them, or none."""
    plain = name.strip().strip("\"'`").casefold()
    if plain.removeprefix("#") in board.by_id or plain in board.by_uid:
        return board.task(plain)
    wanted = set(stems(plain)) - {word for filling in _FILLING for word in stems(filling)}
    led = [s.tasks[0] for s in board.sections if s.tasks and wanted and wanted == set(stems(s.title))]
    for found in (
        [task for task in board if task.description.casefold() == plain or task.label.casefold() == plain],
        [task for task in board if task.description.casefold().startswith(plain)],
        led,
        [task for task in board if wanted and wanted <= set(stems(task.description))],
        [s.tasks[0] for s in board.sections if s.tasks and wanted and wanted <= set(stems(s.title))],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            shown = "; ".join(f"{task.id} {task.description}" for task in found[:_CANDIDATES])
            more = f" and {len(found) - _CANDIDATES} more" if len(found) > _CANDIDATES else ""
            raise UsageError(f"{name!r} may be any of {len(found)} tasks, say which: {shown}{more}")
    raise UsageError(f"there is no task {name!r} on the board: see `oneplan board show`")


def critical_path(board: Board) -> tuple[Task, ...]:
    """The longest chain of open tasks, each waiting for the one before: by their estimates, or by their number where
    there are none. Tasks in a cycle have no place in it."""
    graph = Graph.of(board)
    sized = any(hours(task.estimate) for task in board)
    best: dict[str, tuple[float, str]] = {}
    for node in graph.below_first():
        below = max(((best[name][0], name) for name in graph.needs.get(node, ()) if name in best), default=(0.0, ""))
        task = board.by_id.get(node)
        weight = 0.0 if task is None or not task.open else (hours(task.estimate) or 0.0) if sized else 1.0
        best[node] = (below[0] + weight, below[1])
    node = max((name for name in best if name in board.by_id), key=lambda name: best[name][0], default="")
    path: list[Task] = []
    while node:
        if node in board.by_id:
            path.append(board.by_id[node])
        node = best[node][1]
    return tuple(task for task in reversed(path) if task.open)


def hours(estimate: str) -> float | None:
    """`3d` is 24, `1w 2d` 56, `90m` 1.5; a bare number counts as days. None for what is no length of time."""
    found = _ESTIMATE.findall(estimate)
    if not found or re.sub(r"[\s,.]", "", _ESTIMATE.sub("", estimate.replace("ays", "").replace("ay", ""))):
        return None
    return sum(float(number.replace(",", ".")) * _HOURS[unit.lower() or "d"] for number, unit in found)


def unblocks(board: Board, task: Task) -> tuple[tuple[Task, ...], tuple[Task, ...]]:
    """(what can be started once the task is done, all open tasks that wait for it directly or further on)."""
    graph = Graph.of(board)
    waiting = tuple(board.by_id[name] for name in graph.above(task.id) if name in board.by_id)
    alone = {task.id}
    freed: list[Task] = []
    for other in waiting:
        if other.status == "todo" and _held_only_by(graph, other.id, alone):
            freed.append(other)
    return tuple(freed), waiting


def workload(board: Board) -> tuple[Load, ...]:
    """Every owner on the board, the least busy first."""
    startable = {found.task.id for found in ready(board)}
    mine: dict[str, list[Task]] = defaultdict(list)
    for task in board:
        if task.owner:
            mine[task.owner].append(task)
    loads = [
        Load(owner, sum(t.open for t in tasks), sum(t.status == "doing" for t in tasks),
             sum(t.id in startable for t in tasks))
        for owner, tasks in mine.items()
    ]  # fmt: skip
    return tuple(sorted(loads, key=lambda load: (load.doing + load.startable, load.open, load.owner.casefold())))


def _held_only_by(graph: Graph, node: str, done: set[str]) -> bool:
    """Whether all that a node waits for is `done`, groups looked into."""
    todo, seen = list(graph.needs.get(node, ())), set[str]()
    while todo:
        name = todo.pop()
        if name in done or name in seen:
            continue
        if name in graph.tasks:
            return False
        seen.add(name)
        todo.extend(graph.needs.get(name, ()))
    return True
