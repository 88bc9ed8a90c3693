"""The verify phase: what must hold before anything is removed, asked of every row."""

from __future__ import annotations

from collections.abc import Iterator

from tools.plan.differences import new_checks, new_foreign_keys, new_indexes, new_primary_key, new_uniques, on_carriers
from tools.plan.draft import Draft
from tools.plan.model import Phase, Step, StepCheck
from tools.plan.pairs import Pair, Way
from tools.plan.shape import check_columns
from tools.plan.sql import duplicates, orphans, violations
from tools.plan.steps import merge_columns
from tools.plan.steps.add_column import deferred
from tools.plan.steps.copy_column import copies_equal, nothing_lost
from tools.plan.steps.fill import must_hold
from tools.schema.entries import index_columns
from tools.schema.model import ForeignKey
from tools.schema.render import qualified, quote


def verify(draft: Draft) -> None:
    for pair in draft.pairs:
        checks = tuple(proofs(draft, pair))
        if checks:
            _step(draft, pair, checks)


def proofs(draft: Draft, pair: Pair) -> Iterator[StepCheck]:
    """Every check of a table: copies, empty values, duplicates, orphans, rows against a new CHECK."""
    yield from copies(pair)
    yield from merge_columns.filled(draft, pair)
    yield from _nulls(draft, pair)
    yield from _duplicates(draft, pair)
    yield from (
        _orphans(draft, pair, f)
        for f in new_foreign_keys(draft, pair)
        if draft.state.table(f.ref_table) and f.ref_columns
    )
    yield from _violations(draft, pair)


def copies(pair: Pair) -> Iterator[StepCheck]:
    for move in pair.of(Way.RENAMED, Way.RETYPED):
        yield copies_equal(pair, move)
        lost = nothing_lost(pair, move)
        if lost:
            yield lost


def _step(draft: Draft, pair: Pair, checks: tuple[StepCheck, ...]) -> None:
    key = pair.after.key
    columns = [f"{key}#{m.carrier}" for m in pair.moves if m.way is not Way.KEPT or must_hold(pair, m)]
    draft.add(
        Step(
            draft.step_id(Phase.VERIFY, key, "proofs"),
            Phase.VERIFY,
            "verify_rows",
            f"Ask every row of {key}: " + "; ".join(check.sentence for check in checks),
            (key,),
            checks=checks,
            reason="Reads only. A row that fails is named, and nothing is removed until none does.",
        ),
        None,
        (key, *columns),
    )


def _nulls(draft: Draft, pair: Pair) -> Iterator[StepCheck]:
    for move in pair.moves:
        if move.after is None or not must_hold(pair, move) or move.new.generated is not None or deferred(pair, move):
            continue
        # The rebuild gives such rows the default: they were written by code that does not know the column yet.
        if move.way is Way.ADDED and move.new.default is not None and draft.dialect != "postgres":
            continue
        column = draft.table(pair.after.key).column(move.carrier)
        if column is not None and column.nullable:
            sql = f"SELECT * FROM {qualified(pair.after.key)} WHERE {quote(move.carrier)} IS NULL"
            yield StepCheck(f"no row has NULL in {move.carrier}", sql)


def _duplicates(draft: Draft, pair: Pair) -> Iterator[StepCheck]:
    key = new_primary_key(draft, pair)
    groups = [u.columns for u in new_uniques(draft, pair)] + ([key.columns] if key else [])
    groups += [
        index_columns(i)
        for i in new_indexes(draft, pair)
        if i.unique and not i.where and len(index_columns(i)) == len(i.columns)
    ]
    table = draft.table(pair.after.key)
    for columns in dict.fromkeys(on_carriers(pair, group) for group in groups):
        if not all(table.column(c) for c in columns):
            continue
        yield StepCheck(f"no two rows share {', '.join(columns)}", duplicates(table.key, [quote(c) for c in columns]))


def _live(draft: Draft, pair: Pair, column: str) -> str:
    """A column's name at this point of the plan: its carrier's until that has taken its place."""
    carrier = pair.carrier(column)
    return carrier if draft.table(pair.after.key).column(carrier) else column


def _orphans(draft: Draft, pair: Pair, key: ForeignKey) -> StepCheck:
    columns = on_carriers(pair, key.columns)
    other = next((p for p in draft.pairs if p.after.key == key.ref_table), None)
    ends = tuple(_live(draft, other, c) for c in key.ref_columns) if other else key.ref_columns
    sql = orphans(pair.after.key, columns, qualified(key.ref_table), ends)
    return StepCheck(f"every {', '.join(columns)} is found in {key.ref_table}", sql)


def _violations(draft: Draft, pair: Pair) -> Iterator[StepCheck]:
    there = draft.table(pair.after.key).column_names
    for check in new_checks(draft, pair):
        columns = check_columns(check, pair.after, draft.dialect)
        if all(c in there and pair.carrier(c) == c for c in columns):
            yield StepCheck(f"every row satisfies {check.expression}", violations(pair.after.key, check.expression))
