"""The offline planner: which words call which tool, and that it says plainly what it cannot do."""

from __future__ import annotations

import pytest

from assistant.model import Message, ToolSpec
from assistant.offline import OfflinePlanner, understood
from assistant.offline_answers import ANSWERS, HELP
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


def test_every_tool_has_an_answer() -> None:
    assert {tool.name for tool in TABLE} <= set(ANSWERS)
