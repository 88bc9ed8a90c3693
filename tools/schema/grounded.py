"""A Convex schema beside one that is not: with the keys that Convex has without saying so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tools.location import Dialect
from tools.schema.entries import split_entry
from tools.schema.model import Column, ForeignKey, Index, NotUnderstood, PrimaryKey, Schema, Table
from tools.schema.normal import fold
from tools.schema.types import convert

_ONLY_CONVEX = ("search", "vector")


def grounded(schema: Schema, other: Schema) -> Schema:
    """A Convex schema beside one that is not: with its `_id` under the name and type that the other side gives it.

    A table that the other side does not have gets `_id` and `_creationTime` as columns. Indexes that only Convex has
    (search, vector, into a document) are listed instead. Any other schema stays as it is.
    """
    if schema.origin != "convex" or other.origin == "convex":
        return schema
    theirs = {fold(table.key, schema.dialect): table for table in other.tables}
    keys = {
        table.key: _key(theirs.get(fold(table.key, schema.dialect)), other, schema.dialect) for table in schema.tables
    }
    listed: list[NotUnderstood] = []
    tables = tuple(
        _grounded(table, theirs.get(fold(table.key, schema.dialect)), keys, listed) for table in schema.tables
    )
    return replace(schema, tables=tables, not_understood=(*schema.not_understood, *listed))


def _key(table: Table | None, other: Schema, dialect: Dialect) -> Column | None:
    """The column by which a table's rows are told apart; None where that is not one column."""
    if table is None:
        return Column("_id", "text", False)
    if table.primary_key is None or len(table.primary_key.columns) != 1:
        return None
    column = table.column(table.primary_key.columns[0])
    return column and Column(column.name, convert(column.type, other.dialect, dialect), column.nullable)


def _grounded(
    table: Table, theirs: Table | None, keys: Mapping[str, Column | None], listed: list[NotUnderstood]
) -> Table:
    key = keys[table.key]
    foreign = [_pointed(each, keys) for each in table.foreign_keys]
    types = {each.columns[0]: parent.type for each in table.foreign_keys if (parent := keys.get(each.ref_table))}
    columns = tuple(replace(c, type=types.get(c.name, c.type)) for c in table.columns)
    if key is not None and table.column(key.name) is None:
        columns = (replace(key, span=table.span), *columns)
    if (theirs is None or theirs.column("_creationTime")) and table.column("_creationTime") is None:
        columns = (*columns, Column("_creationTime", "double precision", False, span=table.span))
    whole = replace(
        table, columns=columns, foreign_keys=tuple(each for each in foreign if each),
        primary_key=PrimaryKey((key.name,), span=table.span) if key else None,
    )  # fmt: skip
    return replace(whole, indexes=tuple(_indexes(whole, theirs, listed)))


def _pointed(key: ForeignKey, keys: Mapping[str, Column | None]) -> ForeignKey | None:
    parent = keys.get(key.ref_table)
    return replace(key, ref_columns=(parent.name,)) if parent else None


def _indexes(table: Table, theirs: Table | None, listed: list[NotUnderstood]) -> Iterable[Index]:
    for index in table.indexes:
        named = [split_entry(entry)[0] for entry in index.columns]
        kept = tuple(e for e, name in zip(index.columns, named, strict=True) if name and table.column(name))
        said = [name for name in named if name != "_creationTime"]
        if index.method in _ONLY_CONVEX or len(kept) < len(said) or not kept:
            text = f"{table.key}: {index.method} index {index.name}"
            listed.append(NotUnderstood(text, "an index that only Convex has", index.span, compared=False))
        else:
            yield replace(index, columns=kept, options=())
