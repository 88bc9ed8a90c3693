"""How a column that was dropped or exchanged on Postgres comes back, with each row's value as it was."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.casts import comparable
from tools.plan.draft import Draft
from tools.plan.kept import Kept, became, key_match
from tools.plan.pairs import Move
from tools.plan.quiet import with_triggers_off
from tools.plan.sql import same
from tools.plan.steps.common import add_column_sql
from tools.plan.steps.value_source import counts, switched_on
from tools.schema.model import Column, Schema, Table
from tools.schema.render import qualified, quote


def _bare(column: Column) -> Column:
    """The column as it can be added under rows: what fills or binds it comes after its values."""
    default = column.default if not column.serial else None
    return replace(column, nullable=True, identity=None, serial=False, default=default)


def returned(draft: Draft, key: str, column: Column, stable: tuple[str, ...], aside: Kept) -> list[str]:
    """A dropped column with its values, by key."""
    table = draft.table(key)
    name, sql = quote(column.name), [add_column_sql(table, _bare(column), "postgres")]
    value = draft.restored(column, f"k.{name}")
    match = key_match([quote(c) for c in stable], table_alias="t")
    update = f"UPDATE {qualified(table.key)} AS t SET {name} = {value} FROM {aside.name} AS k WHERE {match}"
    return [*sql, *with_triggers_off(draft, table.key, column.name, [update]), *_tighten(draft.state, table, column)]


def _tighten(schema: Schema, table: Table, column: Column, counter: Kept | None = None) -> list[str]:
    """What binds or fills the column again, once its values are there."""
    alter = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(column.name)}"
    sql = [] if column.nullable else [f"{alter} SET NOT NULL"]
    return sql + (counting_on(schema, table, column, counter) if counts(column) else [])


def counting_on(schema: Schema, table: Table, column: Column, counter: Kept | None) -> list[str]:
    """Let a column count by itself, from where `counter` says that the other one stood."""
    statements = switched_on(schema, table, column, counter.name if counter else "")
    return [*statements, counter.drop()] if counter else statements


def old_values(
    draft: Draft, table: Table, move: Move, stable: tuple[str, ...], aside: Kept | None, counter: Kept | None
) -> list[str]:  # fmt: skip
    """The old column beside the new one again, each row's value as it was, or worked out of the new one."""
    name, carrier = qualified(table.key), quote(move.carrier)
    old, kind = quote(move.old.name), move.new.type
    if move.old.generated is not None:
        return [add_column_sql(table, move.old, "postgres")]
    made = add_column_sql(table, _bare(move.old), "postgres")
    worked_out = f"UPDATE {name} AS t SET {old} = {move.backward(f't.{carrier}')}"
    if not (aside and stable):
        sql = [worked_out]
    else:
        match = key_match([quote(c) for c in stable], table_alias="t")
        now = comparable(draft.aside(move.new, f"t.{carrier}"), kind, "postgres")
        still = same(comparable(f"k.{became(move.new.name)}", kind, "postgres"), now, "postgres")
        value = draft.restored(move.old, f"k.{old}")
        sql = [
            f"UPDATE {name} AS t SET {old} = {value} FROM {aside.name} AS k WHERE {match} AND {still}",
            # Only what was written since is worked out: an old value need not be one that its new form casts back to.
            f"{worked_out} WHERE NOT EXISTS (SELECT 1 FROM {aside.name} AS k WHERE {match} AND {still})",
        ]
    column = table.column(move.old.name)
    sql = with_triggers_off(draft, table.key, move.old.name, sql)
    return [made, *sql, *_tighten(draft.state, table, column or move.old, counter)]


def unchanged(draft: Draft, move: Move, stable: tuple[str, ...], aside: Kept) -> str:
    """Whether a row as "t" still has the value that its old one became."""
    ends = [move.new.name if c == move.carrier else c for c in stable]  # its place is taken by then
    match = key_match([quote(c) for c in ends], table_alias="t")
    then = comparable(f"k.{became(move.new.name)}", move.new.type, "postgres")
    now = comparable(draft.aside(move.new, f"t.{quote(move.new.name)}"), move.new.type, "postgres")
    return f"EXISTS (SELECT 1 FROM {aside.name} AS k WHERE {match} AND {same(then, now, 'postgres')})"
