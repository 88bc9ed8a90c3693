"""Users' triggers that are off while old rows get their copies, and old columns their values back.

A copy says nothing new of a row: a trigger that notes when a row was changed, or keeps its history, would take the plan
for the application, and neither the proof nor the way back could tell its doing from damage. Where an existing column
gets values that it had not, triggers fire. SQLite switches no trigger off: it drops it and makes it again, which nobody
sees, since the transaction that does so is the only one that writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tools.plan.dependents import dependents
from tools.plan.draft import Draft
from tools.plan.facts import is_own_trigger
from tools.plan.model import Backfill
from tools.plan.trigger_text import update_columns
from tools.schema.model import Trigger
from tools.schema.normal import fold_all
from tools.schema.render import qualified, quote
from tools.schema.tokens import unquote


def quieted(draft: Draft, backfill: Backfill, column: str = "") -> Backfill:
    """The backfill, of columns that nobody knows yet, with the triggers off that its UPDATE would fire.

    column: one that is gone meanwhile, and with it the triggers that hold on to it.
    """
    table = backfill.table_key
    gone = dependents(draft.state, [f"{table}#{column}"]) if column else ()
    written = {unquote(name) for name, _ in backfill.assignments}
    found = [
        t for t in draft.state.triggers
        if t.table == table and t not in gone and t.firing is None and not is_own_trigger(t.name)
        and _fires(t, written, draft)
    ]  # fmt: skip
    again = tuple(t.definition for t in found) if draft.dialect == "sqlite" else ()
    return replace(backfill, quiet=tuple(quote(t.name) for t in found), again=again)


def with_triggers_off(draft: Draft, table: str, column: str, statements: Sequence[str]) -> list[str]:
    """The statements, which give a dropped column its values back, with the triggers off meanwhile."""
    held = quieted(draft, Backfill(table, qualified(table), (), ()), column)
    return list(held.around(tuple(statements)))


def _fires(trigger: Trigger, written: set[str], draft: Draft) -> bool:
    """SQLite lets a trigger name columns that are not there yet."""
    columns = update_columns(trigger.definition, draft.dialect)
    if columns is None:
        return False
    return not columns or bool(set(fold_all(columns, draft.dialect)) & set(fold_all(written, draft.dialect)))
