"""Twenty turns on the team's own board, without a model: what the store, the file and the answers hold at the end."""

from __future__ import annotations

from pathlib import Path

from assistant.consent import Consent
from assistant.offline import OfflinePlanner
from assistant.repl import ask_once, play
from assistant.session import Workspace
from tools.tasks.boards import Boards
from tools.tasks.markdown import read_board

YES = Consent(yes=True)
TURNS = [
    "ingest docs",
    "import board board.md",
    "what can I start?",
    "why is launch blocked?",
    "what is unclear?",
    "answer 3.3 'Data migration' turn round",
    "I'll take 1.1",
    "mark 1.1 in progress",
    "assign the backfill tasks to me and set them in progress",
    "assign 2.5 to Cleo",
    "who has nothing to do?",
    "split 2.1 into Write the forward script; Write the way back",
    "set the priority of 2.10 to Low",
    "2.2 is due on Friday",
    "undo the last change",
    "mark 1.1 done",
    "move 2.11 to section 6",
    "cancel task 2.8",
    "critical path",
    "history of 1.1",
    "export the board to board.md",
]


def boards() -> Boards:
    workspace = Workspace()
    return Boards(workspace.store, workspace.ledger)


def asked(text: str) -> str:
    return ask_once(Workspace(), OfflinePlanner(), text).answer


def test_twenty_turns_on_the_teams_board(seeds: Path, workspace: Path) -> None:
    me = Workspace().actor
    original = (seeds / "task-board.md").read_bytes().decode()
    (workspace / "board.md").write_bytes(original.encode())
    (workspace / "docs").mkdir()
    (workspace / "docs" / "backup.md").write_text("# Backups\n\nTake full backups before each migration, by pg_dump.\n")
    assert play(Workspace(), OfflinePlanner(), TURNS, YES) == 0
    board = boards().load()
    assert (board.task("1.1").owner, board.task("1.1").status) == (me, "done")
    backfill = next(task for task in board if task.description.startswith("Backfill"))
    assert (backfill.owner, backfill.status, backfill.due) == (me, "doing", "")
    assert [task.description for task in board.section("2").tasks][1:3] == [
        "Write the forward script",
        "Write the way back",
    ]
    assert board.task("2.1").depends == "2.2, 2.3"
    assert board.section("6").tasks[-1].description == "Communicate changes to team"
    cancelled = [task.description for task in board if task.status == "cancelled"]
    assert cancelled == ["Update frontend logic for new schema"]
    assert board.task("3.1").depends == "Migration scripts/code, 3.3"
    assert board.task("3.3").depends == ""
    written = (workspace / "board.md").read_bytes().decode()
    untouched = [line for line in original.split("\n") if line in written.split("\n")]
    assert len(original.split("\n")) - len(untouched) == 8, "of 97 lines only those of changed tasks are others"
    assert read_board(workspace / "board.md").problems == ()


def test_the_questions_of_every_morning(seeds: Path, workspace: Path) -> None:
    (workspace / "docs.md").write_text("# Backups\n\nTake full backups before each migration, by pg_dump.\n")
    play(Workspace(), OfflinePlanner(), ["ingest docs.md", f"import board {seeds / 'task-board.md'}"], YES)
    play(Workspace(), OfflinePlanner(), ["assign 1.1 to Ann", "assign 6.1 to Ben"], YES)
    assert asked("what can I start?") == "1 task can be started.\n- 1.1: Review new schema in schema.md [Ann]"
    why = asked("why is launch blocked?")
    assert why.splitlines()[0] == "6.1 Launch with new schema (todo, Ben)"
    assert "Waits for 'All above': all sections above." in why
    assert why.splitlines()[4].endswith("1.1 can be started, Ann has it.")
    assert asked("who has nothing to do?").startswith("Nothing to do right now: Ben.")
    backup = asked("show task 3.3")
    assert "Open question: 3.3 'Take full backups before each migration' waits for 3.1" in backup
    assert backup.splitlines()[-1].startswith("docs.md:3")
    assert "Once it is done, 1.2 can be started; in all 29 wait for it." in asked("what does 1.1 unblock?")
    assert asked("show me the board as mermaid").startswith("```mermaid\nflowchart LR")
    assert "ready (1)" in asked("kanban")
    assert asked("dependency tree").splitlines()[0].startswith("[ ]")
    assert "'monitor' may be any of 2 tasks" in asked("why is monitor blocked?")


def test_a_bulk_change_is_one_question(seeds: Path, workspace: Path) -> None:
    play(Workspace(), OfflinePlanner(), [f"import board {seeds / 'task-board.md'}"], YES)
    before = boards().load()
    result = ask_once(Workspace(), OfflinePlanner(), "assign the schema tasks to Ann and set them in progress")
    assert len(result.proposals) == 1
    summary = Workspace().ledger.pending()[0].action.summary
    assert summary.count("owner (none) → Ann") == summary.count("status todo → doing") == 7
    assert boards().load() == before, "nobody has approved it"


def test_a_file_edited_by_hand_is_merged_and_what_contradicts_is_asked(seeds: Path, workspace: Path) -> None:
    path = workspace / "board.md"
    path.write_bytes((seeds / "task-board.md").read_bytes())
    play(Workspace(), OfflinePlanner(), ["import board board.md", "assign 1.1 to Ann", "assign 1.2 to Ann"], YES)
    text = path.read_text()
    edited = text.replace("schema.md |        |", "schema.md | Zoë    |")
    path.write_text(edited.replace("| Launch with new", "| Really launch with new"))
    assert "edited since" in asked("export the board to board.md")
    assert "1.1: owner (none) → Ann (the file says 'Zoë')" in asked("import board board.md")
    answered = ["import board board.md and keep the file's", "export the board to board.md"]
    play(Workspace(), OfflinePlanner(), answered, YES)
    board = boards().load()
    assert [board.task(id_).owner for id_ in ("1.1", "1.2")] == ["Zoë", "Ann"]
    assert board.task("6.1").description == "Really launch with new schema"
    assert read_board(path).task("1.2").owner == "Ann"


def test_a_roadmap_by_chat_is_compared_and_followed(answered: Path, seeds: Path) -> None:
    turns = ["make a roadmap", "what can I start?", f"compare the roadmap with {seeds / 'roadmap-and-checklist.md'}"]
    assert play(Workspace(), OfflinePlanner(), turns, YES) == 0
    board = boards().load()
    assert [phase.title for phase in board.phases][-1] == "Launch & Monitor"
    assert any(task.step_id for task in board)
    assert "agentTools" in asked(f"compare the roadmap with {seeds / 'roadmap-and-checklist.md'}")
    assert "the board is in step with the latest run" in asked("bring the board in step")
