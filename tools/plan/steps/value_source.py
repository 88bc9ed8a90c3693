"""Where a column of Postgres has its values from when none is given: identity, serial, or a generation that ends.

SQLite and DuckDB change this only with a table made anew.
"""

from __future__ import annotations

from dataclasses import replace

from tools.plan.dependents import around
from tools.plan.draft import Draft
from tools.plan.kept import Kept
from tools.plan.model import Hazard, Phase, Step
from tools.plan.pairs import Move, Pair, Way
from tools.plan.postgres_column import drop_column
from tools.plan.shape import edit_table, with_column
from tools.plan.sql import literal
from tools.plan.steps.common import add_column_sql
from tools.plan.steps.owned_sequence import (
    count_on,
    drawn,
    free_sequence,
    made,
    opened,
    rights,
    sequence_of,
    tied,
    usual_sequence,
)
from tools.schema.model import Column, Schema, Table
from tools.schema.render import default_sql, identity_sql, qualified, quote


def let_go(draft: Draft) -> None:
    """Columns that are computed no more: before what they were computed of goes, or takes another type."""
    for pair in draft.pairs if draft.dialect == "postgres" else ():
        for move in pair.of(Way.KEPT):
            column = draft.table(pair.after.key).column(move.new.name)
            if column and column.generated is not None and column.stored and move.new.generated is None:
                _let_go(draft, pair, move, column)


def contract(draft: Draft) -> None:
    if draft.dialect != "postgres":
        return
    for pair in draft.pairs:
        for move in pair.of(Way.KEPT):
            column = draft.table(pair.after.key).column(move.new.name)
            if column is None or move.new.generated is not None or column.generated is not None:
                continue
            if (column.identity, column.serial) != (move.new.identity, move.new.serial):
                _change(draft, pair, move, column)


def counter_kept(table: Table, column: Column, aside: Kept) -> tuple[str, ...]:
    """Keep how far the column has counted, before it or its counter goes: rows that are gone had numbers too."""
    return aside.make(f"SELECT pg_sequence_last_value({counter(table, column)}::regclass) AS last_value")


def switched_on(schema: Schema, table: Table, column: Column, counted: str = "") -> list[str]:
    """The statements that give a plain column its identity, sequence or default, counting on from the highest value.

    schema: where the table's owner and the rights on the sequence are found. counted: the table in which `counter_kept`
    has kept how far another one has counted.
    """
    alter = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(column.name)}"
    if column.identity:
        generated = f"{alter} ADD {identity_sql(column)}"
        return [generated, *rights(schema, usual_sequence(table, column)), _count_on(table, column, counted)]
    if column.serial:
        return [*made(schema, table, column), *tied(table, column), _count_on(table, column, counted)]
    return [f"{alter} SET DEFAULT {default_sql(column.default, 'postgres')}"] if column.default is not None else []


def switched_off(table: Table, column: Column) -> list[str]:
    """The way back of `switched_on`."""
    alter = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(column.name)}"
    if column.identity:
        return [f"{alter} DROP IDENTITY"]
    if column.serial:
        return [f"{alter} DROP DEFAULT", f"DROP SEQUENCE {sequence_of(table, column)}"]
    return [f"{alter} DROP DEFAULT"] if column.default is not None else []


def _count_on(table: Table, column: Column, counted: str) -> str:
    values = f"SELECT {quote(column.name)} FROM {qualified(table.key)}"
    kept = (f"SELECT last_value FROM {counted}",) if counted else ()
    return count_on(counter(table, column), column, values, *kept)


def counter(table: Table, column: Column) -> str:
    return f"pg_get_serial_sequence({literal(qualified(table.key))}, {literal(column.name)})"


def _change(draft: Draft, pair: Pair, move: Move, column: Column) -> None:
    table = draft.table(pair.after.key)
    wanted = replace(column, identity=move.new.identity, serial=move.new.serial, default=move.new.default)
    wanted = replace(wanted, counting=move.new.counting or column.counting)
    wanted = usual(draft.state, table, wanted)
    state = opened_unless_said(draft, draft.state, table, wanted)
    there, back = [*switched_off(table, column)], [*switched_off(table, wanted)]
    if counts(column) and counts(wanted):
        aside = draft.counted(f"{pair.after.key} {wanted.name}")
        on, on_again = (
            [*switched_on(schema, table, one, aside.name), aside.drop()]
            for schema, one in ((state, wanted), (draft.state, column))
        )
        there = [*counter_kept(table, column, aside), *there, *on]
        back = [*counter_kept(table, wanted, aside), *back, *on_again]
    else:
        there += switched_on(state, table, wanted)
        back += switched_on(draft.state, table, column)
    _step(
        draft, pair, edit_table(state, table.key, lambda t: with_column(t, wanted)), wanted, tuple(there), tuple(back),
        "Counting goes on from the highest value that was given." if counts(wanted) else "Nothing counts any more.",
    )  # fmt: skip


def counts(column: Column) -> bool:
    """Whether the column draws from a counter of its own."""
    return bool(column.identity or column.serial)


def usual(schema: Schema, table: Table, column: Column) -> Column:
    """A serial column as this plan makes it, its sequence under the name that Postgres would give it."""
    return replace(column, default=drawn(free_sequence(schema, table, column))) if column.serial else column


def opened_unless_said(draft: Draft, state: Schema, table: Table, column: Column) -> Schema:
    """The state in which whoever may write the table may draw from the sequence of a serial column that comes to count;
    where the desired schema speaks of rights, it has the last word."""
    return opened(state, table, column) if column.serial and "privilege" in draft.target.unsaid else state


def _let_go(draft: Draft, pair: Pair, move: Move, column: Column) -> None:
    table = draft.table(pair.after.key)
    change = drop_column(draft.state, table.key, column.name)
    alter = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(column.name)}"
    wanted = replace(column, generated=None, default=move.new.default)
    default = switched_on(draft.state, table, wanted)
    _step(
        draft,
        pair,
        edit_table(draft.state, table.key, lambda t: with_column(t, wanted)),
        wanted,
        (f"{alter} DROP EXPRESSION", *default),
        around(
            draft.state,
            [f"{table.key}#{column.name}"],
            [*change.sql, add_column_sql(table, column, "postgres"), *change.undo],
        ),
        "The values stay as they were computed. Undoing computes them anew.",
    )


def _step(
    draft: Draft, pair: Pair, state: Schema, wanted: Column, sql: tuple[str, ...], undo: tuple[str, ...], reason: str
) -> None:
    key = pair.after.key
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, key, f"value_of_{wanted.name}"),
            Phase.CONTRACT,
            "change_default",
            f"Change where {key}.{wanted.name} has its values from",
            (key,),
            sql,
            undo,
            hazards=(Hazard.BREAKS_OLD_CODE,),
            closes=draft.gap_sentences(key, wanted.name, kinds=("default_changed",)),
            reason=reason,
            depends_on=draft.sign_offs,
        ),
        state,
        (f"{key}#{wanted.name}",),
    )
