"""A desired schema, written for one dialect, as another backend can hold it.

It is translated, then spelled as the current schema spells what means the same, then run in a scratch engine of the
backend and read back, so that it stands there in that engine's own words. What the backend cannot hold is left out and
is so no gap: actions of foreign keys and partial unique indexes on DuckDB; enums on SQLite, where a check stands for
them; methods, operator classes and included columns of indexes, deferred constraints, and options of tables outside
their own dialect. Triggers, and what no reader understood, stay as the current side has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tools.location import Dialect
from tools.schema.keeping import kept
from tools.schema.model import Answers, Schema, Span, Table, Trigger
from tools.schema.normal import fold
from tools.schema.refusal import Refusal, Scratch
from tools.schema.renaming import renamed
from tools.schema.render import (
    add_constraint,
    create_enum,
    create_index,
    create_namespace,
    create_sequence,
    create_table,
    create_view,
    foreign_key_sql,
    in_reading_order,
    name_of,
    parents_first,
)
from tools.schema.scratch import scratch
from tools.schema.tokens import split
from tools.schema.translate import translated, with_parents_types


def lower(desired: Schema, dialect: Dialect, like: Schema | None = None, answers: Answers | None = None) -> Schema:
    """`desired` as a backend of `dialect` can hold it, in that engine's own spelling; the same schema for its own.

    like: the current schema there; where a column of it (by name, or by the answered rename) has a type or a default
    that means the same, that spelling stays.
    """
    if desired.dialect == dialect:
        return desired
    today = renamed(like, answers or Answers()) if like is not None else Schema(dialect)
    wanted = with_parents_types(kept(translated(desired, dialect), desired, today))
    with scratch(dialect) as engine:
        held = _Builder(engine, wanted).schema()
    held = replace(
        held, triggers=_triggers(held, today), not_understood=today.not_understood, objects=today.objects,
        source=desired.source,
        version=today.version,
    )  # fmt: skip
    return _placed(held, desired)


class _Builder:
    """Makes a schema in a scratch engine; what the engine refuses is left out, the smallest part first."""

    def __init__(self, engine: Scratch, wanted: Schema) -> None:
        self.engine, self.wanted = engine, wanted
        self.dialect: Dialect = wanted.dialect

    def schema(self) -> Schema:
        things = [*self.wanted.tables, *self.wanted.views, *self.wanted.enums, *self.wanted.sequences]
        for name in sorted({thing.namespace for thing in things if thing.namespace}):
            self.takes(create_namespace(name))
        for statement in (*map(create_enum, self.wanted.enums), *map(create_sequence, self.wanted.sequences)):
            self.takes(statement)
        for table in parents_first(self.wanted.tables):
            self.make(table)
        for table in self.wanted.tables:
            for index in table.indexes:
                self.takes(create_index(index, self.dialect))
            for key in table.foreign_keys if self.dialect == "postgres" else ():
                self.takes(add_constraint(table, foreign_key_sql(key)))
        for view in in_reading_order(self.wanted.views):
            self.takes(create_view(view, self.dialect))
        return self.engine.read()

    def takes(self, sql: str) -> bool:
        try:
            self.engine.execute(split(sql, self.dialect)[0])
        except Refusal:
            return False
        return True

    def make(self, table: Table) -> None:
        if self.takes(self.sql(table)):
            return
        # One part at a time is put on the bare table; a part that the engine refuses stays off.
        bare = replace(
            table, uniques=(), checks=(), foreign_keys=(), options=(),
            columns=tuple(
                replace(c, default=None, generated=None, collation=None, identity=None) for c in table.columns
            ),
        )  # fmt: skip
        for column in table.columns:
            for change in ({"default": column.default, "identity": column.identity}, {"collation": column.collation},
                           {"generated": column.generated, "stored": column.stored}):  # fmt: skip
                bare = self.better(bare, _with_column(bare, column.name, change))
        bare = self.better(bare, replace(bare, options=table.options))
        for unique in table.uniques:
            bare = self.better(bare, replace(bare, uniques=(*bare.uniques, unique)))
        for check in table.checks:
            bare = self.better(bare, replace(bare, checks=(*bare.checks, check)))
        for key in table.foreign_keys:
            bare = self.better(bare, replace(bare, foreign_keys=(*bare.foreign_keys, key)))
        self.takes(self.sql(bare))

    def better(self, bare: Table, more: Table) -> Table:
        if bare == more:
            return bare
        if not self.takes(self.sql(more)):
            return bare
        self.takes(f"DROP TABLE {name_of(more)}")
        return more

    def sql(self, table: Table) -> str:
        return create_table(table, self.dialect, foreign_keys=self.dialect != "postgres")


def _with_column(table: Table, name: str, change: Mapping[str, object]) -> Table:
    return replace(
        table,
        columns=tuple(replace(column, **change) if column.name == name else column for column in table.columns),  # pyright: ignore[reportArgumentType]
    )


def _triggers(held: Schema, today: Schema) -> tuple[Trigger, ...]:
    keys = {fold(table.key, held.dialect) for table in held.tables}
    return tuple(trigger for trigger in today.triggers if fold(trigger.table, held.dialect) in keys)


def _placed(held: Schema, desired: Schema) -> Schema:
    """The spans of the desired text on what was read back."""
    tables = {table.name.lower(): table for table in desired.tables}

    def place(table: Table) -> Table:
        origin = tables.get(table.name.lower())
        if origin is None:
            return table
        spans: dict[str, Span | None] = {column.name.lower(): column.span for column in origin.columns}
        columns = tuple(replace(c, span=spans.get(c.name.lower(), origin.span)) for c in table.columns)
        indexes = {index.name.lower(): index.span for index in origin.indexes}
        return replace(
            table, columns=columns, span=origin.span,
            primary_key=table.primary_key and replace(
                table.primary_key, span=origin.primary_key.span if origin.primary_key else origin.span),
            uniques=tuple(replace(unique, span=origin.span) for unique in table.uniques),
            foreign_keys=tuple(replace(key, span=_span_of(key.columns, origin)) for key in table.foreign_keys),
            checks=tuple(replace(check, span=origin.span) for check in table.checks),
            indexes=tuple(replace(i, span=indexes.get(i.name.lower(), origin.span)) for i in table.indexes),
        )  # fmt: skip

    views = {view.name.lower(): view.span for view in desired.views}
    enums = {enum.name.lower(): enum.span for enum in desired.enums}
    return replace(
        held, tables=tuple(place(table) for table in held.tables),
        views=tuple(replace(view, span=views.get(view.name.lower())) for view in held.views),
        enums=tuple(replace(enum, span=enums.get(enum.name.lower())) for enum in held.enums),
        sequences=tuple(replace(sequence, span=None) for sequence in held.sequences),
    )  # fmt: skip


def _span_of(columns: tuple[str, ...], origin: Table) -> Span | None:
    lowered = tuple(column.lower() for column in columns)
    found = (key.span for key in origin.foreign_keys if tuple(column.lower() for column in key.columns) == lowered)
    return next(found, origin.span)
