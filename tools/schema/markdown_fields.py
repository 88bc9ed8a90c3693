"""Fields as a document's tables and bullets tell them: name, type, whether required, default, key, note."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.schema.markdown_blocks import Block
from tools.schema.model import (
    Aspect,
    Column,
    Enum,
    ForeignKey,
    NotUnderstood,
    PrimaryKey,
    Span,
    Table,
    Unique,
)
from tools.schema.types import family

_HEADERS = {
    "name": ("field", "column", "name", "property", "attribute", "column name", "field name"),
    "type": ("type", "data type", "datatype", "field type", "column type"),
    "required": ("required", "required?", "req", "mandatory", "not null"),
    "optional": ("nullable", "nullable?", "null", "optional", "optional?"),
    "default": ("default", "default value"),
    "key": ("key", "keys", "constraint", "constraints"),
    "note": ("description", "notes", "note", "comment", "comments", "purpose", "meaning"),
}
_WORDS = {
    "string": "text", "str": "text", "number": "double precision", "float": "double precision", "float64":
    "double precision", "int": "integer", "int64": "bigint", "long": "bigint", "bool": "boolean", "any": "jsonb",
    "object": "jsonb", "record": "jsonb", "map": "jsonb", "datetime": "timestamp with time zone", "timestamptz":
    "timestamp with time zone", "timestamp": "timestamp without time zone", "bytes": "bytea", "double":
    "double precision", "id": "text", "varchar": "character varying",
}  # fmt: skip
_YES = ("yes", "y", "true", "x", "✓", "✔", "✅", "required", "not null", "1")
_REFERS = re.compile(
    r"(?:\bFK\b|\bforeign key\b|\breferences?\b)\W*(?:to|of|->|→)?\W*(?:the )?`?(?P<table>[A-Za-z_]\w*)`?"
    r"(?:\s*[.(]\s*`?(?P<column>[A-Za-z_]\w*)`?\s*\)?)?",
    re.I,
)
_BULLET = re.compile(
    r"[*`]*(?P<name>[A-Za-z_]\w*)(?P<opt>\?)?[*`]*\s*(?:\((?P<inner>.+?)\)(?=\s*[:\-–—]|$)|:\s*(?P<rest>.+))"
)


@dataclass(frozen=True)
class Fields:
    table: Table
    enums: tuple[Enum, ...]
    said: frozenset[Aspect]
    lost: tuple[NotUnderstood, ...]


@dataclass(frozen=True)
class _Field:
    name: str
    type: str
    line: int
    required: bool | None = None
    default: str | None = None
    key: str = ""
    note: str | None = None


def row_fields(block: Block, name: str | None, source: str) -> Fields | None:
    """The fields in a table whose header has a name and a type; None for any other table."""
    if not block.rows or not name:
        return None
    header = [re.sub(r"[*`]", "", cell).strip().lower() for cell in block.rows[0]]
    places = {
        role: next((i for i, cell in enumerate(header) if cell in words), None) for role, words in _HEADERS.items()
    }
    if places["name"] is None or places["type"] is None:
        return None
    found = [
        _row_field(row, line, places) for row, line in zip(block.rows[1:], block.lines[1:], strict=True) if any(row)
    ]
    said: set[Aspect] = set()
    if places["required"] is not None or places["optional"] is not None:
        said.add("nullability")
    if places["default"] is not None:
        said.add("defaults")
    return _fields(name, found, said, Span(source, block.line), source)


def bullet_fields(items: Sequence[tuple[str, int]], name: str, source: str) -> Fields | None:
    """The fields in a bullet list, where each entry is a name with a type that is known; else None."""
    found = [_bullet(text, line) for text, line in items]
    known = [entry for entry in found if entry and _spelled(entry.type)]
    if not known or len(known) * 2 <= len(items):
        return None
    said: set[Aspect] = {"nullability"} if any(entry.required is not None for entry in known) else set()
    fields = _fields(name, [entry for entry in found if entry], said, Span(source, items[0][1]), source)
    lost = tuple(
        NotUnderstood(text, "no field with a type", Span(source, line))
        for (text, line), entry in zip(items, found, strict=True) if not entry
    )  # fmt: skip
    return fields and Fields(fields.table, fields.enums, fields.said, (*fields.lost, *lost))


def _row_field(row: Sequence[str], line: int, places: dict[str, int | None]) -> _Field:
    def cell(role: str) -> str:
        at = places[role]
        return row[at].strip() if at is not None and at < len(row) else ""

    required: bool | None = None
    if places["required"] is not None:
        required = cell("required").strip("*` ").lower() in _YES
    elif places["optional"] is not None:
        required = cell("optional").strip("*` ").lower() not in _YES
    default = cell("default").strip("` ")
    return _Field(
        cell("name").strip("*` "), cell("type"), line, required,
        None if default.lower() in ("", "-", "–", "—", "none", "null") else default,
        f"{cell('key')}; {cell('note')}", cell("note") or None,
    )  # fmt: skip


def _bullet(text: str, line: int) -> _Field | None:
    match = _BULLET.match(text.strip())
    if not match:
        return None
    rest = match["inner"] or match["rest"]
    type_, _, note = (rest, "", text[match.end() :].strip(" :-–—")) if match["inner"] else _cut(rest)
    words = [word.strip().lower() for word in type_.split(",")]
    required = True if "required" in words else False if "optional" in words or match["opt"] else None
    kept = ",".join(part for part in type_.split(",") if part.strip().lower() not in ("required", "optional"))
    return _Field(match["name"], kept.strip(), line, required, None, "", note or None)


def _cut(text: str) -> tuple[str, str, str]:
    parts = re.split(r"\s[-–—]\s", text, maxsplit=1)
    return parts[0].strip(), "", parts[1].strip() if len(parts) > 1 else ""


def _spelled(text: str) -> tuple[str, str | None, tuple[str, ...], bool] | None:
    """(Postgres type, table that an id refers to, values of a union, optional), None for a type that is not known."""
    bare = re.sub(r"[`*\\]", "", text).strip()
    optional = bare.endswith("?")
    bare = bare.rstrip("?").strip()
    parts = [part.strip() for part in bare.split("|")]
    kept = [part for part in parts if part.lower() not in ("null", "undefined")]
    optional = optional or len(kept) < len(parts)
    literals = [re.fullmatch(r"[\"']([^\"']*)[\"']", part) for part in kept]
    if kept and all(literals):
        return "", None, tuple(dict.fromkeys(match[1] for match in literals if match)), optional
    if len(kept) != 1:
        return None
    bare = kept[0]
    listed = re.fullmatch(r"enum\s*[(:]\s*(.+?)\)?", bare, re.I)
    if listed:
        return "", None, tuple(value.strip().strip("\"'") for value in re.split(r"[,/]", listed[1])), optional
    wrapped = re.fullmatch(r"(?:array\s*<(.+)>|(.+)\[\])", bare, re.I)
    if wrapped:
        inner = _spelled(wrapped[1] or wrapped[2])
        return (f"{inner[0]}[]", None, (), optional) if inner and inner[0] else None
    named = re.fullmatch(r"(?:v\.)?id\s*[<(]\s*[\"']?(\w+)[\"']?\s*[>)]", bare, re.I)
    if named:
        return "text", named[1], (), optional
    lowered = bare.lower()
    known = _WORDS.get(lowered) or _WORDS.get(re.sub(r"<.*>$", "", lowered))
    if known:
        return known, None, (), optional
    if not re.fullmatch(r"[a-z][a-z0-9 ]*(\([\d, ]+\))?", lowered):
        return None
    return (lowered, None, (), optional) if family(lowered, "postgres").name != "other" else None


def _pointed(table: str | None, entry: _Field) -> tuple[str, tuple[str, ...]] | None:
    """The table, and its column where one is named, that a field refers to by its type or by what is said of it."""
    if table:
        return table, ()
    match = _REFERS.search(entry.key)
    return (match["table"], (match["column"],) if match["column"] else ()) if match else None


def _fields(name: str, found: Sequence[_Field], said: set[Aspect], span: Span, source: str) -> Fields | None:
    columns: dict[str, Column] = {}
    enums: list[Enum] = []
    lost: list[NotUnderstood] = []
    primary: list[str] = []
    uniques: list[Unique] = []
    foreign: list[ForeignKey] = []
    for entry in found:
        at = Span(source, entry.line)
        bare = entry.name.rstrip("?")
        spelled = _spelled(entry.type)
        if not re.fullmatch(r"[A-Za-z_]\w*", bare) or bare in columns or spelled is None:
            why = "a type that is not known" if spelled is None else "a field that is told twice, or has no plain name"
            lost.append(NotUnderstood(f"{name}.{bare}: {entry.type}", why, at))
            if spelled is not None or bare in columns or not re.fullmatch(r"[A-Za-z_]\w*", bare):
                continue
            spelled = ("text", None, (), False)
        type_, _, values, optional = spelled
        optional = optional or entry.name.endswith("?")
        if values:
            type_ = f"{name}_{bare}"
            enums.append(Enum(type_, values, span=at))
        if optional:
            said.add("nullability")
        required = entry.required if entry.required is not None else not optional
        columns[bare] = Column(
            bare, type_, nullable=optional or not required, default=entry.default, note=entry.note, span=at
        )
        if re.search(r"\b(PK|primary key)\b", entry.key, re.I):
            primary.append(bare)
        if re.search(r"(^|[;,]\s*)unique\b", entry.key, re.I):
            uniques.append(Unique((bare,), span=at))
        pointed = _pointed(spelled[1], entry)
        if pointed:
            foreign.append(ForeignKey((bare,), *pointed, span=at))
    if not columns:
        return None
    said |= {"primary_keys"} if primary else set()
    said |= {"uniques"} if uniques else set()
    said |= {"foreign_keys"} if foreign else set()
    table = Table(
        name, tuple(columns.values()), primary_key=PrimaryKey(tuple(primary), span=span) if primary else None,
        uniques=tuple(uniques), foreign_keys=tuple(foreign), span=span,
    )  # fmt: skip
    return Fields(table, tuple(enums), frozenset(said), tuple(lost))
