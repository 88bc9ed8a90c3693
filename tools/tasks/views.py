"""A board as text: columns of a kanban, the tree of what waits for what, a Mermaid graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tools.errors import UsageError
from tools.tasks.columns import MARKS
from tools.tasks.dependencies import needed
from tools.tasks.model import Board, Dependency, Task
from tools.tasks.ready import blocked

COLUMNS = ("ready", "blocked", "doing", "done", "cancelled")
_LONGEST = 60
MOST = 400
"""Tasks that a picture can hold."""


def kanban(board: Board, tasks: Iterable[Task]) -> dict[str, list[Task]]:
    """Tasks by column: what can be started, what waits, what is begun, done, cancelled."""
    waiting = {found.task.id for found in blocked(board)}
    columns: dict[str, list[Task]] = {name: [] for name in COLUMNS}
    for task in tasks:
        name = ("blocked" if task.id in waiting else "ready") if task.status == "todo" else task.status
        columns[name].append(task)
    return columns


def tree(board: Board, task: Task | None = None) -> list[str]:
    """Lines: each task with what it waits for below it, further in; a task shown before is not opened again. Without a
    task, from all that nobody waits for."""
    roots = [task] if task else _last(board)
    lines: list[str] = []
    shown: set[str] = set()
    for root in roots:
        lines.extend(_branch(board, root, 0, shown))
    return lines


def mermaid(board: Board, tasks: Iterable[Task]) -> str:
    """A flowchart for GitHub and the like: an arrow from a task to what waits for it. UsageError for too many."""
    chosen = {task.id: task for task in tasks}
    if len(chosen) > MOST:
        raise UsageError(f"{len(chosen):,} tasks are too many for one picture: choose a section (at most {MOST})")
    lines = ["flowchart LR"]
    for section in board.sections:
        own = [task for task in section.tasks if task.id in chosen]
        if own:
            lines.append(f'  subgraph S{section.key}["{_safe(f"{section.key}. {section.title}")}"]')
            lines += [f'    {_node(task.id)}["{_safe(_short(task))}"]:::{task.status}' for task in own]
            lines.append("  end")
    for task in chosen.values():
        lines += [f"  {source} --> {_node(task.id)}" for need in task.needs for source in _sources(board, need, chosen)]
    styles = {"todo": "#eee", "doing": "#fd8", "done": "#8d8", "cancelled": "#bbb"}
    return "\n".join([*lines, *(f"  classDef {name} fill:{color}" for name, color in styles.items())]) + "\n"


def _sources(board: Board, need: Dependency, chosen: dict[str, Task]) -> Iterator[str]:
    if need.scope == "section" and any(task.id in chosen for task in board.by_key[need.target].tasks):
        yield f"S{need.target}"
    elif need.scope == "sections_above":
        keys = [section.key for section in board.sections]
        above = board.sections[: keys.index(need.target)]
        yield from (f"S{s.key}" for s in above if any(task.id in chosen for task in s.tasks))
    elif need.scope == "rows_above":
        section = board.by_key[board.by_id[need.target].section]
        ids = [task.id for task in section.tasks]
        yield from (_node(id_) for id_ in ids[: ids.index(need.target)] if id_ in chosen)
    elif need.target in chosen:
        yield _node(need.target)


def _branch(board: Board, task: Task, depth: int, shown: set[str]) -> Iterator[str]:
    todo = [(task, depth)]
    while todo:
        one, depth = todo.pop()
        again = one.id in shown
        below = () if again else needed(board, one)
        yield f"{'  ' * depth}{MARKS[one.status]} {one.id} {one.description}" + (" …" if again and one.needs else "")
        shown.add(one.id)
        todo.extend((board.by_id[id_], depth + 1) for id_ in reversed(below))


def _last(board: Board) -> list[Task]:
    waited_for = {id_ for task in board for id_ in needed(board, task)}
    return [task for task in board if task.id not in waited_for] or list(board)


def _node(id_: str) -> str:
    return "T" + id_.replace(".", "_")


def _short(task: Task) -> str:
    text = f"{task.id} {task.description}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _safe(text: str) -> str:
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
