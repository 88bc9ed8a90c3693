"""An edited file meets a board that changed as well: the board's own changes are made again on what the file says."""

from __future__ import annotations

from collections.abc import Iterator

from tools.errors import UsageError
from tools.tasks.identity import free_key
from tools.tasks.markdown import board_from_markdown
from tools.tasks.model import Board, Task
from tools.tasks.operations import FIELDS, NEW_FIELDS, apply
from tools.tasks.update import Change, describe

_SHOWN = 3


def merged(mine: Board, theirs: Board) -> tuple[Board, tuple[Change, ...]]:
    """`theirs`, read from a file, with what `mine` holds and the Markdown it was last written to does not; and what was
    kept so. Tasks are told by their names, so that rows may have been moved or inserted.

    Raises UsageError, naming the first of them, where both sides changed the same thing or the file no longer has it.
    """
    if not mine.text:
        raise UsageError("the board was never in a file: export it first, or say that it may be replaced")
    base = board_from_markdown(mine.text)
    board, made, conflicts = theirs, list[Change](), list[str]()
    for change in _made_here(base, mine):
        try:
            carried = _carried(change, base, mine, board)
            if carried:
                board = apply(board, carried)
                made.append(carried)
        except UsageError as error:
            conflicts.append(f"{describe(change)} ({error})")
    if conflicts:
        more = f" and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else ""
        raise UsageError(
            f"the file and the board do not go together: {'; '.join(conflicts[:_SHOWN])}{more}: "
            "change the file, or say that these changes may be replaced"
        )
    return board, tuple(made)


def _made_here(base: Board, mine: Board) -> Iterator[Change]:
    """What was changed on the board since it was last in a file. Its ids are the file's: rows are only ever added."""
    for section in mine.sections:
        for task in section.tasks:
            before = base.by_id.get(task.id)
            if before is None:
                values = {name: getattr(task, name) for name in (*NEW_FIELDS, "status")}
                yield {"op": "add", "section": section.key, "title": section.title, "task": values}
                continue
            for name in reversed(FIELDS):  # the description last: the others find the task by it
                old, new = getattr(before, name), getattr(task, name)
                if old != new:
                    yield {"op": "set", "task": task.id, "field": name, "from": old, "to": new}
    for item, old in zip(mine.checklist, base.checklist, strict=False):
        if item.status != old.status:
            yield {"op": "check", "item": item.id, "from": old.status, "to": item.status}


def _carried(change: Change, base: Board, mine: Board, board: Board) -> Change | None:
    """The change as it has to be on another board; None where that has it already."""
    if change["op"] == "add":
        return _carried_addition(change, board)
    if change["op"] == "check":
        text = next(item.text for item in base.checklist if item.id == change["item"])
        same = [item for item in board.checklist if item.text == text]
        if len(same) != 1:
            raise UsageError(f"the file does not have {text!r} once")
        found, current = same[0].id, same[0].status
    else:
        task = _same_task(base.by_id[change["task"]], mine.by_id[change["task"]], board)
        found, current = task.id, getattr(task, change["field"])
    if current == change["to"]:
        return None
    if current != change["from"]:
        raise UsageError(f"the file says {current!r}")
    return {**change, ("item" if change["op"] == "check" else "task"): found}


def _carried_addition(change: Change, board: Board) -> Change | None:
    wanted, name = change["title"].casefold(), change["task"]["description"].casefold()
    section = next((section for section in board.sections if section.title.casefold() == wanted), None)
    if section is None:
        return {**change, "section": free_key(board)}
    if any(task.description.casefold() == name for task in section.tasks):
        return None
    return {"op": "add", "section": section.key, "task": change["task"]}


def _same_task(before: Task, now: Task, board: Board) -> Task:
    """The task by the name that it had in the file, or by the one that it has here."""
    for name in dict.fromkeys((before.description.casefold(), now.description.casefold())):
        same = [task for task in board if task.description.casefold() == name]
        near = [task for task in same if task.id == before.id] if len(same) > 1 else same
        if len(near) == 1:
            return near[0]
    raise UsageError(f"the file does not have {before.description!r} any more, or more than once")
