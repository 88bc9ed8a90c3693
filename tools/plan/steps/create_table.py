"""A new table, with its constraints; its indexes too, since it is empty."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.draft import Draft
from tools.plan.model import Phase, Step
from tools.plan.pairs import SHADOW
from tools.plan.shape import edit_table, is_key, parents_first, with_table
from tools.schema.model import Column, ForeignKey, Schema, Table
from tools.schema.render import add_constraint, create_index, create_namespace, create_table, foreign_key_sql, qualified


def expand(draft: Draft) -> None:
    known = {pair.after.key for pair in draft.pairs}
    for table in parents_first(t for t in draft.target.tables if t.key not in known):
        if draft.dialect == "postgres" or all(_is_ready(draft, table, f) for f in table.foreign_keys):
            _create(draft, table)
            _tell_owner(draft, table)


def _tell_owner(draft: Draft, table: Table) -> None:
    """Where tables belong to others than the role that plans, a new one would be closed to them."""
    roles = sorted({role for thing, role in draft.origin.owners if thing.startswith("table ")})
    if roles:
        draft.note(
            f"{table.key} will belong to the role that applies the plan; tables that are there belong to "
            f"{', '.join(roles)}: let the desired schema GRANT what the code needs, or change its owner by hand."
        )


def late(draft: Draft) -> None:
    """Foreign keys of new tables whose other side was not ready when they were made (Postgres); the tables themselves
    where a foreign key comes only with its table."""
    known = {pair.after.key for pair in draft.pairs}
    if draft.dialect != "postgres":
        for table in parents_first(t for t in draft.target.tables if draft.state.table(t.key) is None):
            _create(draft, table, Phase.CONTRACT)
        return
    for table in draft.target.tables:
        if table.key in known:
            continue
        for key in table.foreign_keys:
            if key not in draft.table(table.key).foreign_keys:
                _add_foreign_key(draft, table, key)


def _is_ready(draft: Draft, table: Table, key: ForeignKey) -> bool:
    """Whether SQLite or DuckDB finds the other side of a new table's foreign key as it is to be."""
    parent = table if key.ref_table == table.key else draft.state.table(key.ref_table)
    if parent is None or draft.dialect == "sqlite":
        return parent is not None and is_key(parent, key)
    ends = [(table.column(c), parent.column(r)) for c, r in zip(key.columns, key.ref_columns, strict=False)]
    return can_point(with_table(draft.state, table), table, key) and all(a and b and a.type == b.type for a, b in ends)


def _create(draft: Draft, table: Table, phase: Phase = Phase.EXPAND) -> None:
    ready = table
    if draft.dialect == "postgres":
        shape = with_table(draft.state, table)
        ready = replace(table, foreign_keys=tuple(f for f in table.foreign_keys if can_point(shape, table, f)))
    sql = [create_namespace(table.namespace)] if table.namespace and not _has_namespace(draft, table.namespace) else []
    sql += [create_table(replace(ready, indexes=()), draft.dialect)]
    sql += [create_index(index, draft.dialect) for index in table.indexes]
    draft.add(
        Step(
            draft.step_id(phase, table.key, "create"),
            phase,
            "create_table",
            f"Create table {table.key}",
            (table.key, *sorted({f.ref_table for f in ready.foreign_keys} - {table.key})),
            tuple(sql),
            (f"DROP TABLE {qualified(table.key)}",),
            closes=draft.gap_sentences(table.key),
            reason="A new table disturbs nobody."
            if phase is Phase.EXPAND
            else "The key that it points to takes its final form only in this phase.",
        ),
        with_table(draft.state, ready),
    )


def _add_foreign_key(draft: Draft, table: Table, key: ForeignKey) -> None:
    name = key.name or f"{table.name}_{'_'.join(key.columns)}_fkey"
    named = replace(key, name=name)
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, table.key, f"foreign_key_{'_'.join(key.columns)}"),
            Phase.CONTRACT,
            "add_foreign_key",
            f"Let {table.key} ({', '.join(key.columns)}) point to {key.ref_table}",
            (table.key, key.ref_table),
            (add_constraint(table, foreign_key_sql(named)),),
            (f"ALTER TABLE {qualified(table.key)} DROP CONSTRAINT {_quoted(name)}",),
            reason="The key it points to takes its final form only in this phase.",
        ),
        edit_table(draft.state, table.key, lambda t: replace(t, foreign_keys=(*t.foreign_keys, key))),
    )


def can_point(schema: Schema, table: Table, key: ForeignKey) -> bool:
    """Whether the columns a foreign key points to are there, of the same type, and unique."""
    parent = schema.table(key.ref_table)
    if parent is None:
        return False
    # An index that waits to become a key cannot be let go again while a foreign key leans on it.
    free = [i for i in parent.indexes if i.unique and not i.where and not i.name.endswith(SHADOW)]
    unique = [u.columns for u in parent.uniques] + [i.columns for i in free]
    unique += [parent.primary_key.columns] if parent.primary_key else []
    if not any(set(columns) == set(key.ref_columns) for columns in unique):
        return False
    pairs = zip(key.columns, key.ref_columns, strict=False)
    return all((a := table.column(c)) and (b := parent.column(r)) and _go_together(a, b) for c, r in pairs)


def _go_together(child: Column, parent: Column) -> bool:
    """Whether Postgres compares the two types in a foreign key without a cast: the same, or two sizes of integer."""
    sizes = ("smallint", "integer", "bigint")
    return child.type == parent.type or (child.type in sizes and parent.type in sizes)


def _has_namespace(draft: Draft, namespace: str) -> bool:
    return any(table.namespace == namespace for table in draft.state.tables)


def _quoted(name: str) -> str:
    from tools.schema.render import quote

    return quote(name)
