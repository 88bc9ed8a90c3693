"""The current schema's spelling for what means the same: the less a lowered schema differs, the truer its gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from tools.location import Dialect
from tools.schema.entries import enums_by_type, split_entry, type_key
from tools.schema.model import Check, Column, Enum, ForeignKey, Index, Schema, Table, View
from tools.schema.model import Sequence as SequenceOf
from tools.schema.tokens import unquote
from tools.schema.translate import drawn_from
from tools.schema.transpile import default_meaning, meaning, query_meaning
from tools.schema.types import family, same_type

T = TypeVar("T")


def kept(wanted: Schema, origin: Schema, today: Schema) -> Schema:
    """`wanted` (the schema `origin`, translated) with the spelling of `today`, the current schema of that dialect.

    Kept are, where they mean the same: types, defaults, collations, generated expressions, checks, indexes, views; and
    always what the origin's dialect could not say: options of tables, enums and sequences that kept columns need.
    """
    keeper = _Keeper(wanted, origin.dialect, today)
    tables = tuple(keeper.table(table, first) for table, first in zip(wanted.tables, origin.tables, strict=True))
    enums = {enum.key: enum for enum in (*keeper.enums(tables), *wanted.enums)}
    own = {sequence.key for sequence in origin.sequences}
    drawn = [sequence for sequence in wanted.sequences if sequence.key in own or _is_drawn(sequence, tables)]
    return replace(
        wanted, tables=tables, enums=tuple(enums.values()), views=tuple(keeper.view(view) for view in wanted.views),
        sequences=tuple({s.key: s for s in (*drawn, *keeper.sequences(tables))}.values()),
    )  # fmt: skip


class _Keeper:
    def __init__(self, wanted: Schema, source: Dialect, today: Schema) -> None:
        self.source: Dialect = source
        self.dialect: Dialect = wanted.dialect
        self.today = today
        self.tables = {table.key.lower(): table for table in today.tables}
        self.views = {view.key.lower(): view for view in today.views}
        self.enum_types = enums_by_type(today.enums, self.dialect)

    def table(self, table: Table, origin: Table) -> Table:
        like = self.tables.get(table.key.lower())
        if like is None:
            return table
        spelled = {column.name.lower(): column for column in like.columns}
        columns = tuple(
            self.column(column, first, spelled.get(column.name.lower()))
            for column, first in zip(table.columns, origin.columns, strict=True)
        )
        table = _respelled(table, {column.name.lower(): column.name for column in columns})
        checks = [check for check in table.checks if not self.is_enum_check(check, columns)]
        return replace(
            table, name=like.name, namespace=like.namespace, columns=columns, options=like.options,
            checks=self.checks(checks, like.checks), indexes=self.indexes(table.indexes, like.indexes),
            uniques=_same_or_new(table.uniques, like.uniques, lambda unique: fold_set(unique.columns)),
            foreign_keys=tuple(self.foreign_key(key, like) for key in table.foreign_keys),
        )  # fmt: skip

    def column(self, wanted: Column, origin: Column, like: Column | None) -> Column:
        if like is None:
            return wanted
        found = replace(wanted, name=like.name)
        if self.holds_the_same(origin, like):
            found = replace(found, type=like.type, collation=like.collation)
        if wanted.generated is not None or like.generated is not None:
            return self.generated(found, like)
        ours, theirs = default_meaning(wanted, self.dialect)[0], default_meaning(like, self.dialect)[0]
        same = default_meaning(wanted, self.dialect) == default_meaning(like, self.dialect)
        # A key that shall number its rows by itself is not made to on a table whose rows are numbered by others, and
        # what SQLite cannot say (an identity, a sequence) is no difference.
        numbered = (ours == "auto" and theirs == "none") or (
            self.source == "sqlite" and theirs == "auto" and ours == "none"
        )
        if not same and not numbered:
            return found
        nullable = like.nullable if like.identity or like.serial else found.nullable
        return replace(
            found, default=like.default, identity=like.identity, serial=like.serial, counting=like.counting,
            nullable=nullable,
        )  # fmt: skip

    def generated(self, found: Column, like: Column) -> Column:
        if found.generated is None or like.generated is None:
            return found
        if meaning(found.generated, self.dialect) != meaning(like.generated, self.dialect):
            return found
        return replace(found, generated=like.generated, stored=like.stored)

    def holds_the_same(self, origin: Column, like: Column) -> bool:
        """Whether the current column holds what the desired one does, as far as the desired dialect could say."""
        if self.source == "sqlite" and type_key(like.type, self.dialect) in self.enum_types:
            return family(origin.type, self.source).name in ("text", "varchar")
        return same_type(like.type, self.dialect, origin.type, self.source)

    def foreign_key(self, key: ForeignKey, like: Table) -> ForeignKey:
        for old in like.foreign_keys:
            if fold_list(old.columns) == fold_list(key.columns) and old.ref_table.lower() == key.ref_table.lower():
                if self.source == "duckdb":
                    key = replace(key, on_delete=old.on_delete, on_update=old.on_update)
                if self.source != "postgres":
                    key = replace(key, validated=old.validated)
                if "duckdb" in (self.source, self.dialect):
                    key = replace(key, deferrable=old.deferrable, initially_deferred=old.initially_deferred)
                return replace(key, name=old.name)
        return key

    def is_enum_check(self, check: Check, columns: Sequence[Column]) -> bool:
        """A check that says no more than the enum which the column kept."""
        for column in columns:
            enum = self.enum_types.get(type_key(column.type, self.dialect))
            if enum and fold_set(check.columns) == fold_set([column.name]):
                values = ", ".join("'" + value.replace("'", "''") + "'" for value in enum.values)
                listed = meaning(f'"{column.name}" IN ({values})', self.dialect)
                if meaning(check.expression, self.dialect) == listed:
                    return True
        return False

    def checks(self, wanted: Iterable[Check], like: Sequence[Check]) -> tuple[Check, ...]:
        return _same_or_new(wanted, like, lambda check: meaning(check.expression, self.dialect))

    def indexes(self, wanted: Sequence[Index], like: Sequence[Index]) -> tuple[Index, ...]:
        """Those wanted, and those of a kind that only Postgres has and the desired dialect could not ask for."""
        names = {index.name.lower() for index in wanted}
        if self.source == "postgres":
            return _same_or_new(wanted, like, self.index_meaning)
        odd = [i for i in like if self.dialect == "postgres" and i.method != "btree" and i.name.lower() not in names]
        return (*_same_or_new(wanted, like, self.index_meaning), *odd)

    def index_meaning(self, index: Index) -> tuple[object, ...]:
        entries: list[str] = []
        for name, expression, suffix in map(split_entry, index.columns):
            core = name.lower() if name is not None else meaning(expression, self.dialect)
            entries.append(core + (" DESC" if "DESC" in suffix.upper().split() else ""))
        where = index.where and meaning(index.where, self.dialect)
        return index.name.lower(), tuple(entries), index.unique, where

    def view(self, view: View) -> View:
        like = self.views.get(view.key.lower())
        if like is not None and query_meaning(view.sql, self.dialect) == query_meaning(like.sql, self.dialect):
            return like
        return view

    def enums(self, tables: Iterable[Table]) -> list[Enum]:
        used = {type_key(column.type, self.dialect) for table in tables for column in table.columns}
        return [enum for name, enum in self.enum_types.items() if name in used or self.source == "sqlite"]

    def sequences(self, tables: Sequence[Table]) -> list[SequenceOf]:
        return [found for found in self.today.sequences if self.source == "sqlite" or _is_drawn(found, tables)]


def _is_drawn(sequence: SequenceOf, tables: Iterable[Table]) -> bool:
    """Whether a column's default draws from the sequence."""
    names = {unquote((drawn_from(c.default) or "").split(".")[-1]) for table in tables for c in table.columns}
    return sequence.name in names


def fold_set(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def fold_list(names: Iterable[str]) -> list[str]:
    return [name.lower() for name in names]


def _same_or_new(wanted: Iterable[T], like: Sequence[T], form: Callable[[T], object]) -> tuple[T, ...]:
    spelled = {form(value): value for value in like}
    return tuple(spelled.get(form(value), value) for value in wanted)


def _respelled(table: Table, names: dict[str, str]) -> Table:
    """The keys of a table with its columns' names as the current side writes them."""

    def spell(columns: Iterable[str]) -> tuple[str, ...]:
        return tuple(names.get(column.lower(), column) for column in columns)

    return replace(
        table,
        primary_key=table.primary_key and replace(table.primary_key, columns=spell(table.primary_key.columns)),
        uniques=tuple(replace(unique, columns=spell(unique.columns)) for unique in table.uniques),
        foreign_keys=tuple(replace(key, columns=spell(key.columns)) for key in table.foreign_keys),
    )
