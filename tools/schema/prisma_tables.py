"""One model of a Prisma schema as a table: columns, keys, indexes."""

from __future__ import annotations

import re

from tools.schema.entries import plain
from tools.schema.model import Column, ForeignKey, Index, PrimaryKey, Span, Table
from tools.schema.prisma_ast import Attribute, Block, Call, Field, Text, Value, Word, items_of, text_of, word_of
from tools.schema.prisma_scope import Scope
from tools.schema.prisma_types import default_sql, enum_type, made_by_client, native_of, native_type, scalar_type

_ON_FIELDS = frozenset({"id", "unique", "default", "map", "relation", "updatedAt", "ignore"})
_ON_MODELS = frozenset({"id", "unique", "index", "fulltext", "map", "schema", "ignore", "allow", "deny"})
_METHODS = {"SpGist": "spgist", "BTree": "btree"}
_DEFAULT_CLASSES = frozenset({"jsonb_ops", "array_ops", "tsvector_ops"})
_JOINED = ("min_max", "ts_vector", "ts_query", "timestamp_tz", "time_tz", "var_bit")


def model_table(model: Block, scope: Scope, foreign_keys: tuple[ForeignKey, ...]) -> Table:
    """The table of a model. What no part of a table holds goes on the scope's list."""
    columns = tuple(_column(field, model, scope) for field in model.fields if _is_column(field, model, scope))
    for attribute in model.attributes:
        if attribute.name not in _ON_MODELS:
            scope.list_attribute(model, attribute, "an attribute that is not known here")
    return Table(
        scope.name(model), columns, scope.namespace(model), primary_key(model, scope), foreign_keys=foreign_keys,
        indexes=_indexes(model, scope), note=_model_note(model), span=Span(model.source, model.line),
    )  # fmt: skip


def primary_key(model: Block, scope: Scope) -> PrimaryKey | None:
    whole = model.attribute("id")
    field = next((field for field in model.fields if field.attribute("id")), None)
    found = whole or (field and field.attribute("id"))
    if found is None or (whole is None and field is None):
        return None
    columns = _fields(whole, model, scope) if whole else (scope.column(field),) if field else ()
    name = text_of(found.get("map")) or scope.constraint_name(scope.name(model), (), "pkey")
    return PrimaryKey(columns, name, Span(model.source, found.line))


def _model_note(model: Block) -> str | None:
    ignored = "left out of Prisma's client (@@ignore)" if model.attribute("ignore") else None
    return "; ".join(part for part in (model.note, ignored) if part) or None


def _is_column(field: Field, model: Block, scope: Scope) -> bool:
    if scope.is_column(field):
        return True
    if scope.model(field) is None:
        text = f"{field.name} {field.type}"
        scope.list(model, field.line, f"{field.type!r} is no type, enum or model that is declared here", text)
    return False


def _column(field: Field, model: Block, scope: Scope) -> Column:
    type_, values = _type(field, scope)
    told = field.attribute("default")
    value = told.get("value", 0) if told else None
    serial = isinstance(value, Call) and value.name == "autoincrement"
    default = None if value is None or serial else default_sql(value, field, type_, values)
    for attribute in field.attributes:
        _check_attribute(attribute, field, model, scope)
    if told and value is not None and not (serial or default or made_by_client(value)) and not _says_nothing(value):
        scope.list_attribute(model, told, f"a default of {model.name}.{field.name} that is not known here")
    nullable = field.arity != "one"  # Prisma makes the columns of lists without NOT NULL
    return Column(
        scope.column(field), type_, nullable, default, serial=serial, note=_note(field, told, value),
        span=Span(model.source, field.line),
    )  # fmt: skip


def _says_nothing(value: Value) -> bool:
    """`dbgenerated()` says that there is a default, and not which."""
    return isinstance(value, Call) and value.name == "dbgenerated"


def _type(field: Field, scope: Scope) -> tuple[str, dict[str, str] | None]:
    """The column's type, and the values of the enum where it is one."""
    found = scalar_type(field)
    if found is not None:
        return found, None
    block = scope.by_name[field.type]
    suffix = "[]" if field.arity == "list" else ""
    if block.kind == "type":
        return f"jsonb{suffix}", None
    return enum_type(scope.name(block), scope.namespace(block)) + suffix, scope.enum_values(block)


def _check_attribute(attribute: Attribute, field: Field, model: Block, scope: Scope) -> None:
    if attribute is native_of(field):
        if native_type(attribute, field.type) is None:
            scope.list_attribute(model, attribute, f"a native type of {model.name}.{field.name} that is not known here")
    elif attribute.name not in _ON_FIELDS:
        scope.list_attribute(model, attribute, f"an attribute of {model.name}.{field.name} that is not known here")


def _note(field: Field, told: Attribute | None, value: Value | None) -> str | None:
    parts = [field.note]
    if told is not None and made_by_client(value):
        parts.append(f"filled in by Prisma's client ({told.text})")
    if field.attribute("updatedAt"):
        parts.append("kept up to date by Prisma's client (@updatedAt)")
    if field.attribute("ignore"):
        parts.append("left out of Prisma's client (@ignore)")
    return "; ".join(part for part in parts if part) or None


def _indexes(model: Block, scope: Scope) -> tuple[Index, ...]:
    found = [
        _of_field(attribute, field, model, scope)
        for field in model.fields
        if scope.is_column(field) and (attribute := field.attribute("unique")) is not None
    ]
    kinds = {"unique": "key", "index": "idx", "fulltext": "idx"}
    for attribute in model.attributes:
        if attribute.name in kinds:
            found.append(_index(attribute, model, scope, kinds[attribute.name]))
    return tuple(found)


def _of_field(attribute: Attribute, field: Field, model: Block, scope: Scope) -> Index:
    column = scope.column(field)
    name = text_of(attribute.get("map")) or scope.constraint_name(scope.name(model), (column,), "key")
    order = " DESC" if word_of(attribute.get("sort")) == "Desc" else ""
    span = Span(model.source, attribute.line)
    return Index(name, scope.key(model), (plain(column) + order,), unique=True, span=span)


def _index(attribute: Attribute, model: Block, scope: Scope, suffix: str) -> Index:
    columns = _fields(attribute, model, scope)
    name = text_of(attribute.get("map")) or scope.constraint_name(scope.name(model), columns, suffix)
    told = word_of(attribute.get("type")) or "BTree"
    method = "search" if attribute.name == "fulltext" else _METHODS.get(told, told.lower())
    entries = tuple(
        _entry(item, column, model, scope, attribute)
        for item, column in zip(items_of(attribute.get("fields", 0)), columns, strict=True)
    )
    where = attribute.get("where")
    if where is not None and _raw(where) is None:
        scope.list_attribute(model, attribute, "the condition of an index that is not written in SQL")
    unique = attribute.name == "unique"
    return Index(name, scope.key(model), entries, unique, _raw(where), method, span=Span(model.source, attribute.line))


def _raw(value: Value | None) -> str | None:
    """SQL as it is written: `raw("…")`, or a string."""
    return text_of(value.get("", 0)) if isinstance(value, Call) and value.name == "raw" else text_of(value)


def _entry(item: Value, column: str, model: Block, scope: Scope, attribute: Attribute) -> str:
    if not isinstance(item, Call):
        return plain(column)
    if item.get("length") is not None:
        scope.list_attribute(model, attribute, "an index of the beginning of a value (length), which is MySQL's own")
    given = item.get("ops")
    class_ = _raw(given) or (_operator_class(given.text) if isinstance(given, Word) else None)
    order = "DESC" if word_of(item.get("sort")) == "Desc" else ""
    return " ".join(part for part in (plain(column), class_ or "", order) if part)


def _operator_class(name: str) -> str | None:
    """Postgres's name of an operator class (`JsonbPathOps`); None for the one that is taken without a word."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    for joined in _JOINED:
        snake = snake.replace(joined, joined.replace("_", ""))
    return None if snake in _DEFAULT_CLASSES or snake.endswith("_minmax_ops") else snake


def _fields(attribute: Attribute, model: Block, scope: Scope) -> tuple[str, ...]:
    """The columns that an attribute names, in its order."""
    return tuple(field_column(item, model, scope) for item in items_of(attribute.get("fields", 0)))


def field_column(item: Value, model: Block, scope: Scope) -> str:
    """The column of a field named in an attribute."""
    name = item.name if isinstance(item, Call) else item.value if isinstance(item, Text) else _words(item)
    field = model.field(name)
    return scope.column(field) if field else name


def _words(item: Value) -> str:
    return item.text if isinstance(item, Word) else ""
