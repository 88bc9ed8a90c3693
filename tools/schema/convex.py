"""The reader of Convex schemas (`convex/schema.ts`), told in Postgres's words; docs/guides/sources.md has the table.

`_id` and `_creationTime`, which every table has, are no columns here; `v.id("t")` is a text with a foreign key to t.
A union of strings is an enum named `table_field`. `Column.shape` keeps the whole validator, so that a change inside an
object is a difference between two Convex schemas, though both sides are jsonb.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from tools.errors import SourceError
from tools.schema.convex_eval import Evaluator
from tools.schema.convex_values import (
    Field,
    ObjectValue,
    SchemaValue,
    TableIndex,
    TableValue,
    Unknown,
    Validator,
    Value,
    canonical,
    unknowns,
)
from tools.schema.entries import plain
from tools.schema.model import (
    Aspect,
    Column,
    Enum,
    ForeignKey,
    Index,
    NotUnderstood,
    Schema,
    Span,
    Table,
)
from tools.schema.typescript import Module, errors, load_module, parse_module, text_of, unclosed

UNSAID: tuple[Aspect, ...] = (
    "defaults", "checks", "primary_keys", "uniques", "views", "triggers", "sequences", "function", "domain", "type",
    "policy", "extension", "comment", "privilege", "partition",
)  # fmt: skip
_SCALARS = {
    "id": "text", "string": "text", "float64": "double precision", "int64": "bigint", "boolean": "boolean",
    "bytes": "bytea",
}  # fmt: skip


OPTION = "an option of defineSchema"
_SYSTEM_TABLES = frozenset({"_storage", "_scheduled_functions"})
"""Tables that Convex itself keeps: an id of theirs is a text that refers to nothing in the schema."""


def read_convex(path: Path) -> Schema:
    """The schema that a file's default export defines, or, where it has none, all tables that the file exports.

    Raises SourceError for a file that is no text, that defines no tables, or whose TypeScript cannot be parsed.
    """
    module = load_module(path)
    return _Reader(module, Evaluator(path.parent)).schema()


def read_convex_text(text: str, source: str, first_line: int = 1) -> Schema:
    """The same for a text, such as a fenced block of a document: its imports of other files lead nowhere.

    A block may also hold the inside of a schema alone (`agents: defineTable({ … }),`).
    """
    try:
        return _Reader(parse_module(text, source, None, first_line), Evaluator()).schema()
    except SourceError:
        if "defineTable" not in text:
            raise
        inside = parse_module(f"export default {{ {text}\n}}", source, None, first_line)
        if inside.root.has_error:
            raise
        return _Reader(inside, Evaluator()).schema()


@dataclass
class _Reader:
    module: Module
    evaluator: Evaluator
    lost: list[NotUnderstood] = field(default_factory=list[NotUnderstood])
    enums: list[Enum] = field(default_factory=list[Enum])

    def schema(self) -> Schema:
        for node in errors(self.module):
            line = self.module.line(node)
            first = " ".join(text_of(node).split())[:80]
            self.lost.append(NotUnderstood(first or "nothing", "no TypeScript", Span(self.module.source, line)))
        found, options = self._tables()
        tables = tuple(table for name, value, span, note in found if (table := self._table(name, value, span, note)))
        self.lost += [
            NotUnderstood(
                f"{name}: {value.lower()}", OPTION, Span(self.module.source), compared=name == "schemaValidation"
            )
            for name, value in options
            if value != "True"  # which both options are where nothing is said
        ]
        if not tables:
            raise self._nothing()
        known = {table.name for table in tables}
        for table in tables:
            for key in table.foreign_keys:
                if key.ref_table not in known and key.ref_table not in _SYSTEM_TABLES:
                    self._lose(f'v.id("{key.ref_table}")', "an id of a table that is not defined here", key.span)
        tables = tuple(
            replace(table, foreign_keys=tuple(key for key in table.foreign_keys if key.ref_table in known))
            for table in tables
        )
        return Schema(
            "postgres", tables, tuple(self.enums), not_understood=tuple(self.lost), source=self.module.source,
            origin="convex", unsaid=UNSAID,
        )  # fmt: skip

    def _nothing(self) -> SourceError:
        source = self.module.source
        bracket = unclosed(self.module) if self.module.root.has_error else None
        if bracket is not None:
            line = self.module.line(bracket)
            return SourceError(f"no table can be read: {text_of(bracket)!r} is not closed", source=source, line=line)
        if self.lost:
            first = self.lost[0]
            return SourceError(
                f"no table can be read: {first.text!r} is not understood ({first.reason})", source=source,
                line=first.span.line if first.span else None,
            )  # fmt: skip
        return SourceError("defines no Convex table: no defineTable(…) is in it", source=source)

    def _tables(self) -> tuple[list[tuple[str, Value, Span | None, str | None]], tuple[tuple[str, str], ...]]:
        """The tables of the default export; else those of any schema in the file; else all tables with a name."""
        whole = self.evaluator.exported(self.module, "default")
        if isinstance(whole, Unknown):
            self._unclear(whole.text, whole, whole.span)
        values = [whole] if whole else []
        names = dict.fromkeys([*self.module.exports, *self.module.names])
        if not isinstance(whole, SchemaValue):
            values += [self.evaluator.named(self.module, name) for name in self.module.names]
        schema = next((value for value in values if isinstance(value, SchemaValue)), None)
        if schema is not None:
            return self._entries(schema.tables), schema.options
        loose = [(name, self.evaluator.named(self.module, name), None, None) for name in names if name != "default"]
        found = [item for item in loose if isinstance(item[1], TableValue)]
        objects = [value for value in (*values, *(item[1] for item in loose)) if isinstance(value, ObjectValue)]
        for value in objects:
            if any(isinstance(entry.value, TableValue) for entry in value.entries):
                return self._entries(value), ()
        return [*found], ()

    def _entries(self, tables: ObjectValue) -> list[tuple[str, Value, Span | None, str | None]]:
        for unknown in tables.unknown:
            self._unclear(unknown.text, unknown, unknown.span, "tables")
        last = {entry.name: entry for entry in tables.entries}
        return [(entry.name, entry.value, entry.span, entry.note) for entry in last.values()]

    def _unclear(self, text: str, unknown: Unknown, span: Span | None, what: str = "an expression") -> None:
        self._lose(text, f"{what} not worked out ({unknown.reason})", span)

    def _lose(self, text: str, reason: str, span: Span | None) -> None:
        self.lost.append(NotUnderstood(text, reason, span or Span(self.module.source)))

    def _table(self, name: str, value: Value, span: Span | None, note: str | None) -> Table | None:
        if not isinstance(value, TableValue):
            unknown = value if isinstance(value, Unknown) else Unknown(name, "it is no table")
            self._unclear(f"{name}: {unknown.text}", unknown, unknown.span or span, "a table")
            return None
        own = value.span or span
        for unknown in (*value.validator.unknown, *value.unknown):
            self._unclear(f"{name}: {unknown.text}", unknown, unknown.span or own)
        fields = self._fields(name, value.validator, own)
        columns: list[Column] = []
        keys: list[ForeignKey] = []
        for each in fields:
            column, key = self._column(name, each, own)
            columns.append(column)
            keys += [key] if key else []
        return Table(
            name, tuple(columns), foreign_keys=tuple(keys), note=note or value.note, span=own,
            indexes=tuple(_index(name, index, own) for index in value.indexes),
        )  # fmt: skip

    def _fields(self, table: str, validator: Validator, span: Span | None) -> tuple[Field, ...]:
        if validator.kind == "object":
            return validator.fields
        if validator.kind == "union" and all(member.kind == "object" for member in validator.members):
            return _merged(validator.members)
        self._lose(f"{table}: {canonical(validator)}", "a table whose documents are of any shape", span)
        return ()

    def _column(self, table: str, each: Field, span: Span | None) -> tuple[Column, ForeignKey | None]:
        bare, nullable = _without_null(each.validator)
        place = each.span or span
        type_ = self._type(table, each.name, bare, place)
        key = None
        if bare.kind == "id":
            key = ForeignKey((each.name,), bare.table, ("_id",), span=place)
        shape = canonical(bare) if type_ == "jsonb" or type_.endswith("[]") else None
        for unknown in unknowns(each.validator):
            self._unclear(f"{table}.{each.name}: {unknown.text}", unknown, unknown.span or place)
        return Column(each.name, type_, nullable, note=each.note, shape=shape, span=place), key

    def _type(self, table: str, column: str, v: Validator, span: Span | None) -> str:
        literals = [m.literal for m in (v.members if v.kind == "union" else (v,)) if m.kind == "literal"]
        if literals and len(literals) == (len(v.members) if v.kind == "union" else 1):
            if all(isinstance(value, str) for value in literals):
                values = tuple(dict.fromkeys(str(value) for value in literals))
                self.enums.append(Enum(f"{table}_{column}", values, span=span))
                return plain(f"{table}_{column}")
            return _literal_type(literals)
        if v.kind == "union":
            kinds = {"string" if isinstance(m.literal, str) else m.kind for m in v.members}
            only = next(iter(kinds)) if len(kinds) == 1 else ""
            return _SCALARS.get(only, "jsonb")
        if v.kind == "array" and v.element is not None:
            inner = v.element
            if inner.kind in _SCALARS:
                return f"{_SCALARS[inner.kind]}[]"
            strings = inner.members if inner.kind == "union" else (inner,)
            if strings and all(m.kind == "literal" and isinstance(m.literal, str) for m in strings):
                return "text[]"
            return "jsonb"
        return _SCALARS.get(v.kind, "jsonb")


def _literal_type(literals: list[str | float | bool | None]) -> str:
    if all(isinstance(value, bool) for value in literals):
        return "boolean"
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in literals):
        return "bigint" if all(isinstance(value, int) for value in literals) else "double precision"
    return "jsonb"


def _without_null(v: Validator) -> tuple[Validator, bool]:
    """A validator without `null` among its members, and whether a value may be missing."""
    if v.kind == "null" or v.kind == "any":
        return v.required(), True
    if v.kind != "union":
        return v.required(), v.optional
    left = tuple(member for member in v.members if member.kind != "null")
    nullable = v.optional or len(left) < len(v.members)
    if len(left) == 1:
        return left[0].required(), nullable
    return replace(v, members=left, optional=False), nullable


def _merged(members: tuple[Validator, ...]) -> tuple[Field, ...]:
    """The fields of all members of a union of objects: missing in one of them, a field may be missing."""
    order: dict[str, list[Field]] = {}
    for member in members:
        for each in member.fields:
            order.setdefault(each.name, []).append(each)
    found: list[Field] = []
    for name, fields in order.items():
        kinds = tuple(dict.fromkeys(each.validator.required() for each in fields))
        flat = tuple(m for kind in kinds for m in (kind.members if kind.kind == "union" else (kind,)))
        validator = kinds[0] if len(kinds) == 1 else Validator("union", members=tuple(dict.fromkeys(flat)))
        missing = len(fields) < len(members) or any(each.validator.optional for each in fields)
        found.append(Field(name, replace(validator, optional=missing), fields[0].span, fields[0].note))
    return tuple(found)


def _index(table: str, index: TableIndex, span: Span | None) -> Index:
    method = {"index": "btree", "search": "search", "vector": "vector"}[index.kind]
    columns = tuple(plain(column) for column in index.fields)
    return Index(
        index.name, table, columns, method=method, include=index.filters, options=index.options,
        span=index.span or span,
    )  # fmt: skip
