"""A type that Postgres enlarges in place, in the expand phase: old code does not notice."""

from __future__ import annotations

from dataclasses import replace

from tools.plan import enlarge
from tools.plan.dependents import around
from tools.plan.draft import Draft
from tools.plan.model import Phase, Step
from tools.plan.pairs import Move, Pair, Way
from tools.plan.shape import edit_table, with_column
from tools.plan.way_back import fits_again


def expand(draft: Draft) -> None:
    for pair in draft.pairs if draft.dialect == "postgres" else ():
        for move in pair.of(Way.KEPT):
            if move.recast:
                _enlarge(draft, pair, move)


def _enlarge(draft: Draft, pair: Pair, move: Move) -> None:
    key, name, new = pair.after.key, move.new.name, move.new.type
    column = draft.table(key).column(name) or move.old
    check = enlarge.check(key, name, new)
    draft.add(
        Step(
            draft.step_id(Phase.EXPAND, key, f"enlarge_{name}"),
            Phase.EXPAND,
            "enlarge_column",
            f"Enlarge {key}.{name} from {move.old.type} to {new}",
            (key,),
            around(draft.state, [f"{key}#{name}"], [enlarge.alter(key, name, new)]),
            around(draft.state, [f"{key}#{name}"], [enlarge.alter(key, name, move.old.type)]),
            checks=(check,) if check else (),
            closes=draft.gap_sentences(key, name, kinds=("type_changed",)),
            reason="Postgres changes only its catalog. Undoing reads every row, and begins only if none is larger.",
            undo_checks=fits_again(draft, key, move),
        ),
        edit_table(draft.state, key, lambda t: with_column(t, replace(column, type=new))),
        (f"{key}#{name}",),
    )
