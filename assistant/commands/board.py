"""board: the task board, in the store; its Markdown file is a projection of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.commands.output import DIFFERENCES, DONE, print_json, say
from assistant.commands.schema import AsJson
from assistant.session import Workspace

if TYPE_CHECKING:
    from tools.tasks.boards import Boards
    from tools.tasks.model import Board

app = typer.Typer(help="The task board.", rich_markup_mode=None, no_args_is_help=True)

YesOption = Annotated[bool, typer.Option("--yes", help="Your consent to the change.")]
TaskId = Annotated[str, typer.Argument(metavar="ID", help="A task's id, as `board show` prints it.")]


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="board")


@app.command("import")
def import_file(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A board in Markdown, or a plan.yaml.")],
    replace: Annotated[bool, typer.Option("--replace", help="Changes that are in no file may go.")] = False,
    yes: YesOption = False,
    as_json: AsJson = False,
) -> int:
    """Bring a board in, from Markdown or made from a plan."""
    from tools.tasks.boards import import_change
    from tools.tasks.from_plan import board_from_plan
    from tools.tasks.markdown import read_board

    if path.suffix.lower() in (".yaml", ".yml"):
        from assistant.commands.plans import load_plan

        read = board_from_plan(load_plan(path))
    else:
        read = read_board(path)
    workspace = Workspace()
    board = _change(workspace, import_change(read, replace_changes=replace), yes)
    for problem in board.problems:
        say(f"oneplan: {problem}")
    return _print_tasks(board, list(board), as_json, f"{len(list(board))} tasks in {len(board.sections)} sections")


@app.command("show")
def show(as_json: AsJson = False) -> int:
    """All tasks of the board."""
    board = _boards(Workspace()).load()
    return _print_tasks(board, list(board), as_json)


@app.command("ready")
def ready(as_json: AsJson = False) -> int:
    """The tasks that can be started now, the most urgent first."""
    from tools.tasks.ready import ready as find

    board = _boards(Workspace()).load()
    return _print_tasks(board, [one.task for one in find(board)], as_json)


@app.command("blocked")
def blocked(as_json: AsJson = False) -> int:
    """The tasks that wait, and for what. Exit code 2 when there are any."""
    from tools.tasks.ready import blocked as find

    board = _boards(Workspace()).load()
    waiting = [one.task for one in find(board)]
    _print_tasks(board, waiting, as_json)
    return DIFFERENCES if waiting else DONE


@app.command("set")
def set_status(
    task_id: TaskId,
    status: Annotated[str, typer.Argument(metavar="STATUS", help="todo, doing, done or cancelled.")],
    yes: YesOption = False,
    as_json: AsJson = False,
) -> int:
    """Set a task's status."""
    from tools.tasks.update import set_status as change

    workspace = Workspace()
    board = _change(workspace, change(_boards(workspace).load(), task_id, status)[1], yes)
    return _print_tasks(board, _one(board, task_id), as_json)


@app.command("assign")
def assign(
    task_id: TaskId,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="Who does it; empty takes it from whoever has it.")],
    yes: YesOption = False,
    as_json: AsJson = False,
) -> int:
    """Give a task to somebody."""
    from tools.tasks.update import assign as change

    workspace = Workspace()
    board = _change(workspace, change(_boards(workspace).load(), task_id, owner)[1], yes)
    return _print_tasks(board, _one(board, task_id), as_json)


@app.command("add")
def add(
    section: Annotated[str, typer.Argument(metavar="SECTION", help="A section's number or title.")],
    description: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be done.")],
    owner: Annotated[str, typer.Option("--owner")] = "",
    priority: Annotated[str, typer.Option("--priority")] = "",
    depends: Annotated[str, typer.Option("--depends", help="Dependencies, as on the board.")] = "",
    new_section: Annotated[bool, typer.Option("--new-section", help="Make the section.")] = False,
    yes: YesOption = False,
    as_json: AsJson = False,
) -> int:
    """Add a task at the end of a section."""
    from tools.tasks.update import add as change

    workspace = Workspace()
    before = _boards(workspace).load()
    made = change(
        before, section, description, owner=owner, priority=priority, depends=depends, new_section=new_section
    )
    board = _change(workspace, made[1], yes)
    known = {task.id for task in before}
    return _print_tasks(board, [task for task in board if task.id not in known], as_json)


@app.command("export")
def export(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the board as Markdown.")],
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite a file that is there.")] = False,
) -> int:
    """Write the board as Markdown. What did not change keeps its bytes."""
    from assistant.consent import Consent, approval_for
    from tools.errors import UsageError

    if path.exists() and not yes:
        raise UsageError(f"{path} is there already: pass --yes to overwrite it")
    workspace = Workspace()
    boards = _boards(workspace)
    # A path that a person types as an output is consent to create it.
    approval = approval_for(workspace, boards.export_action(path)[0], Consent(yes=True))
    rendered = boards.export(path, approval, actor=workspace.actor)
    for lost in rendered.lost:
        say(f"oneplan: {lost}")
    say(f"wrote {path}")
    return DONE


def _boards(workspace: Workspace) -> Boards:
    from tools.tasks.boards import Boards

    return Boards(workspace.store, workspace.ledger)


def _change(workspace: Workspace, change: dict[str, Any], yes: bool) -> Board:
    from assistant.asking import ask_action
    from assistant.consent import Consent, approval_for

    boards = _boards(workspace)
    action = boards.action(change)
    approval = approval_for(workspace, action, Consent(yes=yes), lambda proposal: ask_action(workspace, proposal))
    return boards.execute(change, approval, actor=workspace.actor)


def _one(board: Board, task_id: str) -> list[Any]:
    return [board.by_id[task_id]] if task_id in board.by_id else []


def _print_tasks(board: Board, tasks: list[Any], as_json: bool, note: str = "") -> int:
    from tools.tasks.serial import tasks_to_json

    listed = tasks_to_json(board, tasks)
    if as_json:
        print_json("tasks", {"tasks": listed})
    else:
        from assistant.console import print_tasks

        print_tasks(listed)
        if note:
            say(note)
    return DONE
