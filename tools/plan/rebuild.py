"""Making a table anew where ALTER TABLE cannot change it: SQLite's documented procedure, and DuckDB's own.

SQLite (sqlite.org/lang_altertable.html#otheralter): new table beside the old one, rows over, old one dropped, new one
renamed, indexes and triggers made again; one table at a time, since with foreign_keys=OFF no other is touched.
DuckDB cannot drop or rename a table that foreign keys point to: rows are copied out, the table and all tables that
lean on it are dropped, made anew and filled, parents first; what people have written on them is put back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tools.plan.kept import kept
from tools.plan.shape import descendants, parents_first
from tools.plan.sql import literal, names
from tools.schema.model import ForeignKey, Schema, Table
from tools.schema.render import create_index, create_table, qualified, quote

LEVELS = 12
"""How deep a tree of rows that point to rows of their own table may be when DuckDB fills it anew."""


@dataclass(frozen=True)
class Reshape:
    """What a table's rows become. `values` are (column, expression) pairs; expressions see the old row as "t" (and what
    was set aside as "k", by `join`)."""

    source: str
    values: tuple[tuple[str, str], ...]
    join: str = ""


def unchanged(table: Table) -> Reshape:
    """Every row as it is; generated columns come by themselves."""
    plain = [c.name for c in table.columns if c.generated is None]
    return Reshape(table.key, tuple((name, f"t.{quote(name)}") for name in plain))


def rebuild(before: Schema, after: Schema, reshapes: Mapping[str, Reshape]) -> tuple[str, ...]:
    """The statements that take the tables (keys in `after`) from one shape to the other, with indexes and triggers."""
    if before.dialect == "duckdb":
        return _duckdb(before, after, reshapes)
    return tuple(s for key, reshape in reshapes.items() for s in _sqlite(before, after, key, reshape))


def _sqlite(before: Schema, after: Schema, key: str, reshape: Reshape) -> list[str]:
    table = _table(after, key)
    new = f"_oneplan_new_{table.name}"
    sql = [_create(table, after, new), _insert(quote(new), reshape, qualified(reshape.source))]
    if "AUTOINCREMENT" in table.options and "AUTOINCREMENT" in _table(before, reshape.source).options:
        # The counter must not fall back to the highest row that is left.
        sql += [
            f"DELETE FROM sqlite_sequence WHERE name = {literal(new)}",
            f"INSERT INTO sqlite_sequence (name, seq) SELECT {literal(new)}, seq FROM sqlite_sequence"
            f" WHERE name = {literal(_table(before, reshape.source).name)}",
        ]
    sql += [f"DROP TABLE {qualified(reshape.source)}", f"ALTER TABLE {quote(new)} RENAME TO {quote(table.name)}"]
    sql += [create_index(index, "sqlite") for index in table.indexes]
    return sql + [trigger.definition for trigger in after.triggers if trigger.table == key]


def _duckdb(before: Schema, after: Schema, reshapes: Mapping[str, Reshape]) -> tuple[str, ...]:
    members = cluster(before, after, reshapes)
    steps = {key: reshapes.get(key) or unchanged(_table(after, key)) for key in members}
    work = {key: kept("duckdb", key, step.source, *sorted(reshapes), prefix="work") for key, step in steps.items()}
    sql = ['CREATE SCHEMA IF NOT EXISTS "oneplan"']
    sql += [f"CREATE TABLE {work[key].name} AS SELECT * FROM {qualified(step.source)}" for key, step in steps.items()]
    old = parents_first(_table(before, step.source) for step in steps.values())
    sql += [f"DROP TABLE {qualified(table.key)}" for table in reversed(old)]
    for table in parents_first(_table(after, key) for key in members):
        sql.append(_create(table, after))
        sql += fill(table, steps[table.key], work[table.key].name)
        sql += [create_index(index, "duckdb") for index in table.indexes]
    said = [o.create for o in after.objects if o.kind == "comment" and o.table in members]
    return (*sql, *said, *(f"DROP TABLE {work[key].name}" for key in members))


def rewritten(schema: Schema, key: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """The statements that write other values into columns of a table by making it anew. They see the old row as "t"."""
    same = unchanged(_table(schema, key))
    changed = tuple((name, values.get(name, value)) for name, value in same.values)
    return rebuild(schema, schema, {key: Reshape(key, changed)})


def cluster(before: Schema, after: Schema, keys: Mapping[str, object]) -> tuple[str, ...]:
    """The keys (in `after`) of all tables that DuckDB must make anew together with these."""
    renamed = {getattr(step, "source", key): key for key, step in keys.items()}
    found = {renamed.get(t.key, t.key) for t in descendants(before, renamed)} | set(keys)
    found |= {t.key for t in descendants(after, found) if before.table(t.key) is not None}
    return tuple(t.key for t in parents_first(t for t in after.tables if t.key in found))


def fill(table: Table, reshape: Reshape, source: str) -> list[str]:
    """The rows back in; where rows point to rows of the same table, those pointed to go first, level by level."""
    insert = _insert(qualified(table.key), reshape, source)
    own = next((f for f in table.foreign_keys if f.ref_table == table.key), None)
    if own is None:
        return [insert]
    count = f"SELECT CASE WHEN (SELECT count(*) FROM {qualified(table.key)}) <> (SELECT count(*) FROM {source})"
    columns = ", ".join(own.columns)
    deep = literal(
        f"{table.key} ({columns}): rows point to each other in a circle or more than {LEVELS} levels deep, and DuckDB "
        f"takes a row only behind the one it points to: leave this foreign key out, or put NULL into {columns} of "
        "these rows first"
    )
    return (
        [insert + _roots(own, reshape)]
        + [insert + _next(own, table, reshape)] * LEVELS
        + [f"{count} THEN error({deep}) END"]
    )


def _roots(own: ForeignKey, reshape: Reshape) -> str:
    values = dict(reshape.values)
    point_nowhere = [f"{values[c]} IS NULL" for c in own.columns if c in values]
    to_itself = " AND ".join(
        f"{values[a]} = {values[b]}" for a, b in zip(own.columns, own.ref_columns, strict=True) if a in values
    )
    return f" WHERE {' OR '.join(point_nowhere + ([f'({to_itself})'] if to_itself else []))}" if point_nowhere else ""


def _next(own: ForeignKey, table: Table, reshape: Reshape) -> str:
    values, name = dict(reshape.values), qualified(table.key)
    parent = " AND ".join(
        f"p.{quote(r)} = {values[c]}" for c, r in zip(own.columns, own.ref_columns, strict=True) if c in values
    )
    self_ = " AND ".join(f"p.{quote(r)} = {values[r]}" for r in own.ref_columns)
    some = f"EXISTS (SELECT 1 FROM {name} AS p WHERE {parent})"
    return f" WHERE {some} AND NOT EXISTS (SELECT 1 FROM {name} AS p WHERE {self_})"


def _insert(into: str, reshape: Reshape, source: str) -> str:
    columns = names([column for column, _ in reshape.values])
    values = ", ".join(expression for _, expression in reshape.values)
    return f"INSERT INTO {into} ({columns}) SELECT {values} FROM {source} AS t{reshape.join}"


def _create(table: Table, schema: Schema, name: str | None = None) -> str:
    from dataclasses import replace

    bare = replace(table, indexes=())
    return create_table(replace(bare, name=name) if name else bare, schema.dialect)


def _table(schema: Schema, key: str) -> Table:
    found = schema.table(key)
    assert found is not None, key
    return found
