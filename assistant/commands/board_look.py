"""board: looking at one task, at what is open, and at the whole in other forms."""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.commands.board import SectionOption, TaskId, boards_of
from assistant.commands.output import DIFFERENCES, DONE, print_json
from assistant.commands.schema import AsJson
from assistant.session import Workspace

OptionalTask = Annotated[str | None, typer.Argument(metavar="[ID]", help="Only this task.")]


def register(app: typer.Typer) -> None:
    for name, command in (
        ("task", task), ("questions", questions), ("kanban", kanban), ("tree", tree), ("mermaid", mermaid),
        ("critical", critical), ("idle", idle), ("history", history),
    ):  # fmt: skip
        app.command(name)(command)


def task(task_id: TaskId, as_json: AsJson = False) -> int:
    """One task in full: how its dependencies were understood, why it waits, what it frees, documents on it."""
    from assistant.offline_board_answers import BOARD_ANSWERS
    from tools.tasks.details import citations, details
    from tools.tasks.look import find

    workspace = Workspace()
    board = boards_of(workspace).load()
    found = find(board, task_id)
    cited = [{"place": hit.citation, "heading": hit.heading, "excerpt": hit.excerpt}
             for hit in citations(workspace.store, board, found)]  # fmt: skip
    data = {"task": details(board, found), "documents": cited}
    if as_json:
        print_json("task", data)
    else:
        print(BOARD_ANSWERS["board_task"](data))
    return DONE


def questions(as_json: AsJson = False) -> int:
    """Unclear dependencies and orders that make no sense, with the answers there are. Exit code 2 when any is open."""
    from dataclasses import asdict

    from tools.tasks.questions import questions as find

    board = boards_of(Workspace()).load()
    found = [asdict(question) for question in find(board)]
    if as_json:
        print_json("questions", {"questions": found, "problems": list(board.problems)})
    for one in [] if as_json else found:
        answers = f"  ({' | '.join(one['candidates'])})" if one["candidates"] else ""
        print(f"{one['task']}: {one['sentence']}{answers}")
    return DIFFERENCES if any(one["candidates"] for one in found) else DONE


def kanban(section: SectionOption = None) -> int:
    """The board in columns: ready, blocked, doing, done, cancelled."""
    from assistant.console import print_columns
    from tools.tasks.views import kanban as columns

    board = boards_of(Workspace()).load()
    tasks = board.section(section).tasks if section else tuple(board)
    print_columns({
        name: [f"{task.id} {task.description}" + (f" [{task.owner}]" if task.owner else "") for task in column]
        for name, column in columns(board, tasks).items()
    })  # fmt: skip
    return DONE


def tree(task_id: OptionalTask = None) -> int:
    """What waits for what: each task with what it waits for below it."""
    from tools.tasks.look import find
    from tools.tasks.views import tree as lines

    board = boards_of(Workspace()).load()
    print("\n".join(lines(board, find(board, task_id) if task_id else None)))
    return DONE


def mermaid(section: SectionOption = None) -> int:
    """The dependencies as a Mermaid flowchart."""
    from tools.tasks.views import mermaid as chart

    board = boards_of(Workspace()).load()
    print(chart(board, board.section(section).tasks if section else tuple(board)), end="")
    return DONE


def critical(as_json: AsJson = False) -> int:
    """The longest chain of open tasks, by their estimates where there are any."""
    from assistant.commands.board import print_tasks
    from tools.tasks.look import critical_path

    board = boards_of(Workspace()).load()
    return print_tasks(board, critical_path(board), as_json)


def idle(as_json: AsJson = False) -> int:
    """Who has what to do, the least busy first."""
    from dataclasses import asdict

    from tools.tasks.look import workload

    loads = workload(boards_of(Workspace()).load())
    if as_json:
        print_json("workload", {"owners": [asdict(load) for load in loads]})
    for load in [] if as_json else loads:
        print(f"{load.owner}: {load.open} open, {load.doing} begun, {load.startable} to be started")
    return DONE


def history(task_id: OptionalTask = None, as_json: AsJson = False) -> int:
    """Who changed what, and when; the latest first."""
    from tools.toolbox.board import event_to_json

    events = boards_of(Workspace()).history(task_id=task_id or "")
    listed = [event_to_json(event) for event in reversed(events)]
    if as_json:
        print_json("history", {"events": listed})
    for one in [] if as_json else listed:
        print(f"{one['at']}  {one['actor']}  {one['what']}")
    return DONE
