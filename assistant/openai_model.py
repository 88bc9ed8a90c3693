"""The chat model behind any OpenAI-compatible server: Chat Completions, streamed, with tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from assistant.model import Message, ModelError, Reply, ToolCall, ToolSpec

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletionChunk

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
RETRIES = 3
"""How often the SDK tries again after 429, 408, 409, 5xx or a lost connection, with backoff or as Retry-After says."""


class CutStream(Exception):
    """The stream ended before the answer did."""


class OpenAIModel:
    """Talks to `base_url` (None: OpenAI's own). A server that wants no key gets a placeholder."""

    def __init__(self, name: str, api_key: str | None = None, base_url: str | None = None) -> None:
        self.name = name
        self.base_url = base_url
        self._api_key = api_key or "none"
        self._client: OpenAI | None = None

    def reply(self, messages: list[Message], tools: list[ToolSpec], on_text: Callable[[str], None]) -> Reply:
        """One streamed answer. A stream that breaks before any text was shown is tried once more."""
        for last in (False, True):
            answer = _Accumulator(on_text)
            try:
                with self._errors():
                    self._stream(messages, tools, answer)
                return answer.reply()
            except CutStream as error:
                if answer.shown or last:
                    raise ModelError(f"the answer of {self.name!r} broke off ({error}): ask again") from error
        raise AssertionError("unreachable")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _stream(self, messages: list[Message], tools: list[ToolSpec], answer: _Accumulator) -> None:
        request: dict[str, Any] = {
            "model": self.name,
            "messages": [message_json(message) for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if tools:
            request["tools"] = [{"type": "function", "function": tool.model_dump()} for tool in tools]
        with self.client.chat.completions.create(**request) as stream:
            for chunk in stream:
                answer.add(chunk)
        if answer.finish_reason is None:
            raise CutStream("no end was sent")

    @property
    def client(self) -> OpenAI:
        if self._client is None:
            import httpx2
            from openai import OpenAI

            timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
            self._client = OpenAI(api_key=self._api_key, base_url=self.base_url, timeout=timeout, max_retries=RETRIES)
        return self._client

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn the SDK's errors into one sentence each; what broke in mid-stream into CutStream."""
        import json

        import httpx2
        import openai

        where = self.base_url or "https://api.openai.com/v1"
        try:
            yield
        except openai.APITimeoutError as error:
            raise ModelError(
                f"{where} did not answer within {READ_SECONDS:.0f} s: try again, or see base_url"
            ) from error
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, (httpx2.RemoteProtocolError, httpx2.ReadError)):
                raise CutStream("the connection was lost") from error
            raise ModelError(f"cannot reach {where} ({_cause(error)}): see base_url in oneplan.toml") from error
        except openai.APIStatusError as error:
            raise ModelError(self._status_sentence(error, where)) from error
        except (httpx2.RemoteProtocolError, httpx2.ReadError) as error:
            raise CutStream("the connection was lost") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise CutStream("a piece of it was not JSON") from error
        except openai.APIError as error:
            raise ModelError(f"{where} reported: {_short(error.message)}") from error
        except openai.OpenAIError as error:
            raise ModelError(f"the model client failed: {_short(str(error))}") from error

    def _status_sentence(self, error: Any, where: str) -> str:
        said = _short(error.message)
        sentences = {
            400: f"{where} refused the request: {said}",
            401: f"{where} does not accept the API key: set OPENAI_API_KEY (or api_key_env in oneplan.toml)",
            403: f"{where} forbids this key to use {self.name!r}: {said}",
            404: f"{where} knows no model {self.name!r}: set name under [model] in oneplan.toml ({said})",
            429: f"{where} limits the rate or the quota is used up: wait and ask again ({said})",
        }
        fallback = f"{where} failed with HTTP {error.status_code}: try again later ({said})"
        return sentences.get(error.status_code, fallback)


def message_json(message: Message) -> dict[str, Any]:
    """A message as Chat Completions takes it."""
    value: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        value["content"] = message.content or None
        value["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        value["tool_call_id"] = message.tool_call_id
    return value


class _Accumulator:
    """Puts the pieces of a streamed answer together; text goes on to the reader as it comes."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text
        self._text: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._usage: dict[str, int] = {}
        self.finish_reason: str | None = None

    @property
    def shown(self) -> bool:
        return bool(self._text)

    def add(self, chunk: ChatCompletionChunk) -> None:
        if chunk.usage is not None:
            counts = chunk.usage.model_dump()
            self._usage = {
                name: counts[name]
                for name in ("prompt_tokens", "completion_tokens", "total_tokens")
                if counts.get(name)
            }
        for choice in (chunk.choices or [])[:1]:
            self.finish_reason = choice.finish_reason or self.finish_reason
            if choice.delta and choice.delta.content:
                self._text.append(choice.delta.content)
                self._on_text(choice.delta.content)
            for piece in (choice.delta.tool_calls if choice.delta else None) or []:
                self._add_call(piece)

    def _add_call(self, piece: Any) -> None:
        # Some compatible servers leave the index out and send each call whole.
        index = piece.index if piece.index is not None else len(self._calls)
        call = self._calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
        call["id"] = call["id"] or piece.id or ""
        if piece.function is not None:
            call["name"] += piece.function.name or ""
            call["arguments"] += piece.function.arguments or ""

    def reply(self) -> Reply:
        calls = [
            ToolCall(id=call["id"] or f"call-{index}", name=call["name"], arguments=call["arguments"] or "{}")
            for index, call in sorted(self._calls.items())
        ]
        text = "".join(self._text)
        if self.finish_reason == "length" and calls:
            raise ModelError(
                "the answer was longer than the model may give, and its tool call is incomplete: ask for less"
            )
        return Reply(message=Message(role="assistant", content=text, tool_calls=calls), usage=self._usage)


def _short(text: str, limit: int = 200) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _cause(error: BaseException) -> str:
    return _short(str(error.__cause__ or error), 120)
