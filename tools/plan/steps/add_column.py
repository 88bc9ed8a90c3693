"""A new column: nullable, or with a default that is a constant, so that old code and old rows are left in peace."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.draft import Draft
from tools.plan.dual_write import DualWrite
from tools.plan.model import Phase, Step
from tools.plan.pairs import Move, Pair, Way, reads_any
from tools.plan.shape import edit_table, is_key, with_column, with_trigger
from tools.plan.sql import is_constant
from tools.plan.steps import counted_column, merge_columns
from tools.plan.steps.common import add_column_sql, drop_added_column
from tools.plan.steps.value_source import counts
from tools.schema.model import Column, ForeignKey, Merge, Table
from tools.schema.render import default_sql, foreign_key_sql, qualified, quote


def expand(draft: Draft) -> None:
    for pair in draft.pairs:
        for move in _plain_first(pair.of(Way.ADDED)):
            if not deferred(pair, move):
                _add(draft, pair, move, Phase.EXPAND)


def late(draft: Draft) -> None:
    """Generated columns of Postgres that read a retyped column: they can come only behind it."""
    for pair in draft.pairs if draft.dialect == "postgres" else ():
        for move in _plain_first(pair.of(Way.ADDED, Way.DERIVED)):
            if draft.table(pair.after.key).column(move.new.name) is None:
                _add(draft, pair, move, Phase.CONTRACT)


def _plain_first(moves: tuple[Move, ...]) -> list[Move]:
    """What is computed comes behind what it may be computed of."""
    return sorted(moves, key=lambda move: move.new.generated is not None)


def deferred(pair: Pair, move: Move) -> bool:
    """Whether only the contract phase can add the column: no ALTER of SQLite or DuckDB adds these, and on Postgres one
    that is computed of a retyped column must wait for it."""
    column = move.new
    if column.generated is None:
        return False
    if move.dialect == "postgres":
        return reads_any(column.generated, tuple(m.new.name for m in pair.of(Way.RETYPED)))
    return move.dialect == "duckdb" or column.stored


def early(draft: Draft, pair: Pair, move: Move) -> Column:
    """The column as the expand phase can add it."""
    column = move.new
    if counted_column.comes_online(draft, pair, move):
        return replace(column, nullable=True, default=None, identity=None, serial=False)
    if column.generated is not None or column.identity or column.serial:
        return column
    filled = draft.answers.fill(pair.after.key, column.name) is not None
    plain = column.default is None or filled or not is_constant(column.default, draft.dialect)
    if plain:
        return replace(column, nullable=True, default=None)
    # DuckDB adds no constraint with a column.
    return replace(column, nullable=True) if draft.dialect == "duckdb" else column


def _add(draft: Draft, pair: Pair, move: Move, phase: Phase) -> None:
    key, column = pair.after.key, early(draft, pair, move)
    table = draft.table(key)
    foreign = _inline_foreign_key(draft, pair.after, column) if draft.dialect == "sqlite" else None
    sql = [add_column_sql(table, column, draft.dialect) + (f" {_references(foreign)}" if foreign else "")]
    kept = column
    merge = draft.answers.merge(key, column.name) if phase is Phase.EXPAND else None
    # A default would stand where the triggers look for a missing value: it comes when they have gone.
    later = merge is not None and draft.dialect == "postgres"
    wants = move.new.default is not None and column.default is None and not counts(move.new) and not later
    if wants and draft.dialect != "sqlite":
        # Old rows get their values in the migrate phase; new rows get the default from now on.
        sql.append(_set_default(key, move.new, draft))
        kept = replace(column, default=move.new.default)
    state = edit_table(draft.state, key, lambda t: with_column(t, kept))
    if foreign:
        state = edit_table(state, key, lambda t: replace(t, foreign_keys=(*t.foreign_keys, foreign)))
    undo, again = drop_added_column(draft.state, state, key, column.name)
    if counted_column.comes_online(draft, pair, move):
        numbered, back, state = counted_column.begun(draft, pair, move, sql[0])
        sql, undo = list(numbered), (*undo, *back)
    dual = merge_columns.follow(with_column(table, kept), move, merge, draft) if merge else DualWrite()
    for trigger in dual.triggers:
        state = with_trigger(state, trigger)
    if merge and not dual.make:
        draft.note(_by_hand(key, merge))
    draft.add(
        Step(
            draft.step_id(phase, key, f"add_{column.name}"),
            phase,
            "add_column",
            f"Add column {key}.{column.name} ({column.type or 'any type'})"
            + (f", computed of {', '.join(merge.sources)}" if dual.make and merge else ""),
            (key,),
            (*sql, *dual.make),
            (*dual.drop, *undo),
            rebuild=again,
            closes=draft.gap_sentences(key, column.name, kinds=("column_added",)),
            reason=_reason(column, move)
            + (" Column and triggers come in one transaction: old writes are computed into it." if dual.make else ""),
        ),
        state,
        (f"{key}#{column.name}",),
    )


def _reason(column: Column, move: Move) -> str:
    if counts(move.new) and not counts(column):
        return "New rows draw their numbers from its sequence; old rows get theirs in the migrate phase, in batches."
    if column.generated is not None or counts(column):
        return "The database itself gives every row its value."
    if move.new.nullable or not column.nullable:
        return "Old code does not see it; old rows hold " + ("its default." if column.default else "NULL.")
    return "Nullable until old rows have their values: the contract phase makes it NOT NULL."


def _by_hand(key: str, merge: Merge) -> str:
    return (
        f"DuckDB has no triggers, so {key}.{merge.column} does not follow {', '.join(merge.sources)}: write it too, or "
        "stop writers, until the contract phase is done."
    )


def _inline_foreign_key(draft: Draft, table: Table, column: Column) -> ForeignKey | None:
    """SQLite adds a foreign key only together with its column, and only one that starts out as NULL; without the key
    that it points to, every write would fail."""
    if column.default is not None or column.generated is not None:
        return None
    foreign = next((f for f in table.foreign_keys if f.columns == (column.name,)), None)
    parent = draft.state.table(foreign.ref_table) if foreign else None
    return foreign if foreign and parent and is_key(parent, foreign) else None


def _references(key: ForeignKey) -> str:
    return foreign_key_sql(key).replace(f"FOREIGN KEY ({quote(key.columns[0])}) ", "", 1)


def _set_default(key: str, column: Column, draft: Draft) -> str:
    value = default_sql(column.default or "NULL", draft.dialect)
    return f"ALTER TABLE {qualified(key)} ALTER COLUMN {quote(column.name)} SET DEFAULT {value}"
