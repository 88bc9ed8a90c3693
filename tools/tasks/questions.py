"""What a board leaves open: names that may mean several tasks, names of nothing, and orders that make no sense."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tools.errors import UsageError
from tools.tasks.dependencies import NOTHING, targets
from tools.tasks.model import Board, Dependency, Task
from tools.tasks.operations import Change
from tools.tasks.update import set_field, several

Kind = Literal["unclear", "order", "unknown"]
KEEP, TURN = "keep", "turn round"

_BEFORE = re.compile(
    r"\b(take|make|create|final|full|keep)\b.*\bback-?ups?\b|\bback ?up\b.*\bdatabase\b|"
    r"\b(plan|test|prepare|keep|write)\b.*\broll-?back\b|\breview\b.*\bschema\b|\bgap analysis\b", re.I
)  # fmt: skip
_ADD = re.compile(r"^\s*(add|create|introduce)\b", re.I)
_MOVE = re.compile(r"\b(backfill|migrat|copy|convert|launch|go live|apply)", re.I)
_REMOVE = re.compile(r"\b(remove|drop|deprecate|delete|retire)\b", re.I)
_LAUNCH = re.compile(r"^\s*(launch|go live|release)\b", re.I)
RULES = (
    (_BEFORE, _MOVE, "is made for what it waits for, so it should come first"),
    (_ADD, _REMOVE, "adds, but waits for what removes: add first, remove last"),
    (_ADD, _LAUNCH, "adds, but waits for the launch"),
    (re.compile(r"^\s*(backfill|copy|migrate)\b", re.I), _REMOVE, "moves data, but waits for what removes it"),
)
"""(a task, what it waits for, what is odd about it)."""


@dataclass(frozen=True)
class BoardQuestion:
    """task: the id of the one that asks. text: of its dependencies. candidates: the answers that `answer` takes; for an
    unknown name there are none, it stays listed."""

    task: str
    kind: Kind
    text: str
    sentence: str
    candidates: tuple[str, ...] = ()


def questions(board: Board) -> tuple[BoardQuestion, ...]:
    """All that is open, in the board's order."""
    return tuple(question for task in board if task.open for question in _of(board, task))


def answer(board: Board, task_id: str, text: str, choice: str) -> tuple[Board, Change]:
    """Settle one question: by a candidate (a task's id, `section 3`), `keep` or `turn round`. UsageError for others."""
    task = board.task(task_id)
    found = next((q for q in _of(board, task) if q.text.casefold() == text.strip().casefold()), None)
    if found is None:
        raise UsageError(f"{task.id} has no open question about {text!r}: see `oneplan board questions`")
    if choice not in found.candidates:
        raise UsageError(f"{choice!r} is no answer: {', '.join(found.candidates) or 'change its dependencies instead'}")
    if choice == KEEP:
        change: Change = {"op": "settle", "task": task.uid, "text": text}
        from tools.tasks.operations import apply

        return apply(board, change), change
    if choice == TURN:
        return _turned(board, task, found.text)
    return set_field(board, task.id, "depends", task.depends.replace(found.text, _named(board, choice)))


def _of(board: Board, task: Task) -> Iterator[BoardQuestion]:
    for text, candidates in task.unclear:
        said = ", ".join(_shown(board, one) for one in candidates)
        yield BoardQuestion(task.id, "unclear", text, f"{task.id} waits for {text!r}: is that {said}?", candidates)
    for need in task.needs:
        odd = _odd(board, task, need)
        if odd and f"{task.uid} {need.text}".casefold() not in board.settled:
            other, why = odd
            sentence = f"{task.id} {task.description!r} waits for {other.id} {other.description!r}: it {why}. Keep it?"
            yield BoardQuestion(task.id, "order", need.text, sentence, (KEEP, TURN))
    for text in task.unknown:
        sentence = f"{task.id} waits for {text!r}, which names nothing on the board: it blocks nobody"
        yield BoardQuestion(task.id, "unknown", text, sentence)


def _odd(board: Board, task: Task, need: Dependency) -> tuple[Task, str] | None:
    if not need.text or need.scope in ("rows_above", "sections_above"):
        return None
    for id_ in targets(board, need):
        other = board.by_id[id_]
        for mine, its, why in RULES:
            if other.open and mine.search(task.description) and its.search(other.description):
                return None if mine.search(other.description) else (other, why)
    return None


def _turned(board: Board, task: Task, text: str) -> tuple[Board, Change]:
    """The task no longer waits, and what it waited for waits for it."""
    need = next(need for need in task.needs if need.text == text)
    first = targets(board, need)[0]
    rest = [part.strip() for part in re.split(r"[,;]", task.depends) if part.strip().casefold() != text.casefold()]
    board, one = set_field(board, task.id, "depends", ", ".join(rest))
    now = board.by_id[first].depends.strip()
    kept = "" if now.casefold() in NOTHING else f"{now}, "
    board, other = set_field(board, first, "depends", f"{kept}{task.id}")
    return several(board, [])[0], {"op": "several", "changes": [one, other]}


def _named(board: Board, choice: str) -> str:
    return board.section(choice.removeprefix("section ")).title if choice.startswith("section ") else choice


def _shown(board: Board, candidate: str) -> str:
    task = board.by_id.get(candidate)
    return f"{candidate} {task.description!r}" if task else candidate
