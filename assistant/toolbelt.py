"""Between the graph and the tool table: arguments are judged here, and what goes wrong becomes data for the model."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

import prompts
from assistant.model import ToolCall, ToolSpec
from assistant.session import Workspace
from assistant.state import State, Update, tool_message
from tools.errors import ApprovalRefused, OneplanError
from tools.location import masked
from tools.registry import TABLE, ReadTool, Tool, WriteTool
from tools.toolbox.answers import answer_questions, question_payload
from tools.toolbox.desk import AtHand, Desk, Pins

MAX_SAME = 2
"""How often one and the same read call is served in one turn."""
MAX_CHARACTERS = 16_000
"""How long one tool's answer may be when the model reads it."""
AT_HAND = "none of its own; the tools find the one that the question names, or the workspace's newest"

Emit = Callable[[dict[str, Any]], None]


class Toolbelt:
    """The tools of one thread. `stop`: set from elsewhere, it ends long work at its next safe place."""

    def __init__(
        self, workspace: Workspace, thread: str, *, interactive: bool = False, table: Sequence[Tool] = TABLE,
        at_hand: AtHand | None = None,
    ) -> None:  # fmt: skip
        self._at_hand = at_hand
        self.stop = Event()
        self.interactive = interactive
        self._workspace = workspace
        self._thread = thread
        self._tools = {tool.name: tool for tool in table}

    def specs(self) -> list[ToolSpec]:
        return [
            ToolSpec(name=tool.name, description=tool.description, parameters=parameters(tool.arguments))
            for tool in self._tools.values()
        ]

    def system(self, state: State) -> str:
        pins, settings = self.pins(state), self._workspace.settings
        answers = {name: value for name, value in pins.answers.items() if value}
        return prompts.render(
            "system",
            current=_shown(settings.current), desired=_shown(settings.desired),
            plan=pins.plan or (AT_HAND if self._at_hand else "none yet"),
            answers=json.dumps(answers) if answers else "none yet",
            send_rows="yes" if settings.model.send_rows else "no",
        )  # fmt: skip

    def pins(self, state: State) -> Pins:
        """What the thread holds on to; a new thread begins with the answers of the settings' file."""
        if "pins" in state:
            return Pins.model_validate(state["pins"])
        if self._workspace.settings.answers is None:
            return Pins()
        return Pins().with_answers(self._workspace.answers(None))

    def effect(self, name: str) -> Literal["read", "write"]:
        tool = self._tools.get(name)
        return tool.effect if tool else "read"

    def desk(self, pins: Pins, emit: Emit | None = None) -> Desk:
        settings = self._workspace.settings
        return Desk(
            store=self._workspace.store, ledger=self._workspace.ledger, home=self._workspace.home,
            actor=self._workspace.actor, thread=self._thread, current=settings.current or "",
            desired=settings.desired or "", shadow=settings.shadow, code=settings.code, queries=settings.queries,
            pins=pins,
            life=self._workspace.proposal_life, interactive=self.interactive, send_rows=settings.model.send_rows,
            progress=self._progress(emit), pace=settings.backfill.pace(), at_hand=self._at_hand,
        )  # fmt: skip

    def read(self, state: State, emit: Emit) -> Update:
        """Serve the read calls at the head of the list, up to the first write or the first question for a person."""
        calls, seen = list(state["calls"]), list(state.get("seen", []))
        messages: list[dict[str, Any]] = []
        question: dict[str, Any] | None = None
        desk = self.desk(self.pins(state), emit)
        while calls and self.effect(calls[0]["name"]) == "read":
            call = ToolCall.model_validate(calls[0])
            outcome, question = self._serve(call, desk, seen, emit)
            if question:
                break
            messages.append(self._told(call, outcome, emit))
            seen.append(_signature(call))
            calls.pop(0)
        return Update(
            messages=messages, question=question, decision=None, calls=calls, seen=seen, pins=desk.pins.model_dump()
        )

    def propose(self, state: State, emit: Emit) -> Update:
        """Put the next action of the write call at the head before the person, or close the call when none is left."""
        call = ToolCall.model_validate(state["calls"][0])
        work = state.get("work") or {"done": []}
        if not work["done"] and _signature(call) in state.get("seen", []):
            return self._close(state, call, {"error": "this was already put before the person in this turn"}, emit)
        desk = self.desk(self.pins(state), emit)
        try:
            tool, arguments = self._judge(call)
            assert isinstance(tool, WriteTool)
            proposed = tool.job.propose(desk, arguments, work["done"])
        except Exception as error:
            return self._close(state, call, problem(error, desk) | {"done": work["done"]}, emit)
        if proposed is None:
            answer = {"done": work["done"]} if work["done"] else {"done": [], "note": "nothing is left to do"}
            return self._close(state, call, answer, emit)
        question = {
            "kind": "proposal", "proposal": proposed.proposal_id, "tool": call.name, "view": proposed.view,
            "standing": proposed.standing,
        }  # fmt: skip
        return Update(question=question, decision=None, work=work)

    def execute(self, state: State, emit: Emit) -> Update:
        """Act on the person's answer. Whether it is a yes is the ledger's word: the answer itself opens nothing."""
        question, decision = state.get("question") or {}, state.get("decision") or {}
        desk = self.desk(self.pins(state), emit)
        if question.get("kind") == "questions":
            pins = answer_questions(desk, question, decision)
            return Update(pins=pins.model_dump(), question=None, decision=None)
        call = ToolCall.model_validate(state["calls"][0])
        work = {"done": list((state.get("work") or {}).get("done", []))}
        try:
            return self._decided(desk, call, work, question, decision, state, emit)
        except Exception as error:
            return self._close(state, call, problem(error, desk) | {"done": work["done"]}, emit)

    def propose_phase(self, state: State) -> tuple[str, dict[str, Any]] | None:
        """For the gate: the phase of the action that is being asked about, as a proposal of its own, and its view."""
        desk = self.desk(self.pins(state))
        tool, arguments = self._judge(ToolCall.model_validate(state["calls"][0]))
        proposed = tool.job.propose_phase(desk, arguments) if isinstance(tool, WriteTool) else None
        return (proposed.proposal_id, proposed.view) if proposed else None

    def _decided(
        self, desk: Desk, call: ToolCall, work: dict[str, Any], question: dict[str, Any], decision: dict[str, Any],
        state: State, emit: Emit,
    ) -> Update:  # fmt: skip
        tool, arguments = self._judge(call)
        assert isinstance(tool, WriteTool)
        word = decision.get("decision")
        if word in ("approve", "approve_phase"):
            hints = [str(name) for name in decision.get("approval_ids", [])]
            for result in tool.job.perform(desk, arguments, hints):
                work["done"].append(result)
                emit({"kind": "done", "name": call.name, "data": result})
            return Update(work=work, question=None, decision=None)
        if word == "edit":
            try:
                data, pins = tool.job.revise(desk, arguments, str(decision.get("sql", "")))
            except OneplanError as error:  # the person's own slip: they are told, and asked about the old SQL again
                emit({"kind": "notice", "text": f"not changed: {error}"})
                return Update(question=None, decision=None, work=work)
            emit({"kind": "notice", "text": "edited and rehearsed anew: here is the new proposal"})
            emit({"kind": "revised", "name": call.name, "data": data})
            _withdraw(desk, question["proposal"], "edited by the person")
            return Update(pins=pins.model_dump(), question=None, decision=None, work=work)
        if word == "reject":
            reason = str(decision.get("reason", ""))
            _withdraw(desk, question["proposal"], reason)
            answer = {"rejected": question["view"].get("summary", ""), "reason": reason, "done": work["done"]}
            return self._close(state, call, answer | {"note": "nothing of it was run; the rest stays pending"}, emit)
        return Update(decision=None)

    def _serve(
        self, call: ToolCall, desk: Desk, seen: list[str], emit: Emit
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        if seen.count(_signature(call)) >= MAX_SAME:
            return {"error": f"the same call for time {seen.count(_signature(call)) + 1}: its answer is above"}, None
        emit({"kind": "tool", "name": call.name, "arguments": call.arguments})
        try:
            tool, arguments = self._judge(call)
            assert isinstance(tool, ReadTool)
            outcome = tool.run(desk, arguments)
        except Exception as error:
            return problem(error, desk), None
        if outcome.pins is not None:
            desk.pins = outcome.pins
        question = question_payload(outcome, desk) if desk.interactive else None
        return outcome.data, question

    def _judge(self, call: ToolCall) -> tuple[Tool, BaseModel]:
        if call.name not in self._tools:
            raise BadCall(f"there is no tool {call.name!r}: use one of {', '.join(self._tools)}")
        tool = self._tools[call.name]
        try:
            given = json.loads(call.arguments or "{}")
            if _holds_nul(given):
                raise BadCall(f"the arguments of {call.name} hold a NUL character, which no name, path or SQL has")
            return tool, tool.arguments.model_validate(given)
        except json.JSONDecodeError as error:
            raise BadCall(f"the arguments of {call.name} are not valid JSON: {error}") from error
        except ValidationError as error:
            raise BadCall(f"the arguments of {call.name} are wrong: {_first_problem(error)}") from error

    def _told(self, call: ToolCall, data: dict[str, Any], emit: Emit) -> dict[str, Any]:
        emit({"kind": "result", "name": call.name, "data": data})
        if len(json.dumps(data, default=str)) > MAX_CHARACTERS:
            data = {"error": "the answer is too long: ask for fewer items (limit), a later page (offset), or one table"}
        return tool_message(call.id, call.name, data).model_dump()

    def _close(self, state: State, call: ToolCall, answer: dict[str, Any], emit: Emit) -> Update:
        return Update(
            messages=[self._told(call, answer, emit)], calls=state["calls"][1:], work=None, question=None,
            decision=None, seen=[*state.get("seen", []), _signature(call)],
        )  # fmt: skip

    def _progress(self, emit: Emit | None) -> Callable[[str, int, int], None]:
        def progress(what: str, done: int, total: int) -> None:
            if self.stop.is_set():
                raise KeyboardInterrupt
            if emit:
                emit({"kind": "progress", "what": what, "done": done, "total": total})

        return progress


class BadCall(OneplanError):
    """The model called something that is not there, or with arguments that do not fit. It reads this itself."""


def problem(error: Exception, desk: Desk) -> dict[str, Any]:
    """An error as data for the model: one sentence, without rows unless rows may be sent."""
    if not isinstance(error, OneplanError):
        logging.getLogger("oneplan").exception("a tool failed unexpectedly", exc_info=error)
        return {"error": f"unexpected {type(error).__name__}", "type": type(error).__name__}
    sentence = str(error)
    if not desk.send_rows:
        # Engines quote the offending row in the detail of their message.
        sentence = sentence.partition("\nDETAIL:")[0].partition("DETAIL:")[0].rstrip()
    return {"error": sentence, "type": type(error).__name__}


def parameters(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a tool's arguments, without the titles that only cost tokens."""
    schema = model.model_json_schema()
    schema.pop("title", None)
    for entry in schema.get("properties", {}).values():
        entry.pop("title", None)
    schema.setdefault("properties", {})
    return schema


def _withdraw(desk: Desk, proposal_id: str, reason: str) -> None:
    """Mark a proposal rejected; one that another terminal has settled meanwhile stays as it is."""
    try:
        desk.ledger.reject(proposal_id, approver=desk.actor, reason=reason)
    except ApprovalRefused as error:
        logging.getLogger("oneplan").info("not withdrawn: %s", error)


def _signature(call: ToolCall) -> str:
    try:
        arguments = json.dumps(json.loads(call.arguments or "{}"), sort_keys=True)
    except json.JSONDecodeError:
        arguments = call.arguments
    return f"{call.name} {arguments}"


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_holds_nul, value)) or any(map(_holds_nul, value.values()))
    return isinstance(value, list) and any(map(_holds_nul, value))


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


def _shown(location: str | None) -> str:
    return masked(location) if location else "not set (oneplan.toml)"
