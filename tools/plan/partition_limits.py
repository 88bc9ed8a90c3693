"""Changes of partitions that no plan makes, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tools.plan.partitions import is_divided, key_of, root
from tools.schema.model import Schema, SchemaObject

_MOVES_ROWS = "rows would have to move: make a new table, copy the rows, and let it take the name"


def with_partitions_that_stay(current: Schema, target: Schema, wanted: Schema) -> Schema:
    """The target with the partitions as they are today that no plan moves. wanted: the target as it was asked for."""
    if "partition" in target.unsaid:
        return target
    by_name = {o.name: o for o in target.objects if o.kind == "partition"}
    held = [
        o for o in current.objects if o.kind == "partition" and _stays(o, by_name.get(o.name), current, target, wanted)
    ]
    names, keys = {o.name for o in held}, {key_of(o) for o in held}
    others = tuple(o for o in target.objects if o.kind != "partition" or o.name not in names)
    tables = tuple(t for t in target.tables if t.key not in keys)
    return replace(target, tables=tables, objects=(*others, *held)) if held else target


def _stays(
    before: SchemaObject, after: SchemaObject | None, current: Schema, target: Schema, wanted: Schema
) -> bool:  # fmt: skip
    if after is not None and after.form == before.form:
        return False
    key = root(current, before)
    table, asked = target.table(key), wanted.table(key)
    if table is None:  # it goes, and its partitions with it
        return False
    return table != asked or why_it_stays(before, after, wanted) is not None


def why_it_stays(before: SchemaObject, after: SchemaObject | None, wanted: Schema | None = None) -> str | None:
    """The end of a sentence on a partition that is to go (after is None), or to be another."""
    if wanted and wanted.table(key_of(before)):
        return _own_table(before)
    if wanted and not after and root(wanted, before) == before.table and not wanted.table(before.table):
        return f"it is a part of the partition {before.table}, which stays"
    parts = (before, after) if after else (before,)
    if any(is_divided(part) for part in parts):
        return "it has partitions of its own: these would go or move with it, and each must be seen to first"
    if any("satisfies_hash_partition" in part.rule for part in parts):
        return f"it is one of a table divided by hash, where with another number of parts {_MOVES_ROWS}"
    if after and after.table != before.table:
        return f"it would belong to another table: {_MOVES_ROWS}"
    return None


def _own_table(before: SchemaObject) -> str:
    return (
        f"it is wanted as a table of its own: detach it by hand (ALTER TABLE {before.table} DETACH PARTITION "
        f"{before.name} CONCURRENTLY) and plan again"
    )


def reason(before: SchemaObject, after: SchemaObject | None, columns: Sequence[str], wanted: Schema) -> str:
    """Why the gap of a partition stays open. columns: those by which its table is divided."""
    listed = ", ".join(columns)
    return why_it_stays(before, after, wanted) or (
        f"how its table is divided ({listed}) is to change too, and no plan does both: {_MOVES_ROWS}"
        if after else f"it stays while how its table is divided ({listed}) is to change, which no plan does"
    )  # fmt: skip
