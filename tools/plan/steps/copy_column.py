"""A renamed or retyped column: the new one beside the old one, kept equal by triggers, filled, compared, swapped."""

from __future__ import annotations

from dataclasses import replace

from tools.plan import casts
from tools.plan.casts import comparable
from tools.plan.draft import Draft
from tools.plan.dual_write import dual_write
from tools.plan.model import Backfill, Phase, Step, StepCheck
from tools.plan.pairs import Move, Pair, Way
from tools.plan.quiet import quieted
from tools.plan.row_writes import as_taken
from tools.plan.shape import edit_table, with_column, with_trigger
from tools.plan.sql import distinct
from tools.plan.steps.common import add_column_sql, batch_key, drop_added_column
from tools.schema.reads import columns_in
from tools.schema.render import qualified, quote


def expand(draft: Draft) -> None:
    for pair in draft.pairs:
        for move in pair.of(Way.RENAMED, Way.RETYPED):
            _add(draft, pair, move)


def migrate(draft: Draft) -> None:
    for pair in draft.pairs:
        for move in pair.of(Way.RENAMED, Way.RETYPED):
            _backfill(draft, pair, move)


def copies_equal(pair: Pair, move: Move) -> StepCheck:
    """The rows whose copy does not say what the old column says."""
    key, kind = pair.after.key, move.new.type
    differs = distinct(
        comparable(quote(move.carrier), kind, move.dialect),
        comparable(move.forward(), kind, move.dialect),
        move.dialect,
    )
    return StepCheck(
        f"every row of {key} has in {move.carrier} the value of {move.old.name}",
        f"SELECT * FROM {qualified(key)} WHERE {differs}",
    )


def nothing_lost(pair: Pair, move: Move) -> StepCheck | None:
    """The rows whose converted value says less; None where a person said how to convert, or none can."""
    if not move.recast or move.conversion is not None:
        return None
    condition = casts.lossy(quote(move.old.name), quote(move.carrier), move.old.type, move.new.type, move.dialect)
    what = f"{pair.after.key}.{move.old.name}"
    sentence = f"every value of {what} survives as {move.new.type} (else say how to convert, under fills)"
    if condition and move.fallback is not None:
        condition = f"{quote(move.old.name)} IS NOT NULL AND ({condition})"
    return StepCheck(sentence, f"SELECT * FROM {qualified(pair.after.key)} WHERE {condition}") if condition else None


def convertible(key: str, move: Move, version: str) -> StepCheck | None:
    """The rows of a table whose value the new type cannot hold; None where nothing can be asked without failing."""
    if not move.recast or move.conversion is not None:
        return None
    kind = move.new.type
    bad = casts.unconvertible(quote(move.old.name), move.old.type, kind, move.dialect, version)
    sentence = f"every value of {key}.{move.old.name} can become {kind} (else say how to convert, under fills)"
    return StepCheck(sentence, f"SELECT * FROM {qualified(key)} WHERE {bad}") if bad else None


def _add(draft: Draft, pair: Pair, move: Move) -> None:
    key = pair.after.key
    column = replace(move.new, name=move.carrier, nullable=True, default=None, identity=None, serial=False)
    state = edit_table(draft.state, key, lambda t: with_column(t, column))
    dual = dual_write(draft.table(key), move)
    undo, again = drop_added_column(draft.state, state, key, column.name)
    for trigger in dual.triggers:
        state = with_trigger(state, trigger)
    both = move.both_ways
    draft.add(
        Step(
            draft.step_id(Phase.EXPAND, key, f"{'shadow' if move.way is Way.RETYPED else 'add'}_{move.new.name}"),
            Phase.EXPAND,
            "change_type" if move.way is Way.RETYPED else "rename_column",
            f"Add {key}.{move.carrier} beside {move.old.name}" + (", written both ways" if dual.make and both else ""),
            (key,),
            (add_column_sql(draft.table(key), column, draft.dialect), *dual.make),
            (*dual.drop, *undo),
            rebuild=again,
            reason=_reason(move, bool(dual.make)),
        ),
        state,
        (f"{key}#{move.old.name}", f"{key}#{move.carrier}"),
    )
    if not dual.make:
        draft.note(_by_hand(key, move))
    if move.conversion is not None and move.old.generated is None and not _reads_the_old(pair, move):
        draft.note(
            f"fills: {key}.{move.new.name} does not read {move.old.name}: every row gets ({move.conversion}) in its"
            f" place, and what {move.old.name} holds today is set aside."
        )


def _reads_the_old(pair: Pair, move: Move) -> bool:
    names = (move.old.name, pair.before.name, pair.after.name)
    return bool(columns_in(move.conversion or "", names, move.dialect))


def _reason(move: Move, triggers: bool) -> str:
    if not triggers:
        return "DuckDB has no triggers: until the contract phase writers must write both columns, or be stopped."
    if move.both_ways:
        return "Column and triggers come in one transaction: whichever name code writes, the other follows."
    return "Column and triggers come in one transaction: each write of the old column is converted into the new one."


def _by_hand(key: str, move: Move) -> str:
    what = f"{key}.{move.old.name} and {key}.{move.carrier}"
    until = "write both, or stop writers, until the contract phase is done"
    return f"DuckDB has no triggers, so {what} are not kept equal for you: {until}."


def _backfill(draft: Draft, pair: Pair, move: Move) -> None:
    key, kind = pair.after.key, move.new.type
    table, new = draft.table(key), quote(move.carrier)
    where = distinct(comparable(new, kind, move.dialect), comparable(move.forward(), kind, move.dialect), move.dialect)
    check = convertible(key, move, draft.origin.version)
    draft.add(
        as_taken(
            draft,
            Step(
                draft.step_id(Phase.MIGRATE, key, f"fill_{move.carrier}"),
                Phase.MIGRATE,
                "backfill",
                f"Copy {key}.{move.old.name} into {move.carrier} for old rows",
                (key,),
                checks=(check,) if check else (),
                backfill=quieted(
                    draft,
                    Backfill(key, qualified(key), batch_key(table, draft.dialect), ((new, move.forward()),), where),
                ),
                writes_data=True,
                reason="In batches, only rows that still differ. Undoing leaves the copies: they go with their column.",
            ),
        ),
        None,
        (f"{key}#{move.old.name}", f"{key}#{move.carrier}"),
    )
