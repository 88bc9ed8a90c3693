"""The conversation as a graph: think -> read | propose -> gate -> execute -> think.

LangGraph restarts an interrupted node from its top, can replay an old resume value for an old checkpoint, and lets two
processes resume one thread. All three are harmless here: `gate` holds nothing but `interrupt()`, and `execute` calls no
model and believes the approvals ledger alone, where an approval opens one action, once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, Protocol

# Both are read when langgraph is imported: checkpoints may hold plain data only, and nothing is traced to a server.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
os.environ["LANGSMITH_TRACING"] = os.environ["LANGCHAIN_TRACING_V2"] = "false"

from langgraph.config import get_stream_writer  # noqa: E402
from langgraph.graph import END, START, StateGraph  # noqa: E402
from langgraph.types import interrupt  # noqa: E402

from assistant.model import ChatModel, Message, ToolSpec  # noqa: E402
from assistant.state import State, Update, add_usage, window  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

    Emit = Callable[[dict[str, Any]], None]

MAX_ROUNDS = 16
"""How often the model is asked in one turn before the turn is ended for it."""
ENOUGH = f"I stopped here: {MAX_ROUNDS} rounds of tool calls in one turn are enough. Tell me how to go on."


class Tools(Protocol):
    """What the nodes need of the tools. Each of read, propose and execute answers with an update of the state."""

    def specs(self) -> list[ToolSpec]: ...
    def system(self, state: State) -> str: ...
    def effect(self, name: str) -> Literal["read", "write"]: ...
    def read(self, state: State, emit: Emit) -> Update: ...
    def propose(self, state: State, emit: Emit) -> Update: ...
    def execute(self, state: State, emit: Emit) -> Update: ...


def build_graph(model: ChatModel, tools: Tools, checkpointer: BaseCheckpointSaver[Any]) -> CompiledStateGraph[Any]:
    def think(state: State) -> Update:
        emit = get_stream_writer()
        if state.get("rounds", 0) >= MAX_ROUNDS:
            emit({"kind": "text", "text": ENOUGH})
            return Update(messages=[Message(role="assistant", content=ENOUGH).model_dump()], calls=[])
        messages = [Message(role="system", content=tools.system(state)), *window(state["messages"])]
        reply = model.reply(messages, tools.specs(), lambda text: emit({"kind": "text", "text": text}))
        return Update(
            messages=[reply.message.model_dump()],
            calls=[call.model_dump() for call in reply.message.tool_calls],
            rounds=state.get("rounds", 0) + 1,
            usage=add_usage(state.get("usage", {}), reply.usage),
        )

    def read(state: State) -> Update:
        return tools.read(state, get_stream_writer())

    def propose(state: State) -> Update:
        return tools.propose(state, get_stream_writer())

    def gate(state: State) -> Update:
        return Update(decision=interrupt(state.get("question")))

    def execute(state: State) -> Update:
        return tools.execute(state, get_stream_writer())

    def after_think(state: State) -> str:
        return on(state) if state["calls"] else END

    def on(state: State) -> str:
        if state.get("question"):
            return "gate"
        if not state["calls"]:
            return "think"
        return "propose" if tools.effect(state["calls"][0]["name"]) == "write" else "read"

    graph = StateGraph(State)
    for node in (think, read, propose, gate, execute):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", after_think, ["read", "propose", END])
    graph.add_conditional_edges("read", on, ["read", "propose", "gate", "think"])
    graph.add_conditional_edges("propose", on, ["read", "propose", "gate", "think"])
    graph.add_edge("gate", "execute")
    graph.add_conditional_edges("execute", on, ["read", "propose", "gate", "think"])
    return graph.compile(checkpointer=checkpointer)
