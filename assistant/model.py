"""The chat model's seam: a protocol small enough for a scripted model, an offline planner and an OpenAI client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pydantic import BaseModel

from tools.errors import OneplanError


class ModelError(OneplanError):
    """The model could not answer: one sentence that says why and what to do."""


class ToolCall(BaseModel):
    """One call that the model asks for; `arguments` is the JSON text as it came, judged by the tool table."""

    id: str
    name: str
    arguments: str = "{}"


class Message(BaseModel):
    """One message of the conversation. `tool_call_id` names the call that a message of role `tool` answers."""

    role: str
    content: str = ""
    tool_calls: list[ToolCall] = []
    tool_call_id: str | None = None


class Reply(BaseModel):
    message: Message
    usage: dict[str, int] = {}


class ToolSpec(BaseModel):
    """A tool as the model sees it: name, what it is for, JSON Schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


class ChatModel(Protocol):
    name: str

    def reply(self, messages: list[Message], tools: list[ToolSpec], on_text: Callable[[str], None]) -> Reply:
        """One answer, its text also given piece by piece to `on_text`. Raises assistant.model.ModelError."""
        ...
