"""Digests of schemas, from the normal form of the model and never from text: equal digests, no gap."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any, cast

from tools.schema.model import Schema
from tools.schema.normal import fold, normalise

__all__ = ["normalise", "objects_digest", "schema_digest"]


def schema_digest(schema: Schema) -> str:
    """SHA-256 of the whole schema's normal form."""
    return _sha256(_facts(normalise(schema)))


def objects_digest(schema: Schema, keys: Iterable[str]) -> str:
    """SHA-256 of the tables (with their triggers), views, enums and sequences of these keys; absence counts too."""
    wanted = {fold(key, schema.dialect) for key in keys}
    normal = normalise(_only(schema, wanted))
    named = [*normal.tables, *normal.views, *normal.enums, *normal.sequences, *normal.objects]
    facts: dict[str, Any] = {}
    for key in sorted(wanted):
        found = [_facts(value) for value in named if value.key == key]
        triggers = [_facts(trigger) for trigger in normal.triggers if trigger.table == key]
        facts[key] = {"objects": found, "triggers": triggers}
    return _sha256({"dialect": schema.dialect, "facts": facts})


def _only(schema: Schema, wanted: set[str]) -> Schema:
    """The schema with nothing in it but what the digest is of."""
    dialect = schema.dialect
    return Schema(
        dialect,
        tuple(table for table in schema.tables if fold(table.key, dialect) in wanted),
        tuple(enum for enum in schema.enums if fold(enum.key, dialect) in wanted),
        tuple(view for view in schema.views if fold(view.key, dialect) in wanted),
        tuple(trigger for trigger in schema.triggers if fold(trigger.table, dialect) in wanted),
        sequences=tuple(sequence for sequence in schema.sequences if fold(sequence.key, dialect) in wanted),
        objects=tuple(thing for thing in schema.objects if fold(thing.key, dialect) in wanted),
    )


def _facts(value: Any) -> Any:
    """A value as plain JSON: its class and all that takes part in its equality."""
    if is_dataclass(value) and not isinstance(value, type):
        compared = {field.name: _facts(getattr(value, field.name)) for field in fields(value) if field.compare}
        return {"": type(value).__name__, **compared}
    if isinstance(value, (tuple, list)):
        return [_facts(item) for item in cast(Iterable[Any], value)]
    return value


def _sha256(facts: Any) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
