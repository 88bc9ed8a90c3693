"""A new column of Postgres that counts: serial, or an identity.

Added with its counter, it would be given a number in every row at once, under a lock that keeps all others out. So it
comes without values, beside a sequence that new rows draw from; old rows get theirs of the same sequence, in batches;
and the column takes the sequence, or as an identity its place, when all is filled. Until then nobody owns the sequence:
the column is read as what it is, one that may be NULL, not as a serial.
"""

from __future__ import annotations

from dataclasses import replace

from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step
from tools.plan.pairs import Move, Pair, Way
from tools.plan.partitions import is_partitioned
from tools.plan.shape import edit_table, with_column
from tools.plan.sql import literal
from tools.plan.steps.owned_sequence import (
    as_sequence,
    count_on,
    drawn,
    made,
    opened,
    rights,
    sequence_of,
    tie,
    usual_sequence,
)
from tools.plan.steps.value_source import counter, counts, usual
from tools.schema.model import Column, Schema, Table
from tools.schema.render import identity_sql, qualified, quote

_PARTITIONS_COUNT = 17
"""The version of Postgres from which on the identity of a table with partitions is theirs too."""


def comes_online(draft: Draft, pair: Pair, move: Move) -> bool:
    """Whether a new column's numbers are given in this way: not where it follows others by triggers."""
    new = draft.dialect == "postgres" and move.way is Way.ADDED and counts(move.new)
    return new and draft.answers.merge(pair.after.key, move.new.name) is None


def begun(draft: Draft, pair: Pair, move: Move, add: str) -> tuple[tuple[str, ...], tuple[str, ...], Schema]:
    """The statements that add a column (by `add`, nullable) with a sequence for it, their way back behind the column's,
    and the schema that they lead to."""
    table = draft.table(pair.after.key)
    column = usual(draft.state, table, replace(move.new, nullable=True, identity=None, serial=True))
    sequence = sequence_of(table, column)
    state = opened(draft.state, table, column)
    default = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(column.name)} SET DEFAULT {drawn(sequence)}"
    sql = (*made(state, table, column), *_behind(draft, table, column), add, default)
    # The desired schema says nothing of who may draw where an identity asks nobody for that right.
    state = state if move.new.serial else draft.state
    state = edit_table(state, table.key, lambda t: with_column(t, replace(column, serial=False)))
    state = replace(state, sequences=(*state.sequences, as_sequence(sequence)))
    return sql, (f"DROP SEQUENCE {sequence}",), state


def number(draft: Draft, pair: Pair, move: Move) -> str:
    """What gives an old row its number: a person's value, else the next one of the sequence."""
    table, said = draft.table(pair.after.key), draft.answers.fill(pair.after.key, move.new.name)
    following = drawn(sequence_of(table, table.column(move.new.name) or move.new))
    return f"COALESCE(CAST(({said}) AS {move.new.type}), {following})" if said is not None else following


def contract(draft: Draft) -> None:
    """The counter becomes the column's own, once it may not be NULL: an identity must not."""
    for pair in draft.pairs:
        for move in pair.of(Way.ADDED):
            column = draft.table(pair.after.key).column(move.new.name)
            if column is not None and comes_online(draft, pair, move):
                (_own if move.new.serial else _hand_over)(draft, pair, move, column)


def _behind(draft: Draft, table: Table, column: Column) -> tuple[str, ...]:
    """Let a sequence begin behind the numbers that a person's value gives to old rows."""
    said = draft.answers.fill(table.key, column.name)
    if said is None:
        return ()
    values = f"SELECT CAST(({said}) AS {column.type}) FROM {qualified(table.key)}"
    return (count_on(f"{literal(sequence_of(table, column))}::regclass", column, values),)


def _own(draft: Draft, pair: Pair, move: Move, column: Column) -> None:
    table = draft.table(pair.after.key)
    sequence = sequence_of(table, column)
    there, back = (tie(table, column),), (f"ALTER SEQUENCE {sequence} OWNED BY NONE",)
    wanted = replace(column, serial=True)
    reason = "From here on the sequence goes where the column goes; nothing else changes."
    _step(draft, pair, move, wanted, there, back, reason)


def _hand_over(draft: Draft, pair: Pair, move: Move, column: Column) -> None:
    key, table = pair.after.key, draft.table(pair.after.key)
    sequence, wanted = sequence_of(table, column), replace(move.new, nullable=False)
    alter = f"ALTER TABLE {qualified(key)} ALTER COLUMN {quote(column.name)}"
    # First of all the lock: no number is drawn between the look at the counter and its end.
    lock = f"LOCK TABLE {qualified(key)} IN ACCESS EXCLUSIVE MODE"
    aside = draft.counted(f"{key} {column.name}")
    mine, its_own = f"{literal(sequence)}::regclass", f"{counter(table, column)}::regclass"

    def kept(of: str) -> tuple[str, ...]:
        return aside.make(f"SELECT pg_sequence_last_value({of}) AS last_value")

    def go_on(of: str) -> tuple[str, ...]:
        return f"SELECT setval({of}, last_value) FROM {aside.name} WHERE last_value IS NOT NULL", aside.drop()

    there = (
        lock,
        *kept(mine),
        f"{alter} DROP DEFAULT",
        f"DROP SEQUENCE {sequence}",
        f"{alter} ADD {identity_sql(wanted)}",
        *rights(draft.state, usual_sequence(table, column)),
        *go_on(its_own),
    )
    back = (
        lock,
        *kept(its_own),
        f"{alter} DROP IDENTITY",
        *made(opened(draft.state, table, column), table, column),
        f"{alter} SET DEFAULT {drawn(sequence)}",
        *go_on(mine),
    )
    hazards: tuple[Hazard, ...] = ()
    reason = "Counting goes on where the sequence stands; no row is read for it."
    if is_partitioned(pair.before) and int(draft.origin.version.partition(".")[0] or 18) < _PARTITIONS_COUNT:
        hazards = (Hazard.BREAKS_OLD_CODE,)
        reason += " Before Postgres 17 only what is written by way of the whole table is counted, not into a partition."
    _step(draft, pair, move, wanted, there, back, reason, hazards)


def _step(
    draft: Draft,
    pair: Pair,
    move: Move,
    wanted: Column,
    sql: tuple[str, ...],
    undo: tuple[str, ...],
    reason: str,
    hazards: tuple[Hazard, ...] = (),
) -> None:
    key, table = pair.after.key, draft.table(pair.after.key)
    sequence = as_sequence(sequence_of(table, table.column(wanted.name) or wanted))
    state = edit_table(draft.state, key, lambda t: with_column(t, wanted))
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, key, f"value_of_{wanted.name}"),
            Phase.CONTRACT,
            "change_default",
            f"Let {key}.{wanted.name} count by itself"
            + (f", GENERATED {wanted.identity} AS IDENTITY" if wanted.identity else ", its sequence its own"),
            (key,),
            sql,
            undo,
            hazards=hazards,
            reason=reason,
            depends_on=draft.sign_offs,
        ),
        replace(state, sequences=tuple(s for s in state.sequences if s.key != sequence.key)),
        (f"{key}#{wanted.name}",),
    )
