"""Which indexes and constraints a pair of tables gains and loses, by what they say and not by the names of constraints.

A thing counts as there already only when its columns stay the very same columns: an index on a renamed or retyped
column is a new index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from tools.location import Dialect
from tools.plan.draft import Draft
from tools.plan.pairs import Pair
from tools.plan.shape import check_columns, columns_of_index, has_expression, rename_in_index
from tools.schema.model import Check, ForeignKey, Index, PrimaryKey, Unique
from tools.schema.normal import normal_check, normal_foreign_key, normal_index, normal_primary_key, normal_unique

T = TypeVar("T")


def new_indexes(draft: Draft, pair: Pair) -> tuple[Index, ...]:
    called = {old: new for key, old, new in draft.answers.indexes if key == pair.after.key}
    before = [replace(i, table=pair.after.key, name=called.get(i.name, i.name)) for i in pair.before.indexes if i.valid]
    found = missing(pair.after.indexes, before, lambda i: normal_index(i, draft.dialect))
    moved = [i for i in pair.after.indexes if not pair.untouched(columns_of_index(i, pair.after, draft.dialect))]
    return tuple(i for i in pair.after.indexes if i in found or i in moved)


def new_uniques(draft: Draft, pair: Pair) -> tuple[Unique, ...]:
    found = missing(pair.after.uniques, pair.before.uniques, lambda u: normal_unique(u, draft.dialect))
    return tuple(u for u in pair.after.uniques if u in found or not pair.untouched(u.columns))


def new_primary_key(draft: Draft, pair: Pair) -> PrimaryKey | None:
    key = pair.after.primary_key
    if key is None:
        return None
    same = normal_primary_key(pair.before.primary_key, draft.dialect) == normal_primary_key(key, draft.dialect)
    return None if same and pair.untouched(key.columns) else key


def new_foreign_keys(draft: Draft, pair: Pair) -> tuple[ForeignKey, ...]:
    renamed = dict(draft.answers.tables)
    before = [replace(f, ref_table=renamed.get(f.ref_table, f.ref_table)) for f in pair.before.foreign_keys]
    found = missing(pair.after.foreign_keys, before, lambda f: normal_foreign_key(f, draft.dialect))
    return tuple(f for f in pair.after.foreign_keys if f in found or not pair.untouched(f.columns))


def new_checks(draft: Draft, pair: Pair) -> tuple[Check, ...]:
    found = missing(pair.after.checks, pair.before.checks, lambda c: normal_check(c, draft.dialect))
    return tuple(
        c for c in pair.after.checks if c in found or not pair.untouched(check_columns(c, pair.after, draft.dialect))
    )


def foreign_key_form(key: ForeignKey) -> object:
    """What a foreign key of Postgres says, whatever its name, and whether its old rows are validated or not."""
    return normal_foreign_key(replace(key, validated=True), "postgres")


def on_carriers(pair: Pair, columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(pair.carrier(c) for c in columns)


def index_on_carriers(pair: Pair, index: Index, dialect: Dialect) -> Index | None:
    """The index as it can be made in the expanded shape; None where it speaks of a retyped column in an expression."""
    columns = columns_of_index(index, pair.after, dialect)
    moved = {c: pair.carrier(c) for c in columns if pair.carrier(c) != c}
    if has_expression(index) and moved:
        return None
    return rename_in_index(index, moved) if moved else index


def missing(wanted: Iterable[T], there: Iterable[T], normal: Callable[[T], object]) -> list[T]:
    """Those of `wanted` that are not there."""
    known = {repr(normal(item)) for item in there}
    return [item for item in wanted if repr(normal(item)) not in known]
