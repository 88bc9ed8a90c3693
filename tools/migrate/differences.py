"""Schemas as the journal keeps them, and what differs between two of them in one sentence's length."""

from __future__ import annotations

import json

from tools.schema.gaps import compare
from tools.schema.model import Schema
from tools.schema.serial import schema_from_json, schema_to_json

SHOWN = 5


def schema_text(schema: Schema) -> str:
    """A schema as the journal keeps it."""
    return json.dumps(schema_to_json(schema), ensure_ascii=False)


def differences(before: Schema | str, now: Schema) -> str:
    """The first few gaps between a schema (or its JSON, "" where none was kept) and the present one."""
    if isinstance(before, str):
        if not before:
            return ""
        before = schema_from_json(json.loads(before))
    gaps = [gap.sentence or gap.kind for gap in compare(before, now)]
    more = f" and {len(gaps) - SHOWN} more" if len(gaps) > SHOWN else ""
    return "; ".join(gaps[:SHOWN]) + more
