"""What the columns and cells of a task table mean, and how they are written."""

from __future__ import annotations

import re
from typing import Literal

from tools.tasks.model import Status, Task

Column = Literal[
    "description", "owner", "priority", "depends", "status", "notes", "step_id", "due", "estimate", "label"
]

_NAMES: dict[Column, tuple[str, ...]] = {
    "description": ("task description", "task", "description", "tasks", "task name", "title"),
    "owner": ("owner", "assignee", "assigned to", "who"),
    "priority": ("priority", "prio"),
    "depends": ("dependencies", "dependency", "depends on", "depends", "blocked by"),
    "status": ("status", "state", "done"),
    "notes": ("notes", "note", "comment", "comments"),
    "step_id": ("step", "step id"),
    "due": ("due", "due date", "deadline"),
    "estimate": ("estimate", "est", "est.", "effort", "points", "size"),
    "label": ("id", "#", "no", "no.", "key", "ticket"),
}
HEADINGS: dict[Column, str] = {
    "description": "Task Description", "owner": "Owner", "priority": "Priority", "depends": "Dependencies",
    "status": "Status", "notes": "Notes", "step_id": "Step", "due": "Due", "estimate": "Estimate",
}  # fmt: skip
_BY_NAME: dict[str, Column] = {name: column for column, names in _NAMES.items() for name in names}

MARKS: dict[Status, str] = {"todo": "[ ]", "doing": "[/]", "done": "[x]", "cancelled": "[-]"}
_STATUS_WORDS: dict[str, Status] = {
    "": "todo", "[ ]": "todo", "[]": "todo", "todo": "todo", "to do": "todo", "open": "todo", "not started": "todo",
    "[/]": "doing", "doing": "doing", "in progress": "doing", "wip": "doing", "started": "doing",
    "[x]": "done", "done": "done", "completed": "done", "complete": "done", "finished": "done",
    "[-]": "cancelled", "[~]": "cancelled", "cancelled": "cancelled", "canceled": "cancelled", "dropped": "cancelled",
}  # fmt: skip


def columns_of(headings: list[str]) -> dict[Column, int] | None:
    """Which column stands where, or None where this is no table of tasks (a description and one thing more)."""
    places: dict[Column, int] = {}
    for index, heading in enumerate(headings):
        column = _BY_NAME.get(re.sub(r"[*_`]", "", heading).strip().lower())
        if column and column not in places:
            places[column] = index
    return places if "description" in places and len(places) > 1 else None


def read_status(text: str) -> Status | None:
    """None for a status that is not known."""
    return _STATUS_WORDS.get(re.sub(r"\s+", " ", text.strip().lower()))


def same_mark(mark: str, status: Status) -> bool:
    """Whether a check item's box says the status already."""
    return (read_status(mark) or "todo") == status


def cell_text(task: Task, column: Column) -> str:
    """A task's value as its cell holds it."""
    return MARKS[task.status] if column == "status" else str(getattr(task, column))


def same_cell(task: Task, column: Column, written: str) -> bool:
    """Whether a cell already says what the task says. A status that was not understood counts as `todo`."""
    if column == "status":
        return (read_status(written) or "todo") == task.status
    return written == cell_text(task, column)
