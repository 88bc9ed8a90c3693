"""Several descriptions as one schema: a table that is told twice is the fuller one, and disagreements are listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tools.schema.model import Aspect, Enum, NotUnderstood, Schema, Table
from tools.schema.types import same_type


def merged(parts: Sequence[Schema], source: str) -> Schema:
    """The schema of all parts, which are of one dialect. What no part speaks of stays unsaid.

    What one description of a thing says otherwise than the one that is taken is listed, and counts as no difference.
    """
    tables: dict[str, Table] = {}
    enums: dict[str, Enum] = {}
    lost = [item for part in parts for item in part.not_understood]
    for part in parts:
        for read in part.tables:
            table = replace(read, unsaid=part.unsaid)
            known = tables.get(table.key)
            if known:
                lost += _disagreements(known, table, part)
            tables[table.key] = table if not known or _fullness(table) > _fullness(known) else known
        for enum in part.enums:
            known_enum = enums.get(enum.key)
            if known_enum and set(known_enum.values) != set(enum.values):
                reason = f"told twice with other values ({known_enum.span} and {enum.span}): the fuller one is taken"
                lost.append(NotUnderstood(f"enum {enum.key}", reason, enum.span, False))
            enums[enum.key] = enum if not known_enum or len(enum.values) > len(known_enum.values) else known_enum
    unsaid: tuple[Aspect, ...] = (
        tuple(a for a in parts[0].unsaid if all(a in part.unsaid for part in parts)) if parts else ()
    )
    if "indexes" not in unsaid and parts and not any(table.indexes for table in tables.values()):
        unsaid = (*unsaid, "indexes")
    return Schema(
        parts[0].dialect if parts else "postgres", tuple(tables.values()), tuple(enums.values()),
        tuple(view for part in parts for view in part.views),
        tuple(trigger for part in parts for trigger in part.triggers), tuple(lost),
        tuple(sequence for part in parts for sequence in part.sequences), source=source,
        objects=tuple(thing for part in parts for thing in part.objects), unsaid=unsaid,
        origin=parts[0].origin if parts else "sql",
    )  # fmt: skip


def _fullness(table: Table) -> int:
    return len(table.columns) * 10 + len(table.indexes) + len(table.foreign_keys) + len(table.checks)


def _disagreements(one: Table, other: Table, part: Schema) -> list[NotUnderstood]:
    found: list[NotUnderstood] = []
    for column in other.columns:
        known = one.column(column.name)
        if known and not same_type(known.type, part.dialect, column.type, part.dialect):
            reason = f"told twice: {known.type} at {known.span}, {column.type} at {column.span}; the fuller is taken"
            found.append(NotUnderstood(f"{one.key}.{column.name}", reason, column.span, False))
    smaller, larger = sorted((one, other), key=_fullness)
    for name in smaller.column_names:
        if not larger.column(name):
            reason = f"only the shorter description ({smaller.span}) has it: it is left out"
            found.append(NotUnderstood(f"{one.key}.{name}", reason, smaller.span, False))
    return found
