"""Tools over the task board: looking, and changes that are put before the person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tools.errors import UsageError
from tools.toolbox.desk import Desk, Outcome, Proposed, page
from tools.toolbox.jobs import SingleJob, approval_of, put
from tools.toolbox.schema import Arguments, Paged

if TYPE_CHECKING:
    from tools.tasks.boards import Boards
    from tools.tasks.model import Board, Task
    from tools.tasks.update import Change


class BoardShow(Paged):
    section: str | None = Field(default=None, description="Only this section, by number or title.")
    owner: str | None = Field(default=None, description="Only the tasks of this owner.")


class BoardUpdate(Arguments):
    task: str = Field(description="The task's id, as board_show gives it.")
    status: Literal["todo", "doing", "done", "cancelled"] | None = None
    owner: str | None = Field(default=None, description="Who does it; empty takes it from whoever has it.")


class BoardImport(Arguments):
    path: str | None = Field(default=None, description="A Markdown board; without it, a board is made from the plan.")
    replace_changes: bool = Field(default=False, description="Changes of the present board that are in no file may go.")


class BoardExport(Arguments):
    path: str = Field(description="The Markdown file to write.")


def board_show(desk: Desk, arguments: BoardShow) -> Outcome:
    board = boards(desk).load()
    tasks = board.section(arguments.section).tasks if arguments.section else tuple(board)
    mine = [task for task in tasks if arguments.owner in (None, task.owner)]
    return _tasks(board, mine, arguments)


def board_ready(desk: Desk, arguments: Paged) -> Outcome:
    from tools.tasks.ready import ready

    board = boards(desk).load()
    return _tasks(board, [found.task for found in ready(board)], arguments)


def board_blocked(desk: Desk, arguments: Paged) -> Outcome:
    from tools.tasks.ready import blocked

    board = boards(desk).load()
    return _tasks(board, [found.task for found in blocked(board)], arguments)


class _ChangeJob(SingleJob):
    """One change of the board, made under its approval by the board's own room."""

    def propose(self, desk: Desk, arguments: Any, done: Sequence[dict[str, Any]]) -> Proposed | None:
        if done:
            return None
        return put(desk, boards(desk).action(self._change(desk, arguments)), {})

    def perform(self, desk: Desk, arguments: Any, hints: Sequence[str]) -> Iterator[dict[str, Any]]:
        change = self._change(desk, arguments)
        action = boards(desk).action(change)
        approval = approval_of(desk, action.digest, hints, action.summary)
        boards(desk).execute(change, approval, actor=desk.actor, thread=desk.thread)
        yield {"id": action.summary, "status": "done"}

    def _change(self, desk: Desk, arguments: Any) -> Change:
        raise NotImplementedError


class UpdateJob(_ChangeJob):
    def _change(self, desk: Desk, arguments: BoardUpdate) -> Change:
        from tools.tasks.update import assign, set_status, several

        board, changes = boards(desk).load(), list["Change"]()
        if arguments.status is not None:
            changes.append(set_status(board, arguments.task, arguments.status)[1])
        if arguments.owner is not None:
            changes.append(assign(board, arguments.task, arguments.owner)[1])
        if not changes:
            raise UsageError("say what to change: a status or an owner")
        return changes[0] if len(changes) == 1 else several(board, changes)[1]


class ImportJob(_ChangeJob):
    def _change(self, desk: Desk, arguments: BoardImport) -> Change:
        from tools.tasks.boards import import_change
        from tools.tasks.from_plan import board_from_plan
        from tools.tasks.markdown import read_board
        from tools.toolbox.plan import the_plan

        read = read_board(Path(arguments.path)) if arguments.path else board_from_plan(the_plan(desk))
        return import_change(read, replace_changes=arguments.replace_changes)


class ExportJob(SingleJob):
    def propose(self, desk: Desk, arguments: BoardExport, done: Sequence[dict[str, Any]]) -> Proposed | None:
        if done:
            return None
        action, rendered = boards(desk).export_action(Path(arguments.path))
        return put(desk, action, {"target": arguments.path, "notes": list(rendered.lost)})

    def perform(self, desk: Desk, arguments: BoardExport, hints: Sequence[str]) -> Iterator[dict[str, Any]]:
        action, _ = boards(desk).export_action(Path(arguments.path))
        approval = approval_of(desk, action.digest, hints, action.summary)
        boards(desk).export(Path(arguments.path), approval, actor=desk.actor, thread=desk.thread)
        yield {"id": arguments.path, "status": "written"}


def follow_run(desk: Desk, states: dict[str, str], run: str) -> None:
    """Bring a board that was made from a plan in step with what has just run; other boards stay as they are."""
    board = boards(desk).find()
    if board is not None and any(task.step_id in states for task in board):
        boards(desk).follow(states, actor=desk.actor, run=run)


def boards(desk: Desk) -> Boards:
    from tools.tasks.boards import Boards

    return Boards(desk.store, desk.ledger)


def _tasks(board: Board, tasks: list[Task], arguments: Paged) -> Outcome:
    from tools.tasks.serial import tasks_to_json

    return Outcome({"board": board.title} | page(tasks_to_json(board, tasks), arguments.offset, arguments.limit))
