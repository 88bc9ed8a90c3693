"""Boards as JSON: the whole board as the store keeps it, and tasks as the command line shows them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any, cast

from tools.tasks.dependencies import needed, resolved
from tools.tasks.identity import with_uids
from tools.tasks.model import Board, CheckItem, Section, Task
from tools.tasks.ready import blocking

_WORKED_OUT = ("needs", "unclear", "unknown")


def board_to_json(board: Board) -> dict[str, Any]:
    """Plain JSON; what is worked out from the rest is left out."""
    facts = asdict(board)
    for section in [*facts["sections"], *facts["phases"]]:
        for task in section["tasks"]:
            for name in _WORKED_OUT:
                del task[name]
    return cast("dict[str, Any]", json.loads(json.dumps(facts)))


def board_from_json(facts: dict[str, Any]) -> Board:
    sections = tuple(
        replace(_section(section), tasks=tuple(_read_task(task) for task in section["tasks"]))
        for section in facts["sections"]
    )
    checklist = tuple(CheckItem(**item) for item in facts["checklist"])
    phases = tuple(_section(phase) for phase in facts.get("phases", ()))
    problems = tuple(facts["problems"])
    settled = tuple(facts.get("settled", ()))
    board = Board(facts["title"], sections, checklist, facts["text"], facts["source"], problems, phases, settled)
    return resolved(with_uids(board))


def _section(facts: dict[str, Any]) -> Section:
    details = tuple((kind, text) for kind, text in facts.get("details", ()))
    return Section(facts["key"], facts["title"], form=facts.get("form", "table"), details=details)


def _read_task(facts: dict[str, Any]) -> Task:
    values = dict(facts)
    values["extra"] = tuple((str(heading), str(value)) for heading, value in facts.get("extra", ()))
    return Task(**values)


def board_digest(board: Board) -> str:
    """SHA-256 over all that a change could touch."""
    text = json.dumps(board_to_json(board), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def tasks_to_json(board: Board, tasks: Iterable[Task]) -> list[dict[str, Any]]:
    """Tasks in the command line's form. dependencies: ids of all tasks it waits for; blocked_by: those still open."""
    return [_task(board, task) for task in tasks]


def _task(board: Board, task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "uid": task.uid,
        "section": board.by_key[task.section].title,
        "description": task.description,
        "owner": task.owner,
        "priority": task.priority,
        "status": task.status,
        "dependencies": list(needed(board, task)),
        "blocked_by": list(blocking(board, task)),
        "depends_on": task.depends,
        "unclear": [{"text": text, "candidates": list(candidates)} for text, candidates in task.unclear],
        "unknown": list(task.unknown),
        "notes": task.notes,
        "step_id": task.step_id,
        "due": task.due,
        "estimate": task.estimate,
        "group": task.group,
        "parent": task.parent,
        "extra": dict(task.extra),
    }
