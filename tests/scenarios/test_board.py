"""Conversations about the board: what the store and the files hold at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.consent import Consent
from assistant.offline import OfflinePlanner
from assistant.repl import ask_once, play
from assistant.scripted import ScriptedModel, call
from assistant.session import Workspace
from assistant.threads import Conversation
from tools.tasks.boards import Boards

BOARD = """\
# Migration board

## 1. Schema

| # | Task | Owner | Priority | Dependencies | Status |
|---|------|-------|----------|--------------|--------|
| 1 | Update the schema file | Ann | High | | Todo |
| 2 | Write the backfill | Bob | High | 1.1 | Todo |
"""
YES = Consent(yes=True)


@pytest.fixture
def board(workspace: Path) -> Path:
    path = workspace / "board.md"
    path.write_text(BOARD, encoding="utf-8")
    return path


def boards() -> Boards:
    workspace = Workspace()
    return Boards(workspace.store, workspace.ledger)


def test_import_change_and_export_by_chat(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turns = ["import board board.md", "what can I start?", "what is blocked?", "mark 1.1 done", "what can I start?",
             "assign 1.2 to Cleo", "export the board to out.md"]  # fmt: skip
    assert play(Workspace(), OfflinePlanner(), turns, YES) == 0
    assert boards().load().task("1.1").status == "done"
    assert boards().load().task("1.2").owner == "Cleo"
    exported = Path("out.md").read_text(encoding="utf-8")
    changed = [line for line in exported.splitlines() if line not in BOARD.splitlines()]
    assert len(changed) == 2
    shown = capsys.readouterr().out
    assert "1 task blocked." in shown
    assert "1.2: Write the backfill [Cleo]" in ask_once(Workspace(), OfflinePlanner(), "what can I start?").answer


def test_nothing_changes_without_a_yes(board: Path) -> None:
    result = ask_once(Workspace(), OfflinePlanner(), "import board board.md")
    assert boards().find() is None
    assert [p.id for p in Workspace().ledger.pending()] == result.proposals


def test_a_board_changed_meanwhile_is_not_written_over(board: Path) -> None:
    play(Workspace(), OfflinePlanner(), ["import board board.md"], YES)
    model = ScriptedModel([[call("board_update", task="1.1", status="done")], "Hm."])
    with Conversation(Workspace(), model, "t") as talk:
        list(talk.say("1.1 is done"))
        proposal = talk.question["proposal"]  # type: ignore[index]
        given = talk.workspace.ledger.approve(proposal, approver="me", via="repl")
        play(Workspace(), OfflinePlanner(), ["assign 1.1 to Dora"], YES)
        answer = {"decision": "approve", "proposal": proposal, "approval_ids": [given[0].id]}
        list(talk.resume(answer))
        assert "error" in talk.messages[-2].content
    task = boards().load().task("1.1")
    assert (task.owner, task.status) == ("Dora", "todo")


def test_documents_are_found_by_chat(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "guide.md").write_text("# Rollback\n\nThree severities: minor, major, critical.\n", encoding="utf-8")
    play(Workspace(), OfflinePlanner(), ["ingest guide.md"], YES)
    result = ask_once(Workspace(), OfflinePlanner(), "search severities critical")
    assert result.citations == ["guide.md:3"]
    assert "guide.md:3" in result.answer


def test_a_model_cannot_read_in_what_lies_outside(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("elsewhere") / "secret.md"
    outside.write_text("# Secret\n", encoding="utf-8")
    model = ScriptedModel([[call("ingest", path=str(outside))], lambda messages: messages[-1].content])
    assert "lies outside the working folder" in ask_once(Workspace(), model, "read it").answer
