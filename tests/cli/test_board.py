"""The board from the command line, on the team's own document and on a small one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.commandline import Oneplan

ROOT = Path(__file__).parents[2]

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


def test_work_is_claimed_split_moved_and_taken_back(oneplan: Oneplan, board: Path, workspace: Path) -> None:
    assert oneplan("board", "claim", "1.1", "--yes", "--json").data["tasks"][0]["status"] == "doing"
    taken = oneplan("board", "claim", "1.2", "--yes")
    assert taken.code == 64
    assert "is ada's" in taken.err
    assert oneplan("board", "edit", "1.2", "--due", "Friday", "--notes", "by pg_dump", "--yes").code == 0
    parts = oneplan("board", "split", "2.1", "Forward", "Way back", "--yes", "--json").data["tasks"]
    assert [(task["id"], task["depends_on"]) for task in parts] == [
        ("2.1", "2.2, 2.3"), ("2.2", "section 1"), ("2.3", "section 1"),
    ]  # fmt: skip
    assert oneplan("board", "move", "1.2", "Run", "--before", "2.1", "--yes").code == 0
    assert oneplan("board", "undo", "--yes").code == 0
    assert oneplan("board", "undo", "--yes").code == 0
    changed = oneplan("board", "change", "--section", "1", "--to-priority", "Low", "--yes", "--json").data["tasks"]
    assert [task["priority"] for task in changed] == ["Low", "Low"]
    assert oneplan("board", "cancel", "1.2", "--yes").code == 0
    history = oneplan("board", "history", "1.2", "--json").data["events"]
    assert [event["what"] for event in history][0] == "1.2: status todo → cancelled"
    assert oneplan("board", "export", "board.md", "--yes").err.count("has no column 'Due'") == 1
    assert len((workspace / "board.md").read_text().splitlines()) == len(BOARD.splitlines())


def test_looking_at_the_board(oneplan: Oneplan, board: Path) -> None:
    told = oneplan("board", "task", "run the plan").out
    assert "Waits for 'All above': all sections above." in told
    assert "Down to the root: 2.1 ← 1.1 Read the schema; 1.1 can be started, nobody has it yet." in told
    assert oneplan("board", "task", "1.2", "--json").data["task"]["needs"][0]["how"] == "task 1.1, by its full name"
    assert "ready (1)" in oneplan("board", "kanban").out
    assert oneplan("board", "tree", "2.1").out.splitlines()[0] == "[ ] 2.1 Run the plan"
    assert oneplan("board", "mermaid", "--section", "2").out.startswith("flowchart LR")
    assert [task["id"] for task in oneplan("board", "critical", "--json").data["tasks"]] == ["1.1", "1.2", "2.1"]
    assert oneplan("board", "idle", "--json").data["owners"][0]["owner"] == "ada"
    assert oneplan("board", "questions").code == 0
    assert oneplan("board", "show", "--owner", "ada", "--json").data["tasks"][0]["id"] == "1.2"


def test_a_file_edited_by_hand_is_merged_with_questions(oneplan: Oneplan, board: Path) -> None:
    oneplan("board", "assign", "1.1", "ada", "--yes")
    edited = BOARD.replace("schema  |       |", "schema  | bob   |")
    board.write_text(edited.replace("| Run the", "| Rehearse | | | | [ ] |\n| Run the"))
    refused = oneplan("board", "export", board, "--yes")
    assert refused.code == 64
    assert "edited since" in refused.err
    asked = oneplan("board", "import", board, "--yes")
    assert asked.code == 2
    assert "1.1: owner (none) → ada (the file says 'bob'); --keep 1.1.owner=board or =file" in asked.err
    assert oneplan("board", "import", board, "--keep", "1.1.owner=board", "--yes").code == 0
    tasks = {task["description"]: task["owner"] for task in oneplan("board", "show", "--json").data["tasks"]}
    assert tasks == {"Read the schema": "ada", "Take a backup": "ada", "Rehearse": "", "Run the plan": ""}
    assert oneplan("board", "export", board, "--yes").code == 0
    assert "| ada   |" in board.read_text()
    assert oneplan("board", "import", board, "--keep", "mine").code == 64


def test_two_terminals_at_once_lose_nothing(oneplan: Oneplan, board: Path, workspace: Path) -> None:
    code = """
import sys
from assistant.cli import run
sys.exit(max(run(["board", "add", "1", f"{sys.argv[1]}{n}", "--yes"]) for n in range(4)))
"""
    terminals = [
        subprocess.Popen([sys.executable, "-P", "-c", code, name], cwd=workspace, text=True,
                         env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for name in ("x", "y")
    ]  # fmt: skip
    for terminal in terminals:
        _, errors = terminal.communicate(timeout=120)
        assert terminal.returncode == 0, errors
    names = [task["description"] for task in oneplan("board", "show", "--json").data["tasks"]]
    assert sorted(names[2:-1]) == sorted(f"{name}{n}" for name in "xy" for n in range(4))


def test_a_roadmap_follows_the_run_of_its_plan_and_the_way_back(oneplan: Oneplan, workspace: Path) -> None:
    with closing(sqlite3.connect(workspace / "app.db")) as database:
        database.executescript("CREATE TABLE agents (id INTEGER PRIMARY KEY); INSERT INTO agents VALUES (1);")
    (workspace / "new.sql").write_text(
        "CREATE TABLE agents (id INTEGER PRIMARY KEY, kind TEXT); CREATE TABLE tags (id INTEGER PRIMARY KEY);"
    )
    url = "sqlite:///app.db"
    assert oneplan("board", "roadmap", url, "new.sql", "-o", "roadmap.md").code == 0
    assert oneplan("board", "roadmap", url, "new.sql", "-o", "roadmap.md").code == 64
    assert oneplan("board", "import", "roadmap.md", "--yes").code == 0
    assert oneplan("plan", url, "new.sql", "-o", "plan.yaml").code == 0
    ran = oneplan("apply", "plan.yaml", "--database", url, "--yes")
    assert ran.code == 0, ran.err
    assert "status todo → done" in ran.err
    assert "`oneplan board follow`" in ran.err
    assert not [task for task in oneplan("board", "show", "--status", "done", "--json").data["tasks"]], "proposed only"
    done = oneplan("board", "follow", "--yes", "--json").data["tasks"]
    assert {"agents: add kind", "tags"} <= {task["description"] for task in done}
    open_yet = [task["description"] for task in done if task["status"] == "doing"]
    assert [name.partition(" ")[0] for name in open_yet] == ["Watch"], "the window is not over yet"
    assert {task["status"] for task in done} == {"done", "doing"}
    assert oneplan("board", "follow", "--yes").code == 0
    back = oneplan("rollback", "--database", url, "--yes")
    assert back.code == 0, back.err
    again = oneplan("board", "follow", "--yes", "--json").data["tasks"]
    assert "agents: add kind" in {task["description"] for task in again if task["status"] == "todo"}
    assert oneplan("board", "export", "roadmap.md", "--yes").code == 0
    compared = oneplan("board", "compare", "roadmap.md", "roadmap.md")
    assert (compared.code, compared.out) == (0, "")
