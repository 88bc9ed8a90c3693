"""board: the task board, in the store; its Markdown file is a projection of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.commands.output import DIFFERENCES, DONE, keep_file, print_json, say
from assistant.commands.schema import AsJson
from assistant.session import Workspace

if TYPE_CHECKING:
    from tools.tasks.boards import Boards
    from tools.tasks.model import Board

app = typer.Typer(help="The task board.", rich_markup_mode=None, no_args_is_help=True)

YesOption = Annotated[bool, typer.Option("--yes", help="Your consent to the change.")]
TaskId = Annotated[str, typer.Argument(metavar="ID", help="A task's id, as `board show` prints it, or its name.")]
SectionOption = Annotated[str | None, typer.Option("--section", help="Only this section, by number or title.")]
OwnerOption = Annotated[str | None, typer.Option("--owner", help='Only what this person has; "" for nobody.')]
StatusOption = Annotated[str | None, typer.Option("--status", help="todo, doing, done or cancelled.")]
PriorityOption = Annotated[str | None, typer.Option("--priority")]
TextOption = Annotated[str | None, typer.Option("--text", help="Only names that hold these words, in any form.")]


def register(parent: typer.Typer) -> None:
    from assistant.commands import board_look, board_roadmap, board_work

    board_look.register(app)
    board_roadmap.register(app)
    board_work.register(app)
    parent.add_typer(app, name="board")


@app.command("import")
def import_file(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A board in Markdown, or a plan.yaml.")],
    replace: Annotated[bool, typer.Option("--replace", help="Changes that are in no file may go.")] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", help="board or file, where both changed the same; for one conflict KEY=board."),
    ] = None,
    yes: YesOption = False,
    as_json: AsJson = False,
) -> int:
    """Bring a board in, from Markdown or made from a plan; a file edited by hand is merged with what changed here."""
    from tools.tasks.boards import conflicts, import_change

    workspace = Workspace()
    read, answers = _read(path), _answers(keep or [])
    change = import_change(read, replace_changes=replace, answers=answers)
    open_ones = [one for one in conflicts(boards_of(workspace).find(), change) if one.key not in answers]
    if open_ones:
        answers |= _asked(open_ones)
        change = import_change(read, replace_changes=replace, answers=answers)
        if conflicts(boards_of(workspace).find(), change):
            return DIFFERENCES
    board = make_change(workspace, lambda _: change, yes)
    for problem in board.problems:
        say(f"oneplan: {problem}")
    return print_tasks(board, list(board), as_json, f"{len(list(board))} tasks in {len(board.sections)} sections")


@app.command("show")
def show(
    section: SectionOption = None, owner: OwnerOption = None, status: StatusOption = None,
    priority: PriorityOption = None, text: TextOption = None, as_json: AsJson = False,
) -> int:  # fmt: skip
    """All tasks of the board, or those that fit."""
    from tools.tasks.look import Filter, select

    workspace = Workspace()
    board = boards_of(workspace).load()
    wanted = Filter(section, me(workspace, owner), status, priority, text)
    return print_tasks(board, select(board, wanted), as_json)


@app.command("ready")
def ready(as_json: AsJson = False) -> int:
    """The tasks that can be started now, the most urgent first."""
    from tools.tasks.ready import ready as find

    board = boards_of(Workspace()).load()
    return print_tasks(board, [one.task for one in find(board)], as_json)


@app.command("blocked")
def blocked(as_json: AsJson = False) -> int:
    """The tasks that wait, and for what. Exit code 2 when there are any."""
    from tools.tasks.ready import blocked as find

    board = boards_of(Workspace()).load()
    waiting = [one.task for one in find(board)]
    print_tasks(board, waiting, as_json)
    return DIFFERENCES if waiting else DONE


@app.command("export")
def export(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the board as Markdown.")],
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite a file that is there.")] = False,
) -> int:
    """Write the board as Markdown. What did not change keeps its bytes."""
    from assistant.consent import Consent, approval_for

    keep_file(path, yes)
    workspace = Workspace()
    boards = boards_of(workspace)
    # A path that a person types as an output is consent to create it.
    approval = approval_for(workspace, boards.export_action(path)[0], Consent(yes=True))
    rendered = boards.export(path, approval, actor=workspace.actor)
    for lost in rendered.lost:
        say(f"oneplan: {lost}")
    say(f"wrote {path}")
    return DONE


def boards_of(workspace: Workspace) -> Boards:
    from tools.tasks.boards import Boards

    return Boards(workspace.store, workspace.ledger)


def me(workspace: Workspace, owner: str | None) -> str | None:
    """Who is meant: `me` is who types."""
    return workspace.actor if owner == "me" else owner


def make_change(workspace: Workspace, change: Callable[[Board], dict[str, Any]], yes: bool) -> Board:
    """Make what `change` makes of the board as it is. With --yes in one transaction: of two terminals, each finds what
    the other did. Else the person is asked about this very change to this very board."""
    from assistant.asking import ask_action
    from assistant.consent import Consent, approval_for

    boards = boards_of(workspace)
    if yes and boards.find() is not None:
        return boards.consented(change, actor=workspace.actor, approver=workspace.actor, via="flag")
    made = change(boards.find() or _no_board())
    action = boards.action(made)
    approval = approval_for(workspace, action, Consent(yes=yes), lambda proposal: ask_action(workspace, proposal))
    return boards.execute(made, approval, actor=workspace.actor)


def print_tasks(board: Board, tasks: Iterable[Any], as_json: bool, note: str = "") -> int:
    from tools.tasks.serial import tasks_to_json

    listed = tasks_to_json(board, tasks)
    if as_json:
        print_json("tasks", {"tasks": listed})
    else:
        from assistant.console import print_tasks as shown

        shown(listed)
        if note:
            say(note)
    return DONE


def _no_board() -> Board:
    from tools.tasks.model import Board

    return Board()


def _read(path: Path) -> Board:
    from tools.tasks.from_plan import board_from_plan
    from tools.tasks.markdown import read_board

    if path.suffix.lower() in (".yaml", ".yml"):
        from assistant.commands.plans import load_plan

        return board_from_plan(load_plan(path))
    return read_board(path)


def _answers(keep: list[str]) -> dict[str, str]:
    """`file` for all conflicts, or KEY=file for one."""
    from tools.errors import UsageError

    answers: dict[str, str] = {}
    for word in keep:
        key, _, side = word.rpartition("=")
        if side not in ("board", "file"):
            raise UsageError(f"--keep {word!r}: say board or file, or KEY=board")
        answers[key or "*"] = side
    return answers


def _asked(open_ones: Iterable[Any]) -> dict[str, str]:
    """What a person at the terminal answers; where nobody can be asked, the questions on stderr."""
    from assistant.commands.output import interactive

    answers: dict[str, str] = {}
    for one in open_ones:
        if not interactive() or not one.key:
            say(f"oneplan: which holds? {one.sentence}" + (f"; --keep {one.key}=board or =file" if one.key else ""))
            continue
        word = ""
        while word not in ("board", "file"):
            word = input(f"{one.sentence}: keep the [b]oard's or the [f]ile's? ").strip().lower()
            word = {"b": "board", "f": "file"}.get(word, word)
        answers[one.key] = word
    return answers
