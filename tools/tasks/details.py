"""All there is to say of one task: how its dependencies were understood, why it waits, what it frees, and the
documents that speak of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.tasks.dependencies import stems, targets
from tools.tasks.look import unblocks
from tools.tasks.model import Board, Task
from tools.tasks.questions import questions
from tools.tasks.ready import blocked
from tools.tasks.serial import tasks_to_json

if TYPE_CHECKING:
    from knowledge.search import Hit
    from knowledge.store import Store

_CITED = 3
_SHARED_WORDS = 2


def details(board: Board, task: Task) -> dict[str, Any]:
    """Plain JSON: the task in the command line's form, with `needs` (text, ids, how), `chain` (from what it waits for
    down to what can be started), `in_cycle`, `frees` and `waiting` (ids), and its open `questions`."""
    waits = next((found for found in blocked(board) if found.task.id == task.id), None)
    freed, waiting = unblocks(board, task) if task.open else ((), ())
    return tasks_to_json(board, [task])[0] | {
        "needs": [{"text": n.text, "ids": list(targets(board, n)), "how": n.how} for n in task.needs],
        "chain": [{"id": t.id, "description": t.description, "owner": t.owner} for t in waits.chain] if waits else [],
        "in_cycle": bool(waits and waits.in_cycle),
        "frees": [one.id for one in freed],
        "waiting": [one.id for one in waiting],
        "questions": [question.sentence for question in questions(board) if question.task == task.id],
    }


def citations(store: Store, board: Board, task: Task) -> tuple[Hit, ...]:
    """Passages of the ingested documents that share words with the task; the board's own file is none of them."""
    from knowledge.search import search

    words = set(stems(task.description))
    own = Path(board.source).absolute() if board.source else None
    found = [hit for hit in search(store, task.description, limit=_CITED * 4) if Path(hit.path).absolute() != own]
    spoken = [
        hit
        for hit in found
        if len(words & set(stems(f"{hit.heading} {hit.excerpt}"))) >= min(_SHARED_WORDS, len(words))
    ]
    return tuple(spoken[:_CITED])
