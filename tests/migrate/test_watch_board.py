"""What the end of a watch means for the task board: its task is done when the window has ended well, and not before."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from assistant.session import Workspace
from knowledge import clock
from tests.commandline import Oneplan
from tests.migrate.test_watch import BEFORE, prepare

SHORT = ("--hours", "0.0002", "--every", "0.4")
"""A window of 0.7 seconds, looked at twice."""
BROKEN = "SELECT goal FROM agents;"
KEPT = "SELECT count(id) FROM agents;"


def boarded(oneplan: Oneplan, query: str) -> None:
    with closing(sqlite3.connect("app.db")) as connection:
        connection.executescript(BEFORE + "INSERT INTO agents VALUES (1, 'a'), (2, 'b');")
    prepare(oneplan, "sqlite", "sqlite:///app.db", query, board=True)
    assert oneplan("board", "follow", "--yes").code == 0


def task(oneplan: Oneplan) -> str:
    """The status of the board's task of the plan's last step."""
    return str(oneplan("board", "show", "--json").data["tasks"][-1]["status"])


def test_the_task_is_done_when_the_window_has_ended_well(workspace: Path, oneplan: Oneplan) -> None:
    boarded(oneplan, KEPT)
    assert task(oneplan) == "doing"
    assert oneplan("monitor", "--once").code == 0
    assert oneplan("board", "follow", "--yes").err.strip() == "the board is in step with the latest run"
    watched = oneplan("monitor", *SHORT)
    assert watched.code == 0
    assert "the window is over, and nothing fell off: the last step is done" in watched.err
    assert "status doing → done (proposal " in watched.err
    assert task(oneplan) == "doing", "nobody has agreed yet"
    assert oneplan("board", "follow", "--yes").code == 0
    assert task(oneplan) == "done"


def test_the_task_is_not_done_when_something_fell_off(
    workspace: Path, oneplan: Oneplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    boarded(oneplan, BROKEN)
    watched = oneplan("monitor", *SHORT, "--json")
    assert (watched.code, watched.data["ended"]) == (2, False), "told at once, and not when the window is over"
    run, proposal = watched.data["run"], watched.data["proposal"]
    assert f"the way back is proposed ({proposal}): `oneplan rollback {run}`" in watched.err
    proposed = Workspace().ledger.get(proposal)
    assert (proposed.action.kind, proposed.status) == ("undo_step", "pending")
    later = clock.utc_now() + timedelta(hours=1)
    monkeypatch.setattr(clock, "utc_now", lambda: later)
    over = oneplan("monitor", "--json")
    assert (over.code, over.data["ended"]) == (2, True)
    assert "status doing" not in over.err
    assert oneplan("board", "follow", "--yes").err.strip() == "the board is in step with the latest run"
    assert task(oneplan) == "doing"
    assert "monitor: fell off: query 2" in oneplan("status").out
    assert oneplan("rollback", "--yes", "--allow", "DELETES_DATA,IRREVERSIBLE").code == 0
    assert oneplan("board", "follow", "--yes").code == 0
    assert task(oneplan) == "todo", "the run was taken back"


def test_in_the_conversation_the_end_of_the_window_is_proposed_to_the_board(
    workspace: Path, oneplan: Oneplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    boarded(oneplan, KEPT)
    first = json.loads(oneplan("ask", "is it still as fast?", "--offline", "--json").out)["data"]["answer"]
    assert "Nothing fell off: `oneplan monitor` goes on by itself." in first
    assert "proposal" not in first
    later = clock.utc_now() + timedelta(hours=49)
    monkeypatch.setattr(clock, "utc_now", lambda: later)
    last = json.loads(oneplan("ask", "monitor", "--offline", "--json").out)["data"]["answer"]
    assert "the window is over" in last
    assert "Nothing fell off: the last step is done." in last
    assert "status doing → done (proposal " in last
    assert oneplan("board", "follow", "--yes").code == 0
    assert task(oneplan) == "done"
