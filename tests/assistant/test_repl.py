"""The REPL on plain lines: what is shown, what is written, and how it ends."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.consent import Consent
from assistant.model import ChatModel, Message
from assistant.repl import ask_once, choose_model, play, run_repl
from assistant.scripted import Answer, ScriptedModel, call
from assistant.session import Workspace
from assistant.state import tool_data
from tests.assistant.fakes import FAKES, LOG
from tools.errors import ApprovalNeeded
from tools.plan.model import Hazard

TWO = [call("write_notes", lines=["one", "two"])]


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    from assistant.threads import Conversation

    defaults = {**Conversation.__init__.__kwdefaults__, "table": FAKES}
    monkeypatch.setattr(Conversation.__init__, "__kwdefaults__", defaults)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Put text on stdin; with `open_end`, more can be written later and no end of input is seen."""
    opened: list[Any] = []

    def type_in(text: str, open_end: bool = False) -> Any:
        read, write = os.pipe()
        stdin, writer = os.fdopen(read), os.fdopen(write, "w")
        opened.extend((stdin, writer))
        writer.write(text)
        writer.flush()
        if not open_end:
            writer.close()
        monkeypatch.setattr("sys.stdin", stdin)
        return writer

    yield type_in
    for file in opened:
        file.close()


def script(*answers: Answer) -> ChatModel:
    return ScriptedModel(answers)


def written() -> list[str]:
    return LOG.read_text().splitlines() if LOG.exists() else []


def test_a_conversation_ends_with_its_input(typed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    typed("hello\n")
    assert run_repl(Workspace(), script("Good day.")) == 0
    shown = capsys.readouterr().out
    assert "you> hello" in shown
    assert "Good day." in shown


def test_each_step_is_approved(typed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    typed("write\na\na\n/quit\n")
    assert run_repl(Workspace(), script(TWO, "Both.")) == 0
    assert written() == ["one", "two"]
    assert "✓ two done" in capsys.readouterr().out


def test_a_phase_is_approved_at_once(typed: Any) -> None:
    typed("write\np\ny\n")
    assert run_repl(Workspace(), script(TWO, "Both.")) == 0
    assert written() == ["one", "two"]
    assert Workspace().ledger.pending() == ()


def test_a_phase_that_is_not_wanted_after_all(typed: Any) -> None:
    typed("write\np\nn\nr\nlater\n")
    assert run_repl(Workspace(), script(TWO, "Right.")) == 0
    assert (written(), Workspace().ledger.pending()) == ([], ())


@pytest.mark.parametrize("wrong", ["yes please", "y", "ok", "", "A!", "approve all", "1", "p p"])
def test_a_wrong_answer_is_asked_again_and_never_taken_for_yes(
    typed: Any, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    typed(f"write\n{wrong}\n")
    assert run_repl(Workspace(), script(TWO)) == 3
    assert written() == []
    assert "nothing is done without a clear answer" in capsys.readouterr().out


def test_the_end_of_input_at_a_proposal_keeps_it(typed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    typed("write\n")
    assert run_repl(Workspace(), script(TWO), thread="mine") == 3
    (proposal,) = Workspace().ledger.pending()
    assert f"proposal {proposal.id} stays pending" in capsys.readouterr().out.replace("\n", " ")
    typed("a\nq\n")
    assert run_repl(Workspace(), script(), thread="mine") == 3
    assert written() == ["one"]


def test_a_rejection_needs_a_reason_which_the_model_reads(typed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def repeat(messages: list[Message]) -> Answer:
        return f"You said: {tool_data(messages[-1])['reason']}"

    typed("write\nr\n\nr\ntoo early\n")
    assert run_repl(Workspace(), script(TWO, repeat)) == 0
    shown = capsys.readouterr().out
    assert "a rejection needs its reason" in shown
    assert "You said: too early" in shown
    assert written() == []


def test_a_rename_is_asked_and_a_wrong_answer_asked_again(typed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    typed("plan\nperhaps\ny\n")
    assert run_repl(Workspace(), script([call("ask_rename")], lambda m: str(tool_data(m[-1])["renames"]))) == 0
    shown = capsys.readouterr().out
    assert "is agents.title renamed to display_name? (same type)" in shown
    assert "please answer y, n or l" in shown
    assert "[['agents', 'title', 'display_name']]" in shown


def test_a_question_left_open_is_not_asked_again(typed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    typed("plan\nl\n")
    assert run_repl(Workspace(), script([call("ask_rename")], "Open.")) == 0
    assert capsys.readouterr().out.count("renamed to") == 1


def test_a_model_that_fails_ends_the_turn_only(typed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    typed("hello\n/thread\n")
    assert run_repl(Workspace(), script(), thread="mine") == 0
    shown = capsys.readouterr().out
    assert "the script has no answer number 1" in shown
    assert "this is mine" in shown


def test_slash_commands(typed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    typed("/help\n/context\n/approvals\n/nonsense\n")
    assert run_repl(Workspace(), script()) == 0
    shown = capsys.readouterr().out
    for words in (
        "what is missing?",
        "rows of tables sent: no",
        "nothing waits for an answer",
        "there is no /nonsense",
    ):
        assert words in shown


def test_slash_commands_of_the_command_line(
    typed: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    Path("now.sql").write_text("-- dialect: sqlite\nCREATE TABLE rockets (id INTEGER PRIMARY KEY);")
    typed('/inspect now.sql\n/inspect "now.sql\n/lint nowhere.yaml\n/thread\n')
    assert run_repl(Workspace(), script(), thread="mine") == 0
    shown = capsys.readouterr().out
    for words in ("rockets", "/inspect: no closing quotation", "nowhere.yaml", "this is mine"):
        assert words in shown


@pytest.mark.parametrize("answer", ["approved", "rejected"])
def test_an_answer_from_another_terminal_is_taken(typed: Any, capsys: pytest.CaptureFixture[str], answer: str) -> None:
    writer = typed("write\n", open_end=True)
    model = script([call("write_notes", lines=["one"])], "Noted.")

    def elsewhere() -> None:
        other = Workspace()
        while not (pending := other.ledger.pending()):
            time.sleep(0.05)
        if answer == "approved":
            other.ledger.approve(pending[0].id, approver="ann", via="cli")
        else:
            other.ledger.reject(pending[0].id, approver="ann", reason="no")
        while "Noted." not in "".join(m.content for m in model.seen[-1]) and len(model.seen) < 2:  # type: ignore[attr-defined]
            time.sleep(0.05)
        writer.close()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    assert run_repl(Workspace(), model) == 0
    thread.join()
    assert f"{answer} by ann from another terminal" in capsys.readouterr().out
    assert written() == (["one"] if answer == "approved" else [])


def test_ask_once_writes_nothing() -> None:
    result = ask_once(Workspace(), script(TWO), "write it")
    assert (written(), result.tools) == ([], [])
    assert [p.id for p in Workspace().ledger.pending()] == result.proposals
    assert "This needs your approval: append 'one'" in result.answer


def test_play_with_consent_by_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert play(Workspace(), script(TWO, "Both."), ["write it"], Consent(yes=True)) == 0
    shown = capsys.readouterr().out
    assert "you> write it" in shown
    assert "consent by flag" in shown
    assert written() == ["one", "two"]


@pytest.mark.parametrize("consent", [Consent(), Consent(yes=True)])
def test_play_without_enough_consent_leaves_it_pending(consent: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.assistant.fakes.HAZARDS", (str(Hazard.DELETES_DATA),))
    with pytest.raises(ApprovalNeeded, match="stays pending") as caught:
        play(Workspace(), script(TWO, "Both."), ["write it"], consent)
    assert caught.value.proposal_id == Workspace().ledger.pending()[0].id
    assert written() == []


def test_the_model_is_chosen_by_the_settings(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_model(Workspace()).name == "offline planner"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert choose_model(Workspace()).name == "gpt-5"
    assert choose_model(Workspace(), offline=True).name == "offline planner"


def test_control_characters_of_a_model_do_not_reach_the_terminal(
    typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    typed("hello\n")
    run_repl(Workspace(), script("clear \x1b[2J\x07 screen"))
    assert "\x1b" not in capsys.readouterr().out
