"""Defaults of columns that stay. A first default comes in the expand phase; a changed one waits for the contract phase,
since old code may count on it. On SQLite a default comes only with a table made anew."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.draft import Draft
from tools.plan.model import Phase, Step
from tools.plan.pairs import Move, Pair, Way
from tools.plan.shape import edit_table, with_column
from tools.schema.model import Column
from tools.schema.normal import normal_default
from tools.schema.render import default_sql, qualified, quote


def expand(draft: Draft) -> None:
    for pair, move, column in _changed(draft):
        if column.default is None:
            _set(draft, pair, move, column, Phase.EXPAND)


def contract(draft: Draft) -> None:
    for pair, move, column in _changed(draft):
        _set(draft, pair, move, column, Phase.CONTRACT)


def _changed(draft: Draft) -> list[tuple[Pair, Move, Column]]:
    if draft.dialect == "sqlite":
        return []
    found: list[tuple[Pair, Move, Column]] = []
    for pair in draft.pairs:
        for move in pair.of(Way.KEPT, Way.ADDED):
            column = draft.table(pair.after.key).column(move.new.name)
            if (
                column is None
                or column.generated is not None
                or move.new.generated is not None
                or column.identity
                or column.serial
            ):
                continue
            if move.new.identity or move.new.serial:
                continue
            if normal_default(column, draft.dialect) != normal_default(move.new, draft.dialect):
                found.append((pair, move, column))
    return found


def _set(draft: Draft, pair: Pair, move: Move, column: Column, phase: Phase) -> None:
    key = pair.after.key
    alter = f"ALTER TABLE {qualified(key)} ALTER COLUMN {quote(column.name)}"

    def statement(default: str | None) -> str:
        return (
            f"{alter} DROP DEFAULT" if default is None else f"{alter} SET DEFAULT {default_sql(default, draft.dialect)}"
        )

    draft.add(
        Step(
            draft.step_id(phase, key, f"default_{column.name}"),
            phase,
            "change_default",
            f"Set the default of {key}.{column.name} to {move.new.default or 'none'}",
            (key,),
            (statement(move.new.default),),
            (statement(column.default),),
            closes=draft.gap_sentences(key, column.name, kinds=("default_changed",)),
            reason="Only rows inserted from now on are touched by it.",
            depends_on=draft.sign_offs,
        ),
        edit_table(draft.state, key, lambda t: with_column(t, replace(column, default=move.new.default))),
        (f"{key}#{column.name}",),
    )
