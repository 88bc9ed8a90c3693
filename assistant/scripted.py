"""A model that says what it was told to say: for tests of conversations, here and in projects that build on oneplan."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.model import Message, ModelError, Reply, ToolCall, ToolSpec

Answer = str | Sequence[ToolCall] | Callable[[list[Message]], "Answer"]


def call(name: str, /, **arguments: Any) -> ToolCall:
    """A tool call as a well-behaved model would send it."""
    return ToolCall(id="", name=name, arguments=json.dumps(arguments))


@dataclass
class ScriptedModel:
    """Gives `script`'s entries one by one: a text, a list of tool calls, or a function of the messages giving either.

    `seen` keeps what every request held. An exhausted script raises ModelError, so that a conversation that goes on
    longer than its test expects fails the test.
    """

    script: Sequence[Answer]
    name: str = "scripted"
    seen: list[list[Message]] = field(default_factory=list)

    def reply(self, messages: list[Message], tools: list[ToolSpec], on_text: Callable[[str], None]) -> Reply:
        turn = len(self.seen)
        self.seen.append(list(messages))
        if turn >= len(self.script):
            raise ModelError(f"the script has no answer number {turn + 1}")
        answer = self.script[turn]
        while callable(answer):
            answer = answer(messages)
        if isinstance(answer, str):
            for word in answer.splitlines(keepends=True):
                on_text(word)
            return Reply(message=Message(role="assistant", content=answer), usage={"total_tokens": len(answer)})
        calls = [one.model_copy(update={"id": one.id or f"call-{turn}-{n}"}) for n, one in enumerate(answer)]
        return Reply(message=Message(role="assistant", tool_calls=calls))
