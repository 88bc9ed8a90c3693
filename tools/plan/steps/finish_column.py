"""The contract phase on Postgres, column by column: the old one set aside and dropped, the new one in its place."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.dependents import around
from tools.plan.draft import Draft
from tools.plan.dual_write import dual_write
from tools.plan.kept import Kept, became
from tools.plan.model import Hazard, Phase, Step, StepCheck
from tools.plan.pairs import Move, Pair, Way
from tools.plan.postgres_column import drop_column, locked, take_over
from tools.plan.shape import edit_table, rename_column, with_column, without_trigger
from tools.plan.steps.add_column import deferred
from tools.plan.steps.column_back import counting_on, old_values, returned, unchanged
from tools.plan.steps.common import add_column_sql, column_grants, filled_again, no_nulls
from tools.plan.steps.constraints import not_null_name
from tools.plan.steps.copy_column import copies_equal, nothing_lost
from tools.plan.steps.fill import must_hold
from tools.plan.steps.pointing import made_at_once
from tools.plan.steps.set_aside import Aside, Value, nothing_aside, set_aside
from tools.plan.steps.value_source import counter_kept, counts, opened_unless_said, switched_off, usual
from tools.plan.way_back import fits_again
from tools.schema.model import Schema
from tools.schema.render import add_constraint, check_sql, default_sql, qualified, quote
from tools.schema.types import widens


def contract(draft: Draft) -> None:
    if draft.dialect != "postgres":
        return
    for pair in draft.pairs:
        # What is computed goes before what it is computed of.
        moves = sorted(pair.of(Way.REMOVED, Way.DERIVED, Way.RENAMED, Way.RETYPED), key=_turn)
        for move in moves:
            (_finish if move.copied else _drop)(draft, pair, move)


def _turn(move: Move) -> tuple[bool, bool]:
    return move.old.generated is None, move.copied


def _live_key(draft: Draft, pair: Pair) -> tuple[str, ...]:
    """The key's columns under the names they bear at this point of the plan."""
    table = draft.table(pair.after.key)
    return tuple(carrier if table.column(carrier) else final for carrier, final in pair.stable_key())


def _drop(draft: Draft, pair: Pair, move: Move) -> None:
    key, column = pair.after.key, move.old
    step_id = draft.step_id(Phase.CONTRACT, key, f"drop_{column.name}")
    aside, stable = draft.kept(step_id), _live_key(draft, pair)
    computed = column.generated is not None
    values = [Value(column, column.name, quote(column.name))]
    kept = (
        nothing_aside(draft, key, column.name)
        if computed
        else set_aside(draft, key, column.name, stable, step_id, values)
    )
    change = drop_column(kept.state, key, column.name)
    back = (
        returned(draft, key, column, stable, aside)
        if not computed
        else [add_column_sql(draft.table(key), column, "postgres")]
    )
    back += column_grants(draft.state, key, column.name, column.name)
    reversible = computed or bool(stable)
    held, locks = [f"{key}#{column.name}"], locked(kept.state, key, column.name)
    undo = [*back, *change.undo, *kept.undo] if reversible else []
    state, sql = change.state, [*kept.under, *change.sql]
    if move.way is Way.DERIVED and not deferred(pair, move):
        sql.append(add_column_sql(draft.table(key), move.new, "postgres"))
        undo = [f"ALTER TABLE {qualified(key)} DROP COLUMN {quote(move.new.name)}", *undo] if undo else []
        state = edit_table(state, key, lambda t: with_column(t, move.new))
    draft.add(
        Step(
            step_id,
            Phase.CONTRACT,
            "drop_column",
            f"Drop the column {key}.{column.name}, whose values are set aside"
            if kept.ahead
            else f"Set the values of {key}.{column.name} aside and drop the column",
            _objects(draft, key, state),
            (*kept.before, *around(kept.state, held, sql)),
            (*locks, *around(kept.state, held, undo), *kept.undo_end) if undo else (),
            checks=kept.checks,
            hazards=(Hazard.BREAKS_OLD_CODE,) if computed else (Hazard.DELETES_DATA, Hazard.BREAKS_OLD_CODE),
            reversible=reversible,
            writes_data=not computed,
            closes=draft.gap_sentences(key, column.name),
            depends_on=draft.sign_offs,
            undo_checks=filled_again(pair, move, aside, [quote(c) for c in stable]),
            reason=_why_dropped(key, kept, reversible),
        ),
        state,
        (f"{key}#{column.name}",),
    )


def _finish(draft: Draft, pair: Pair, move: Move) -> None:
    key, table = pair.after.key, draft.table(pair.after.key)
    step_id = draft.step_id(Phase.CONTRACT, key, f"finish_{move.new.name}")
    aside, stable = draft.kept(step_id), _live_key(draft, pair)
    lossless = move.conversion is None and widens(move.old.type, move.new.type, "postgres")
    lossy = move.recast and not lossless and move.old.generated is None
    dual = dual_write(table, move)
    values = [
        Value(move.old, move.old.name, quote(move.old.name)),
        Value(move.new, move.carrier, became(move.new.name)),
    ]
    kept = (
        set_aside(draft, key, move.old.name, stable, step_id, values)
        if lossy
        else nothing_aside(draft, key, move.old.name)
    )
    state = kept.state
    for trigger in dual.triggers:
        state = without_trigger(state, trigger.table, trigger.name)
    dropped, locks = drop_column(state, key, move.old.name), locked(state, key, move.old.name)
    counter = draft.counted(step_id) if counts(move.old) and counts(move.new) else None
    settled, settle, unsettle = _settle(draft, dropped.state, pair, move, counter)
    taken = take_over(settled, key, pair.after)
    pointing = made_at_once(draft, taken.state, key, move.old.name, move.new.name)
    sql = [
        *dual.drop,
        *kept.under,
        *(counter_kept(table, move.old, counter) if counter else ()),
        *dropped.sql,
        *settle,
        *taken.sql,
        *pointing.sql,
        *column_grants(draft.state, key, move.old.name, move.new.name),
    ]
    reversible = not lossy or bool(stable)
    back = old_values(draft, table, move, stable, aside if lossy else None, counter)
    back += column_grants(draft.state, key, move.old.name, move.old.name)
    counted = counter_kept(table, move.new, counter) if counter else ()
    undo = [
        *counted,
        *pointing.undo,
        *taken.undo,
        *taken.last,
        *unsettle,
        *back,
        *dropped.undo,
        *dual.make,
        *kept.undo,
    ]
    hazards = (Hazard.DELETES_DATA, Hazard.BREAKS_OLD_CODE) if lossy else (Hazard.BREAKS_OLD_CODE,)
    held = [f"{key}#{move.old.name}"]
    draft.add(
        Step(
            step_id,
            Phase.CONTRACT,
            "finish_rename" if move.way is Way.RENAMED else "finish_type_change",
            _summary(key, move),
            _objects(draft, key, pointing.state),
            (*kept.before, *around(kept.state, held, sql)),
            (*locks, *around(kept.state, held, undo), *kept.undo_end) if reversible else (),
            checks=(*_checks(pair, move), *kept.checks),
            hazards=hazards,
            reversible=reversible,
            writes_data=lossy,
            depends_on=draft.sign_offs,
            closes=draft.gap_sentences(key, move.old.name, move.new.name),
            undo_checks=(
                *filled_again(pair, move, aside, [quote(c) for c in stable]),
                *(
                    fits_again(draft, key, move, unchanged(draft, move, stable, aside) if lossy else "")
                    if reversible
                    else ()
                ),
            ),
            reason="In one transaction, and only if every row's copy equals the old value at that moment.",
        ),
        pointing.state,
        (f"{key}#{move.old.name}", f"{key}#{move.carrier}"),
    )


def _why_dropped(key: str, kept: Aside, reversible: bool) -> str:
    if not reversible:
        return f"{key} has no key: the values set aside cannot be put back to their rows; a backup can."
    if kept.ahead:
        return "Rows that changed since are read again, nearly all of them before the lock is taken."
    return "Its values go to a table of oneplan's own, by key."


def _summary(key: str, move: Move) -> str:
    if move.way is Way.RENAMED:
        return f"Drop {key}.{move.old.name}: {move.new.name} holds all of its values"
    return f"Put the {move.new.type} values in place of {key}.{move.old.name} ({move.old.type})"


def _checks(pair: Pair, move: Move) -> tuple[StepCheck, ...]:
    checks = [copies_equal(pair, move), nothing_lost(pair, move)]
    checks += [no_nulls(pair.after.key, move.carrier)] if must_hold(pair, move) else []
    return tuple(check for check in checks if check)


def _settle(
    draft: Draft, state: Schema, pair: Pair, move: Move, counter: Kept | None
) -> tuple[Schema, list[str], list[str]]:
    """Give the new column its name, default and NOT NULL; (state, statements, the way back).

    counter: where it is kept how far the old column has counted.
    """
    key, name = pair.after.key, quote(move.new.name)
    alter = f"ALTER TABLE {qualified(key)}"
    sql: list[str] = []
    undo: list[str] = []
    if move.carrier != move.new.name:
        sql.append(f"{alter} RENAME COLUMN {quote(move.carrier)} TO {name}")
        undo.append(f"{alter} RENAME COLUMN {name} TO {quote(move.carrier)}")
    if move.new.default is not None and not move.new.serial:
        sql.append(f"{alter} ALTER COLUMN {name} SET DEFAULT {default_sql(move.new.default, 'postgres')}")
        undo.insert(0, f"{alter} ALTER COLUMN {name} DROP DEFAULT")
    state = edit_table(state, key, lambda t: with_column(rename_column(t, move.carrier, move.new.name), move.new))
    if must_hold(pair, move):
        table = state.table(key)
        held = next((c for c in table.checks if c.name == not_null_name(move.carrier)), None) if table else None
        sql += [f"{alter} ALTER COLUMN {name} SET NOT NULL"]
        undo = [f"{alter} ALTER COLUMN {name} DROP NOT NULL", *undo]
        if held and table:
            sql.append(f"{alter} DROP CONSTRAINT {quote(held.name or '')}")
            undo.append(add_constraint(table, check_sql(held)))
            state = edit_table(
                state, key, lambda t: replace(t, checks=tuple(c for c in t.checks if c.name != held.name))
            )
    table = state.table(key)
    if table and (move.new.identity or move.new.serial):
        counting = replace(move.new, counting=move.new.counting or move.old.counting)
        if move.old.serial and move.new.serial:  # the old sequence leaves its name, and who may draw from it
            column = replace(counting, default=move.old.default)
        else:
            column = usual(state, table, counting)
            state = opened_unless_said(draft, state, table, column)
        sql += counting_on(state, table, column, counter)
        undo = switched_off(table, column) + undo
        state = edit_table(state, key, lambda t: with_column(t, column))
    return state, sql, undo


def _objects(draft: Draft, key: str, after: Schema) -> tuple[str, ...]:
    """The table and all others whose definition the step changes."""
    same = set(map(id, after.tables))  # nearly all: they are not even looked at
    changed = [t.key for t in draft.state.tables if id(t) not in same and after.table(t.key) != t]
    return (key, *sorted(set(changed) - {key}))
