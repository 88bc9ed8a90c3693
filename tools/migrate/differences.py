"""Schemas as the journal keeps them, and what differs between two of them in one sentence's length."""

from __future__ import annotations

import json

from tools.schema.gaps import compare
from tools.schema.model import Gap, Schema
from tools.schema.serial import schema_from_json, schema_to_json

SHOWN = 5
_PAST = (
    ("is to be added", "was added"),
    ("is to be called", "is now called"),
    ("is to be another", "was changed"),
    ("is to go", "was removed"),
    ("is to take the", "takes the"),
    ("is to lose the", "has lost the"),
)


def schema_text(schema: Schema) -> str:
    """A schema as the journal keeps it."""
    return json.dumps(schema_to_json(schema), ensure_ascii=False)


def differences(before: Schema | str, now: Schema) -> str:
    """The first few changes from a schema (or its JSON, "" where none was kept) to the present one."""
    if isinstance(before, str):
        if not before:
            return ""
        before = schema_from_json(json.loads(before))
    gaps = [in_the_past(gap) for gap in compare(before, now)]
    more = f" and {len(gaps) - SHOWN} more" if len(gaps) > SHOWN else ""
    return "; ".join(gaps[:SHOWN]) + more


def in_the_past(gap: Gap) -> str:
    """What the gap asks for, as something that was done."""
    if not gap.sentence:
        what = ".".join(str(part) for part in (gap.table, gap.column or gap.name) if part)
        return f"{str(gap.kind).replace('_', ' ')} {what}" + (
            f": {gap.from_ or 'none'} → {gap.to or 'none'}" if gap.from_ or gap.to else ""
        )
    for future, past in _PAST:
        if future in gap.sentence:
            return gap.sentence.replace(future, past, 1)
    return gap.sentence
