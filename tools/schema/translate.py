"""A schema's values carried from one dialect to another, before any engine has seen them."""

from __future__ import annotations

from dataclasses import replace

from tools.location import Dialect
from tools.schema.entries import enums_by_type, plain, split_entry, type_key
from tools.schema.model import Check, Column, Enum, ForeignKey, Index, PrimaryKey, Schema, Sequence, Table, Unique, View
from tools.schema.render import literal, name_of, parents_first, quote
from tools.schema.transpile import carried, carried_default, carried_query, default_meaning
from tools.schema.types import convert, family


def translated(schema: Schema, target: Dialect) -> Schema:
    """The schema in the words of `target`: the same tables, each with the same columns, in the same order."""
    work = _Translation(schema, target)
    tables = tuple(work.table(table) for table in schema.tables)
    return Schema(
        target,
        _acyclic(tables) if target == "duckdb" else tables,
        () if target == "sqlite" else schema.enums,
        tuple(view for view in map(work.view, schema.views) if view is not None),
        sequences=() if target == "sqlite" else (*schema.sequences, *work.sequences),
        source=schema.source,
    )


def sequence_name(table: str, column: str) -> str:
    """The sequence that a key column of DuckDB draws from, called as Postgres would call a serial's."""
    return f"{table}_{column}_seq"


class _Translation:
    def __init__(self, schema: Schema, target: Dialect) -> None:
        self.source: Dialect = schema.dialect
        self.target: Dialect = target
        self.enums = enums_by_type(schema.enums, schema.dialect)
        self.names = [
            *(name for table in schema.tables for name in (table.name, *table.column_names)),
            *(view.name for view in schema.views),
        ]
        self.sequences: list[Sequence] = []

    def table(self, table: Table) -> Table:
        namespace = "" if self.target == "sqlite" else table.namespace
        columns = tuple(self.column(column, table) for column in table.columns)
        checks = [check for check in map(self.check, table.checks) if check is not None]
        return Table(
            table.name, columns, namespace,
            table.primary_key and PrimaryKey(table.primary_key.columns, self.name(table.primary_key.name)),
            tuple(Unique(unique.columns, self.name(unique.name)) for unique in table.uniques),
            tuple(key for key in map(self.foreign_key, table.foreign_keys) if key is not None),
            (*checks, *self.enum_checks(table)),
            tuple(found for found in map(self.index, table.indexes) if found is not None),
        )  # fmt: skip

    def name(self, name: str | None) -> str | None:
        return name if self.target != "duckdb" else None

    def column(self, column: Column, table: Table) -> Column:
        enum = self.enum_of(column)
        type_ = name_of(enum) if enum and self.target != "sqlite" else convert(column.type, self.source, self.target)
        generated = column.generated and self.carried(column.generated)
        found = Column(column.name, type_, column.nullable, carried_default(column, self.source, self.target))
        if generated:
            return replace(found, generated=generated, stored=self.target != "duckdb", default=None)
        if default_meaning(column, self.source)[0] == "auto" or self._is_rowid(column, table):
            return self.numbered(found, column, table)
        return found

    def enum_of(self, column: Column) -> Enum | None:
        return self.enums.get(type_key(column.type, self.source))

    def carried(self, expression: str) -> str | None:
        return carried(expression, self.source, self.target, self.names)

    def numbered(self, found: Column, column: Column, table: Table) -> Column:
        """A column that numbers its rows by itself, in the target's way."""
        if self.target == "sqlite":
            return replace(found, type="INTEGER") if _is_only_key(column, table) else found
        if self.target == "postgres":
            if column.default is not None and self.source == "duckdb":
                return replace(found, default=f"nextval({literal(drawn_from(column.default) or '')}::regclass)")
            return replace(found, identity=column.identity or "BY DEFAULT", nullable=False)
        if column.default is not None and not column.serial:
            return replace(found, default=f"nextval({literal(drawn_from(column.default) or '')})")
        sequence = Sequence(sequence_name(table.name, column.name), table.namespace)
        self.sequences.append(sequence)
        name = ".".join(quote(part) for part in (sequence.namespace, sequence.name) if part)
        return replace(found, default=f"nextval({literal(name)})")

    def _is_rowid(self, column: Column, table: Table) -> bool:
        """SQLite numbers the rows of an INTEGER PRIMARY KEY unasked."""
        if self.source != "sqlite" or "WITHOUT ROWID" in table.options:
            return False
        return column.type.upper() == "INTEGER" and column.default is None and _is_only_key(column, table)

    def foreign_key(self, key: ForeignKey) -> ForeignKey | None:
        namespace, _, name = key.ref_table.rpartition(".")
        if self.target == "sqlite":
            return replace(key, ref_table=name if namespace else key.ref_table, validated=True)
        if self.target == "postgres":
            return replace(key, validated=True)
        return ForeignKey(key.columns, key.ref_table, key.ref_columns)

    def check(self, check: Check) -> Check | None:
        expression = self.carried(check.expression)
        return None if expression is None else Check(expression, self.name(check.name), columns=check.columns)

    def enum_checks(self, table: Table) -> list[Check]:
        if self.target != "sqlite":
            return []
        found = [(column, self.enum_of(column)) for column in table.columns]
        return [_enum_check(column, enum) for column, enum in found if enum is not None]

    def index(self, index: Index) -> Index | None:
        if index.method.lower() not in ("btree", "art"):
            return None
        where = index.where and self.carried(index.where)
        if index.where and (where is None or self.target == "duckdb"):
            if index.unique or self.target != "duckdb":
                return None
            where = None  # without its condition the index holds more rows, and serves the same queries
        columns = [self.entry(text) for text in index.columns]
        if any(column is None for column in columns):
            return None
        table = index.table.rpartition(".")[2] if self.target == "sqlite" else index.table
        include = index.include if self.target == "postgres" else ()
        return Index(
            index.name, table, tuple(c for c in columns if c is not None), index.unique, where, include=include
        )

    def entry(self, text: str) -> str | None:
        name, expression, suffix = split_entry(text)
        order = " DESC" if "DESC" in suffix.upper().split() and self.target != "duckdb" else ""
        if name is not None:
            return plain(name) + order
        found = self.carried(expression)
        return None if found is None else (found if found.startswith("(") else f"({found})") + order

    def view(self, view: View) -> View | None:
        sql = carried_query(view.sql, self.source, self.target, self.names)
        if sql is None:
            return None
        namespace = "" if self.target == "sqlite" else view.namespace
        return View(view.name, sql, namespace, view.materialized and self.target == "postgres", view.depends_on)


def _enum_check(column: Column, enum: Enum) -> Check:
    values = ", ".join(map(literal, enum.values))
    return Check(f"{quote(column.name)} IN ({values})", columns=(column.name,))


def _is_only_key(column: Column, table: Table) -> bool:
    return table.primary_key is not None and table.primary_key.columns == (column.name,)


def drawn_from(default: str | None) -> str | None:
    """The sequence's name as it is written inside nextval('…'); None for any other default."""
    if default is None or not default.lower().startswith("nextval"):
        return None
    return default.partition("'")[2].rpartition("'")[0]


def _acyclic(tables: tuple[Table, ...]) -> tuple[Table, ...]:
    """Without the foreign keys that close a circle, or lead to another schema: DuckDB makes parents first."""
    done: set[str] = set()
    found: dict[str, Table] = {}
    for table in parents_first(tables):
        keys = tuple(
            key for key in table.foreign_keys
            if (key.ref_table in done or key.ref_table == table.key) and _space(key.ref_table) == table.namespace
        )  # fmt: skip
        found[table.key] = replace(table, foreign_keys=keys)
        done.add(table.key)
    return tuple(found[table.key] for table in tables)


def _space(key: str) -> str:
    return key.rpartition(".")[0]


def with_parents_types(schema: Schema) -> Schema:
    """Whole-number columns of foreign keys in their parents' types: DuckDB takes no key between two sizes of them."""
    if schema.dialect != "duckdb":
        return schema
    types = {(table.key.lower(), c.name.lower()): c.type for table in schema.tables for c in table.columns}
    found: list[Table] = []
    for table in parents_first(schema.tables):
        for key in table.foreign_keys:
            for name, parent in zip(key.columns, key.ref_columns, strict=False):
                here, there = (table.key.lower(), name.lower()), (key.ref_table.lower(), parent.lower())
                if _is_whole(types.get(here)) and _is_whole(types.get(there)):
                    types[here] = types[there]
        columns = tuple(replace(c, type=types[table.key.lower(), c.name.lower()]) for c in table.columns)
        found.append(replace(table, columns=columns))
    order = [table.key for table in schema.tables]
    return replace(schema, tables=tuple(sorted(found, key=lambda table: order.index(table.key))))


def _is_whole(type_: str | None) -> bool:
    return type_ is not None and family(type_, "duckdb").name in ("smallint", "integer", "bigint", "hugeint")
