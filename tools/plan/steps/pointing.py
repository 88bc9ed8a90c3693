"""Foreign keys that go with an exchanged column, and come again in the same transaction, on Postgres.

NOT VALID: rows that are written are held to them from that moment on, and no old row is looked at under the lock; the
plan validates them afterwards. Left out is what cannot be made yet: the two columns are of types that do not go
together until the other one is exchanged too, or the key that it points to is not whole.
"""

from __future__ import annotations

from dataclasses import replace

from tools.plan.differences import foreign_key_form, missing
from tools.plan.draft import Draft
from tools.plan.partitions import is_partitioned
from tools.plan.postgres_column import Change
from tools.plan.shape import edit_table
from tools.plan.steps.create_table import can_point
from tools.schema.model import ForeignKey, Schema, Table
from tools.schema.render import foreign_key_sql, qualified, quote


def made_at_once(draft: Draft, after: Schema, key: str, old: str, new: str) -> Change:
    """The foreign keys that lean on the column `old` of a table, or stand on it, on `new` in the schema `after`, which
    has them no more. `undo` only takes them away again."""
    sql: list[str] = []
    undo: list[str] = []
    for table in draft.state.tables:
        for lost in table.foreign_keys:
            there = after.table(table.key)
            if there is None or lost in there.foreign_keys:
                continue
            held = _moved(lost, table.key, key, old, new)
            if (
                is_partitioned(table)
                or not can_point(after, there, held)
                or not missing([held], there.foreign_keys, foreign_key_form)
            ):
                continue
            held = replace(held, name=_name(draft, there, held))
            alter = f"ALTER TABLE {qualified(table.key)}"
            sql.append(f"{alter} ADD {foreign_key_sql(held)}")
            undo.insert(0, f"{alter} DROP CONSTRAINT {quote(held.name or '')}")
            after = edit_table(after, table.key, lambda t, f=held: replace(t, foreign_keys=(*t.foreign_keys, f)))
    return Change(tuple(sql), tuple(undo), after)


def _moved(lost: ForeignKey, table: str, key: str, old: str, new: str) -> ForeignKey:
    def names(columns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if column == old else column for column in columns)

    columns = names(lost.columns) if table == key else lost.columns
    parents = names(lost.ref_columns) if lost.ref_table == key else lost.ref_columns
    return replace(lost, columns=columns, ref_columns=parents, validated=False)


def _name(draft: Draft, table: Table, held: ForeignKey) -> str | None:
    """What the target calls it, where it has it and the name is free; else the name that it had."""
    target = draft.target.table(table.key)
    wanted = [f.name for f in target.foreign_keys if not missing([f], [held], foreign_key_form)] if target else []
    taken = {f.name for f in table.foreign_keys} | {c.name for c in table.checks} | {u.name for u in table.uniques}
    return next((name for name in wanted if name and name not in taken), held.name)
