"""The API client against mocked HTTP. `httpx2_mock` is a respx router: a request that nobody mocked fails the test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpcore2
import httpx
import httpx2
import pytest
import respx

from assistant.model import Message, ModelError, ToolCall, ToolSpec
from assistant.openai_model import OpenAIModel, message_json

URL = "http://model.test/v1/chat/completions"
ASK = [Message(role="user", content="what is missing?")]
TOOL = ToolSpec(name="list_gaps", description="gaps", parameters={"type": "object", "properties": {}})


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIModel]:
    monkeypatch.setattr("openai._base_client.BaseClient._calculate_retry_timeout", lambda *_: 0.0)
    model = OpenAIModel("test-model", api_key="sk-test", base_url="http://model.test/v1")
    yield model
    model.close()


def sse(*deltas: dict[str, Any], finish: str | None = "stop", usage: bool = True, done: bool = True) -> bytes:
    lines = [_chunk({"delta": delta, "index": 0, "finish_reason": None}) for delta in deltas]
    if finish:
        lines.append(_chunk({"delta": {}, "index": 0, "finish_reason": finish}))
    if usage:
        counts = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        lines.append("data: " + json.dumps(_envelope([]) | {"usage": counts}))
    if done:
        lines.append("data: [DONE]")
    return ("\n\n".join(lines) + "\n\n").encode()


def _envelope(choices: list[Any]) -> dict[str, Any]:
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "test-model", "choices": choices}


def _chunk(choice: dict[str, Any]) -> str:
    return "data: " + json.dumps(_envelope([choice]))


def answer(content: bytes) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=content)


def ask(model: OpenAIModel, tools: list[ToolSpec] | None = None) -> tuple[Any, list[str]]:
    pieces: list[str] = []
    return model.reply(ASK, tools or [], pieces.append), pieces


def test_text_comes_piece_by_piece_with_usage(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    route = httpx2_mock.post(URL).mock(return_value=answer(sse({"content": "Two "}, {"content": "tables."})))
    reply, pieces = ask(model, [TOOL])
    assert pieces == ["Two ", "tables."]
    assert reply.message.content == "Two tables."
    assert reply.usage == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    sent = json.loads(route.calls.last.request.content)
    assert sent["model"] == "test-model"
    assert sent["tools"] == [{"type": "function", "function": TOOL.model_dump()}]
    assert sent["stream"] is True
    assert route.calls.last.request.headers["authorization"] == "Bearer sk-test"


def test_tool_calls_in_fragments_are_put_together(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    def piece(index: int, name: str = "", arguments: str = "", call_id: str | None = None) -> dict[str, Any]:
        function = {"name": name or None, "arguments": arguments}
        return {"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]}

    content = sse(
        piece(0, "list_gaps", "", "a"), piece(0, arguments='{"tab'), piece(0, arguments='le": "x"}'),
        piece(1, "verify", "", "b"), finish="tool_calls",
    )  # fmt: skip
    httpx2_mock.post(URL).mock(return_value=answer(content))
    reply, pieces = ask(model)
    assert pieces == []
    assert reply.message.tool_calls == [
        ToolCall(id="a", name="list_gaps", arguments='{"table": "x"}'), ToolCall(id="b", name="verify"),
    ]  # fmt: skip


def test_429_then_ok(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    limited = httpx.Response(429, headers={"retry-after": "1"}, json={"error": {"message": "slow down"}})
    route = httpx2_mock.post(URL).mock(side_effect=[limited, answer(sse({"content": "ok"}))])
    assert ask(model)[0].message.content == "ok"
    assert route.call_count == 2


def test_500s_to_the_end_are_one_sentence(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    route = httpx2_mock.post(URL).mock(return_value=httpx.Response(500, json={"error": {"message": "boom"}}))
    with pytest.raises(ModelError, match=r"^http://model.test/v1 failed with HTTP 500: try again later \(.*boom.*\)$"):
        ask(model)
    assert route.call_count == 4


def test_a_stream_cut_before_any_text_is_tried_once_more(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    cut = sse(finish=None, usage=False, done=False) + b"\n"
    route = httpx2_mock.post(URL).mock(side_effect=[answer(cut), answer(sse({"content": "whole"}))])
    reply, pieces = ask(model)
    assert (reply.message.content, pieces, route.call_count) == ("whole", ["whole"], 2)


def test_a_stream_cut_in_mid_answer_is_an_error(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    cut = sse({"content": "Half an ans"}, finish=None, usage=False, done=False)
    route = httpx2_mock.post(URL).mock(return_value=answer(cut))
    with pytest.raises(ModelError, match=r"broke off \(no end was sent\): ask again"):
        ask(model)
    assert route.call_count == 1


class _LostConnection(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield sse({"content": "Half"}, finish=None, usage=False, done=False)
        raise httpcore2.ReadError("connection reset")


def test_a_connection_lost_in_mid_answer_is_an_error(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    httpx2_mock.post(URL).mock(return_value=httpx.Response(200, stream=_LostConnection()))
    with pytest.raises(ModelError, match=r"broke off \(the connection was lost\)"):
        ask(model)


def test_a_piece_that_is_not_json(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    httpx2_mock.post(URL).mock(return_value=answer(b'data: {"id": "c1", "cho\n\ndata: [DONE]\n\n'))
    with pytest.raises(ModelError, match="a piece of it was not JSON"):
        ask(model)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (400, "refused the request"),
        (401, "does not accept the API key: set OPENAI_API_KEY"),
        (403, "forbids this key"),
        (404, "knows no model 'test-model': set name under"),
    ],
)
def test_refusals_say_what_to_do(model: OpenAIModel, httpx2_mock: respx.Router, status: int, sentence: str) -> None:
    httpx2_mock.post(URL).mock(return_value=httpx.Response(status, json={"error": {"message": "no"}}))
    with pytest.raises(ModelError, match=sentence):
        ask(model)


def test_a_server_that_is_not_there(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    httpx2_mock.post(URL).mock(side_effect=httpx2.ConnectError("connection refused"))
    with pytest.raises(ModelError, match=r"cannot reach http://model.test/v1 \(.*refused.*\): see base_url"):
        ask(model)


def test_a_server_that_does_not_answer(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    httpx2_mock.post(URL).mock(side_effect=httpx2.ReadTimeout("slow"))
    with pytest.raises(ModelError, match="did not answer within 60 s"):
        ask(model)


def test_an_answer_that_is_no_stream(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    httpx2_mock.post(URL).mock(return_value=httpx.Response(200, html="<h1>login</h1>"))
    with pytest.raises(ModelError, match="broke off"):
        ask(model)


def test_an_unmocked_request_fails(model: OpenAIModel, httpx2_mock: respx.Router) -> None:
    with pytest.raises(AssertionError, match="not mocked"):
        ask(model)


def test_messages_go_out_as_the_api_takes_them() -> None:
    call = Message(role="assistant", tool_calls=[ToolCall(id="a", name="verify", arguments="{}")])
    assert message_json(call)["content"] is None
    assert message_json(call)["tool_calls"][0]["function"] == {"name": "verify", "arguments": "{}"}
    assert message_json(Message(role="tool", content="{}", tool_call_id="a"))["tool_call_id"] == "a"
