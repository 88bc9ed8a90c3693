"""Primary and unique keys on Postgres, once their columns are in place: the prepared index takes over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tools.plan.differences import missing
from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step, StepCheck
from tools.plan.pairs import Pair
from tools.plan.postgres_column import Change, made_again, take_over
from tools.plan.shape import edit_table, references, with_table
from tools.plan.steps.common import no_nulls
from tools.plan.steps.partitions import key_statements
from tools.plan.way_back import foreign_key_holds, unique_holds
from tools.schema.model import ForeignKey, Schema, Table, Unique
from tools.schema.normal import normal_primary_key, normal_unique
from tools.schema.render import add_constraint, foreign_key_sql, primary_key_sql, qualified, quote, unique_sql


def contract(draft: Draft) -> None:
    if draft.dialect != "postgres":
        return
    for pair in draft.pairs:
        gone = _without_old(draft.state, pair)
        taken = take_over(gone.state, pair.after.key, pair.after)
        left = _still_missing(draft, taken.state, pair)
        loose = _loosened(left.state, pair)
        sql = [*gone.sql, *taken.sql, *left.sql, *loose.sql]
        if sql:
            undo = [*loose.undo, *left.undo, *taken.undo, *gone.undo, *taken.last]
            since = tuple(_let_go(draft.state, gone.state, pair.after.key))
            _step(draft, pair, sql, undo, loose.state, since)


def _let_go(before: Schema, after: Schema, key: str) -> Iterator[StepCheck]:
    """What rows written since may offend of the keys that went, and of the foreign keys that leaned on them."""
    old, new = _named(before, key), _named(after, key)
    for unique in old.uniques:
        if unique not in new.uniques:
            yield from unique_holds(key, unique)
    if old.primary_key and not new.primary_key:
        yield from unique_holds(key, Unique(old.primary_key.columns))
        yield from (no_nulls(key, column) for column in old.primary_key.columns)
    for table in before.tables:
        there = _named(after, table.key).foreign_keys
        for lost in (f for f in table.foreign_keys if f not in there):
            yield from foreign_key_holds(table.key, lost)


def _step(
    draft: Draft, pair: Pair, sql: list[str], undo: list[str], state: Schema, since: tuple[StepCheck, ...]
) -> None:  # fmt: skip
    key = pair.after.key
    kinds = ("primary_key_changed", "unique_added", "unique_removed")
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, key, "keys"),
            Phase.CONTRACT,
            "change_keys",
            f"Give {key} its primary and unique keys",
            (key, *sorted({t.key for t, _ in references(draft.state, key)} - {key})),
            tuple(sql),
            tuple(undo),
            hazards=(Hazard.BREAKS_OLD_CODE,),
            closes=draft.gap_sentences(key, kinds=kinds),
            reason="The unique index was built before, beside running writes; here it only changes its name and rank.",
            depends_on=draft.sign_offs,
            undo_checks=since,
        ),
        state,
        (key,),
    )


def _without_old(state: Schema, pair: Pair) -> Change:
    """Keys that the desired table does not have, and the foreign keys that lean on them, dropped."""
    table = _named(state, pair.after.key)
    same = normal_primary_key(table.primary_key, "postgres") == normal_primary_key(pair.after.primary_key, "postgres")
    uniques = missing(table.uniques, pair.after.uniques, lambda u: normal_unique(u, "postgres"))
    after = replace(
        table,
        uniques=tuple(u for u in table.uniques if u not in uniques),
        primary_key=table.primary_key if same else None,
    )
    names = [u.name or "" for u in uniques]
    names += [table.primary_key.name or f"{table.name}_pkey"] if table.primary_key and not same else []
    if not names:
        return Change((), (), state)
    lost = _leaning(state, table, after)
    sql = [f"ALTER TABLE {qualified(t.key)} DROP CONSTRAINT {quote(f.name or '')}" for t, f in lost]
    sql += [f"ALTER TABLE {qualified(table.key)} DROP CONSTRAINT {quote(name)}" for name in names]
    undo = made_again(table, replace(after, foreign_keys=table.foreign_keys)) + [
        add_constraint(t, foreign_key_sql(f)) for t, f in lost
    ]
    new = with_table(state, after)
    for child, key in lost:
        new = edit_table(
            new, child.key, lambda t, key=key: replace(t, foreign_keys=tuple(f for f in t.foreign_keys if f != key))
        )
    return Change(tuple(sql), tuple(undo), new)


def _leaning(state: Schema, table: Table, after: Table) -> list[tuple[Table, ForeignKey]]:
    left = [set(u.columns) for u in after.uniques] + ([set(after.primary_key.columns)] if after.primary_key else [])
    return [(t, f) for t, f in references(state, table.key) if set(f.ref_columns) not in left]


def _still_missing(draft: Draft, state: Schema, pair: Pair) -> Change:
    """Keys for which no index could be built beforehand: made here, the slow way."""
    table = _named(state, pair.after.key)
    alter = f"ALTER TABLE {qualified(table.key)}"
    sql: list[str] = []
    undo: list[str] = []
    if pair.after.primary_key and not table.primary_key:
        name = pair.after.primary_key.name or f"{table.name}_pkey"
        key = replace(pair.after.primary_key, name=name)
        sql += key_statements(draft, table, name, "PRIMARY KEY")
        sql.append(add_constraint(table, primary_key_sql(key)))
        undo.insert(0, f"{alter} DROP CONSTRAINT {quote(name)}")
        table = replace(table, primary_key=key)
    for unique in missing(pair.after.uniques, table.uniques, lambda u: normal_unique(u, "postgres")):
        name = unique.name or f"{table.name}_{'_'.join(unique.columns)}_key"
        sql += key_statements(draft, table, name, "UNIQUE")
        sql.append(add_constraint(table, unique_sql(replace(unique, name=name))))
        undo.insert(0, f"{alter} DROP CONSTRAINT {quote(name)}")
        table = replace(table, uniques=(*table.uniques, replace(unique, name=name)))
    return Change(tuple(sql), tuple(undo), with_table(state, table))


def _loosened(state: Schema, pair: Pair) -> Change:
    """Columns that were NOT NULL only for the old primary key's sake."""
    table = _named(state, pair.after.key)
    held = table.primary_key.columns if table.primary_key else ()
    names = [
        c.name
        for c in table.columns
        if not c.nullable
        and c.name not in held
        and (wanted := pair.after.column(c.name))
        and wanted.nullable
        and not c.identity
    ]
    alter = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN"
    columns = tuple(replace(c, nullable=True) if c.name in names else c for c in table.columns)
    return Change(
        tuple(f"{alter} {quote(n)} DROP NOT NULL" for n in names),
        tuple(f"{alter} {quote(n)} SET NOT NULL" for n in names),
        with_table(state, replace(table, columns=columns)),
    )


def _named(state: Schema, key: str) -> Table:
    found = state.table(key)
    assert found is not None, key
    return found
