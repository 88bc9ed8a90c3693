"""Which tasks can be started, which are blocked and why. A cancelled dependency blocks nobody.

"All above" and whole sections stand in the graph as nodes of their own, so that 10,000 rows of "All above" are 10,000
edges and not fifty million.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from tools.tasks.dependencies import needed
from tools.tasks.model import Board, Dependency, Task

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
    graph: Graph = field(repr=False)

    @cached_property
    def by(self) -> tuple[Task, ...]:
        """The open tasks that it names itself."""
        return tuple(self.board.by_id[id_] for id_ in blocking(self.board, self.task))

    @cached_property
    def chain(self) -> tuple[Task, ...]:
        """From one of `by` down to the root: an open task that waits for nothing, or the last before a cycle."""
        return tuple(self.board.by_id[name] for name in self.graph.down(self.task.id) if name in self.board.by_id)

    @cached_property
    def in_cycle(self) -> bool:
        """Whether the chain ends in a cycle, so that no work on the board can free the task."""
        return self.graph.waits(self.chain[-1].id)


def ready(board: Board) -> tuple[Ready, ...]:
    """What can be started now: by priority, then by how much it unblocks, then in the board's order."""
    graph = Graph.of(board)
    found = [
        Ready(task, graph.waiting(task.id)) for task in board if task.status == "todo" and not graph.waits(task.id)
    ]
    return tuple(sorted(found, key=lambda item: (rank(item.task.priority), -item.unblocks)))


def blocked(board: Board) -> tuple[Blocked, ...]:
    """Every open task that waits, in the board's order."""
    graph = Graph.of(board)
    return tuple(Blocked(task, board, graph) for task in board if task.open and graph.waits(task.id))


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


@dataclass
class Graph:
    """needs: node -> nodes below it, of which only those that still hold something up. Nodes are task ids and groups:
    `S2` all tasks of section 2, `A2` all sections before it, `2.3^` all rows above 2.3."""

    needs: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    tasks: set[str] = field(default_factory=set[str])
    caught: set[str] = field(default_factory=set[str])
    _downstream: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def of(cls, board: Board, *, everything: bool = False) -> Graph:
        full = cls()
        before = ""
        for section in board.sections:
            full.needs[f"A{section.key}"] = [f"A{before}", f"S{before}"] if before else []
            full.needs[f"S{section.key}"] = [task.id for task in section.tasks]
            above = ""
            for task in section.tasks:
                full.needs[f"{task.id}^"] = [f"{above}^", above] if above else []
                full.needs[task.id] = [_node(need) for need in task.needs]
                above = task.id
            before = section.key
        full.tasks = set(board.by_id)
        return full if everything else full._open_only(board)

    def _open_only(self, board: Board) -> Graph:
        """Without finished tasks, and without groups that hold none but finished ones."""
        holds = {task.id: task.open for task in board}
        for node, below in self.needs.items():  # a group comes after the groups that it holds
            if node not in holds:
                holds[node] = any(holds[name] for name in below)
        graph = Graph(tasks={node for node in self.tasks if board.by_id[node].open})
        for node, below in self.needs.items():
            if holds[node]:
                graph.needs[node] = [name for name in below if holds[name]]
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

    def waiting(self, node: str) -> int:
        """How many tasks wait for this node, directly or further on."""
        if not self._downstream:
            self._count()
        return self._downstream.get(node, 0).bit_count()

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

    def _count(self) -> None:
        # Sets of tasks as the bits of one number: a union of ten thousand costs a microsecond.
        bits = {node: 1 << place for place, node in enumerate(sorted(self.tasks))}
        downstream: dict[str, int] = defaultdict(int)
        for node in reversed(self.below_first()):
            mine = downstream[node] | bits.get(node, 0)
            for below in self.needs[node]:
                downstream[below] |= mine
        self._downstream = downstream

    def below_first(self) -> list[str]:
        """The nodes, each after those it needs; without those on a cycle or above one, which have no such place."""
        left = {node: len(below) for node, below in self.needs.items()}
        above: dict[str, list[str]] = defaultdict(list)
        for node, below in self.needs.items():
            for name in below:
                above[name].append(node)
        order = [node for node, count in left.items() if not count]
        for node in order:
            for name in above[node]:
                left[name] -= 1
                if not left[name]:
                    order.append(name)
        return order


def _node(need: Dependency) -> str:
    if need.scope == "task":
        return need.target
    return {"section": f"S{need.target}", "rows_above": f"{need.target}^", "sections_above": f"A{need.target}"}[
        need.scope
    ]
