"""Users' triggers that are off while old rows get their copies, and old columns their values back, on Postgres.

A copy says nothing new of a row: a trigger that notes when a row was changed, or keeps its history, would take the plan
for the application, and neither the proof nor the way back could tell its doing from damage. Where an existing column
gets values that it had not, triggers fire.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.plan.dependents import dependents
from tools.plan.draft import Draft
from tools.plan.facts import is_own_trigger
from tools.plan.model import Backfill
from tools.schema.model import Trigger
from tools.schema.render import qualified, quote
from tools.schema.tokens import tokenize


def quieted(draft: Draft, table: str, column: str = "") -> tuple[str, ...]:
    """The quoted names of the triggers that an UPDATE of a column that nobody knows yet would fire.

    column: one that is gone meanwhile, and with it the triggers that hold on to it.
    """
    if draft.dialect != "postgres":
        return ()
    gone = dependents(draft.state, [f"{table}#{column}"]) if column else ()
    found = (t for t in draft.state.triggers if t.table == table and t not in gone)
    return tuple(quote(t.name) for t in found if not is_own_trigger(t.name) and t.firing is None and _on_update(t))


def with_triggers_off(draft: Draft, table: str, column: str, statements: Sequence[str]) -> list[str]:
    """The statements, which give a dropped column its values back, with the triggers off meanwhile."""
    held = Backfill(table, qualified(table), (), (), quiet=quieted(draft, table, column))
    return list(held.around(tuple(statements)))


def _on_update(trigger: Trigger) -> bool:
    """Whether it fires for an UPDATE of any column; one with a list of columns does not for one that is not in it."""
    words = [token.text.upper() for token in tokenize(trigger.definition, "postgres")]
    events = words[: words.index("ON")] if "ON" in words else words
    return "UPDATE" in events and "OF" not in events[events.index("UPDATE") :]
