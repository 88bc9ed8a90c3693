from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from knowledge.approvals import Ledger
from knowledge.events import Events
from knowledge.store import Store
from tools.errors import ApprovalRefused, Drift, OneplanError, UsageError
from tools.files import write_atomically
from tools.tasks import boards as module
from tools.tasks.boards import Boards, import_change, unexported
from tools.tasks.markdown import board_from_markdown, read_board
from tools.tasks.model import Board
from tools.tasks.update import Change, add, assign, move, set_field, set_status, several, split

ROOT = Path(__file__).parents[2]
TEXT = """# B

### 1. One
| Task Description | Owner | Priority | Dependencies | Status |
|------------------|-------|----------|--------------|--------|
| Write it |        | High     |              | [ ]    |
| Test it |        | High     | Write it | [ ]    |
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.duckdb")


@pytest.fixture
def boards(store: Store) -> Boards:
    made = Boards(store, Ledger(store))
    consent(made, import_change(board_from_markdown(TEXT, "b.md")))
    return made


def consent(boards: Boards, change: Change) -> Board:
    return boards.consented(change, actor="bot", approver="ann", via="flag")


def approval(store: Store, boards: Boards, change: Change) -> str:
    ledger = Ledger(store)
    proposal = ledger.propose(boards.action(change), actor="bot")
    return ledger.approve(proposal.id, approver="ann", via="cli")[0].id


def exported(store: Store, boards: Boards, path: Path) -> str:
    ledger = Ledger(store)
    proposal = ledger.propose(boards.export_action(path)[0], actor="bot")
    return ledger.approve(proposal.id, approver="ann", via="cli")[0].id


def test_a_board_is_kept_as_it_was_imported(boards: Boards, seeds: Path) -> None:
    assert boards.load() == board_from_markdown(TEXT, "b.md")
    assert boards.names() == ("board",)
    seed = read_board(seeds / "task-board.md")
    boards.consented(import_change(seed), actor="bot", approver="ann", via="flag", name="seed")
    assert boards.load("seed") == seed
    with pytest.raises(UsageError, match="no board 'other'"):
        boards.load("other")


def test_an_approved_change_is_made_once(boards: Boards, store: Store) -> None:
    change = set_status(boards.load(), "1.1", "done")[1]
    given = approval(store, boards, change)
    assert boards.execute(change, given, actor="bot").task("1.1").status == "done"
    assert boards.load().task("1.1").status == "done"
    with pytest.raises((ApprovalRefused, UsageError)):
        boards.execute(change, given, actor="bot")


def test_without_its_approval_nothing_is_written(boards: Boards, store: Store) -> None:
    before = boards.load()
    change = set_status(before, "1.1", "done")[1]
    given = approval(store, boards, change)
    for attempt, id_, actor in (
        (change, "deadbeef", "bot"),
        (set_status(before, "1.2", "done")[1], given, "bot"),
        (change, given, "eve"),
    ):
        with pytest.raises(ApprovalRefused):
            boards.execute(attempt, id_, actor=actor)
    assert boards.load() == before
    consent(boards, assign(before, "1.2", "Ann")[1])
    with pytest.raises(ApprovalRefused, match="state of what it touches"):
        boards.execute(change, given, actor="bot")


def test_a_change_that_no_longer_fits_is_refused(boards: Boards) -> None:
    change = set_status(boards.load(), "1.1", "done")[1]
    consent(boards, set_status(boards.load(), "1.1", "doing")[1])
    with pytest.raises(UsageError, match="is 'doing' by now, not 'todo'"):
        consent(boards, change)


def test_history_says_who_and_when(boards: Boards, store: Store) -> None:
    consent(boards, set_status(boards.load(), "1.1", "done")[1])
    consent(boards, several(boards.load(), [assign(boards.load(), "1.2", "Bob")[1]])[1])
    assert [event.data["change"]["op"] for event in boards.history()] == ["import", "set", "several"]
    (event,) = boards.history(task_id="1.2")
    assert event.actor == "bot"
    assert event.data["change"]["changes"][0]["to"] == "Bob"
    assert boards.history("other") == ()
    assert Events(store).check_chain() is None


def test_export_writes_only_what_changed_and_keeps_the_file_mode(boards: Boards, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "b.md"
    path.write_text(TEXT)
    path.chmod(0o640)
    consent(boards, set_status(boards.load(), "1.1", "done")[1])
    assert unexported(boards.load())
    boards.export(path, exported(store, boards, path), actor="bot")
    assert path.read_text().replace("[x]", "[ ]") == TEXT
    assert path.read_text().splitlines()[5].endswith("| [x]    |")
    assert path.stat().st_mode & 0o777 == 0o640
    assert not unexported(boards.load())
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".md" or p.name.startswith(".")] == ["b.md"]


def test_export_refuses_a_file_that_changed_since_approval(boards: Boards, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "b.md"
    given = exported(store, boards, path)
    path.write_text("mine")
    with pytest.raises(UsageError, match="was edited since .* `oneplan board import .*b.md`"):
        boards.export(path, given, actor="bot")
    elsewhere = tmp_path / "c.md"
    given = exported(store, boards, elsewhere)
    elsewhere.write_text("mine")
    with pytest.raises(ApprovalRefused, match="state of what it touches"):
        boards.export(elsewhere, given, actor="bot")
    with pytest.raises(Drift, match="changed meanwhile"):
        write_atomically(path, "new", expected="")
    assert path.read_text() == "mine"
    with pytest.raises(OneplanError, match="cannot be written"):
        write_atomically(tmp_path / "none" / "b.md", "new", expected="")


def test_an_import_does_not_lose_what_no_file_has(boards: Boards, store: Store, tmp_path: Path) -> None:
    consent(boards, add(boards.load(), "1", "Third")[1])
    consent(boards, assign(boards.load(), "1.2", "Bob")[1])
    edited = board_from_markdown(TEXT.replace("| Test it |", "| Plan it | Eve | | | [x] |\n| Test it |"), "b.md")
    change = import_change(edited)
    assert boards.action(change).summary.endswith(
        "; kept of the present board: add 'Third' to section 1; 1.3: owner (none) → Bob"
    )
    board = consent(boards, change)
    assert [(task.description, task.owner) for task in board] == [
        ("Write it", ""), ("Plan it", "Eve"), ("Test it", "Bob"), ("Third", ""),
    ]  # fmt: skip
    assert unexported(boards.load())
    path = tmp_path / "b.md"
    boards.export(path, exported(store, boards, path), actor="bot")
    assert read_board(path).task("1.3").owner == "Bob"
    consent(boards, assign(boards.load(), "1.1", "Ann")[1])
    with pytest.raises(UsageError, match=r"do not go together: 1.1: owner \(none\) → Ann \(the file says 'Zoë'\)"):
        consent(boards, import_change(board_from_markdown(TEXT.replace("it |        |", "it | Zoë |"))))
    fresh = import_change(board_from_markdown(TEXT), replace_changes=True)
    assert "are given up" in boards.action(fresh).summary
    assert [task.owner for task in consent(boards, fresh)] == ["", ""]


def test_two_processes_that_edit_at_once_lose_nothing(boards: Boards, store: Store) -> None:
    consent(boards, several(boards.load(), [add(boards.load(), "1", "a")[1]])[1])
    code = f"""
import sys
from pathlib import Path
from knowledge.approvals import Ledger
from knowledge.store import Store
from tools.tasks.boards import Boards
store = Store(Path({str(store.path)!r}), wait=60)
boards = Boards(store, Ledger(store))
from tools.tasks.update import add
for n in range(8):
    with store.transaction():
        change = add(boards.load(), '1', sys.argv[1] + str(n))[1]
        boards.consented(change, actor=sys.argv[1], approver='ann', via='flag')
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, name], env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE, text=True,
        )
        for name in ("x", "y")
    ]  # fmt: skip
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    names = [task.description for task in boards.load()]
    assert sorted(names[3:]) == sorted(f"{name}{n}" for name in "xy" for n in range(8))
    assert len(set(boards.load().by_id)) == 19


def test_a_crash_in_the_middle_leaves_the_board_and_the_approval_as_they_were(
    boards: Boards, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = boards.load()
    change = set_status(before, "1.1", "done")[1]
    given = approval(store, boards, change)

    def fail(board: Board) -> str:
        raise RuntimeError(board.title)

    with monkeypatch.context() as patch:
        patch.setattr(module, "board_to_json", fail)
        with pytest.raises(RuntimeError):
            boards.execute(change, given, actor="bot")
    assert boards.load() == before
    assert boards.execute(change, given, actor="bot").task("1.1").status == "done"


def test_work_goes_on_after_an_export(boards: Boards, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "b.md"
    consent(boards, split(boards.load(), "1.1", ["first", "second"])[1])
    boards.export(path, exported(store, boards, path), actor="bot")
    consent(boards, move(boards.load(), "1.4", "One", before="1.1")[1])
    consent(boards, set_status(boards.load(), "1.3", "done")[1])
    boards.export(path, exported(store, boards, path), actor="bot")
    assert path.read_text().splitlines()[5:] == [
        "| Test it |        | High     | Write it | [ ]    |",
        "| Write it |        | High     | 1.3, 1.4     | [ ]    |",
        "| first |        | High     |   | [x]    |",
        "| second |        | High     |   | [ ]    |",
    ]


def test_the_last_change_is_taken_back_then_the_one_before(boards: Boards) -> None:
    before = boards.load()
    consent(boards, assign(boards.load(), "1.2", "Bob")[1])
    middle = boards.load()
    consent(boards, split(boards.load(), "1.1", ["one", "two"])[1])
    assert boards.action(boards.undo()).summary == "Board: undo: put 1.1 together again"
    assert consent(boards, boards.undo()) == middle
    assert consent(boards, boards.undo()) == before
    with pytest.raises(UsageError, match="an import is not taken back"):
        boards.undo()
    consent(boards, assign(boards.load(), "1.1", "Ann")[1])
    assert consent(boards, boards.undo()) == before


def test_history_follows_a_task_that_moved(boards: Boards) -> None:
    consent(boards, add(boards.load(), "Two", "Later", new_section=True)[1])
    consent(boards, move(boards.load(), "1.1", "Two")[1])
    consent(boards, set_status(boards.load(), "2.2", "done")[1])
    ops = [(event.actor, event.data["change"]["op"]) for event in boards.history(task_id="2.2")]
    assert ops == [("bot", "move"), ("bot", "set")]


def test_tasks_keep_their_ids_through_hand_edits_and_imports(boards: Boards, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "b.md"
    uid = boards.load().task("1.2").uid
    consent(boards, set_field(boards.load(), "1.2", "description", "Try it")[1])
    boards.export(path, exported(store, boards, path), actor="bot")
    path.write_text(path.read_text().replace("| Try it", "| New |  |  |  | [ ] |\n| Try it"))
    board = consent(boards, import_change(read_board(path)))
    assert board.task(uid).description == "Try it"
    assert board.task(uid).id == "1.3"
    assert len({task.uid for task in board}) == 3
