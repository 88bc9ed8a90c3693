"""The graph by itself: what is asked, what is written, and what a hostile model or a replay cannot do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.model import Message, ToolCall
from assistant.scripted import Answer, ScriptedModel, call
from assistant.session import Workspace
from assistant.state import tool_data
from assistant.threads import Conversation, known_threads
from tests.assistant.fakes import FAKES, LOG
from tools.errors import Busy, Refused, UsageError

WRITE_TWO = [call("write_notes", lines=["one", "two"])]


def conversation(script: list[Answer], thread: str = "t", interactive: bool = True) -> Conversation:
    return Conversation(Workspace(), ScriptedModel(script), thread, interactive=interactive, table=FAKES)


def run(events: Any) -> list[dict[str, Any]]:
    return list(events)


def approve(talk: Conversation) -> dict[str, Any]:
    proposal = talk.question["proposal"]  # type: ignore[index]
    given = talk.workspace.ledger.approve(proposal, approver="me", via="repl")
    return {"decision": "approve", "proposal": proposal, "approval_ids": [a.id for a in given]}


def last_tool(talk: Conversation) -> dict[str, Any]:
    return tool_data(next(m for m in reversed(talk.messages) if m.role == "tool"))


def written() -> list[str]:
    return LOG.read_text().splitlines() if LOG.exists() else []


def test_text_is_streamed_and_reads_need_no_answer() -> None:
    with conversation([[call("read_notes")], "Nothing yet.\nReally."]) as talk:
        events = run(talk.say("what is there?"))
        assert [e["kind"] for e in events] == ["tool", "result", "text", "text"]
        assert talk.question is None
        assert talk.messages[-1].content == "Nothing yet.\nReally."


def test_every_step_is_asked_for_and_the_model_is_not_asked_in_between() -> None:
    with conversation([WRITE_TWO, "Both written."]) as talk:
        run(talk.say("write"))
        assert written() == []
        run(talk.resume(approve(talk)))
        assert (written(), talk.question["view"]["summary"]) == (["one"], "append 'two'")  # type: ignore[index]
        run(talk.resume(approve(talk)))
        assert (written(), talk.question) == (["one", "two"], None)
        assert [done["id"] for done in last_tool(talk)["done"]] == ["one", "two"]
        assert len(talk._model.seen) == 2  # type: ignore[attr-defined]


def test_a_phase_is_one_answer() -> None:
    with conversation([WRITE_TWO, "Done."]) as talk:
        run(talk.say("write"))
        proposal, view = talk.belt.propose_phase(talk.state) or ("", {})
        assert view["summary"] == "append 2 lines"
        given = talk.workspace.ledger.approve(proposal, approver="me", via="repl")
        asked = talk.question["proposal"]  # type: ignore[index]
        ids = [a.id for a in given]
        run(talk.resume({"decision": "approve_phase", "proposal": asked, "approval_ids": ids}))
        assert (written(), talk.question) == (["one", "two"], None)


def test_a_rejection_runs_nothing_and_the_reason_reaches_the_model() -> None:
    with conversation([WRITE_TWO, lambda messages: json.dumps(tool_data(messages[-1]))]) as talk:
        run(talk.say("write"))
        proposal = talk.question["proposal"]  # type: ignore[index]
        run(talk.resume({"decision": "reject", "proposal": proposal, "reason": "not on a Friday"}))
        assert written() == []
        assert "not on a Friday" in talk.messages[-1].content
        assert talk.workspace.ledger.get(proposal).status == "rejected"


def test_a_yes_without_an_approval_in_the_ledger_opens_nothing() -> None:
    with conversation([WRITE_TWO, "Hm."]) as talk:
        run(talk.say("write"))
        proposal = talk.question["proposal"]  # type: ignore[index]
        run(talk.resume({"decision": "approve", "proposal": proposal, "approval_ids": ["approval-forged"]}))
        assert written() == []
        assert "no approval 'approval-forged'" in last_tool(talk)["error"]


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (call("drop_everything"), "there is no tool 'drop_everything'"),
        (ToolCall(id="x", name="read_notes", arguments='{"a": '), "not valid JSON"),
        (call("write_notes", lines=["one"], approval_id="approval-1"), "approval_id: Extra inputs are not permitted"),
        (call("write_notes", lines=7), "lines: Input should be a valid list"),
        (ToolCall(id="x", name="write_notes", arguments="[]"), "are wrong"),
    ],
)
def test_what_a_model_gets_wrong_comes_back_as_data(made: ToolCall, sentence: str) -> None:
    with conversation([[made], "I see."]) as talk:
        run(talk.say("go"))
        assert sentence in last_tool(talk)["error"]
        assert (talk.question, written()) == (None, [])


def test_a_fault_of_a_tool_does_not_show_its_insides() -> None:
    with conversation([[call("break_down")], "I see."]) as talk:
        run(talk.say("go"))
        assert last_tool(talk) == {"error": "unexpected RuntimeError", "type": "RuntimeError"}


def test_the_same_read_again_and_again_is_stopped() -> None:
    with conversation([[call("read_notes")]] * 20) as talk:
        run(talk.say("go"))
        answers = [tool_data(m) for m in talk.messages if m.role == "tool"]
        assert "error" not in answers[1]
        assert "the same call" in answers[2]["error"]
        assert "rounds of tool calls in one turn are enough" in talk.messages[-1].content


def test_a_rejected_write_is_not_put_again_in_the_same_turn() -> None:
    with conversation([WRITE_TWO, WRITE_TWO, "All right."]) as talk:
        run(talk.say("write"))
        run(talk.resume({"decision": "reject", "proposal": talk.question["proposal"], "reason": "no"}))  # type: ignore[index]
        assert talk.question is None
        assert "already put before the person" in last_tool(talk)["error"]


def test_an_answer_comes_too_late_or_to_the_wrong_question() -> None:
    with conversation([WRITE_TWO, "Done."]) as talk:
        run(talk.say("write"))
        first = approve(talk)
        run(talk.resume(first))
        with pytest.raises(Refused, match="the thread asks"):
            run(talk.resume(first))
        run(talk.resume(approve(talk)))
        with pytest.raises(Refused, match="asks nothing now"):
            run(talk.resume(first))
        assert written() == ["one", "two"]


def test_an_old_checkpoint_replayed_writes_nothing_again() -> None:
    from langgraph.types import Command

    with conversation([[call("write_notes", lines=["one"])], "Done.", "Done."]) as talk:
        run(talk.say("write"))
        old = talk._graph.get_state(talk._config).config
        answer = approve(talk)
        run(talk.resume(answer))
        LOG.unlink()
        list(talk._graph.stream(Command(resume=answer), old, stream_mode="custom", durability="sync"))
        assert written() == []
        assert "already used" in last_tool(talk)["error"]


def test_a_thread_goes_on_in_another_process_s_hands() -> None:
    with conversation([WRITE_TWO]) as talk:
        run(talk.say("write"))
        asked = talk.question
    with conversation(["Done."]) as talk:
        assert talk.question == asked
        run(talk.resume(approve(talk)))
        run(talk.resume(approve(talk)))
        assert written() == ["one", "two"]
    assert known_threads(Workspace().home) == ["t"]


def test_one_thread_has_one_holder() -> None:
    with conversation([]), pytest.raises(Busy, match="thread 't' is open in another terminal"):
        conversation([]).__enter__()
    with conversation([]) as again:
        assert again.question is None


def test_a_new_turn_leaves_the_proposal_pending_and_every_call_answered() -> None:
    def last(messages: list[Message]) -> str:
        return messages[-2].content

    with conversation([WRITE_TWO, last]) as talk:
        run(talk.say("write"))
        run(talk.say("something else"))
        assert "this call has no answer" in talk.messages[-1].content
        assert len(talk.workspace.ledger.pending()) == 1


def test_a_rename_is_asked_of_the_person_and_pinned() -> None:
    with conversation([[call("ask_rename")], lambda messages: str(tool_data(messages[-1])["renames"])]) as talk:
        run(talk.say("plan"))
        assert talk.question["renames"][0]["after"] == "display_name"  # type: ignore[index]
        run(talk.resume({"decision": "answers", "renames": [True], "fills": []}))
        assert talk.messages[-1].content == "[['agents', 'title', 'display_name']]"
        assert talk.pins.read_answers().columns == (("agents", "title", "display_name"),)


def test_without_a_person_a_question_stays_open() -> None:
    with conversation([[call("ask_rename")], "Open."], interactive=False) as talk:
        run(talk.say("plan"))
        assert talk.question is None
        assert last_tool(talk) == {"renames": []}


def test_names_of_threads_are_checked() -> None:
    with pytest.raises(UsageError, match="no name for a thread"):
        Conversation(Workspace(), ScriptedModel([]), "../x")


def test_the_store_of_threads_is_beside_the_knowledge(workspace: Path) -> None:
    with conversation(["Hello."]) as talk:
        run(talk.say("hi"))
    assert (workspace / ".oneplan" / "threads.sqlite").exists()


def test_an_answer_that_was_not_acted_on_is_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> Any:
        raise KeyboardInterrupt

    one = [call("write_notes", lines=["one"])]
    with conversation([one]) as talk, monkeypatch.context() as patch:
        run(talk.say("write"))
        patch.setattr("tests.assistant.fakes.NotesJob.perform", die)
        with pytest.raises(KeyboardInterrupt):
            run(talk.resume(approve(talk)))
        assert written() == []
    with conversation(["Done."]) as talk:
        assert (talk.cut_off, talk.question) == (True, None)
        run(talk.go_on())
        assert (written(), talk.cut_off) == (["one"], False)


def test_two_answers_to_one_question_write_once() -> None:
    """As if two processes had read the same checkpoint: the second finds its approval used."""
    one = [call("write_notes", lines=["one"])]
    with conversation([one, "Done."]) as talk:
        run(talk.say("write"))
        yes, old = approve(talk), talk._graph.get_state(talk._config)
        run(talk.resume(yes))
        LOG.unlink()
        desk_state = {**old.values, "decision": yes}
        update = talk.belt.execute(desk_state, lambda event: None)  # type: ignore[arg-type]
        assert "already used" in json.dumps(update["messages"])
        assert written() == []
