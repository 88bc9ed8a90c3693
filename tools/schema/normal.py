"""The normal form of the model's values: equal normal forms, no difference.

Ignored are the order of columns, the names of constraints, spans, and what an engine lets be written in several ways:
the case of names (SQLite, DuckDB), white space and redundant outer parentheses in expressions, a cast of a default to
its own column's type. The columns of a primary key count as NOT NULL. A sequence that a column owns has no name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from tools.location import Dialect
from tools.schema.casts import without_text_casts
from tools.schema.entries import plain, split_entry
from tools.schema.model import (
    Check,
    Column,
    ForeignKey,
    Index,
    NotUnderstood,
    PrimaryKey,
    Schema,
    SchemaObject,
    Table,
    Trigger,
    Unique,
    View,
)
from tools.schema.model import Sequence as SequenceOf
from tools.schema.parens import encloses, without_redundant
from tools.schema.tokens import Token, tokenize

_SAME_OPERATORS = {"==": "=", "!=": "<>"}
_TEXT_TYPES = frozenset({"TEXT", "VARCHAR", "CHARACTER VARYING", "BPCHAR", "CHARACTER", "CHAR", "NAME"})
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
T = TypeVar("T")


def fold(name: str, dialect: Dialect) -> str:
    """A name as the engine compares it: SQLite and DuckDB take no notice of its case."""
    return name if dialect == "postgres" else name.lower()


def fold_all(names: Iterable[str], dialect: Dialect) -> tuple[str, ...]:
    return tuple(fold(name, dialect) for name in names)


def normal_type(text: str, dialect: Dialect) -> str:
    """A type's text without difference in case or white space."""
    words = [token.text if token.kind == "quoted" else token.text.upper() for token in tokenize(text, dialect)]
    return " ".join(words).replace(" ( ", "(").replace(" )", ")").replace(" , ", ",").replace(" [ ]", "[]")


def normal_expression(text: str, dialect: Dialect) -> str:
    """An expression as its tokens, one space between them, without parentheses around the whole."""
    tokens = _inside(tokenize(text, dialect))
    if dialect == "duckdb":
        return " ".join(_word(token, dialect) for token in tokens)
    lean = without_redundant(tokens) if dialect == "sqlite" else without_text_casts(tokens)
    return " ".join(_word(token, dialect) for token in lean)


def normal_default(column: Column, dialect: Dialect) -> str | None:
    """A default as it is compared; None for none and for NULL."""
    if column.serial:
        return "serial"
    if column.default is None:
        return None
    tokens = _inside(tokenize(column.default, dialect))
    value, cast = _split_cast(tokens)
    if len(value) == 1 and value[0].is_word("NULL"):
        return None
    if cast and _is_own_type(cast, column.type, dialect):
        tokens = value
        if value[0].kind == "string" and _NUMBER.fullmatch(value[0].name):  # '-1'::integer is -1
            return normal_expression(value[0].name, dialect)
    if dialect == "sqlite":  # a default can name no column, so a name in double quotes is a string
        return " ".join(_string(token) if token.text[:1] == '"' else _word(token, dialect) for token in tokens)
    return " ".join(_word(token, dialect) for token in tokens)


def normal_column(column: Column, table: Table, dialect: Dialect) -> Column:
    in_key = table.primary_key is not None and column.name in table.primary_key.columns
    return replace(
        column,
        name=fold(column.name, dialect),
        type=normal_type(column.type, dialect),
        nullable=column.nullable and not in_key and not (column.identity or column.serial),
        default=normal_default(column, dialect),
        generated=None if column.generated is None else normal_expression(column.generated, dialect),
        stored=column.stored or column.generated is None,
        collation=None if column.collation is None else _collation(column.collation, dialect),
        span=None,
    )


def normal_primary_key(key: PrimaryKey | None, dialect: Dialect) -> PrimaryKey | None:
    return key and PrimaryKey(fold_all(key.columns, dialect))


def normal_unique(unique: Unique, dialect: Dialect) -> Unique:
    return Unique(fold_all(unique.columns, dialect), None, tuple(sorted(unique.options)))


def normal_foreign_key(key: ForeignKey, dialect: Dialect) -> ForeignKey:
    pairs = sorted(zip(fold_all(key.columns, dialect), fold_all(key.ref_columns, dialect), strict=False))
    columns, parents = tuple(a for a, _ in pairs), tuple(b for _, b in pairs)
    return replace(
        key, columns=columns, ref_table=fold(key.ref_table, dialect), ref_columns=parents, name=None, span=None
    )


def normal_check(check: Check, dialect: Dialect) -> Check:
    return Check(normal_expression(check.expression, dialect), None, check.validated)


def normal_index(index: Index, dialect: Dialect) -> Index:
    return replace(
        index, name=fold(index.name, dialect), table=fold(index.table, dialect),
        columns=tuple(_entry(text, dialect) for text in index.columns), method=index.method.lower(),
        where=None if index.where is None else normal_expression(index.where, dialect),
        include=fold_all(index.include, dialect), definition=None, span=None,
    )  # fmt: skip


def normal_table(table: Table, dialect: Dialect) -> Table:
    return Table(
        fold(table.name, dialect),
        _ordered(normal_column(column, table, dialect) for column in table.columns),
        fold(table.namespace, dialect),
        normal_primary_key(table.primary_key, dialect),
        _ordered(normal_unique(unique, dialect) for unique in table.uniques),
        _ordered(normal_foreign_key(key, dialect) for key in table.foreign_keys),
        _ordered(normal_check(check, dialect) for check in table.checks),
        _ordered(normal_index(index, dialect) for index in table.indexes),
        tuple(sorted(table.options)),
    )


def normal_view(view: View, dialect: Dialect) -> View:
    sql = normal_expression(view.sql, dialect)
    indexes = tuple(sorted(normal_expression(index, dialect) for index in view.indexes))
    name, namespace = fold(view.name, dialect), fold(view.namespace, dialect)
    return View(name, sql, namespace, view.materialized, indexes=indexes, options=view.options)


def normal_sequence(sequence: SequenceOf, dialect: Dialect) -> SequenceOf:
    """DuckDB forgets where a sequence started: once the file is opened again, that is where it has got to."""
    start = 0 if dialect == "duckdb" else sequence.start
    return replace(
        sequence, name=fold(sequence.name, dialect), namespace=fold(sequence.namespace, dialect), start=start
    )


def normal_trigger(trigger: Trigger, dialect: Dialect) -> Trigger:
    definition = normal_expression(trigger.definition, dialect)
    return Trigger(fold(trigger.name, dialect), fold(trigger.table, dialect), definition, firing=trigger.firing)


def normal_object(thing: SchemaObject, dialect: Dialect) -> SchemaObject:
    """By kind, name and form; a comment's text is taken letter by letter, another form word by word."""
    form = thing.form if thing.kind == "comment" else normal_expression(thing.form, dialect)
    namespace, table = fold(thing.namespace, dialect), fold(thing.table, dialect)
    return SchemaObject(thing.kind, fold(thing.name, dialect), form, namespace, table)


def normal_not_understood(item: NotUnderstood, dialect: Dialect) -> NotUnderstood:
    return NotUnderstood(" ".join(item.text.split()), item.reason)


def normalise(schema: Schema) -> Schema:
    """The schema in its normal form; equal normal forms of one dialect mean no gap, privileges aside.

    These are no part of it, since a server grants by itself (ALTER DEFAULT PRIVILEGES): a new table would be another
    one than what was planned.
    """
    dialect = schema.dialect
    return Schema(
        dialect,
        _ordered(normal_table(table, dialect) for table in schema.tables),
        _ordered(replace(e, name=fold(e.name, dialect), namespace=fold(e.namespace, dialect)) for e in schema.enums),
        _ordered(normal_view(view, dialect) for view in schema.views),
        _ordered(normal_trigger(trigger, dialect) for trigger in schema.triggers),
        _ordered(normal_not_understood(item, dialect) for item in schema.not_understood if item.compared),
        _ordered(normal_sequence(sequence, dialect) for sequence in schema.sequences),
        objects=_ordered(normal_object(thing, dialect) for thing in schema.objects if thing.kind != "privilege"),
    )


def _ordered(values: Iterable[T]) -> tuple[T, ...]:
    """The values as a set, in an order that depends on nothing but themselves."""
    return tuple(sorted(set(values), key=repr))


def _word(token: Token, dialect: Dialect) -> str:
    if token.kind == "quoted":
        return plain(fold(token.name, dialect)) if _folds_alike(token, dialect) else token.text
    if token.kind == "word":
        word = token.text.lower()
        return {"true": "1", "false": "0"}.get(word, word) if dialect == "sqlite" else word
    return _SAME_OPERATORS.get(token.text, token.text)


def _folds_alike(token: Token, dialect: Dialect) -> bool:
    """Whether the quotes around a name make no difference: in Postgres only where it is lower case anyway."""
    return dialect != "postgres" or token.name == token.name.lower()


def _string(token: Token) -> str:
    return "'" + token.name.replace("'", "''") + "'"


def _inside(tokens: Sequence[Token]) -> Sequence[Token]:
    while len(tokens) > 2 and tokens[0].text == "(" and tokens[-1].text == ")" and encloses(tokens):
        tokens = tokens[1:-1]
    return tokens


def _split_cast(tokens: Sequence[Token]) -> tuple[Sequence[Token], Sequence[Token]]:
    """A literal and the type that it is cast to; no type where the tokens are anything else."""
    if len(tokens) > 4 and tokens[0].text == "(" and tokens[2].text == ")":  # (0)::bigint
        tokens = [tokens[1], *tokens[3:]]
    if len(tokens) > 2 and tokens[1].text == "::" and tokens[0].kind in ("string", "number", "word"):
        return tokens[:1], tokens[2:]
    return tokens, ()


def _is_own_type(cast: Sequence[Token], column_type: str, dialect: Dialect) -> bool:
    written = normal_type(" ".join(token.text for token in cast), dialect)
    own = normal_type(column_type, dialect)
    bare_written, bare_own = written.partition("(")[0], own.partition("(")[0]
    return bare_written == bare_own or (bare_written in _TEXT_TYPES and bare_own in _TEXT_TYPES)


def _collation(text: str, dialect: Dialect) -> str | None:
    name = normal_expression(text, dialect)
    return None if dialect == "sqlite" and name == "binary" else name


def _entry(text: str, dialect: Dialect) -> str:
    name, expression, suffix = split_entry(text)
    core = plain(fold(name, dialect)) if name is not None else f"({normal_expression(expression, dialect)})"
    return " ".join([core, normal_expression(suffix, dialect)]).strip()
