"""Which tasks can be started, which are blocked and why. A cancelled dependency blocks nobody.

"All above" and whole sections stand in the graph as nodes of their own, so that 10,000 rows of "All above" are 10,000
edges and not fifty million.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from tools.tasks.dependencies import needed
from tools.tasks.model import OPEN, Board, Dependency, Task

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
    free = _downstream(board, _Waits(board))
    found = [Ready(task, free[task.id]) for task in board if task.status == "todo" and task.id in free]
    return tuple(sorted(found, key=lambda item: (rank(item.task.priority), -item.unblocks)))


def blocked(board: Board) -> tuple[Blocked, ...]:
    """Every open task that waits, in the board's order."""
    waits = _Waits(board)
    return tuple(Blocked(task, board, waits) for task in board if task.open and waits.on_anything(task))


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


def rank(priority: str) -> int:
    """0 is the most urgent; a priority that is not known stands between medium and low."""
    return _RANKS.get(priority.strip().casefold(), _UNRANKED)


class _Waits:
    """Whether tasks wait for anything: told from each task alone and from where the first open ones stand."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._open = {task.id for task in board if task.status in OPEN}
        self._first: dict[str, int] = {}
        self._sections: dict[str, int] = {}
        self._first_section = len(board.sections)
        for at, section in enumerate(board.sections):
            self._sections[section.key] = at
            first = next((place for place, task in enumerate(section.tasks, start=1) if task.id in self._open), 0)
            if first:
                self._first[section.key] = first
                self._first_section = min(self._first_section, at)

    def on_anything(self, task: Task) -> bool:
        return any(self.held(need) for need in task.needs)

    @cached_property
    def graph(self) -> Graph:
        return Graph.of(self._board)

    def held(self, need: Dependency) -> bool:
        if need.scope == "task":
            return need.target in self._open
        if need.scope == "section":
            return need.target in self._first
        if need.scope == "sections_above":
            return self._first_section < self._sections[need.target]
        key, _, place = need.target.rpartition(".")
        return key in self._first and self._first[key] < int(place)


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
        return [nodes[at] for at in _below_first([[index[name] for name in below] for below in self.needs.values()])]


def _downstream(board: Board, waits: _Waits) -> dict[str, int]:
    """How many open tasks wait for each one that waits for nothing, directly or further on.

    By numbers, not names, which lie beside each other in memory, so that ten times the tasks take little more than ten
    times as long: tasks, then for each section the group of its tasks and that of all sections before it, then for each
    task that asks for it the group of the rows above. A union of ten thousand costs a microsecond.
    """
    ids = [task.id for task in board if task.status in OPEN]
    index = {id_: at for at, id_ in enumerate(ids)}
    size, sections = len(ids), {section.key: at for at, section in enumerate(board.sections)}
    needs: list[list[int]] = [[] for _ in range(size + 2 * len(sections))]
    rows: dict[str, int] = {}
    for at, section in enumerate(board.sections):
        needs[size + 2 * at] = [index[task.id] for task in section.tasks if task.id in index]
        needs[size + 2 * at + 1] = [size + 2 * at - 2, size + 2 * at - 1] if at else list[int]()
        for task in section.tasks:
            if task.needs and task.id in index:
                held = [need for need in task.needs if waits.held(need)]
                needs[index[task.id]] = [_number(n, index, size, sections, rows, needs, board) for n in held]
    return {id_: count for id_, below, count in zip(ids, needs, _reached(needs, size), strict=False) if not below}


def _number(
    need: Dependency, index: dict[str, int], size: int, sections: dict[str, int], rows: dict[str, int],
    needs: list[list[int]], board: Board,
) -> int:  # fmt: skip
    """The node of a dependency; the group of the rows above is made when it is first asked for, upon the one before."""
    if need.scope == "task":
        return index[need.target]
    if need.scope == "section":
        return size + 2 * sections[need.target]
    if need.scope == "sections_above":
        return size + 2 * sections[need.target] + 1
    if need.target not in rows:
        key, _, place = need.target.rpartition(".")
        tasks = board.sections[sections[key]].tasks[: int(place) - 1]
        before = next((n for n in range(len(tasks), 0, -1) if f"{key}.{n}" in rows), 0)
        below = [index[task.id] for task in tasks[max(before - 1, 0) :] if task.id in index]
        needs.append(below + ([rows[f"{key}.{before}"]] if before else []))
        rows[need.target] = len(needs) - 1
    return rows[need.target]


def _reached(needs: list[list[int]], tasks: int) -> list[int]:
    """For each node that needs nothing, how many of the nodes below `tasks` lead to it."""
    reached, counts = [0] * len(needs), [0] * len(needs)
    bit = 1
    for node in reversed(_below_first(needs)):
        mine, reached[node] = reached[node], 0  # what is let go at once makes room for the next
        if not needs[node]:
            counts[node] = mine.bit_count()
        if node < tasks:
            mine |= bit
            bit <<= 1  # what waits for a task has lower bits than the task: most numbers stay short
        for below in needs[node]:
            reached[below] |= mine
    return counts


def _below_first(needs: list[list[int]]) -> list[int]:
    left = [len(below) for below in needs]
    above: list[list[int]] = [[] for _ in needs]
    for node, below in enumerate(needs):
        for name in below:
            above[name].append(node)
    order = [node for node, count in enumerate(left) if not count]
    for node in order:
        for name in above[node]:
            left[name] -= 1
            if not left[name]:
                order.append(name)
    return order


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
