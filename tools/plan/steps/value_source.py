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
from tools.schema.model import Column, Table
from tools.schema.render import default_sql, qualified, quote


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
    return aside.make(f"SELECT pg_sequence_last_value({_counter(table, column)}::regclass) AS last_value")


def switched_on(table: Table, column: Column, counted: str = "") -> list[str]:
    """The statements that give a plain column its identity, sequence or default, counting on from the highest value.

    counted: the table in which `counter_kept` has kept how far another one has counted.
    """
    alter = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(column.name)}"
    if column.identity:
        return [f"{alter} ADD GENERATED {column.identity} AS IDENTITY", _count_on(table, column, counted)]
    if column.serial:
        sequence = _usual_sequence(table, column)
        return [
            f"CREATE SEQUENCE {sequence} AS {column.type} OWNED BY {qualified(table.key)}.{quote(column.name)}",
            f"{alter} SET DEFAULT nextval({literal(sequence)}::regclass)",
            _count_on(table, column, counted),
        ]
    return [f"{alter} SET DEFAULT {default_sql(column.default, 'postgres')}"] if column.default is not None else []


def switched_off(table: Table, column: Column) -> list[str]:
    """The way back of `switched_on`."""
    alter = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(column.name)}"
    if column.identity:
        return [f"{alter} DROP IDENTITY"]
    if column.serial:
        return [f"{alter} DROP DEFAULT", f"DROP SEQUENCE {sequence_of(table, column)}"]
    return [f"{alter} DROP DEFAULT"] if column.default is not None else []


def sequence_of(table: Table, column: Column) -> str:
    """The quoted name of the sequence that a serial column draws from: it stands in the column's default."""
    from tools.schema.tokens import tokenize

    for token in tokenize(column.default or "", "postgres"):
        if token.kind == "string":
            return token.name
    return _usual_sequence(table, column)


def _usual_sequence(table: Table, column: Column) -> str:
    """The name that Postgres itself gives the sequence of a serial column."""
    name = quote(f"{table.name}_{column.name}_seq")
    return f"{quote(table.namespace)}.{name}" if table.namespace else name


def _count_on(table: Table, column: Column, counted: str) -> str:
    """Where nothing was counted yet, the counter stands at its start already."""
    top = f"(SELECT max({quote(column.name)}) FROM {qualified(table.key)})"
    top = f"GREATEST({top}, (SELECT last_value FROM {counted}))" if counted else top
    return f"SELECT setval({_counter(table, column)}, t.top) FROM (SELECT {top} AS top) AS t WHERE t.top > 0"


def _counter(table: Table, column: Column) -> str:
    return f"pg_get_serial_sequence({literal(qualified(table.key))}, {literal(column.name)})"


def _change(draft: Draft, pair: Pair, move: Move, column: Column) -> None:
    table = draft.table(pair.after.key)
    wanted = usual(table, replace(column, identity=move.new.identity, serial=move.new.serial, default=move.new.default))
    there, back = [*switched_off(table, column)], [*switched_off(table, wanted)]
    if counts(column) and counts(wanted):
        aside = draft.counted(f"{pair.after.key} {wanted.name}")
        there = [*counter_kept(table, column, aside), *there, *switched_on(table, wanted, aside.name), aside.drop()]
        back = [*counter_kept(table, wanted, aside), *back, *switched_on(table, column, aside.name), aside.drop()]
    else:
        there += switched_on(table, wanted)
        back += switched_on(table, column)
    _step(
        draft, pair, move, wanted, tuple(there), tuple(back),
        "Counting goes on from the highest value that was given." if counts(wanted) else "Nothing counts any more.",
    )  # fmt: skip


def counts(column: Column) -> bool:
    """Whether the column draws from a counter of its own."""
    return bool(column.identity or column.serial)


def usual(table: Table, column: Column) -> Column:
    """A serial column as this plan makes it, its sequence under the usual name."""
    return (
        replace(column, default=f"nextval({literal(_usual_sequence(table, column))}::regclass)")
        if column.serial
        else column
    )


def _let_go(draft: Draft, pair: Pair, move: Move, column: Column) -> None:
    table = draft.table(pair.after.key)
    change = drop_column(draft.state, table.key, column.name)
    alter = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(column.name)}"
    wanted = replace(column, generated=None, default=move.new.default)
    default = switched_on(table, wanted)
    _step(
        draft,
        pair,
        move,
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
    draft: Draft, pair: Pair, move: Move, wanted: Column, sql: tuple[str, ...], undo: tuple[str, ...], reason: str
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
        edit_table(draft.state, key, lambda t: with_column(t, wanted)),
        (f"{key}#{wanted.name}",),
    )
