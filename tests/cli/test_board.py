"""The board from the command line, on the team's own document and on a small one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commandline import Oneplan

BOARD = """# Board

### 1. Prepare
| Task Description | Owner | Priority | Dependencies | Status |
|------------------|-------|----------|--------------|--------|
| Read the schema  |       | High     |              | [ ]    |
| Take a backup    | ada   | High     | Read the schema | [ ] |

### 2. Run
| Task Description | Owner | Priority | Dependencies | Status |
|------------------|-------|----------|--------------|--------|
| Run the plan     |       | High     | All above    | [ ]    |
"""


@pytest.fixture
def board(oneplan: Oneplan, workspace: Path) -> Path:
    path = workspace / "board.md"
    path.write_text(BOARD)
    assert oneplan("board", "import", path, "--yes").code == 0
    return path


def ids(oneplan: Oneplan, what: str) -> list[str]:
    return [task["id"] for task in oneplan("board", what, "--json").data["tasks"]]


def test_ready_and_blocked_follow_the_work(oneplan: Oneplan, board: Path) -> None:
    assert ids(oneplan, "ready") == ["1.1"]
    waiting = oneplan("board", "blocked", "--json")
    assert waiting.code == 2
    assert [(task["id"], task["blocked_by"]) for task in waiting.data["tasks"]] == [
        ("1.2", ["1.1"]),
        ("2.1", ["1.1", "1.2"]),
    ]
    for task in ("1.1", "1.2"):
        assert oneplan("board", "set", task, "done", "--yes").code == 0
    assert ids(oneplan, "ready") == ["2.1"]
    assert oneplan("board", "blocked").code == 0


def test_a_change_needs_consent(oneplan: Oneplan, board: Path) -> None:
    asked = oneplan("board", "assign", "1.1", "grace")
    assert asked.code == 3
    pending = oneplan("approvals", "list", "--json").data["proposals"]
    assert pending[0]["id"] in asked.err
    assert oneplan("board", "show", "--json").data["tasks"][0]["owner"] == ""
    assert oneplan("approvals", "approve", pending[0]["id"]).code == 0
    assert oneplan("board", "assign", "1.1", "grace").code == 0, "the same command goes on with the approval"
    assert oneplan("board", "show", "--json").data["tasks"][0]["owner"] == "grace"


def test_export_changes_one_cell(oneplan: Oneplan, board: Path, workspace: Path) -> None:
    assert oneplan("board", "export", "same.md").code == 0
    assert (workspace / "same.md").read_text() == BOARD
    assert oneplan("board", "set", "1.2", "doing", "--yes").code == 0
    assert oneplan("board", "export", "same.md").code == 64, "an existing file is not overwritten unasked"
    assert oneplan("board", "export", "same.md", "--yes").code == 0
    assert (workspace / "same.md").read_text() == BOARD.replace("Read the schema | [ ]", "Read the schema | [/]")


def test_added_tasks_come_last_in_their_section(oneplan: Oneplan, board: Path) -> None:
    added = oneplan("board", "add", "Prepare", "Tell the team", "--depends", "Take a backup", "--yes", "--json")
    assert [(task["id"], task["dependencies"]) for task in added.data["tasks"]] == [("1.3", ["1.2"])]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["set", "9.9", "done"], "9.9"),
        (["set", "1.1", "finished"], "finished"),
        (["add", "Nowhere", "x"], "Nowhere"),
        (["import", "nowhere.md"], "nowhere.md"),
    ],
    ids=" ".join,
)
def test_wrong_words_are_named(oneplan: Oneplan, board: Path, arguments: list[str], word: str) -> None:
    done = oneplan("board", *arguments, "--yes")
    assert done.code in (1, 64)
    assert word in done.err


def test_the_teams_own_board(oneplan: Oneplan, seeds: Path, workspace: Path) -> None:
    seed = seeds / "task-board.md"
    assert oneplan("board", "import", seed, "--yes").code == 0
    assert ids(oneplan, "ready") == ["1.1"]
    assert oneplan("board", "export", "out.md").code == 0
    assert (workspace / "out.md").read_bytes() == seed.read_bytes()


def test_documents_are_found_again(oneplan: Oneplan, workspace: Path) -> None:
    (workspace / "notes.md").write_text("# Notes\n\n## Way back\n\nThe rollback takes five minutes.\n")
    assert oneplan("ingest", "notes.md").code == 0
    hits = oneplan("search", "rollback", "--json").data["hits"]
    assert "five minutes" in hits[0]["excerpt"]
    assert oneplan("search", "zebra").code == 0
    missing = oneplan("ingest", "nowhere.md")
    assert missing.code == 1
    assert "nowhere.md" in missing.err
