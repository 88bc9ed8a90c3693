"""The planner without a model: a few rules that drive the very same graph, with no key and no network.

It is a function of the messages alone: a user's words become tool calls, tools' answers become further calls or a
summary. What it does not understand it says plainly, with what it can do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from assistant.model import Message, Reply, ToolCall, ToolSpec
from assistant.offline_answers import HELP, told
from assistant.offline_board import BOARD_RULES, BOARD_SLASH
from assistant.offline_rules import Data, made, rule, words
from assistant.offline_steps import STEP_RULES
from assistant.state import tool_data


def _merge(match: re.Match[str]) -> Data:
    sources = re.split(r"\s*(?:,|\band\b)\s*", match["s"])
    names = {"table": match["t"], "sources": [name for name in sources if name], "column": match["c"]}
    return {**names, "sql": match["sql"].strip()}


def _part(match: re.Match[str]) -> Data:
    part = match["p"].lower().replace(" ", "_")
    return {"table": match["t"], "part": "indexes" if part.startswith("ind") else part}


RULES = (
    # The order matters: the first rule that fits speaks. Slash commands are whole words of their own.
    words(r"^/search\s+(?P<text>.+)", "search_knowledge", text="text"),
    words(r"^/ingest\s+(?P<path>.+)", "ingest", path="path"),
    words(r"^/explain\s+(?P<step>\S+)", "explain_step", step="step"),
    rule(r"^/gap\b", ("list_gaps", {})),
    rule(r"^/plan\b", ("make_plan", {})),
    rule(r"^/rehearse\b", ("rehearse_plan", {})),
    rule(r"^/apply\b", ("apply_plan", {})),
    rule(r"^/verify\b", ("verify", {})),
    rule(r"^/rollback\b", ("roll_back", {})),
    rule(r"^/monitor\b", ("monitor", {})),
    rule(r"^/status\b", ("migration_status", {})),
    rule(r"^/runs\b", ("list_runs", {})),
    *BOARD_SLASH,
    words(r"^/usages\s+(?P<name>\S+)", "find_usages", name="name"),
    rule(r"^/usages\b", ("find_usages", {})),
    made(r"\b(?:merge|split|make)\s+(?P<t>[\w.]+)\.(?P<s>\w+(?:\s*(?:,|and)\s*\w+)*)\s+into\s+(?P<c>\w+)\s+"
         r"(?:as|with|by|=)\s*(?P<sql>.+)", "merge_columns", _merge),
    *BOARD_RULES,
    words(r"\b(?:where|who|what(?: code)?) (?:is|are|uses?|reads?|writes?|breaks?)\b.*?"
           r"(?P<name>[\"'`]?[A-Za-z_]\w*\.[A-Za-z_]\w*(?:\.\w+)?[\"'`]?)(?=\W|$)", "find_usages", name="name"),
    words(r"\bwhere (?:is|are) (?:the )?(?:table |column )?(?P<name>[\w.\"'`]+) (?:used|read|written)\b",
           "find_usages", name="name"),
    words(r"\bwho (?:uses|reads|writes) (?:the )?(?:table |column )?(?P<name>[\w.\"'`]+)", "find_usages", name="name"),
    rule(r"\bwhat (?:would )?breaks?\b|\busages?\b|\bbreak (?:in )?(?:our |the )?code\b", ("find_usages", {})),
    *STEP_RULES,
    rule(r"\b(?:danger|risk|harm|unsafe|careful)\w*", ("dangerous_gaps", {})),
    made(r"\b(?P<p>columns|index(?:es)?|indices|foreign keys|checks|triggers) (?:of|on|in|for) (?:the )?(?:table )?"
         r"[\"'`]?(?P<t>[\w.]+)", "inspect_schema", _part),
    rule(r"\bhow complete\b|\bcompleteness\b|\bhow many .*\b(?:types|values|kinds)\b", ("list_gaps", {})),
    words(r"(?:fill|value for)\s+(?P<t>[\w.]+)\.(?P<c>\w+)\s*(?:=|:|with|is|by)\s*(?P<sql>.+)", "set_fill",
           table="t", column="c", sql="sql"),
    words(r"(?:write|save|export) (?:the |it |plan )*(?:to|as|in) (?P<path>\S+\.ya?ml)", "write_plan_file",
           path="path"),
    words(r"(?:ingest|read in) (?P<path>\S+)", "ingest", path="path"),
    words(r"^(?:please )?(?:search|ask)(?: the)?(?: documents| docs)?(?: for| about)? (?P<text>.+)",
           "search_knowledge", text="text"),
    rule(r"\brenames?\b.*\b(again|ask|answer|questions?)\b|\banswer (?:the )?(?:rename |open )*questions?\b",
          ("ask_questions", {})),
    rule(r"\broll(?:\s|-)?back\b|\broll it back\b|\bgo back\b|\bundo\b", ("roll_back", {})),
    rule(r"\bverify\b|\bprove\b|\bproof\b|\b(?:are|is) (?:all|any|every) .*rows?\b|\brows? lost\b", ("verify", {})),
    rule(r"\bmonitor|\bslower\b|\bstill (?:as )?fast\b|\blatency\b", ("monitor", {})),
    rule(r"\brehears", ("rehearse_plan", {})),
    rule(r"\bplan it\b|\bmake (?:a|the) plan\b|\b(?:re)?plan (?:again|anew|the migration)\b|^plan\W*$|^replan\W*$",
          ("make_plan", {})),
    rule(r"\bapply\b|\brun it\b|\bdo it\b|\bexecute\b|\bmigrate\b(?!.*\?)|\bgo on\b|\bcontinue\b", ("apply_plan", {})),
    rule(r"\bwhere are we\b|\bstatus\b|\bhow far\b|\bprogress\b", ("migration_status", {})),
    rule(r"\bruns\b|\bhistory\b", ("list_runs", {})),
    rule(r"\bready\b|\bwhat(?:'s| is) next\b", ("board_ready", {})),
    rule(r"\bblocked\b|\bwaits? for\b|\bwhat blocks\b", ("board_blocked", {})),
    rule(r"\bboard\b|\btasks?\b", ("board_show", {})),
    rule(r"\bmissing\b|\bdiffer|\bgaps?\b|\bbetween\b|\bcompare\b|\bchanges?\b", ("list_gaps", {})),
    words(r"\b(?:table|columns? of|columns? has|inspect) [\"'`]?(?P<table>[\w.]+)", "inspect_schema", table="table"),
    rule(r"\bschema\b|\btables\b|\binspect\b", ("inspect_schema", {})),
)  # fmt: skip

MORE = re.compile(r"^(?:show |give |and )?(?:me )?(?:the )?(?:more|rest|next)\b", re.IGNORECASE)
FAILED = "That did not work."
ON_A_PLAN = ("apply_plan", "rehearse_plan")
"""What needs a plan: where the conversation has none yet, it is made first."""


SLASH_USAGE = {
    "/explain": "Say which step: /explain N, by its number or its id in the plan.",
    "/search": "Say what to look for: /search WORDS.",
    "/ingest": "Say what to read in: /ingest PATH, a Markdown file or a folder of them.",
}


class OfflinePlanner:
    """A ChatModel of rules. listings: answers repeat what a terminal shows as tables, for where no table is shown."""

    name = "offline planner"

    def __init__(self, listings: bool = False) -> None:
        self._listings = listings

    def reply(self, messages: list[Message], tools: list[ToolSpec], on_text: Callable[[str], None]) -> Reply:
        turn = _this_turn(messages)
        calls = _next_calls(turn, {tool.name for tool in tools}, messages[: len(messages) - len(turn)])
        number = len(messages)
        made = [ToolCall(id=f"offline-{number}-{n}", name=name, arguments=json.dumps(arguments))
                for n, (name, arguments) in enumerate(calls)]  # fmt: skip
        # What a plan holds is said before its first step is put before the person, not after the last one.
        speaks = not calls or (calls[0][0] in ("apply_plan", "roll_back") and _answers(turn))
        parts = _summary(turn, self._listings) if speaks else []
        shown = [part for part in parts if part != FAILED]  # the error itself is on screen, in red
        if shown:
            on_text("\n\n".join(shown))
        return Reply(message=Message(role="assistant", content="\n\n".join(parts), tool_calls=made))


def _this_turn(messages: list[Message]) -> list[Message]:
    starts = [at for at, message in enumerate(messages) if message.role == "user"]
    return messages[starts[-1] :] if starts else []


def _next_page(messages: list[Message]) -> list[tuple[str, Data]]:
    """The last list that did not end, called for again where it stopped."""
    asked = {call.id: call for message in messages for call in message.tool_calls}
    for message in reversed(messages):
        call = asked.get(message.tool_call_id or "")
        data = tool_data(message) if message.role == "tool" else {}
        if call is not None and "offset" in data:
            following = {**json.loads(call.arguments or "{}"), "offset": data.get("next_offset")}
            return [(call.name, following)] if data.get("next_offset") else []
    return []


def _next_calls(turn: list[Message], known: set[str], before: list[Message]) -> list[tuple[str, Data]]:
    if not turn:
        return []
    wanted = [call for call in understood(turn[0].content) if call[0] in known]
    if not wanted and MORE.search(turn[0].content.strip()):
        wanted = [call for call in _next_page(before) if call[0] in known]
    answered = _answers(turn)
    if answered:
        return [call for call in _follow_up(wanted, answered) if call[0] in known]
    if wanted and wanted[0][0] in ON_A_PLAN and "migration_status" in known:
        return [("migration_status", {})]
    return wanted


def _follow_up(wanted: list[tuple[str, Data]], answered: list[tuple[str, Data]]) -> list[tuple[str, Data]]:
    """What is called next, by itself, once a tool has answered without a problem."""
    name, data = answered[-1]
    if data.get("error"):
        return []
    if name == "migration_status" and wanted and wanted[0][0] in ON_A_PLAN:
        return wanted if data.get("plan") else [("make_plan", {})]
    if name == "change_plan" and data.get("changed"):
        return [("rehearse_plan", {})]
    if name == "make_plan" and data.get("total"):
        return [("rehearse_plan", {})]
    if name == "monitor" and data.get("fallen_off"):
        return [("roll_back", {})]
    plans = [plan for tool, plan in answered if tool == "make_plan"]
    if name == "rehearse_plan" and data.get("ok") and plans and ("apply_plan", {}) in wanted:
        # With a question open the plan is not yet what was meant: the person says again that it may be applied.
        return [] if plans[-1].get("questions") else wanted
    return []


def understood(text: str) -> list[tuple[str, Data]]:
    """The calls that the user's words ask for; none where no rule fits."""
    for each in RULES:
        match = each.pattern.search(text.strip())
        if match:
            return each.calls(match)
    return []


def _answers(turn: list[Message]) -> list[tuple[str, Data]]:
    names = {call.id: call.name for message in turn for call in message.tool_calls}
    return [
        (names.get(message.tool_call_id or "", ""), tool_data(message)) for message in turn if message.role == "tool"
    ]


def _summary(turn: list[Message], listings: bool) -> list[str]:
    """What is said of the answers that nothing has been said of yet."""
    if not _answers(turn):
        return [_without_tools(turn[0].content.strip().lower() if turn else "")]
    said = max((at for at, message in enumerate(turn) if message.role == "assistant" and message.content), default=0)
    unsaid = _answers(turn)[len(_answers(turn[:said])) :]
    # Where the status was looked up on the way to something else, it is no answer.
    asked_for = {name for name, _ in understood(turn[0].content)}
    return [
        _told(name, data, listings)
        for name, data in unsaid
        if name != "migration_status" or name in asked_for or data.get("error")
    ]


def _without_tools(asked: str) -> str:
    if asked in ("help", "/help", "?") or asked.startswith(("help", "what can you")):
        return HELP
    usage = SLASH_USAGE.get(asked.split()[0]) if asked else None
    return usage or "I am the offline planner and did not understand that. " + HELP


def _told(name: str, data: Data, listings: bool) -> str:
    if data.get("error"):
        steps = len(data.get("done") or [])
        done = f" Done before that: {steps} step{'' if steps == 1 else 's'}." if steps else ""
        why = f": {data['error']}." if listings else "."
        return f"{FAILED.rstrip('.')}{why}".replace("..", ".") + done
    return told(name, data, listings)
