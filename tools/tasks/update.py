"""Changes to a board as plain data. What a person approves is the change itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tools.errors import UsageError
from tools.tasks.identity import free_key
from tools.tasks.mended import mended
from tools.tasks.model import STATUSES, Board, Status, Task
from tools.tasks.operations import FIELDS, NEW_FIELDS, apply

Change = dict[str, Any]
"""Plain JSON with `op` and the values of that operation, old ones included: `{"op": "set", "task": "2.1",
"field": "status", "from": "todo", "to": "done"}`."""


def set_status(board: Board, task_id: str, status: str) -> tuple[Board, Change]:
    """The board with a task's (or, by `c1`, a check item's) status set. UsageError for an unknown task or status."""
    item = next((item for item in board.checklist if item.id == task_id.strip()), None)
    if item:
        return _made(board, {"op": "check", "item": item.id, "from": item.status, "to": known_status(status)})
    return set_field(board, task_id, "status", known_status(status))


def assign(board: Board, task_id: str, owner: str) -> tuple[Board, Change]:
    """An empty owner takes the task from whoever has it."""
    return set_field(board, task_id, "owner", owner)


def set_priority(board: Board, task_id: str, priority: str) -> tuple[Board, Change]:
    return set_field(board, task_id, "priority", priority)


def set_field(board: Board, task_id: str, field: str, value: str) -> tuple[Board, Change]:
    """Any of FIELDS, or a column of the document that means nothing here. Raises UsageError for a change that would
    close a cycle of dependencies."""
    task = board.task(task_id)
    old = dict(task.extra).get(field) if field not in FIELDS else getattr(task, field)
    if old is None:
        known = ", ".join((*FIELDS, *dict(task.extra)))
        raise UsageError(f"a task has no {field!r}: it has {known}")
    return _made(board, {"op": "set", "task": task.id, "field": field, "from": old, "to": one_line(value)})


def add(
    board: Board, section: str, description: str, *, new_section: bool = False, **values: str
) -> tuple[Board, Change]:
    """A new task at the end of a section, named by key or title; `new_section` makes one of that title. `values`: any
    others of NEW_FIELDS."""
    given = {"description": description} | values
    change: Change = {"op": "add", "task": {name: one_line(given.get(name, "")) for name in NEW_FIELDS}}
    if new_section:
        return _made(board, {**change, "section": free_key(board), "title": one_line(section)})
    return _made(board, {**change, "section": board.section(section).key})


def split(board: Board, task_id: str, into: Sequence[str]) -> tuple[Board, Change]:
    """A task in parts, which stand after it with its owner, priority and dependencies; it waits for them."""
    return _made(board, {"op": "split", "task": board.task(task_id).id, "into": [one_line(part) for part in into]})


def move(board: Board, task_id: str, section: str, before: str = "") -> tuple[Board, Change]:
    """A task, with its parts, to the end of a section or before a task of it."""
    task, target = board.task(task_id), board.section(section)
    change = {"op": "move", "task": task.id, "from": task.section, "to": target.key}
    return _made(board, change | {"before": board.task(before).id if before else ""})


def cancel(board: Board, task_id: str) -> tuple[Board, Change]:
    """A cancelled task blocks nobody."""
    return set_status(board, task_id, "cancelled")


def several(board: Board, changes: Iterable[Change]) -> tuple[Board, Change]:
    """Many changes as one, to be approved and done together."""
    return _made(board, {"op": "several", "changes": list(changes)})


def bulk(board: Board, tasks: Iterable[Task], values: dict[str, str]) -> tuple[Board, Change]:
    """The same values for many tasks, as one change. Raises UsageError where nothing would change."""
    changes: list[Change] = []
    for task in tasks:
        for field, value in values.items():
            made = set_field(board, task.id, field, known_status(value) if field == "status" else value)[1]
            if made["from"] != made["to"]:
                changes.append(made)
    if not changes:
        raise UsageError("nothing would change: no task fits, or all are so already")
    return _made(board, changes[0]) if len(changes) == 1 else several(board, changes)


def describe(change: Change, board: Board | None = None) -> str:
    """A change in a few words, as it is put before a person; on a board, tasks are called by their numbers there."""

    def name(task: str) -> str:
        found = (board.by_id.get(task) or board.by_uid.get(task)) if board else None
        return found.id if found else task

    if "undoes" in change:
        return f"undo: {describe({key: value for key, value in change.items() if key != 'undoes'}, board)}"
    match change.get("op"):
        case "set":
            said = f"{change['field']} {change['from'] or '(none)'} → {change['to'] or '(none)'}"
            return f"{name(change['task'])}: {said}"
        case "check":
            return f"{change['item']}: {change['from']} → {change['to']}"
        case "add":
            where = f"new section {change['title']!r}" if change.get("title") else f"section {change['section']}"
            return f"add {change['task']['description']!r} to {where}"
        case "split":
            return f"split {name(change['task'])} into {', '.join(map(repr, change['into']))}"
        case "move":
            before = f", before {name(change['before'])}" if change["before"] else ""
            return f"move {name(change['task'])} from section {change['from']} to section {change['to']}{before}"
        case "settle":
            kept = "ask again" if change.get("open") else "keep it so"
            return f"{name(change['task'])} waits for {change['text']!r}: {kept}"
        case "join":
            return f"put {name(change['task'])} together again"
        case "remove":
            return f"take away {name(change['task'])}"
        case "several":
            return "; ".join(describe(part, board) for part in change["changes"])
        case other:
            return str(other)


def one_line(text: str) -> str:
    """As a table cell can hold it: no line breaks, no white space at the ends, mis-decoded text mended."""
    return mended(re.sub(r"\s*[\r\n]+\s*", " ", text).strip(" \t"))


def known_status(text: str) -> Status:
    """Raises UsageError for another."""
    if text not in STATUSES:
        raise UsageError(f"unknown status {text!r}: use one of {', '.join(STATUSES)}")
    return text


def _made(board: Board, change: Change) -> tuple[Board, Change]:
    return apply(board, change), change
