"""A table that goes: its rows set aside whole, then the table dropped, children before parents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tools.plan.dependents import owned
from tools.plan.draft import Draft
from tools.plan.kept import Kept
from tools.plan.model import Hazard, Phase, Step, StepCheck
from tools.plan.pairs import Way
from tools.plan.partitions import key_of, partitions
from tools.plan.rebuild import fill, unchanged
from tools.plan.shape import descendants, edit_table, parents_first, references, without_table
from tools.plan.sql import literal, names
from tools.plan.steps.rebuild_table import needs_rebuild
from tools.plan.way_back import foreign_key_holds
from tools.schema.model import Table
from tools.schema.render import (
    add_constraint,
    create_index,
    create_table,
    foreign_key_sql,
    make_trigger,
    qualified,
    quote,
)


def before_rebuilds(draft: Draft) -> None:
    """On SQLite and DuckDB, what points to a table that is made anew goes first: else its foreign keys would point to
    what may be there no longer, or it would be made anew only to be dropped."""
    anew = {pair.after.key for pair in draft.pairs if needs_rebuild(draft, pair)} if draft.dialect != "postgres" else ()
    gone = _gone(draft)
    while leaf := next((t for t in gone if _is_leaf(draft, t) and _leads(draft, t, set(anew))), None):
        _drop(draft, draft.table(leaf.key))
        gone = _gone(draft)


def contract(draft: Draft) -> None:
    for table in reversed(parents_first(_gone(draft))):
        _drop(draft, draft.table(table.key))


def _gone(draft: Draft) -> list[Table]:
    kept = {pair.after.key for pair in draft.pairs} | {t.key for t in draft.target.tables}
    return [t for t in draft.state.tables if t.key not in kept]


def _is_leaf(draft: Draft, table: Table) -> bool:
    return not any(child.key != table.key for child, _ in references(draft.state, table.key))


def _leads(draft: Draft, table: Table, to: set[str]) -> bool:
    """Whether the table's foreign keys lead to one of these, by way of others that go or not."""
    return any(table.key in {t.key for t in descendants(draft.state, [key])} for key in to)


def _drop(draft: Draft, table: Table) -> None:
    key = table.key
    step_id = draft.step_id(Phase.CONTRACT, key, "drop")
    aside = draft.kept(step_id)
    foreign = [(t, f) for t, f in references(draft.state, key) if t.key != key] if draft.dialect == "postgres" else []
    values = ", ".join(f"{draft.aside(c, quote(c.name))} AS {quote(c.name)}" for c in table.columns)
    # Who reads it, or writes what points to it, goes on while its rows are copied: only writers of its own rows are
    # kept out, since these would go with the table and be in no copy.
    sql = [f"LOCK TABLE {qualified(key)} IN SHARE MODE"] if draft.dialect == "postgres" else []
    sql += aside.make(f"SELECT {values} FROM {qualified(key)}")
    sql += [f"ALTER TABLE {qualified(t.key)} DROP CONSTRAINT {quote(f.name or '')}" for t, f in foreign]
    sql += [f"DROP TABLE {qualified(key)}"]
    undo = [
        *_made_again(draft, table, aside.name),
        *(add_constraint(t, foreign_key_sql(f)) for t, f in foreign),
        aside.drop(),
    ]
    state = without_table(draft.state, key)
    for child, lost in foreign:
        state = edit_table(
            state,
            child.key,
            lambda t, lost=lost: replace(t, foreign_keys=tuple(f for f in t.foreign_keys if f != lost)),
        )
    objects = (key, *sorted({t.key for t in descendants(draft.state, [key])} - {key}))
    draft.add(
        Step(
            step_id,
            Phase.CONTRACT,
            "drop_table",
            f"Set the rows of {key} aside and drop the table",
            objects,
            tuple(sql),
            tuple(undo),
            hazards=(Hazard.DELETES_DATA, Hazard.BREAKS_OLD_CODE),
            writes_data=True,
            closes=draft.gap_sentences(key),
            rebuild=True,
            reason="Every row goes to a table of oneplan's own first; undoing makes the table and its rows again.",
            depends_on=draft.sign_offs,
            undo_checks=tuple(_found_again(draft, table, aside)),
        ),
        state,
        (key,),
    )


def _found_again(draft: Draft, table: Table, aside: Kept) -> Iterator[StepCheck]:
    """What pointed to the table finds in what was set aside all that it points to by then."""
    own = {c.name for c in table.columns if draft.aside(c, quote(c.name)) == quote(c.name)}
    for pair in draft.pairs:
        kept = {m.new.name for m in pair.of(Way.KEPT) if not m.recast}
        for key in pair.before.foreign_keys:
            if key.ref_table == table.key and set(key.columns) <= kept and set(key.ref_columns) <= own:
                yield from foreign_key_holds(pair.after.key, key, aside.name)


def _made_again(draft: Draft, table: Table, aside: str) -> list[str]:
    plain = [c.name for c in table.columns if c.generated is None]
    values = ", ".join(draft.restored(c, quote(c.name)) for c in table.columns if c.generated is None)
    always = " OVERRIDING SYSTEM VALUE" if any(c.identity for c in table.columns) else ""
    on_it = [o for o in draft.state.objects if o.table == table.key]
    sql = [create_table(replace(table, indexes=()), draft.dialect)]
    sql += owned(draft.state, "table", table.key, f"TABLE {qualified(table.key)}")
    for part in partitions(draft.state.objects, table.key):
        sql += [part.create, *owned(draft.state, "table", key_of(part), f"TABLE {part.name}")]
    if draft.dialect == "duckdb":
        sql += fill(table, unchanged(table), aside)
    else:
        sql += [f"INSERT INTO {qualified(table.key)} ({names(plain)}){always} SELECT {values} FROM {aside}"]
    sql += [create_index(index, draft.dialect) for index in table.indexes]
    for column in table.columns:
        if column.identity or column.serial:
            top = f"(SELECT COALESCE(max({quote(column.name)}), 0) + 1 FROM {qualified(table.key)})"
            sql.append(
                f"SELECT setval(pg_get_serial_sequence({literal(qualified(table.key))}, {literal(column.name)}), {top},"
                " false)"
            )
    sql += [o.create for o in on_it if o.kind not in ("partition", "comment")]
    sql += [s for t in draft.state.triggers if t.table == table.key for s in make_trigger(t)]
    return sql + [o.create for o in on_it if o.kind == "comment"]
