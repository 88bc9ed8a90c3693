"""What a run changed, in the past tense: the gaps between the schema before it and now, with its renames as renames."""

from __future__ import annotations

from collections.abc import Iterator

from tools.migrate.differences import in_the_past
from tools.plan.model import Plan
from tools.schema.gaps import compare
from tools.schema.model import Answers, Schema
from tools.schema.render import name_of, quote


def changes(before: Schema, after: Schema, plan: Plan) -> tuple[str, ...]:
    """A sentence for each change, in the order of the gap analysis."""
    named = Answers(tuple(_tables(before, after, plan)), tuple(_columns(before, after, plan)))
    return tuple(in_the_past(gap) for gap in compare(before, after, named))


def _tables(before: Schema, after: Schema, plan: Plan) -> Iterator[tuple[str, str]]:
    names = {name_of(table): table.key for table in after.tables}
    for accounting in plan.accounting:
        now = names.get(accounting.table_after or "")
        if now and now != accounting.table and before.table(accounting.table) and after.table(accounting.table) is None:
            yield accounting.table, now


def _columns(before: Schema, after: Schema, plan: Plan) -> Iterator[tuple[str, str, str]]:
    """A column whose values are found again, untouched, under another name was renamed."""
    tables = {name_of(table): table for table in after.tables}
    for accounting in plan.accounting:
        old, new = before.table(accounting.table), tables.get(accounting.table_after or "")
        if old is None or new is None:
            continue
        was, now = ({quote(name): name for name in table.column_names} for table in (old, new))
        for one, other in accounting.columns:
            if one != other and one in was and other in now and one not in now and other not in was:
                yield old.key, was[one], now[other]
