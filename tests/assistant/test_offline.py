"""The offline planner: which words call which tool, and that it says plainly what it cannot do."""

from __future__ import annotations

import pytest

from assistant.model import Message, ToolSpec
from assistant.offline import OfflinePlanner, understood
from assistant.offline_answers import ANSWERS, HELP, counted
from assistant.state import tool_message
from tools.registry import TABLE

SPECS = [ToolSpec(name=tool.name, description="", parameters={}) for tool in TABLE]


@pytest.mark.parametrize(
    ("text", "tool", "arguments"),
    [
        ("what is missing?", "list_gaps", {}),
        ("Which tables differ?", "list_gaps", {}),
        ("plan it", "make_plan", {}),
        ("plan", "make_plan", {}),
        ("rehearse it", "rehearse_plan", {}),
        ("why this order?", "show_plan", {}),
        ("show step 3", "explain_step", {"step": "3"}),
        ("explain step expand.agents.add_column", "explain_step", {"step": "expand.agents.add_column"}),
        ("apply it", "apply_plan", {}),
        ("run it", "apply_plan", {}),
        ("do it", "apply_plan", {}),
        ("where are we?", "migration_status", {}),
        ("status", "migration_status", {}),
        ("verify", "verify", {}),
        ("prove it", "verify", {}),
        ("roll back", "roll_back", {}),
        ("undo", "roll_back", {}),
        ("what can I start?", "board_ready", {}),
        ("what is blocked?", "board_blocked", {}),
        ("search rollback levels", "search_knowledge", {"text": "rollback levels"}),
        ("fill agents.code = 'x' || id", "set_fill", {"table": "agents", "column": "code", "sql": "'x' || id"}),
        ("save the plan to plans/next.yaml", "write_plan_file", {"path": "plans/next.yaml"}),
        ("mark 2.3 done", "board_update", {"task": "2.3", "status": "done"}),
        ("answer the questions", "ask_questions", {}),
        ("/gap", "list_gaps", {}),
        ("/search why rollback", "search_knowledge", {"text": "why rollback"}),
        ("/board ready", "board_ready", {}),
        ("show me the tables", "inspect_schema", {}),
        ("inspect agents", "inspect_schema", {"table": "agents"}),
    ],
)
def test_words_call_tools(text: str, tool: str, arguments: dict[str, str]) -> None:
    assert understood(text) == [(tool, arguments)]


@pytest.mark.parametrize("text", ["roll back", "undo", "apply it", "verify", "where are we?", "monitor", "rehearse it"])
def test_nothing_is_said_before_the_first_tool_has_answered(text: str) -> None:
    shown: list[str] = []
    reply = OfflinePlanner().reply([Message(role="user", content=text)], SPECS, shown.append)
    assert reply.message.tool_calls
    assert (reply.message.content, shown) == ("", [])


@pytest.mark.parametrize("text", ["hello", "please drop all", "what is the weather like?", "", "thanks, that is fine"])
def test_what_is_not_understood_calls_nothing_and_says_so(text: str) -> None:
    shown: list[str] = []
    reply = OfflinePlanner().reply([Message(role="user", content=text)], SPECS, shown.append)
    assert reply.message.tool_calls == []
    assert "did not understand" in reply.message.content
    assert HELP in "".join(shown)


def test_a_plan_is_rehearsed_at_once_unless_it_failed() -> None:
    def next_tools(data: dict[str, object]) -> list[str]:
        call = OfflinePlanner().reply([Message(role="user", content="plan it")], SPECS, print).message
        messages = [Message(role="user", content="plan it"), call]
        messages.append(tool_message(call.tool_calls[0].id, "make_plan", data))
        return [c.name for c in OfflinePlanner().reply(messages, SPECS, lambda text: None).message.tool_calls]

    plan = {"total": 2, "phases": [], "hazards": {}, "held_back": [], "notes": [], "questions": []}
    assert next_tools(plan) == ["rehearse_plan"]
    assert next_tools(plan | {"total": 0}) == []
    assert next_tools({"error": "no schema"}) == []


def turn(text: str, **data: dict[str, object]) -> tuple[list[str], str]:
    """What is called and said in one turn, when the tools answer so."""
    messages, called, said = [Message(role="user", content=text)], list[str](), list[str]()
    while True:
        reply = OfflinePlanner().reply(messages, SPECS, said.append).message
        messages.append(reply)
        if not reply.tool_calls:
            return called, "\n".join(said)
        for one in reply.tool_calls:
            called.append(one.name)
            messages.append(tool_message(one.id, one.name, data[one.name]))


PLAN = {"total": 1, "phases": [{"phase": "expand", "steps": 1}], "hazards": {}, "held_back": [], "notes": [],
        "questions": [], "items": [{"n": 1, "phase": "expand", "summary": "Add it", "hazards": []}]}  # fmt: skip
REHEARSED = {"ok": True, "back": True, "steps": 1, "seconds": 0.1, "rows": 0}
STATUS = {"database": "sqlite:///app.db", "run": None, "plan": "", "pending_proposals": []}
APPLIED = {"done": [{"id": "one", "status": "done", "seconds": 0.1, "rows": 0}]}


def test_what_is_to_be_applied_is_planned_and_rehearsed_first() -> None:
    called, said = turn(
        "apply it", migration_status=STATUS, make_plan=PLAN, rehearse_plan=REHEARSED, apply_plan=APPLIED
    )
    assert called == ["migration_status", "make_plan", "rehearse_plan", "apply_plan"]
    assert said.count("The plan has 1 step") == 1
    assert said.index("Rehearsed on a copy") < said.index("Done: 1 step")
    assert "no plan yet" not in said


def test_a_plan_that_is_there_is_applied_as_it_is() -> None:
    called, _ = turn("apply it", migration_status=STATUS | {"plan": "abc"}, apply_plan=APPLIED)
    assert called == ["migration_status", "apply_plan"]


@pytest.mark.parametrize(
    ("made", "rehearsed"),
    [
        (PLAN | {"questions": ["is t.a renamed to b?"]}, REHEARSED),
        (PLAN, REHEARSED | {"ok": False, "failed_step": "one", "sentence": "no"}),
        (PLAN | {"total": 0}, REHEARSED),
        ({"error": "no schema"}, REHEARSED),
    ],
)
def test_nothing_is_put_forward_of_a_plan_that_is_not_ready(made: dict, rehearsed: dict) -> None:
    called, _ = turn("apply it", migration_status=STATUS, make_plan=made, rehearse_plan=rehearsed)
    assert "apply_plan" not in called


def test_an_error_that_is_on_screen_is_not_said_again() -> None:
    assert turn("verify", verify={"error": "no run"}) == (["verify"], "")
    said = list[str]()
    messages = [Message(role="user", content="verify")]
    messages.append(OfflinePlanner(listings=True).reply(messages, SPECS, said.append).message)
    messages.append(tool_message(messages[-1].tool_calls[0].id, "verify", {"error": "no run"}))
    OfflinePlanner(listings=True).reply(messages, SPECS, said.append)
    assert said == ["That did not work: no run."]


@pytest.mark.parametrize("text", ["/explain", "/search", "/ingest"])
def test_a_slash_command_without_its_word_says_what_is_missing(text: str) -> None:
    called, said = turn(text)
    assert called == []
    assert f"{text} " in said
    assert HELP not in said


def test_help_fits_on_a_narrow_terminal() -> None:
    assert max(map(len, HELP.splitlines())) < 80


@pytest.mark.parametrize(
    ("kind", "number", "words"),
    [("column_added", 2, "2 columns added"), ("index_removed", 1, "1 index removed"),
     ("index_changed", 3, "3 indexes changed"), ("foreign_key_added", 2, "2 foreign keys added"),
     ("not_understood", 2, "2 not understood")],
)  # fmt: skip
def test_gaps_are_counted_in_words(kind: str, number: int, words: str) -> None:
    assert counted(kind, number) == words


def test_every_tool_has_an_answer() -> None:
    assert {tool.name for tool in TABLE} <= set(ANSWERS)
