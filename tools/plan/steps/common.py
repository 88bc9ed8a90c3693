"""What several operations share: keys of rows, and the plain ALTERs with their ways back."""

from __future__ import annotations

from collections.abc import Sequence

from tools.location import Dialect
from tools.plan.dual_write import row_id
from tools.plan.kept import Kept, key_match
from tools.plan.model import StepCheck
from tools.plan.pairs import Move, Pair, Way
from tools.plan.rebuild import rebuild, unchanged
from tools.plan.shape import references
from tools.schema.model import Column, Schema, Table
from tools.schema.render import column_sql, create_index, qualified, quote


def batch_key(table: Table, dialect: Dialect) -> tuple[str, ...]:
    """The quoted columns by which a backfill of this table goes; empty where nothing tells its rows apart.

    SQLite lets NULL into primary keys that are not integers, and every row has a rowid: that one is taken.
    """
    if dialect == "sqlite":
        return row_id(table)
    return tuple(quote(c) for c in table.primary_key.columns) if table.primary_key else ()


def add_column_sql(table: Table, column: Column, dialect: Dialect) -> str:
    return f"ALTER TABLE {qualified(table.key)} ADD COLUMN {column_sql(column, dialect)}"


def drop_added_column(before: Schema, after: Schema, table: str, column: str) -> tuple[tuple[str, ...], bool]:
    """The way back from an added column, and whether it makes the table anew (`before` is the shape to come to).

    SQLite drops no column that a foreign key or CHECK names; DuckDB none of a table with an index, or one that others
    point to, and it gives the name of a dropped unique index to no other before the transaction ends.
    """
    held = after.table(table)
    assert held is not None
    drop = f"ALTER TABLE {qualified(table)} DROP COLUMN {quote(column)}"
    blocked = False
    if before.dialect == "sqlite":
        blocked = any(column in f.columns for f in held.foreign_keys)
    if before.dialect == "duckdb":
        blocked = bool(references(after, table)) or bool(held.foreign_keys) or any(i.unique for i in held.indexes)
        if not blocked:
            away = [
                f"DROP INDEX {qualified(held.namespace)}.{quote(i.name)}"
                if held.namespace
                else f"DROP INDEX {quote(i.name)}"
                for i in held.indexes
            ]
            return (*away, drop, *(create_index(i, "duckdb") for i in held.indexes)), False
    if not blocked:
        return (drop,), False
    return rebuild(after, before, {table: unchanged(_named(before, table))}), True


def no_nulls(table: str, column: str) -> StepCheck:
    return StepCheck(
        f"no row of {table} has NULL in {column}", f"SELECT * FROM {qualified(table)} WHERE {quote(column)} IS NULL"
    )


def filled_again(pair: Pair, move: Move, aside: Kept, key: Sequence[str]) -> tuple[StepCheck, ...]:
    """What must hold so that a column which could not be NULL can come back: rows written since have no value set aside
    for one that went, and may have none in one that took its place."""
    table, old = pair.after.key, move.old
    primary = pair.before.primary_key
    needed = not old.nullable or bool(primary and old.name in primary.columns)
    if not needed or old.default is not None or old.identity or old.generated is not None:
        return ()
    if move.way is Way.RENAMED and move.new.nullable:
        return (no_nulls(table, move.new.name),)
    if move.way is not Way.REMOVED or not key:
        return ()
    there = f"SELECT 1 FROM {aside.name} AS k WHERE {key_match(key, table_alias='t')}"
    sql = f"SELECT * FROM {qualified(table)} AS t WHERE NOT EXISTS ({there})"
    return (StepCheck(f"every row of {table} has a value for {old.name}, which cannot be NULL before this plan", sql),)


def _named(schema: Schema, key: str) -> Table:
    found = schema.table(key)
    assert found is not None, key
    return found


def column_grants(schema: Schema, table: str, column: str, name: str) -> list[str]:
    """Who may do what with one column of a table, said of the column `name`: such rights go with the column."""
    marks = [f"({column})", "(" + quote(column) + ")"]
    mine = [o for o in schema.objects if o.kind == "privilege" and o.table == table]
    found = [(o, mark) for o in mine for mark in marks if f" {mark} TO " in o.name]
    return [thing.create.replace(f" {mark}", f" ({quote(name)})") for thing, mark in found]
