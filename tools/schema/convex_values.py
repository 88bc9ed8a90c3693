"""What an expression of a Convex schema file comes to: validators, tables, and the objects and lists they are in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from tools.schema.model import Span

Kind = Literal[
    "id", "string", "float64", "int64", "boolean", "bytes", "null", "any", "literal", "array", "object", "record",
    "union",
]  # fmt: skip


@dataclass(frozen=True)
class Validator:
    """One `v.…`. `members` are a union's; `element` an array's, or a record's values; `key` a record's keys."""

    kind: Kind
    optional: bool = False
    table: str = ""
    literal: str | float | bool | None = None
    element: Validator | None = None
    key: Validator | None = None
    members: tuple[Validator, ...] = ()
    fields: tuple[Field, ...] = ()
    unknown: tuple[Unknown, ...] = field(default=(), compare=False)
    """What is in it, and could not be worked out."""

    def required(self) -> Validator:
        return replace(self, optional=False)


@dataclass(frozen=True)
class Field:
    name: str
    validator: Validator
    span: Span | None = field(default=None, compare=False)
    note: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class TableIndex:
    name: str
    kind: Literal["index", "search", "vector"]
    fields: tuple[str, ...]
    filters: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class TableValue:
    """`defineTable(…)` with what hangs on it."""

    validator: Validator
    indexes: tuple[TableIndex, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    span: Span | None = field(default=None, compare=False)
    note: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class SchemaValue:
    tables: ObjectValue
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Entry:
    name: str
    value: Value
    span: Span | None = field(default=None, compare=False)
    note: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ObjectValue:
    """An object literal. `unknown` are the spreads that could not be followed."""

    entries: tuple[Entry, ...] = ()
    unknown: tuple[Unknown, ...] = ()

    def get(self, name: str) -> Value | None:
        return next((entry.value for entry in reversed(self.entries) if entry.name == name), None)


@dataclass(frozen=True)
class ListValue:
    items: tuple[Value, ...] = ()
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True)
class Literal_:
    value: str | float | bool | None


@dataclass(frozen=True)
class FunctionValue:
    """Something that can be called with values already known."""

    call: Callable[[tuple[Value, ...]], Value] = field(compare=False)


@dataclass(frozen=True)
class Space:
    """A namespace whose members are found by name: `v`, or an imported module."""

    member: Callable[[str], Value] = field(compare=False)


@dataclass(frozen=True)
class Unknown:
    """What could not be worked out, as it is written, and why."""

    text: str
    reason: str
    span: Span | None = None


Value = (
    Validator | TableValue | SchemaValue | ObjectValue | ListValue | Literal_ | FunctionValue | Space | Unknown
)  # fmt: skip


def canonical(validator: Validator) -> str:
    """One text for one meaning: members of unions sorted, fields of objects by name."""
    said = _text(validator)
    return f"{said} | undefined" if validator.optional else said


def _text(v: Validator) -> str:
    if v.kind == "literal":
        return f'"{v.literal}"' if isinstance(v.literal, str) else str(v.literal).lower()
    if v.kind == "id":
        return f"id({v.table})"
    if v.kind == "array":
        return f"array({_text(v.element) if v.element else 'any'})"
    if v.kind == "record":
        return f"record({_text(v.key) if v.key else 'string'}, {_text(v.element) if v.element else 'any'})"
    if v.kind == "union":
        return " | ".join(sorted({_text(member) for member in v.members})) or "never"
    if v.kind == "object":
        told = sorted(f"{f.name}{'?' if f.validator.optional else ''}: {_text(f.validator)}" for f in v.fields)
        return "{ " + ", ".join(told) + " }" if told else "{}"
    return v.kind


def unknowns(v: Validator) -> tuple[Unknown, ...]:
    """All that could not be worked out, in a validator and in what it is made of."""
    inner = [*v.members, *(f.validator for f in v.fields), *(part for part in (v.key, v.element) if part)]
    return (*v.unknown, *(unknown for part in inner for unknown in unknowns(part)))
