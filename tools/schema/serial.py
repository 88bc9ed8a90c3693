"""Schemas, gaps and questions as plain JSON data, and schemas back again."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, cast

from tools.schema.model import Gap, Question, Schema, Span


def schema_to_json(schema: Schema, *, spans: bool = True) -> dict[str, Any]:
    """The schema as plain data: every field of the model that is set; spans as `file:line` under `source`."""
    return cast(dict[str, Any], _plain(schema, spans))


def schema_from_json(data: dict[str, Any]) -> Schema:
    """The schema that `schema_to_json` has written. Raises pydantic's ValidationError for anything else."""
    return _adapter().validate_python(_with_spans(data))


def gap_to_json(gap: Gap) -> dict[str, Any]:
    """A gap as scripts see it: kind, table, and of column, name, from, to, source and sentence what is set."""
    named = {
        "column": gap.column, "name": gap.name, "from": gap.from_, "to": gap.to, "source": gap.source,
        "sentence": gap.sentence or None,
    }  # fmt: skip
    return {"kind": gap.kind, "table": gap.table, **{key: value for key, value in named.items() if value is not None}}


def question_to_json(question: Question) -> dict[str, Any]:
    table = {} if question.table is None else {"table": question.table}
    return {
        "kind": question.kind, **table, "from": question.before, "to": question.after,
        "evidence": list(question.evidence), "likeness": question.likeness,
        **({"value": question.value} if question.value else {}),
    }  # fmt: skip


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Schema)


def _plain(value: Any, spans: bool) -> Any:
    if isinstance(value, Span):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        found: dict[str, Any] = {}
        for field in fields(value):
            item = getattr(value, field.name)
            if field.name == "span":
                found |= {"source": str(item)} if spans and item and str(item) else {}
            elif field.name == "name" or item != field.default:
                found[field.name] = _plain(item, spans)
        return {key: item for key, item in found.items() if item is not None}
    if isinstance(value, (tuple, list)):
        return [_plain(item, spans) for item in cast(tuple[Any, ...], value)]
    return value


def _with_spans(data: Any, *, top: bool = True) -> Any:
    """The same data with every `source` of a part turned back into its span."""
    if isinstance(data, list):
        return [_with_spans(item, top=False) for item in cast(list[Any], data)]
    if not isinstance(data, dict):
        return data
    found = {key: _with_spans(item, top=False) for key, item in cast(dict[str, Any], data).items()}
    if not top and isinstance(found.get("source"), str):
        place, _, line = found.pop("source").rpartition(":")
        known = place and line.isdigit()
        found["span"] = {"source": place, "line": int(line)} if known else {"source": f"{place}:{line}".lstrip(":")}
    return found
