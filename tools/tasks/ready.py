"""Which tasks can be started, which are blocked and why. A cancelled dependency blocks nobody.

"All above" and whole sections stand in the graph as nodes of their own, so that 10,000 rows of "All above" are 10,000
edges and not fifty million.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from tools.tasks.dependencies import needed
from tools.tasks.model import OPEN, Board, Dependency, Task
from tools.tasks.reach import below_first, reached_by

_RANKS = {
    "critical": 0, "urgent": 0, "highest": 0, "p0": 0, "high": 1, "p1": 1, "medium": 2, "normal": 2, "p2": 2,
    "low": 4, "p3": 4, "lowest": 5, "p4": 5,
}  # fmt: skip
_UNRANKED = 3


@dataclass(frozen=True)
class Ready:
    """A task to do that waits for nothing. unblocks: how many open tasks wait for it, directly or further on."""

    task: Task
    unblocks: int


@dataclass(frozen=True)
class Blocked:
    """An open task that waits. What it waits for is worked out when it is asked for: on a long board it is long."""

    task: Task
    board: Board = field(repr=False)
    waits: _Waits = field(repr=False)

    @cached_property
    def by(self) -> tuple[Task, ...]:
        """The open tasks that it names itself."""
        return tuple(self.board.by_id[id_] for id_ in blocking(self.board, self.task))

    @cached_property
    def chain(self) -> tuple[Task, ...]:
        """From one of `by` down to the root: an open task that waits for nothing, or the last before a cycle."""
        return tuple(self.board.by_id[name] for name in self.waits.graph.down(self.task.id) if name in self.board.by_id)

    @cached_property
    def in_cycle(self) -> bool:
        """Whether the chain ends in a cycle, so that no work on the board can free the task."""
        return self.waits.graph.waits(self.chain[-1].id)


def ready(board: Board) -> tuple[Ready, ...]:
    """What can be started now: by priority, then by how much it unblocks, then in the board's order."""
    found = [Ready(task, count) for task, count in _downstream(_Waits(board)) if task.status == "todo"]
    return tuple(sorted(found, key=lambda item: (rank(item.task.priority), -item.unblocks)))


def blocked(board: Board) -> tuple[Blocked, ...]:
    """Every open task that waits, in the board's order."""
    waits = _Waits(board)
    return tuple(Blocked(task, board, waits) for task in waits.open if waits.on_anything(task))


def blocking(board: Board, task: Task) -> tuple[str, ...]:
    """The ids of the open tasks that a task waits for directly."""
    return tuple(id_ for id_ in needed(board, task) if board.by_id[id_].open) if task.open else ()


def cycles(board: Board) -> tuple[tuple[str, ...], ...]:
    """Each cycle of dependencies as the path of task ids that leads back to its first; statuses take no part."""
    graph = Graph.of(board, everything=True)
    found: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for node in graph.in_cycles():
        path: dict[str, None] = {}
        while node not in path and node not in seen:
            path[node] = None
            node = next(below for below in graph.needs[node] if below in graph.caught)
        if node in path:
            ring = list(path)[list(path).index(node) :]
            tasks = [name for name in ring if name in board.by_id]
            found.append((*tasks, tasks[0]))
        seen.update(path)
    return tuple(found)


@lru_cache(maxsize=256)
def rank(priority: str) -> int:
    """0 is the most urgent; a priority that is not known stands between medium and low."""
    return _RANKS.get(priority.strip().casefold(), _UNRANKED)


class _Waits:
    """Whether tasks wait for anything: told from each task alone and from where the first open ones stand.

    open: the open tasks in the board's order; index: id -> place there; spans: section key -> their places there.
    """

    def __init__(self, board: Board) -> None:
        self._board, self.open = board, list[Task]()
        self.index: dict[str, int] = {}
        self.spans: dict[str, range] = {}
        self._first: dict[str, int] = {}
        self._sections: dict[str, int] = {}
        self._first_section = len(board.sections)
        for at, section in enumerate(board.sections):
            self._sections[section.key], start = at, len(self.open)
            found = [task for task in section.tasks if task.status in OPEN]
            self.open += found
            self.spans[section.key] = span = range(start, len(self.open))
            self.index.update(zip([task.id for task in found], span, strict=True))
            if found:
                self._first[section.key] = _place(found[0])
                self._first_section = min(self._first_section, at)

    def on_anything(self, task: Task) -> bool:
        return any(self.held(need) for need in task.needs)

    @cached_property
    def graph(self) -> Graph:
        return Graph.of(self._board)

    def held(self, need: Dependency) -> bool:
        if need.scope == "task":
            return need.target in self.index
        if need.scope == "section":
            return need.target in self._first
        if need.scope == "sections_above":
            return self._first_section < self._sections[need.target]
        key, _, place = need.target.rpartition(".")
        return key in self._first and self._first[key] < int(place)


def _place(task: Task) -> int:
    return int(task.id.rpartition(".")[2])


@dataclass
class Graph:
    """needs: node -> nodes below it, of which only those that still hold something up. Nodes are task ids and groups:
    `S2` all tasks of section 2, `A2` all sections before it, `2.3^` all rows above 2.3."""

    needs: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    tasks: set[str] = field(default_factory=set[str])
    caught: set[str] = field(default_factory=set[str])

    @classmethod
    def of(cls, board: Board, *, everything: bool = False) -> Graph:
        """Without finished tasks, and without groups that hold none but finished ones, unless `everything` is asked."""
        graph, needs = cls(), dict[str, list[str]]()
        tasks = {task.id for task in board if everything or task.open}
        standing = tasks | _groups(board, everything)
        before = ""
        for section in board.sections:
            key, above = section.key, ""
            if f"A{key}" in standing:
                needs[f"A{key}"] = [name for name in (f"A{before}", f"S{before}") if name in standing]
            if f"S{key}" in standing:
                needs[f"S{key}"] = [task.id for task in section.tasks if task.id in tasks]
            for task in section.tasks:
                if f"{task.id}^" in standing:
                    needs[f"{task.id}^"] = [name for name in (f"{above}^", above) if name in standing]
                if task.id in tasks:
                    needs[task.id] = [name for need in task.needs if (name := _node(need)) in standing]
                above = task.id
            before = key
        graph.needs, graph.tasks = needs, tasks
        return graph

    def waits(self, node: str) -> bool:
        return bool(self.needs.get(node))

    def down(self, node: str) -> list[str]:
        """The way from a node to the bottom, by the first need of each; it ends where it would go round."""
        path: dict[str, None] = {node: None}
        while below := self.needs.get(node):
            node = below[0]
            if node in path:
                break
            path[node] = None
        return list(path)[1:]

    def above(self, node: str) -> dict[str, None]:
        """All nodes that wait for this one, directly or further on."""
        waiting: dict[str, list[str]] = defaultdict(list)
        for name, below in self.needs.items():
            for one in below:
                waiting[one].append(name)
        found: dict[str, None] = {node: None}
        todo = [node]
        for name in todo:
            fresh = [one for one in waiting[name] if one not in found]
            found |= dict.fromkeys(fresh)
            todo.extend(fresh)
        del found[node]
        return found

    def in_cycles(self) -> list[str]:
        """The nodes that lie on a cycle or lead to one, with `caught` set to them."""
        placed = set(self.below_first())
        self.caught = {node for node in self.needs if node not in placed}
        return [node for node in self.needs if node in self.caught]

    def below_first(self) -> list[str]:
        """The nodes, each after those it needs; without those on a cycle or above one, which have no such place."""
        nodes = list(self.needs)
        index = {node: at for at, node in enumerate(nodes)}
        return [nodes[at] for at in below_first([[index[name] for name in below] for below in self.needs.values()])]


def _downstream(waits: _Waits) -> list[tuple[Task, int]]:
    """The open tasks that wait for nothing, each with how many open tasks wait for it, directly or further on.

    By numbers, not names, which lie beside each other in memory, so that ten times the tasks take little more than ten
    times as long: tasks, then for each section the group of its tasks and that of all sections before it, then for each
    task that asks for it the group of the rows above. A union of ten thousand costs a microsecond.
    """
    size, groups = len(waits.open), {key: len(waits.open) + 2 * at for at, key in enumerate(waits.spans)}
    needs: list[Sequence[int]] = [()] * size
    for key, span in waits.spans.items():
        node = groups[key]
        needs += [span, (node - 2, node - 1) if node > size else ()]
    rows: dict[str, tuple[int, int]] = {}
    for at, task in enumerate(waits.open):
        if task.needs:
            needs[at] = [_number(need, waits, groups, rows, needs) for need in task.needs if waits.held(need)]
    counts = reached_by(needs, size)
    return [(task, count) for task, below, count in zip(waits.open, needs, counts, strict=False) if not below]


def _number(
    need: Dependency, waits: _Waits, groups: dict[str, int], rows: dict[str, tuple[int, int]],
    needs: list[Sequence[int]],
) -> int:  # fmt: skip
    """The node of a dependency. The group of the rows above a task is made when it asks for it, upon the one before:
    `rows` holds each section's last one as (the task that it ends before, node)."""
    if need.scope == "task":
        return waits.index[need.target]
    if need.scope == "section":
        return groups[need.target]
    if need.scope == "sections_above":
        return groups[need.target] + 1
    key, end = need.target.rpartition(".")[0], waits.index[need.target]
    start, before = rows.get(key, (waits.spans[key].start, -1))
    if before < 0 or start < end:
        needs.append([*range(start, end), *((before,) if before >= 0 else ())])
        rows[key] = end, len(needs) - 1
    return rows[key][1]


def _groups(board: Board, everything: bool) -> set[str]:
    """The groups that hold a task which counts, of those that anything waits for."""
    standing: set[str] = set()
    asked = {need.target for task in board for need in task.needs if need.scope == "rows_above"}
    earlier = False
    for section in board.sections:
        standing.update((f"A{section.key}",) if earlier or everything else ())
        above = False
        wanted = [at for at, task in enumerate(section.tasks) if task.id in asked]
        for task in section.tasks[: wanted[-1] + 1] if wanted else ():
            standing.update((f"{task.id}^",) if above or everything else ())
            above = above or task.open
        last = any(task.open for task in section.tasks)
        standing.update((f"S{section.key}",) if last or everything else ())
        earlier = earlier or last
    return standing


def _node(need: Dependency) -> str:
    if need.scope == "task":
        return need.target
    return {"section": f"S{need.target}", "rows_above": f"{need.target}^", "sections_above": f"A{need.target}"}[
        need.scope
    ]
