"""NOT NULL let go in the expand phase: where the desired schema allows NULL, and where new code no longer writes an old
column that is going."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.draft import Draft
from tools.plan.model import Phase, Step
from tools.plan.pairs import Move, Pair, Way
from tools.plan.rebuild import cluster, rebuild, unchanged
from tools.plan.shape import with_column, with_table
from tools.plan.steps.common import no_nulls
from tools.schema.model import Schema, Table
from tools.schema.render import qualified, quote


def expand(draft: Draft) -> None:
    for pair in draft.pairs:
        columns = tuple(move.old.name for move in pair.moves if _should_loosen(draft, pair, move))
        if not columns:
            continue
        if draft.dialect == "postgres":
            for column in columns:
                _loosen(draft, pair, (column,))
        else:
            _loosen(draft, pair, columns)


def _should_loosen(draft: Draft, pair: Pair, move: Move) -> bool:
    if move.before is None or move.old.nullable or move.old.identity or move.old.generated is not None:
        return False
    key = draft.table(pair.after.key).primary_key
    if key and move.old.name in key.columns:
        return False
    if move.way in (Way.REMOVED, Way.RENAMED, Way.DERIVED):
        return move.old.default is None
    return move.way in (Way.KEPT, Way.RETYPED) and move.new.nullable


def _loosen(draft: Draft, pair: Pair, columns: tuple[str, ...]) -> None:
    table = draft.table(pair.after.key)
    loose: Table = table
    for name in columns:
        column = table.column(name)
        assert column is not None
        loose = with_column(loose, replace(column, nullable=True))
    after = with_table(draft.state, loose)
    sql, undo = _statements(draft, table, after, columns)
    listed = ", ".join(columns)
    objects = (table.key,) if draft.dialect != "duckdb" else cluster(draft.state, after, {table.key: None})
    draft.add(
        Step(
            draft.step_id(Phase.EXPAND, table.key, f"loosen_{'_'.join(columns)}"),
            Phase.EXPAND,
            "drop_not_null",
            f"Let {table.key} hold NULL in {listed}",
            objects,
            sql,
            undo,
            rebuild=draft.dialect != "postgres",
            writes_data=draft.dialect != "postgres",
            closes=draft.gap_sentences(table.key, *columns, kinds=("nullability_changed",)),
            reason="New code need not write it. Undoing works as long as no row holds NULL there.",
            undo_checks=tuple(no_nulls(table.key, name) for name in columns),
        ),
        after,
        tuple(f"{table.key}#{name}" for name in columns),
    )


def _statements(
    draft: Draft, table: Table, after: Schema, columns: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if draft.dialect == "postgres":
        alter = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(columns[0])}"
        return (f"{alter} DROP NOT NULL",), (f"{alter} SET NOT NULL",)
    there = {table.key: unchanged(table)}
    return rebuild(draft.state, after, there), rebuild(after, draft.state, there)
