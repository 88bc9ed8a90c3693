"""Edits of a schema as values: what each step leaves behind, so that the next one knows what it stands on.

A plan is worked out on paper first: every step takes the schema from one shape to the next, and the last shape is what
the plan promises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from tools.location import Dialect
from tools.plan.partitions import key_of, partitions
from tools.schema.entries import index_columns, plain, split_entry
from tools.schema.model import Check, Column, Enum, ForeignKey, Index, Schema, SchemaObject, Table, Trigger, View
from tools.schema.reads import columns_in


def with_table(schema: Schema, table: Table) -> Schema:
    """The schema with this table in place of the one of the same key, or added."""
    before = schema.table(table.key)
    if before is None:
        return replace(schema, tables=(*schema.tables, table))
    return schema.exchanged(before, table)


def without_table(schema: Schema, key: str) -> Schema:
    """The schema without a table and what is on it, the partitions of its partitions too."""
    gone = {key, *(key_of(part) for part in partitions(schema.objects, key))}
    return replace(
        schema,
        tables=tuple(t for t in schema.tables if t.key != key),
        triggers=tuple(t for t in schema.triggers if t.table != key),
        objects=tuple(o for o in schema.objects if o.table not in gone),
    )


def edit_table(schema: Schema, key: str, edit: Callable[[Table], Table]) -> Schema:
    before = schema.table(key)
    return schema.exchanged(before, edit(before)) if before else schema


def with_column(table: Table, column: Column) -> Table:
    """The table with this column in place of the one of the same name, or added at the end."""
    if table.column(column.name) is None:
        return replace(table, columns=(*table.columns, column))
    return replace(table, columns=tuple(column if c.name == column.name else c for c in table.columns))


def without_column(table: Table, name: str, dialect: Dialect) -> Table:
    """The table without a column and everything of its own that names it, as DROP COLUMN leaves it on Postgres."""
    key = table.primary_key
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name != name),
        primary_key=None if key and name in key.columns else key,
        uniques=tuple(u for u in table.uniques if name not in u.columns),
        foreign_keys=tuple(f for f in table.foreign_keys if name not in f.columns),
        checks=tuple(c for c in table.checks if name not in check_columns(c, table, dialect)),
        indexes=tuple(i for i in table.indexes if name not in columns_of_index(i, table, dialect)),
    )


def rename_column(table: Table, old: str, new: str) -> Table:
    """The table after RENAME COLUMN, in its columns, keys and plain index entries."""

    def names(columns: Iterable[str]) -> tuple[str, ...]:
        return tuple(new if c == old else c for c in columns)

    key = table.primary_key
    return replace(
        table,
        columns=tuple(replace(c, name=new) if c.name == old else c for c in table.columns),
        primary_key=replace(key, columns=names(key.columns)) if key else None,
        uniques=tuple(replace(u, columns=names(u.columns)) for u in table.uniques),
        foreign_keys=tuple(replace(f, columns=names(f.columns)) for f in table.foreign_keys),
        indexes=tuple(rename_in_index(i, {old: new}) for i in table.indexes),
    )


def rename_in_index(index: Index, names: dict[str, str]) -> Index:
    """The index with its plain columns renamed; expressions stay as they are."""

    def renamed(entry: str) -> str:
        name, _, suffix = split_entry(entry)
        return entry if name not in names else f"{plain(names[name])} {suffix}".strip()

    include = tuple(names.get(c, c) for c in index.include)
    return replace(index, columns=tuple(map(renamed, index.columns)), include=include, definition=None)


def columns_of_index(index: Index, table: Table, dialect: Dialect) -> tuple[str, ...]:
    """Every column of the table that the index names: as an entry, in an expression, in its WHERE or INCLUDE."""
    text = " ".join([expression for _, expression, _ in map(split_entry, index.columns)] + [index.where or ""])
    return (*index_columns(index), *index.include, *columns_in(text, table.column_names, dialect))


def has_expression(index: Index) -> bool:
    return bool(index.where) or any(name is None for name, _, _ in map(split_entry, index.columns))


def check_columns(check: Check, table: Table, dialect: Dialect) -> tuple[str, ...]:
    return check.columns or columns_in(check.expression, table.column_names, dialect)


def with_index(table: Table, index: Index) -> Table:
    return replace(table, indexes=(*(i for i in table.indexes if i.name != index.name), index))


def without_index(table: Table, name: str) -> Table:
    return replace(table, indexes=tuple(i for i in table.indexes if i.name != name))


def with_trigger(schema: Schema, trigger: Trigger) -> Schema:
    return schema.with_triggers((*without_trigger(schema, trigger.table, trigger.name).triggers, trigger))


def without_trigger(schema: Schema, table: str, name: str) -> Schema:
    kept = [t for t in schema.triggers if (t.table, t.name) != (table, name)]
    return schema.with_triggers(tuple(kept))


def with_view(schema: Schema, view: View) -> Schema:
    return replace(schema, views=(*(v for v in schema.views if v.key != view.key), view))


def without_view(schema: Schema, key: str) -> Schema:
    """The schema without a view and the triggers on it."""
    triggers = tuple(t for t in schema.triggers if t.table != key)
    return replace(schema, views=tuple(v for v in schema.views if v.key != key), triggers=triggers)


def with_enum(schema: Schema, enum: Enum) -> Schema:
    return replace(schema, enums=(*(e for e in schema.enums if e.key != enum.key), enum))


def without_enum(schema: Schema, key: str) -> Schema:
    return replace(schema, enums=tuple(e for e in schema.enums if e.key != key))


def with_object(schema: Schema, thing: SchemaObject) -> Schema:
    """The schema with this object in the place of the one of its kind and key."""
    same = (thing.kind, thing.key)
    return replace(schema, objects=tuple(thing if (o.kind, o.key) == same else o for o in schema.objects))


def references(schema: Schema, key: str) -> tuple[tuple[Table, ForeignKey], ...]:
    """The foreign keys of all tables that point to this one, its own included."""
    return tuple((t, f) for t in schema.tables for f in t.foreign_keys if f.ref_table == key)


def is_key(parent: Table, foreign: ForeignKey) -> bool:
    """Whether SQLite finds what the foreign key points to: a primary key, or columns that are unique together."""
    wanted = {c.lower() for c in foreign.ref_columns}
    keys = [u.columns for u in parent.uniques] + ([parent.primary_key.columns] if parent.primary_key else [])
    keys += [index_columns(i) for i in parent.indexes if i.unique and not has_expression(i)]
    return any({c.lower() for c in key} == wanted for key in keys)


def parents_first(tables: Iterable[Table]) -> tuple[Table, ...]:
    """The tables so that each stands behind those its foreign keys point to; a cycle keeps the order given."""
    todo, done = list(tables), list[Table]()
    while todo:
        waiting = {t.key for t in todo}
        ready = [t for t in todo if not any(f.ref_table in waiting - {t.key} for f in t.foreign_keys)] or todo[:1]
        done += ready
        todo = [t for t in todo if t not in ready]
    return tuple(done)


def descendants(schema: Schema, keys: Iterable[str]) -> tuple[Table, ...]:
    """The tables of these keys and all whose foreign keys lead to them, parents first."""
    found = set(keys)
    while more := {t.key for t in schema.tables for f in t.foreign_keys if f.ref_table in found} - found:
        found |= more
    return parents_first(t for t in schema.tables if t.key in found)


def readers(schema: Schema, key: str) -> tuple[View, ...]:
    """The views that read a table or view, directly or through others; each behind those it reads."""
    found: dict[str, View] = {}
    heads = [key]
    while heads:
        head = heads.pop(0)
        for view in schema.views:
            if head in view.depends_on and view.key != head:
                found.pop(view.key, None)
                found[view.key] = view
                heads.append(view.key)
    return tuple(found.values())
