"""board: work on tasks. Each command is one change, put before the person unless --yes is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.commands.board import (
    OwnerOption,
    PriorityOption,
    SectionOption,
    StatusOption,
    TaskId,
    TextOption,
    YesOption,
    make_change,
    me,
    print_tasks,
)  # fmt: skip
from assistant.commands.schema import AsJson
from assistant.session import Workspace

if TYPE_CHECKING:
    from tools.tasks.model import Board

Depends = Annotated[str | None, typer.Option("--depends", help="Dependencies, as on the board.")]
Due = Annotated[str | None, typer.Option("--due", help="When it is due, in your own words.")]
Estimate = Annotated[str | None, typer.Option("--estimate", help="Such as 3d or 4h.")]


def register(app: typer.Typer) -> None:
    for name, command in (
        ("set", set_status), ("assign", assign), ("claim", claim), ("edit", edit), ("add", add), ("split", split),
        ("move", move), ("cancel", cancel), ("change", change), ("answer", answer), ("undo", undo), ("follow", follow),
    ):  # fmt: skip
        app.command(name)(command)


def set_status(
    task_id: TaskId,
    status: Annotated[str, typer.Argument(metavar="STATUS", help="todo, doing, done or cancelled.")],
    yes: YesOption = False,
    as_json: AsJson = False,
) -> int:
    """Set a task's status."""
    from tools.tasks.update import set_status as made

    return _changed(lambda board: made(board, _id(board, task_id), status)[1], yes, as_json)


def assign(
    task_id: TaskId,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="Who does it; empty takes it from whoever has it.")],
    yes: YesOption = False,
    as_json: AsJson = False,
) -> int:
    """Give a task to somebody."""
    from tools.tasks.update import assign as made

    who = me(Workspace(), owner) or ""
    return _changed(lambda board: made(board, _id(board, task_id), who)[1], yes, as_json)


def claim(task_id: TaskId, yes: YesOption = False, as_json: AsJson = False) -> int:
    """Take a task yourself and begin it. A task that somebody else has is refused."""
    from tools.errors import UsageError
    from tools.tasks.update import bulk

    who = Workspace().actor

    def made(board: Board) -> dict[str, Any]:
        task = board.task(_id(board, task_id))
        if task.owner and task.owner != who:
            raise UsageError(f"{task.id} is {task.owner}'s: `oneplan board assign {task.id} {who}` takes it over")
        return bulk(board, [task], {"owner": who, "status": "doing"})[1]

    return _changed(made, yes, as_json)


def edit(
    task_id: TaskId, name: Annotated[str | None, typer.Option("--name", help="What is to be done.")] = None,
    priority: PriorityOption = None, notes: Annotated[str | None, typer.Option("--notes")] = None, due: Due = None,
    estimate: Estimate = None, depends: Depends = None, yes: YesOption = False, as_json: AsJson = False,
) -> int:  # fmt: skip
    """Change what a task says, as one change."""
    from tools.tasks.update import bulk

    said = {"description": name, "priority": priority, "notes": notes, "due": due, "estimate": estimate,
            "depends": depends}  # fmt: skip
    values = {field: value for field, value in said.items() if value is not None}
    return _changed(lambda board: bulk(board, [board.task(_id(board, task_id))], values)[1], yes, as_json)


def add(
    section: Annotated[str, typer.Argument(metavar="SECTION", help="A section's number or title.")],
    description: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be done.")],
    owner: Annotated[str, typer.Option("--owner")] = "",
    priority: Annotated[str, typer.Option("--priority")] = "",
    depends: Annotated[str, typer.Option("--depends", help="Dependencies, as on the board.")] = "",
    due: Annotated[str, typer.Option("--due")] = "",
    estimate: Annotated[str, typer.Option("--estimate", help="Such as 3d or 4h.")] = "",
    new_section: Annotated[bool, typer.Option("--new-section", help="Make the section.")] = False,
    yes: YesOption = False,
    as_json: AsJson = False,
) -> int:
    """Add a task at the end of a section."""
    from tools.tasks.update import add as made

    who = me(Workspace(), owner) or ""
    values = {"priority": priority, "depends": depends, "due": due, "estimate": estimate}
    return _changed(
        lambda board: made(board, section, description, new_section=new_section, owner=who, **values)[1], yes, as_json
    )


def split(
    task_id: TaskId,
    into: Annotated[list[str], typer.Argument(metavar="PART...", help="The names of its parts.")],
    yes: YesOption = False,
    as_json: AsJson = False,
) -> int:
    """Split a task into parts that it waits for."""
    from tools.tasks.update import split as made

    return _changed(lambda board: made(board, _id(board, task_id), into)[1], yes, as_json)


def move(
    task_id: TaskId,
    section: Annotated[str, typer.Argument(metavar="SECTION", help="A section's number or title.")],
    before: Annotated[str, typer.Option("--before", help="A task there that it comes before.")] = "",
    yes: YesOption = False,
    as_json: AsJson = False,
) -> int:
    """Move a task, with its parts, to a section; what names it by its number follows."""
    from tools.tasks.update import move as made

    return _changed(lambda board: made(board, _id(board, task_id), section, before)[1], yes, as_json)


def cancel(task_id: TaskId, yes: YesOption = False, as_json: AsJson = False) -> int:
    """Give a task up. It stays to be seen, and blocks nobody."""
    from tools.tasks.update import cancel as made

    return _changed(lambda board: made(board, _id(board, task_id))[1], yes, as_json)


def change(
    section: SectionOption = None, owner: OwnerOption = None, status: StatusOption = None,
    priority: PriorityOption = None, text: TextOption = None,
    to_owner: Annotated[str | None, typer.Option("--to-owner")] = None,
    to_status: Annotated[str | None, typer.Option("--to-status", help="todo, doing, done or cancelled.")] = None,
    to_priority: Annotated[str | None, typer.Option("--to-priority")] = None,
    yes: YesOption = False, as_json: AsJson = False,
) -> int:  # fmt: skip
    """The same change to all tasks that fit, as one approval."""
    from tools.errors import UsageError
    from tools.tasks.look import Filter, select
    from tools.tasks.update import bulk

    workspace = Workspace()
    wanted = Filter(section, me(workspace, owner), status, priority, text)
    said = {"owner": me(workspace, to_owner), "status": to_status, "priority": to_priority}
    values = {field: value for field, value in said.items() if value is not None}
    if wanted == Filter() or not values:
        raise UsageError("say which tasks (--section, --owner, --status, --priority, --text) and what (--to-owner, …)")
    return _changed(lambda board: bulk(board, select(board, wanted), values)[1], yes, as_json)


def answer(
    task_id: TaskId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The dependency that was asked about.")],
    choice: Annotated[str, typer.Argument(metavar="ANSWER", help="One of the candidates of `board questions`.")],
    yes: YesOption = False,
    as_json: AsJson = False,
) -> int:
    """Answer one of the board's open questions."""
    from tools.tasks.questions import answer as made

    return _changed(lambda board: made(board, task_id, text, choice)[1], yes, as_json)


def undo(yes: YesOption = False, as_json: AsJson = False) -> int:
    """Take back the last change; again, and the one before goes too."""
    from assistant.commands.board import boards_of

    boards = boards_of(Workspace())
    return _changed(lambda _: boards.undo(), yes, as_json)


def follow(yes: YesOption = False, as_json: AsJson = False) -> int:
    """Set the tasks that are tied to a plan to where its latest run stands."""
    from assistant.commands.board import boards_of
    from assistant.commands.output import DONE, say

    following = boards_of(Workspace()).following()
    if following is None:
        say("the board is in step with the latest run")
        return DONE
    return _changed(lambda _: following, yes, as_json)


def _changed(made: Callable[[Board], dict[str, Any]], yes: bool, as_json: bool) -> int:
    """Make a change, and show the tasks that it touched."""
    from assistant.commands.board import boards_of
    from tools.tasks.operations import touched

    workspace = Workspace()
    before = boards_of(workspace).load()
    after = make_change(workspace, made, yes)
    uids = touched(before, after)
    return print_tasks(after, [task for task in after if task.uid in uids], as_json)


def _id(board: Board, name: str) -> str:
    """The id that a person means; of a check item, its own."""
    from tools.tasks.look import find

    return name.strip() if name.strip() in {item.id for item in board.checklist} else find(board, name).id
