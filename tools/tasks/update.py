"""Changes to a board as plain data, and the board that comes of them. What a person approves is the change itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from tools.errors import UsageError
from tools.tasks.dependencies import resolved
from tools.tasks.model import STATUSES, Board, CheckItem, Section, Status, Task
from tools.tasks.ready import cycles

Change = dict[str, Any]
"""Plain JSON with `op` and the values of that operation, old ones included: `{"op": "set", "task": "2.1",
"field": "status", "from": "todo", "to": "done"}`."""

FIELDS = ("description", "owner", "priority", "depends", "status", "notes")
NEW_FIELDS = ("description", "owner", "priority", "depends", "notes")


def set_status(board: Board, task_id: str, status: str) -> tuple[Board, Change]:
    """The board with a task's (or, by `c1`, a check item's) status set. UsageError for an unknown task or status."""
    _status(status)
    item = next((item for item in board.checklist if item.id == task_id.strip()), None)
    if item:
        return _made(board, {"op": "check", "item": item.id, "from": item.status, "to": status})
    return set_field(board, task_id, "status", status)


def assign(board: Board, task_id: str, owner: str) -> tuple[Board, Change]:
    """An empty owner takes the task from whoever has it."""
    return set_field(board, task_id, "owner", owner)


def set_priority(board: Board, task_id: str, priority: str) -> tuple[Board, Change]:
    return set_field(board, task_id, "priority", priority)


def set_field(board: Board, task_id: str, field: str, value: str) -> tuple[Board, Change]:
    """Any of FIELDS. Raises UsageError for a change that would close a cycle of dependencies."""
    if field not in FIELDS:
        raise UsageError(f"a task has no {field!r}: it has {', '.join(FIELDS)}")
    task = board.task(task_id)
    change = {"op": "set", "task": task.id, "field": field, "from": getattr(task, field), "to": one_line(value)}
    return _made(board, change)


def add(
    board: Board, section: str, description: str, *, owner: str = "", priority: str = "", depends: str = "",
    notes: str = "", new_section: bool = False,
) -> tuple[Board, Change]:  # fmt: skip
    """A new task at the end of a section, named by key or title; `new_section` makes one of that title."""
    values = (description, owner, priority, depends, notes)
    change: Change = {"op": "add", "task": {name: one_line(v) for name, v in zip(NEW_FIELDS, values, strict=True)}}
    if new_section:
        return _made(board, {**change, "section": free_key(board), "title": one_line(section)})
    return _made(board, {**change, "section": board.section(section).key})


def several(board: Board, changes: Iterable[Change]) -> tuple[Board, Change]:
    """Many changes as one, to be approved and done together."""
    return _made(board, {"op": "several", "changes": list(changes)})


def apply(board: Board, change: Change) -> Board:
    """The board after a change. UsageError where the change does not fit the board as it is."""
    operation = _OPERATIONS.get(str(change.get("op")))
    if operation is None:
        raise UsageError(f"unknown change {change.get('op')!r}: use one of {', '.join(_OPERATIONS)}")
    try:
        return operation(board, change)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"the change {change.get('op')!r} lacks or misuses {error}") from error


def describe(change: Change) -> str:
    """A change in a few words, as it is put before a person."""
    match change.get("op"):
        case "set":
            return f"{change['task']}: {change['field']} {change['from'] or '(none)'} → {change['to'] or '(none)'}"
        case "check":
            return f"{change['item']}: {change['from']} → {change['to']}"
        case "add":
            where = f"new section {change['title']!r}" if change.get("title") else f"section {change['section']}"
            return f"add {change['task']['description']!r} to {where}"
        case "several":
            return "; ".join(describe(part) for part in change["changes"])
        case other:
            return str(other)


def one_line(text: str) -> str:
    """As a table cell can hold it: no line breaks, no white space at the ends."""
    return re.sub(r"\s*[\r\n]+\s*", " ", text).strip(" \t")


def _made(board: Board, change: Change) -> tuple[Board, Change]:
    return apply(board, change), change


def _set(board: Board, change: Mapping[str, Any]) -> Board:
    task, field, value = board.task(change["task"]), change["field"], change["to"]
    if field not in FIELDS or not isinstance(value, str) or one_line(value) != value:
        raise UsageError(f"{field!r} of {task.id} cannot be set to {value!r}: one line of text is needed")
    if getattr(task, field) != change["from"]:
        raise UsageError(f"{field} of {task.id} is {getattr(task, field)!r} by now, not {change['from']!r}: look again")
    if field == "status":
        _status(value)
    if field == "description" and not value:
        raise UsageError(f"{task.id} needs a description")
    changed = _with_task(board, replace(task, **{field: value}))
    return _without_new_cycle(board, resolved(changed)) if field in ("depends", "description") else changed


def _check(board: Board, change: Mapping[str, Any]) -> Board:
    if change["to"] not in STATUSES or change["item"] not in {item.id for item in board.checklist}:
        raise UsageError(f"{change['item']!r} cannot be set to {change['to']!r}: see the board's checklist")
    status: Status = change["to"]

    def changed(item: CheckItem) -> CheckItem:
        return replace(item, status=status) if item.id == change["item"] else item

    return replace(board, checklist=tuple(changed(item) for item in board.checklist))


def _add(board: Board, change: Mapping[str, Any]) -> Board:
    key, title = change["section"], change.get("title")
    if title and key in board.by_key:
        raise UsageError(f"there is a section {key} already: look again")
    if not title and key not in board.by_key:
        raise UsageError(f"there is no section {key!r} on the board")
    section = Section(key, title) if title else board.by_key[key]
    values: dict[str, str] = {name: change["task"][name] for name in NEW_FIELDS}
    if not values["description"] or any(one_line(value) != value for value in values.values()):
        raise UsageError("a task needs a description, and each value must be one line of text")
    task = replace(Task(f"{key}.{len(section.tasks) + 1}", key, values["description"]), **values)
    task = replace(task, status=_status(change["task"].get("status", "todo")))
    grown = replace(section, tasks=(*section.tasks, task))
    others = tuple(grown if other.key == key else other for other in board.sections)
    return _without_new_cycle(board, resolved(replace(board, sections=(*board.sections, grown) if title else others)))


def _several(board: Board, change: Mapping[str, Any]) -> Board:
    for part in change["changes"]:
        board = apply(board, part)
    return board


def _with_task(board: Board, task: Task) -> Board:
    section = board.by_key[task.section]
    tasks = tuple(task if other.id == task.id else other for other in section.tasks)
    grown = replace(section, tasks=tasks)
    return replace(board, sections=tuple(grown if other.key == grown.key else other for other in board.sections))


def _without_new_cycle(before: Board, after: Board) -> Board:
    """Cycles that an import brought along stay as they are; a new one is refused."""
    old = {frozenset(path) for path in cycles(before)}
    new = next((path for path in cycles(after) if frozenset(path) not in old), None)
    if new:
        raise UsageError(f"that would make tasks wait for each other in a circle: {' → '.join(new)}")
    return after


def _status(text: str) -> Status:
    if text not in STATUSES:
        raise UsageError(f"unknown status {text!r}: use one of {', '.join(STATUSES)}")
    return text


def free_key(board: Board) -> str:
    """The key of a section that is to be new."""
    numbers = [int(section.key) for section in board.sections if section.key.isdigit()]
    return str(max(numbers, default=0) + 1)


_OPERATIONS: dict[str, Callable[[Board, Mapping[str, Any]], Board]] = {
    "set": _set, "check": _check, "add": _add, "several": _several,
}  # fmt: skip
