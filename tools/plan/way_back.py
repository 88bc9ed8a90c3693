"""What rows written since may stand in the way of going back: asked before the way back begins, and of each undo.

Each gives the rows that the shape before a step does not take, as a query over the shape behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tools.plan import casts
from tools.plan.differences import missing
from tools.plan.draft import Draft
from tools.plan.model import StepCheck
from tools.plan.pairs import Move, Pair, Way
from tools.plan.shape import check_columns, columns_of_index
from tools.plan.sql import duplicates, orphans, violations
from tools.schema.entries import split_entry
from tools.schema.model import Check, ForeignKey, Index, Table, Unique
from tools.schema.normal import normal_check, normal_foreign_key, normal_index, normal_unique
from tools.schema.render import qualified, quote


def fits_again(draft: Draft, table: str, move: Move, unchanged: str = "") -> tuple[StepCheck, ...]:
    """Every value of a column can be of its old type again. unchanged: a condition over the row as "t" under which what
    was set aside for it comes back."""
    old, new = move.old.type, move.new.type
    value = f"t.{quote(move.new.name)}"
    if not move.recast or move.conversion is not None:
        return ()
    bad = casts.refused_back(value, new, old, draft.dialect, draft.origin.version)
    kept = f" AND NOT ({unchanged})" if unchanged else ""
    sentence = f"every value of {table}.{move.new.name} is one of {old} too"
    return (StepCheck(sentence, f"SELECT t.* FROM {qualified(table)} AS t WHERE ({bad}){kept}"),) if bad else ()


def check_holds(table: Table, check: Check) -> tuple[StepCheck, ...]:
    sentence = f"every row of {table.key} satisfies {check.expression}"
    return (StepCheck(sentence, violations(table.key, check.expression)),) if check.validated else ()


def foreign_key_holds(table: str, key: ForeignKey, parent: str = "") -> tuple[StepCheck, ...]:
    """parent: the quoted name of what holds the parent's rows, where that is not the parent itself."""
    if not key.validated or not key.ref_columns:
        return ()
    sentence = f"every {', '.join(key.columns)} of {table} is found in {key.ref_table}"
    return (StepCheck(sentence, orphans(table, key.columns, parent or qualified(key.ref_table), key.ref_columns)),)


def unique_holds(table: str, unique: Unique) -> tuple[StepCheck, ...]:
    return _once(table, tuple(quote(c) for c in unique.columns), unique.columns, _null_is_one(unique.options))


def index_holds(index: Index) -> tuple[StepCheck, ...]:
    """A unique index; one that lets a value stand twice asks nothing."""
    parts = [split_entry(entry) for entry in index.columns]
    values = tuple(expression if name is None else quote(name) for name, expression, _ in parts)
    where = f"({index.where})" if index.where else ""
    return _once(index.table, values, index.columns, _null_is_one(index.options), where) if index.unique else ()


def _once(table: str, values: tuple[str, ...], said: Sequence[str], null: bool, where: str = "") -> tuple[StepCheck]:
    return (StepCheck(f"no two rows of {table} share {', '.join(said)}", duplicates(table, values, null, where)),)


def _null_is_one(options: Iterable[str]) -> bool:
    return any("NOT DISTINCT" in option for option in options)


def rules_let_go(draft: Draft, pair: Pair) -> Iterator[StepCheck]:
    """The rules that a table loses by being made anew, as far as the columns that they speak of stay what they are."""
    before, after, dialect = pair.before, pair.after, draft.dialect
    kept = _kept(pair)
    for check in missing(before.checks, after.checks, lambda c: normal_check(c, dialect)):
        if set(check_columns(check, before, dialect)) <= kept:
            yield from check_holds(after, check)
    for unique in missing(_keys(before), _keys(after), lambda u: normal_unique(u, dialect)):
        if set(unique.columns) <= kept:
            yield from unique_holds(after.key, unique)
    for index in missing(before.indexes, after.indexes, lambda i: normal_index(i, dialect)):
        if set(columns_of_index(index, before, dialect)) <= kept and not pair.renamed:
            yield from index_holds(index)
    for key in missing(before.foreign_keys, after.foreign_keys, lambda f: normal_foreign_key(f, dialect)):
        if set(key.columns) <= kept and _leads_somewhere(draft, key):
            yield from foreign_key_holds(after.key, key)


def _kept(pair: Pair) -> set[str]:
    return {move.new.name for move in pair.of(Way.KEPT) if not move.recast}


def _leads_somewhere(draft: Draft, key: ForeignKey) -> bool:
    """Whether the table that it points to is there behind the step, with those columns."""
    parent = next((p for p in draft.pairs if p.after.key == key.ref_table), None)
    return draft.state.table(key.ref_table) is not None and (not parent or set(key.ref_columns) <= _kept(parent))


def _keys(table: Table) -> tuple[Unique, ...]:
    primary = table.primary_key
    return (*table.uniques, *((Unique(primary.columns),) if primary else ()))
