"""Values for old rows of a column that shall be NOT NULL, or that a person gave a value for."""

from __future__ import annotations

from dataclasses import dataclass

from tools.plan.casts import affinity, comparable
from tools.plan.draft import Draft
from tools.plan.kept import key_match, key_select
from tools.plan.model import Backfill, Phase, Step
from tools.plan.pairs import Move, Pair, Way
from tools.plan.quiet import quieted
from tools.plan.rebuild import rewritten
from tools.plan.row_writes import as_taken, refused
from tools.plan.sql import is_constant, is_steady, same
from tools.plan.steps import counted_column
from tools.plan.steps.common import batch_key
from tools.plan.steps.merge_columns import value_of
from tools.plan.steps.value_source import counts
from tools.schema.model import Column, Table
from tools.schema.render import qualified, quote


def nulls(draft: Draft) -> None:
    """NULLs in columns that are there: in the old column of a copied one, before it is copied."""
    for pair in draft.pairs:
        for move in pair.of(Way.KEPT, Way.RENAMED, Way.RETYPED):
            _fill_existing(draft, pair, move)


def added(draft: Draft) -> None:
    """Columns that are new; what gives their values may read the copied ones."""
    for pair in draft.pairs:
        for move in pair.of(Way.ADDED):
            _fill_added(draft, pair, move)


def wanted(draft: Draft, pair: Pair, move: Move) -> str | None:
    """The expression that gives old rows of a column their value; None where there is none to give."""
    if move.after is not None and counted_column.comes_online(draft, pair, move):
        return counted_column.number(draft, pair, move)
    if move.after is None or move.new.generated is not None or _computed(move):
        return None
    if move.way is Way.ADDED and counts(move.new):
        return None
    said = draft.answers.fill(pair.after.key, move.new.name) if move.conversion is None else None
    merge = draft.answers.merge(pair.after.key, move.new.name) if move.way is Way.ADDED else None
    if merge is not None and said == merge.sql:
        return value_of(move, merge, draft)
    if move.fallback is not None:
        return None
    if said is not None:
        return f"({said})"
    tight = must_hold(pair, move)
    if move.way is Way.ADDED:
        late = move.new.default is not None and not is_constant(move.new.default, draft.dialect)
        return move.new.default if tight and late else None
    default = move.old.default if counts(move.new) else move.new.default
    return default if tight and move.old.nullable and not _of_no_row(move, default) else None


def _of_no_row(move: Move, default: str | None) -> bool:
    """Whether a default is a constant where every row shall have a number of its own."""
    return counts(move.new) and default is not None and is_constant(default, move.dialect)


def _computed(move: Move) -> bool:
    """Whether the values of today are computed, so that nobody can write them."""
    return move.before is not None and move.before.generated is not None


def must_hold(pair: Pair, move: Move) -> bool:
    """Whether the column must have a value in every row in the end."""
    key, today = pair.after.primary_key, pair.before.primary_key
    # SQLite lets NULL into a key that says no NOT NULL: where the column is one today, nothing changes.
    is_key = bool(today and move.before is not None and move.old.name in today.columns)
    becomes_key = bool(key and move.after is not None and move.new.name in key.columns) and not is_key
    return move.after is not None and (not move.new.nullable or becomes_key)


def _fill_added(draft: Draft, pair: Pair, move: Move) -> None:
    value = wanted(draft, pair, move)
    if value is None:
        _ask_for_value(draft, pair, move)
        return
    key, column = pair.after.key, quote(move.new.name)
    table = draft.table(key)
    draft.add(
        as_taken(
            draft,
            Step(
                draft.step_id(Phase.MIGRATE, key, f"fill_{move.new.name}"),
                Phase.MIGRATE,
                "backfill",
                f"Give old rows of {key} a value in {move.new.name}",
                (key,),
                writes_data=True,
                backfill=quieted(
                    draft,
                    Backfill(
                        key, qualified(key), batch_key(table, draft.dialect), ((column, value),), f"{column} IS NULL"
                    ),
                ),
                reason="Only rows without a value. Undoing leaves the values: they go with the column, which is new.",
            ),
        ),
        None,
        (f"{key}#{move.new.name}",),
    )


def _ask_for_value(draft: Draft, pair: Pair, move: Move) -> None:
    missing = must_hold(pair, move) and move.new.generated is None and not (move.way is Way.ADDED and counts(move.new))
    if move.conversion is not None or move.fallback is not None:
        return
    if missing and _computed(move) and move.old.nullable:
        draft.note(
            f"{pair.after.key}.{move.new.name} is computed today and becomes NOT NULL: its rows cannot be written"
            " before, so the plan will stop at the first one that computes NULL."
        )
    elif missing and (move.new.default is None if move.way is Way.ADDED else move.old.nullable):
        name = f"{pair.after.key}.{move.new.name}"
        draft.note(
            f"{name} becomes NOT NULL and no value is known for rows that have none: say one in the answers file, under"
            f" `fills:`, as `{name}: <SQL expression>`, or the plan will stop at the first such row."
        )


_KEPT = "oneplan_kept"
"""What values set aside are called beside a table that goes by its own name: no table of a user's is called so."""


@dataclass(frozen=True)
class _Place:
    """Where values go: the live column, and what tells a row for certain."""

    table: Table
    column: str
    key: tuple[str, ...]
    kind: Column
    anew: bool
    """Whether the table is made anew to write it, so that its rows are seen as "t"."""

    @property
    def rows(self) -> str:
        return "t" if self.anew else qualified(self.table.key)


def _fill_existing(draft: Draft, pair: Pair, move: Move) -> None:
    value = wanted(draft, pair, move)
    if value is None or not (move.old.nullable and must_hold(pair, move)):
        _ask_for_value(draft, pair, move)
        return
    value = move.backward(value)  # the old column takes it, and its copy follows
    table, live = draft.table(pair.after.key), move.old.name
    column = table.column(live) or move.new
    place = _Place(
        table,
        quote(live),
        tuple(quote(m.old.name) for _, c in pair.stable_key() if (m := pair.move_to(c))),
        column,
        refused(draft.state, table.key, live),
    )
    step_id = draft.step_id(Phase.MIGRATE, table.key, f"fill_{live}_nulls")
    aside = draft.kept(step_id)
    steady = is_steady(value, draft.dialect)
    sql = aside.make(
        f"SELECT {key_select(place.key)}, {_filled(draft, column, value)} AS {place.column}"
        f" FROM {qualified(table.key)} WHERE {place.column} IS NULL"
    )
    draft.add(
        as_taken(
            draft,
            Step(
                step_id,
                Phase.MIGRATE,
                "fill_nulls",
                f"Give rows of {table.key} with NULL in {live} a value",
                (table.key,),
                sql if place.key else (),
                _undo(place, aside.name, draft) if place.key else (),
                Backfill(
                    table.key,
                    qualified(table.key),
                    batch_key(table, draft.dialect),
                    (
                        (
                            place.column,
                            value if steady or not place.key else _from_kept(draft, place, aside.name, value),
                        ),
                    ),
                    f"{place.column} IS NULL",
                ),
                reversible=bool(place.key),
                writes_data=True,
                reason="Which rows were NULL, and what they got, is set aside first, so that the way back knows them."
                if place.key
                else f"{table.key} has no key to tell its rows by: which of them were NULL cannot be known afterwards.",
            ),
        ),
        None,
        (f"{table.key}#{move.old.name}", f"{table.key}#{live}"),
    )


def _filled(draft: Draft, column: Column, value: str) -> str:
    """What the column will hold. A kept column of SQLite has no affinity that would make a number equal to its text."""
    if draft.dialect == "sqlite":
        return f"CAST({value} AS TEXT)" if affinity(column.type) == "TEXT" else value
    held = draft.aside(column, value)
    return held if held != value else f"CAST({value} AS {column.type})"  # else a literal would be kept as text


def _from_kept(draft: Draft, place: _Place, kept_table: str, value: str) -> str:
    """A value that changes each time it is asked for is asked for once, and taken from what was set aside."""
    match = key_match(place.key, _KEPT, place.rows)
    set_aside = draft.restored(place.kind, f"{_KEPT}.{place.column}")
    return f"COALESCE((SELECT {set_aside} FROM {kept_table} AS {_KEPT} WHERE {match}), {value})"


def _undo(place: _Place, kept_table: str, draft: Draft) -> tuple[str, ...]:
    name, live = qualified(place.table.key), f"{place.rows}.{place.column}"
    match = key_match(place.key, _KEPT, place.rows)
    then = comparable(f"{_KEPT}.{place.column}", place.kind.type, draft.dialect)
    now = comparable(draft.aside(place.kind, live), place.kind.type, draft.dialect)
    unchanged = same(then, now, draft.dialect)
    filled = f"EXISTS (SELECT 1 FROM {kept_table} AS {_KEPT} WHERE {match} AND {unchanged})"
    if place.anew:
        values = {place.kind.name: f"CASE WHEN {filled} THEN NULL ELSE {live} END"}
        return (*rewritten(draft.state, place.table.key, values), f"DROP TABLE {kept_table}")
    return (f"UPDATE {name} SET {place.column} = NULL WHERE {filled}", f"DROP TABLE {kept_table}")
