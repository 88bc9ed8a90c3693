"""Tools that look at the task board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tools.toolbox.desk import Desk, Outcome, at_most, page
from tools.toolbox.schema import Arguments, Paged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from knowledge.approvals import Ledger
    from knowledge.store import Store
    from tools.tasks.boards import Boards
    from tools.tasks.look import Filter
    from tools.tasks.model import Board, Task

Status = Literal["todo", "doing", "done", "cancelled"]


class Chosen(Arguments):
    """Which tasks are meant."""

    section: str | None = Field(default=None, description="Only this section, by number or title.")
    owner: str | None = Field(default=None, description='Only the tasks of this owner; "me" for the person.')
    status: Status | None = None
    priority: str | None = None
    text: str | None = Field(default=None, description="Only tasks whose name holds these words, in any form.")
    ready: bool = Field(default=False, description="Only what can be started now.")


class BoardShow(Chosen):
    offset: int = Field(default=0, ge=0, description="Where the page begins.")
    limit: int = Field(default=40, ge=1, le=100, description="How many entries.")


class BoardTask(Arguments):
    task: str = Field(description="The task's id, or words of its name.")


class BoardView(Arguments):
    view: Literal["kanban", "tree", "mermaid", "critical_path"]
    section: str | None = Field(default=None, description="Only this section, by number or title.")
    task: str | None = Field(default=None, description="For a tree: what this task waits for.")


class BoardCompare(Arguments):
    path: str = Field(description="A roadmap in Markdown.")


class BoardHistory(Paged):
    task: str | None = Field(default=None, description="Only what touched this task.")


def board_show(desk: Desk, arguments: BoardShow) -> Outcome:
    from tools.tasks.look import select

    board = boards(desk).load()
    return _tasks(board, select(board, chosen(desk, arguments)), arguments)


def board_ready(desk: Desk, arguments: Paged) -> Outcome:
    from tools.tasks.ready import ready

    board = boards(desk).load()
    return _tasks(board, [found.task for found in ready(board)], arguments)


def board_blocked(desk: Desk, arguments: Paged) -> Outcome:
    from tools.tasks.ready import blocked

    board = boards(desk).load()
    return _tasks(board, [found.task for found in blocked(board)], arguments)


def board_task(desk: Desk, arguments: BoardTask) -> Outcome:
    """One task in full, with the documents that speak of it."""
    from tools.tasks.details import citations, details
    from tools.tasks.look import find

    board = boards(desk).load()
    task = find(board, arguments.task)
    hits = citations(desk.store, board, task)
    cited = [{"place": hit.citation, "heading": hit.heading, "excerpt": hit.excerpt} for hit in hits]
    return Outcome({"task": details(board, task), "documents": cited})


def board_questions(desk: Desk, arguments: Paged) -> Outcome:
    from dataclasses import asdict

    from tools.tasks.questions import questions

    board = boards(desk).load()
    found = [asdict(question) for question in questions(board)]
    return Outcome({"problems": at_most(board.problems)} | page(found, arguments.offset, arguments.limit))


def board_workload(desk: Desk, arguments: Arguments) -> Outcome:
    """Who has what to do; `idle` are those who can start nothing and have begun nothing."""
    from dataclasses import asdict

    from tools.tasks.look import workload
    from tools.tasks.ready import ready

    board = boards(desk).load()
    loads = workload(board)
    unowned = [found.task for found in ready(board) if not found.task.owner]
    return Outcome({
        "owners": [asdict(load) for load in loads],
        "idle": [load.owner for load in loads if not load.doing and not load.startable],
        "free_to_take": [f"{task.id} {task.description}" for task in unowned[:8]], "unowned": len(unowned),
    })  # fmt: skip


def board_view(desk: Desk, arguments: BoardView) -> Outcome:
    from tools.tasks.look import critical_path, find
    from tools.tasks.views import kanban, mermaid, tree

    board = boards(desk).load()
    tasks = board.section(arguments.section).tasks if arguments.section else tuple(board)
    lines: list[str] = []
    match arguments.view:
        case "mermaid":
            lines = mermaid(board, tasks).splitlines()
        case "tree":
            lines = tree(board, find(board, arguments.task) if arguments.task else None)
        case "critical_path":
            lines = [_line(task) for task in critical_path(board)]
        case "kanban":
            for name, column in kanban(board, tasks).items():
                lines += [f"{name} ({len(column)})", *(f"  {_line(task)}" for task in column)]
    return Outcome({"view": arguments.view, "total": len(lines), "lines": at_most(lines, 200)})


def board_history(desk: Desk, arguments: BoardHistory) -> Outcome:
    """Who changed what and when, the latest first."""
    board = boards(desk)
    events = board.history(task_id=arguments.task or "")
    found = [event_to_json(event) for event in reversed(events)]
    return Outcome({"task": arguments.task} | page(found, arguments.offset, arguments.limit))


def board_compare(desk: Desk, arguments: BoardCompare) -> Outcome:
    """A roadmap in a file against the one that the gaps ask for now."""
    from tools.tasks.compare import compare_boards
    from tools.tasks.markdown import read_board

    found = compare_boards(desk_roadmap(desk), read_board(Path(arguments.path)))
    return Outcome({
        "path": arguments.path, "only_generated": at_most(found.only_mine, 60),
        "only_in_file": at_most(found.only_theirs, 60), "fields": at_most(found.fields, 60),
    })  # fmt: skip


def desk_roadmap(desk: Desk) -> Board:
    """The roadmap of the gaps as they are now, tied to the conversation's plan, or to one made for it."""
    from tools.location import parse_location
    from tools.migrate.facts import live_facts
    from tools.tasks.roadmap import roadmap, roadmap_source

    facts = live_facts(desk.current) if parse_location(desk.current).live else None
    return roadmap(roadmap_source(desk.current_schema, desk.desired_schema, desk.answers, desk.usages, facts))


def event_to_json(event: Any) -> dict[str, Any]:
    """An event of a board in a line: moment, actor, what."""
    from tools.tasks.update import describe

    change: dict[str, Any] = event.data.get("change") or {}
    if change:
        said = change["said"] if change.get("op") == "import" else describe(change)
    else:
        said = f"written to {event.data.get('path')}"
    return {"at": f"{event.at:%Y-%m-%d %H:%M:%S} UTC", "actor": event.actor, "what": said}


def follow_run(store: Store, ledger: Ledger, actor: str, session: Any, thread: str = "") -> str:
    """Propose what a run means for the board's tasks that are tied to its steps; a sentence for the person, "" where it
    means nothing. session: a Migration or a Rollback, after a step."""
    from tools.tasks.from_plan import unproven

    states = {state.step.id: str(state.status) for state in session.steps()}
    held = unproven((state.step for state in session.steps()), states)
    return follow_states(store, ledger, actor, session.run_id, states, held, thread)


def follow_states(
    store: Store, ledger: Ledger, actor: str, run: str, states: dict[str, str], held: Sequence[str] = (),
    thread: str = "",
) -> str:  # fmt: skip
    """The same for the states of a run's steps. held: steps whose rows are not accounted for yet."""
    from tools.tasks.boards import Boards
    from tools.tasks.from_plan import steps_of

    kept = Boards(store, ledger)
    board = kept.find()
    if board is None or not any(step in states for task in board for step in steps_of(task)):
        return ""
    proposal = kept.follow(states, actor=actor, run=run, unproven=tuple(held), thread=thread)
    if proposal is None:
        return ""
    return (
        f"{proposal.action.summary} (proposal {proposal.id}: `oneplan board follow`, or say `bring the board in step`)"
    )


def boards(desk: Desk) -> Boards:
    from tools.tasks.boards import Boards

    return Boards(desk.store, desk.ledger)


def chosen(desk: Desk, arguments: Chosen) -> Filter:
    from tools.tasks.look import Filter

    return Filter(
        arguments.section, person(desk, arguments.owner), arguments.status, arguments.priority, arguments.text,
        arguments.ready,
    )  # fmt: skip


def person(desk: Desk, owner: str | None) -> str | None:
    """Who is meant: `me` is the person at the desk."""
    return desk.actor if owner is not None and owner.strip().casefold() in ("me", "myself") else owner


def _line(task: Task) -> str:
    owner = f" [{task.owner}]" if task.owner else ""
    return f"{task.id} {task.description}{owner}"


def _tasks(board: Board, tasks: Iterable[Task], arguments: Paged | BoardShow) -> Outcome:
    from tools.tasks.serial import tasks_to_json

    return Outcome({"board": board.title} | page(tasks_to_json(board, tasks), arguments.offset, arguments.limit))
