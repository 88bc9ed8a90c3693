"""Which usages a gap touches: those of a column or table that is to go, to be renamed or to become another."""

from __future__ import annotations

from collections.abc import Iterable

from tools.schema.model import Column, Gap, Table
from tools.usages.model import Usage

_OF_COLUMNS = {"column_removed", "column_renamed", "type_changed", "nullability_changed"}
_OF_TABLES = {"table_removed", "table_renamed"}


def touched_by(gaps: Iterable[Gap], usages: Iterable[Usage]) -> tuple[Usage, ...]:
    """The usages of what the gaps take away or change, under its name of today; in the usages' order."""
    tables: set[str] = set()
    columns: set[tuple[str, str]] = set()
    renamed: dict[str, str] = {}
    told = list(gaps)
    for gap in told:
        if gap.kind in _OF_TABLES and isinstance(gap.before, Table):
            tables.add(gap.before.name)
            renamed[gap.to or ""] = gap.before.name
    for gap in told:
        if gap.kind in _OF_COLUMNS and isinstance(gap.before, Column):
            table = renamed.get(gap.table, gap.table).rpartition(".")[2]
            columns.add((table, gap.from_ or "" if gap.kind == "column_renamed" else gap.before.name))
    return tuple(u for u in usages if u.table in tables or (u.table, u.column) in columns)
