"""What goes with a column that Postgres drops, and how it all comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tools.plan.pairs import shadow
from tools.plan.shape import edit_table, references, with_table, without_column
from tools.schema.entries import plain
from tools.schema.model import Schema, Table
from tools.schema.render import (
    add_constraint,
    check_sql,
    create_index,
    foreign_key_sql,
    primary_key_sql,
    qualified,
    quote,
    unique_sql,
)


@dataclass(frozen=True)
class Change:
    """Statements there and back, and the schema that they lead to. last: what belongs at the end of the way back."""

    sql: tuple[str, ...]
    undo: tuple[str, ...]
    state: Schema
    last: tuple[str, ...] = ()


def drop_column(state: Schema, key: str, column: str) -> Change:
    """DROP COLUMN with everything that names it; `undo` makes only that again, the column must be back before."""
    table = _table(state, key)
    after = without_column(table, column, "postgres")
    foreign = [(t, f) for t, f in references(state, key) if column in f.ref_columns and t.key != key]
    sql = [f"ALTER TABLE {qualified(t.key)} DROP CONSTRAINT {quote(f.name or '')}" for t, f in foreign]
    sql.append(f"ALTER TABLE {qualified(key)} DROP COLUMN {quote(column)}")
    own = [f for f in after.foreign_keys if f.ref_table == key and column in f.ref_columns]
    if own:
        sql = [f"ALTER TABLE {qualified(key)} DROP CONSTRAINT {quote(f.name or '')}" for f in own] + sql
        after = replace(after, foreign_keys=tuple(f for f in after.foreign_keys if f not in own))
    undo = made_again(table, after) + [add_constraint(t, foreign_key_sql(f)) for t, f in foreign]
    new = with_table(state, after)
    for child, lost in foreign:
        new = edit_table(
            new, child.key, lambda t, lost=lost: replace(t, foreign_keys=tuple(f for f in t.foreign_keys if f != lost))
        )
    return Change(tuple(sql), tuple(undo), new)


def locked(state: Schema, key: str, column: str, *, always: bool = False) -> tuple[str, ...]:
    """The first statement of a step that drops a column by which tables point to each other: all at once, or none.

    always: also where none points to it.

    Taken one by one between other statements, their locks could meet those that the application takes in its own order;
    the wait for each would then be long enough for the server to end the application's transaction.
    """
    children = sorted({t.key for t, f in references(state, key) if column in f.ref_columns and t.key != key})
    own = {f.ref_table for f in _table(state, key).foreign_keys if column in f.columns}
    parents = sorted(own - {key, *children})
    if not children and not parents and not always:
        return ()
    return (f"LOCK TABLE {', '.join(map(qualified, (*children, key, *parents)))} IN ACCESS EXCLUSIVE MODE",)


def made_again(table: Table, after: Table) -> list[str]:
    """The constraints and indexes that `table` has and `after` has not."""
    sql: list[str] = []
    if table.primary_key and not after.primary_key:
        sql.append(add_constraint(table, primary_key_sql(table.primary_key)))
    sql += [add_constraint(table, unique_sql(u)) for u in table.uniques if u not in after.uniques]
    sql += [create_index(i, "postgres") for i in table.indexes if i not in after.indexes]
    sql += [add_constraint(table, check_sql(c)) for c in table.checks if c not in after.checks]
    return sql + [add_constraint(table, foreign_key_sql(f)) for f in table.foreign_keys if f not in after.foreign_keys]


def take_over(state: Schema, key: str, desired: Table) -> Change:
    """Let indexes that waited under another name become what they were built for: index, unique or primary key.

    Only those whose columns all bear their final names and whose place is free; a primary key not before its columns
    are NOT NULL, which it would else make them, for longer than it stands. Their indexes wait again at the end of the
    way back: foreign keys that are made again in it would lean on them.
    """
    sql: list[str] = []
    undo: list[str] = []
    last: list[str] = []
    table = _table(state, key)
    for index in desired.indexes:
        waiting = next((i for i in table.indexes if i.name == shadow(index.name)), None)
        if waiting and replace(waiting, name=index.name) == index and not _taken(state, index.name):
            sql.append(f"ALTER INDEX {_in_namespace(table, waiting.name)} RENAME TO {quote(index.name)}")
            undo.insert(0, f"ALTER INDEX {_in_namespace(table, index.name)} RENAME TO {quote(waiting.name)}")
            table = replace(table, indexes=tuple(index if i == waiting else i for i in table.indexes))
    for name, columns, primary in _keys(desired):
        entries = tuple(map(plain, columns))
        waiting = next((i for i in table.indexes if i.name == shadow(name) and i.columns == entries), None)
        if waiting is None or any(u.name == name for u in table.uniques):
            continue
        if primary and (table.primary_key is not None or any(c.nullable for c in table.columns if c.name in columns)):
            continue
        kind = "PRIMARY KEY" if primary else "UNIQUE"
        sql.append(
            f"ALTER TABLE {qualified(key)} ADD CONSTRAINT {quote(name)} {kind} USING INDEX {quote(waiting.name)}"
        )
        undo.insert(0, f"ALTER TABLE {qualified(key)} DROP CONSTRAINT {quote(name)}")
        last.append(create_index(waiting, "postgres"))
        table = replace(table, indexes=tuple(i for i in table.indexes if i != waiting))
        table = _with_key(table, desired, name, columns, primary)
    return Change(tuple(sql), tuple(undo), with_table(state, table), tuple(last))


def _with_key(table: Table, desired: Table, name: str, columns: tuple[str, ...], primary: bool) -> Table:
    if primary and desired.primary_key:
        return replace(table, primary_key=replace(desired.primary_key, name=name))
    unique = next(u for u in desired.uniques if u.columns == columns)
    return replace(table, uniques=(*table.uniques, replace(unique, name=name)))


def _keys(desired: Table) -> list[tuple[str, tuple[str, ...], bool]]:
    key = desired.primary_key
    found = [(key.name or f"{desired.name}_pkey", key.columns, True)] if key else []
    return found + [(u.name or f"{desired.name}_{'_'.join(u.columns)}_key", u.columns, False) for u in desired.uniques]


def _taken(state: Schema, name: str) -> bool:
    return any(i.name == name for t in state.tables for i in t.indexes)


def _in_namespace(table: Table, name: str) -> str:
    return f"{quote(table.namespace)}.{quote(name)}" if table.namespace else quote(name)


def _table(state: Schema, key: str) -> Table:
    found = state.table(key)
    assert found is not None, key
    return found
