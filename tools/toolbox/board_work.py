"""Tools that change the task board: each change is put before the person, and made under its approval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tools.errors import UsageError
from tools.toolbox.board import Chosen, Status, boards, chosen, desk_roadmap, person
from tools.toolbox.desk import Desk, Proposed
from tools.toolbox.jobs import SingleJob, approval_of, put
from tools.toolbox.schema import Arguments

if TYPE_CHECKING:
    from tools.tasks.update import Change


class BoardUpdate(Arguments):
    task: str = Field(description="The task's id, or words of its name.")
    status: Status | None = None
    owner: str | None = Field(default=None, description='Who does it, "me" for the person; empty takes it away.')
    priority: str | None = None
    description: str | None = None
    depends: str | None = Field(default=None, description="Dependencies, as the board writes them.")
    notes: str | None = None
    due: str | None = None
    estimate: str | None = Field(default=None, description="Such as 3d or 4h.")


class BoardBulk(Chosen):
    set_status: Status | None = None
    set_owner: str | None = Field(default=None, description='"me" for the person; empty takes the tasks away.')
    set_priority: str | None = None
    set_due: str | None = None


class BoardAdd(Arguments):
    section: str = Field(description="By number or title.")
    description: str
    owner: str = ""
    priority: str = ""
    depends: str = Field(default="", description="Dependencies, as the board writes them.")
    due: str = ""
    estimate: str = ""
    new_section: bool = Field(default=False, description="Make a section of that title.")


class BoardSplit(Arguments):
    task: str = Field(description="The task's id, or words of its name.")
    into: list[str] = Field(min_length=2, description="The names of its parts.")


class BoardMove(Arguments):
    task: str = Field(description="The task's id, or words of its name.")
    section: str = Field(description="Where it goes, by number or title.")
    before: str = Field(default="", description="A task of that section that it comes before; empty: to the end.")


class BoardAnswer(Arguments):
    task: str
    text: str = Field(description="The dependency asked about, as board_questions gives it.")
    choice: str = Field(description="One of the question's candidates.")


class BoardImport(Arguments):
    path: str | None = Field(default=None, description="A Markdown board; without it, a board is made from the plan.")
    replace_changes: bool = Field(default=False, description="Changes of the present board that are in no file may go.")
    keep: dict[str, Literal["board", "file"]] = Field(
        default={}, description="Which side holds where both changed the same, by the conflict's key; `*` for all."
    )


class BoardRoadmap(Arguments):
    replace_changes: bool = Field(default=False, description="Changes of the present board that are in no file may go.")


class BoardExport(Arguments):
    path: str = Field(description="The Markdown file to write.")


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
        from tools.tasks.look import find
        from tools.tasks.update import bulk, set_status

        board = boards(desk).load()
        if arguments.status and any(item.id == arguments.task.strip() for item in board.checklist):
            return set_status(board, arguments.task, arguments.status)[1]
        names = ("status", "owner", "priority", "notes", "due", "estimate", "depends", "description")
        values = {name: value for name in names if (value := getattr(arguments, name)) is not None}
        if not values:
            raise UsageError("say what to change: a status, an owner, …")
        values |= {"owner": person(desk, values["owner"]) or ""} if "owner" in values else {}
        return bulk(board, [find(board, arguments.task)], values)[1]


class BulkJob(_ChangeJob):
    """The same for many tasks, as one approval."""

    def _change(self, desk: Desk, arguments: BoardBulk) -> Change:
        from tools.tasks.look import Filter, select
        from tools.tasks.update import bulk

        board, wanted = boards(desk).load(), chosen(desk, arguments)
        if wanted == Filter():
            raise UsageError("say which tasks are meant: a section, an owner, a status, or words of their names")
        tasks = select(board, wanted)
        if not tasks:
            raise UsageError("no task on the board fits: nothing was changed")
        values = {"status": arguments.set_status, "owner": person(desk, arguments.set_owner),
                  "priority": arguments.set_priority, "due": arguments.set_due}  # fmt: skip
        return bulk(board, tasks, {name: value for name, value in values.items() if value is not None})[1]


class AddJob(_ChangeJob):
    def _change(self, desk: Desk, arguments: BoardAdd) -> Change:
        from tools.tasks.update import add

        values = arguments.model_dump(include={"priority", "depends", "due", "estimate"})
        return add(boards(desk).load(), arguments.section, arguments.description, new_section=arguments.new_section,
                   owner=person(desk, arguments.owner) or "", **values)[1]  # fmt: skip


class SplitJob(_ChangeJob):
    def _change(self, desk: Desk, arguments: BoardSplit) -> Change:
        from tools.tasks.look import find
        from tools.tasks.update import split

        board = boards(desk).load()
        return split(board, find(board, arguments.task).id, arguments.into)[1]


class MoveJob(_ChangeJob):
    def _change(self, desk: Desk, arguments: BoardMove) -> Change:
        from tools.tasks.look import find
        from tools.tasks.update import move

        board = boards(desk).load()
        before = find(board, arguments.before).id if arguments.before else ""
        return move(board, find(board, arguments.task).id, arguments.section, before)[1]


class AnswerJob(_ChangeJob):
    def _change(self, desk: Desk, arguments: BoardAnswer) -> Change:
        from tools.tasks.questions import answer

        return answer(boards(desk).load(), arguments.task, arguments.text, arguments.choice)[1]


class UndoJob(_ChangeJob):
    """The last change taken back. It is the same change until it is made, so that its approval holds."""

    def _change(self, desk: Desk, arguments: Arguments) -> Change:
        return boards(desk).undo()


class FollowJob(_ChangeJob):
    """The tasks that are tied to a plan brought in step with its latest run."""

    def _change(self, desk: Desk, arguments: Arguments) -> Change:
        change = boards(desk).following()
        if change is None:
            raise UsageError("the board is in step with the latest run: there is nothing to set")
        return change


class RoadmapJob(_ChangeJob):
    """The board made from the gaps between the current and the desired schema."""

    def _change(self, desk: Desk, arguments: BoardRoadmap) -> Change:
        from tools.tasks.boards import import_change

        return import_change(desk_roadmap(desk), replace_changes=arguments.replace_changes)


class ImportJob(_ChangeJob):
    def _change(self, desk: Desk, arguments: BoardImport) -> Change:
        from tools.tasks.boards import import_change
        from tools.tasks.from_plan import board_from_plan
        from tools.tasks.markdown import read_board
        from tools.toolbox.plan import the_plan

        read = read_board(Path(arguments.path)) if arguments.path else board_from_plan(the_plan(desk))
        return import_change(read, replace_changes=arguments.replace_changes, answers=arguments.keep)


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
