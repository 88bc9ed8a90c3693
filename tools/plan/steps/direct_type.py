"""A type changed in place, on Postgres: identity and serial columns, which must keep their sequence."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.dependents import around
from tools.plan.draft import Draft
from tools.plan.kept import key_match, key_select
from tools.plan.model import Hazard, Phase, Step
from tools.plan.pairs import Move, Pair, Way
from tools.plan.shape import edit_table, with_column
from tools.plan.steps.value_source import sequence_of
from tools.plan.way_back import fits_again
from tools.schema.model import Column
from tools.schema.render import qualified, quote
from tools.schema.types import widens

_COUNTERS = ("smallint", "integer", "bigint")


def contract(draft: Draft) -> None:
    for pair in draft.pairs:
        for move in pair.of(Way.DIRECT):
            _change(draft, pair, move)


def _change(draft: Draft, pair: Pair, move: Move) -> None:
    key, name = pair.after.key, quote(move.new.name)
    table = draft.table(key)
    column = table.column(move.new.name) or move.old
    wide = move.conversion is None and _keeps_values(move.old.type, move.new.type)
    stable = [carrier for carrier, _ in pair.stable_key() if carrier != move.new.name]
    step_id = draft.step_id(Phase.CONTRACT, key, f"type_of_{move.new.name}")
    aside = draft.kept(step_id)
    alter = f"ALTER TABLE {qualified(key)} ALTER COLUMN {name} TYPE"
    sql = [f"{alter} {move.new.type} USING {move.forward()}", *_sequence(draft, pair, column, move.new.type)]
    undo = [f"{alter} {move.old.type} USING {move.backward(name)}", *_sequence(draft, pair, column, move.old.type)]
    if not wide and stable:
        sql = [*aside.make(f"SELECT {key_select([quote(c) for c in stable])}, {name} FROM {qualified(key)}"), *sql]
        match = key_match([quote(c) for c in stable], table_alias="t")
        undo += [
            f"UPDATE {qualified(key)} AS t SET {name} = k.{name} FROM {aside.name} AS k WHERE {match}",
            aside.drop(),
        ]
    reversible = wide or bool(stable)
    draft.add(
        Step(
            step_id,
            Phase.CONTRACT,
            "change_type_in_place",
            f"Change {key}.{move.new.name} from {move.old.type} to {move.new.type}",
            (key,),
            around(draft.state, [f"{key}#{move.new.name}"], sql),
            around(draft.state, [f"{key}#{move.new.name}"], undo) if reversible else (),
            reversible=reversible,
            hazards=(Hazard.TABLE_REWRITE,) if wide else (Hazard.DELETES_DATA, Hazard.TABLE_REWRITE),
            writes_data=True,
            closes=draft.gap_sentences(key, move.new.name, kinds=("type_changed",)),
            reason="The column draws from a sequence of its own, which a shadow column could not take along.",
            depends_on=draft.sign_offs,
            undo_checks=fits_again(draft, key, move) if reversible else (),
        ),
        edit_table(
            draft.state,
            key,
            lambda t: with_column(t, replace(column, type=move.new.type, collation=move.new.collation)),
        ),
        (f"{key}#{move.new.name}",),
    )


def _keeps_values(old: str, new: str) -> bool:
    """Whether each value is the same in the new type; Postgres refuses a whole number that does not fit."""
    return widens(old, new, "postgres") or (old in _COUNTERS and new in _COUNTERS)


def _sequence(draft: Draft, pair: Pair, column: Column, type_: str) -> list[str]:
    """A serial's sequence counts in a type of its own; an identity's follows the column's."""
    if not column.serial or type_ not in _COUNTERS:
        return []
    return [f"ALTER SEQUENCE {sequence_of(draft.table(pair.after.key), column)} AS {type_}"]
