"""Comparison across kinds of sources: what one side says nothing of is no gap, and types are held against by family.

`aligned` gives the desired schema as it is to be compared: its silence filled with what the current side has. Between
two origins (a document against a database) a column of the same family keeps the current side's type, enums are paired
by the columns that use them, and enumerations by name without case, underscores and a final s. Names of tables and
columns are never matched that way: `createdAt` and `created_at` are a rename, which is a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tools.location import Dialect
from tools.schema.entries import plain
from tools.schema.model import Aspect, Check, Column, Enum, ForeignKey, Index, Schema, Table
from tools.schema.normal import fold
from tools.schema.tokens import tokenize
from tools.schema.types import family

_LIKE = {
    "varchar": "text", "char": "text", "uuid": "text", "smallint": "number", "integer": "number", "bigint": "number",
    "hugeint": "number", "decimal": "number", "real": "number", "double": "number", "timestamp": "time",
    "timestamptz": "time",
}  # fmt: skip
"""Families that a source with few types of its own cannot tell apart."""
_LISTS: tuple[tuple[Aspect, str], ...] = (
    ("indexes", "indexes"), ("checks", "checks"), ("foreign_keys", "foreign_keys"), ("uniques", "uniques"),
    ("primary_keys", "primary_key"),
)  # fmt: skip
_WHOLE: tuple[tuple[Aspect, str], ...] = (
    ("views", "views"), ("triggers", "triggers"), ("sequences", "sequences"), ("enums", "enums"),
)  # fmt: skip


_LIST_WORDS = frozenset({"ANY", "ARRAY", "IN", "OR", "TEXT", "CHARACTER", "VARYING", "VARCHAR", "BPCHAR"})
_LIST_MARKS = frozenset({"(", ")", "[", "]", ",", "=", "::"})


def aligned(current: Schema, desired: Schema, said: Schema | None = None) -> Schema:
    """The desired schema with the current one's things wherever one of the two says nothing of such things.

    said: the desired schema as it was read, where `desired` is what a backend can hold of it. Both are of one dialect.
    """
    read = said or desired
    unsaid = frozenset((*current.unsaid, *read.unsaid))
    silent = any(table.unsaid for table in (*current.tables, *read.tables))
    across = _kind(current) != _kind(read)
    if not unsaid and not across and not silent:
        return desired
    if not {current.origin, read.origin}.isdisjoint(("parsed", "mysql")):
        from tools.schema.keeping import kept

        desired = kept(desired, desired, current)  # a parser does not write expressions as the engine does
    if across:
        desired = _with_paired_enums(current, desired)
    dialect = current.dialect
    known = {fold(table.key, dialect): table for table in current.tables}
    tables = tuple(
        _table(known[key], table, unsaid, across, dialect) if (key := fold(table.key, dialect)) in known else table
        for table in desired.tables
    )
    if across and "uniques" in current.unsaid:
        tables = tuple(
            _without_new_unique(known[key], table, dialect) if (key := fold(table.key, dialect)) in known else table
            for table in tables
        )
    if across:
        tables, desired = _with_listed_values(known, tables, current, desired)
    whole = {name: getattr(current, name) for aspect, name in _WHOLE if aspect in unsaid}
    if "checks" in unsaid:
        unsaid = unsaid | {"check"}
    objects = (
        *(thing for thing in desired.objects if thing.kind not in unsaid),
        *(thing for thing in current.objects if thing.kind in unsaid),
    )
    return replace(desired, tables=tables, objects=objects, **whole)


def _kind(schema: Schema) -> str:
    """Its origin, for which it is all the same who read the SQL."""
    return "sql" if schema.origin == "parsed" else schema.origin


@dataclass(frozen=True)
class Counted:
    """One enumeration: what there is of what is wanted, counted, and both ways of the difference."""

    name: str
    have: int
    want: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name, "have": self.have, "want": self.want, "missing": list(self.missing),
            "extra": list(self.extra),
        }  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name.replace('_', ' ')} {self.have} of {self.want}"


def enumerations(current: Schema, desired: Schema) -> tuple[Counted, ...]:
    """Every enumeration of the desired schema, counted against the current one's of that name."""
    if _kind(current) != _kind(desired):
        desired = _with_paired_enums(current, desired)
    has = {enum.key: enum.values for enum in current.enums}
    return tuple(_counted(enum, has.get(enum.key, ())) for enum in desired.enums)


def _counted(enum: Enum, has: Sequence[str]) -> Counted:
    missing = tuple(value for value in enum.values if value not in has)
    extra = tuple(value for value in has if value not in enum.values)
    return Counted(enum.key, len(enum.values) - len(missing), len(enum.values), missing, extra)


def _table(before: Table, after: Table, unsaid: frozenset[Aspect], across: bool, dialect: Dialect) -> Table:
    filled: dict[str, Any] = {}
    unsaid = unsaid.union(before.unsaid, after.unsaid)
    for aspect, name in _LISTS:
        if aspect in unsaid:
            filled[name] = getattr(before, name)
    olds = {fold(column.name, dialect): column for column in before.columns}
    columns = tuple(
        _column(olds[key], column, unsaid, across, dialect) if (key := fold(column.name, dialect)) in olds else column
        for column in after.columns
    )
    if "primary_keys" in unsaid and before.primary_key is not None:
        keys = set(before.primary_key.columns)
        columns = tuple(
            replace(c, nullable=olds[fold(c.name, dialect)].nullable) if c.name in keys else c for c in columns
        )
    if across:
        filled["options"] = before.options
        filled.setdefault("foreign_keys", _pointing_alike(before, after, dialect))
        if "uniques" in unsaid:
            filled.setdefault("indexes", tuple(_unique_as_today(before.indexes, after.indexes, dialect)))
    return replace(after, columns=columns, **filled)


def _pointing_alike(before: Table, after: Table, dialect: Dialect) -> tuple[ForeignKey, ...]:
    """The desired foreign keys, each as today's of the same columns and table is; one that names no columns of its
    parent points to `id`."""

    def points(key: ForeignKey) -> tuple[object, ...]:
        return tuple(fold(c, dialect) for c in key.columns), fold(key.ref_table, dialect)

    same = {points(key): key for key in before.foreign_keys}
    return tuple(
        same.get(points(key), key if key.ref_columns else replace(key, ref_columns=("id",)))
        for key in after.foreign_keys
    )


def _unique_as_today(before: Sequence[Index], after: Sequence[Index], dialect: Dialect) -> Iterator[Index]:
    """The desired indexes, one of the same name and columns as unique as today's; and today's other unique ones, which
    a side without uniqueness cannot ask for."""
    by_name = {fold(index.name, dialect): index for index in before}
    for index in after:
        same = by_name.pop(fold(index.name, dialect), None)
        yield same if same is not None and same.columns == index.columns else index
    yield from (index for index in by_name.values() if index.unique)


def _without_new_unique(before: Table, after: Table, dialect: Dialect) -> Table:
    """Without the unique indexes that today's side could not tell if it had them."""
    known = {fold(index.name, dialect) for index in before.indexes}
    kept = tuple(index for index in after.indexes if not index.unique or fold(index.name, dialect) in known)
    return replace(after, indexes=kept)


def _column(old: Column, new: Column, unsaid: frozenset[Aspect], across: bool, dialect: Dialect) -> Column:
    if "defaults" in unsaid:
        new = replace(
            new, default=old.default, identity=old.identity, serial=old.serial, generated=old.generated,
            stored=old.stored, counting=old.counting,
        )  # fmt: skip
    if "nullability" in unsaid:
        new = replace(new, nullable=old.nullable)
    if across and _alike(old.type, new.type, dialect):
        new = replace(new, type=old.type, collation=old.collation, storage=old.storage)
    return new


def _alike(one: str, other: str, dialect: Dialect) -> bool:
    a, b = family(one, dialect), family(other, dialect)
    if a.name == b.name == "array":
        return _alike(a.element, b.element, dialect)
    if "other" in (a.name, b.name):
        return one == other
    return _LIKE.get(a.name, a.name) == _LIKE.get(b.name, b.name)


def _with_listed_values(
    known: Mapping[str, Table], tables: tuple[Table, ...], current: Schema, desired: Schema
) -> tuple[tuple[Table, ...], Schema]:
    """Text that a CHECK binds to some values, on one side, and an enum of values, on the other, say the same."""
    dialect = current.dialect
    had, wanted = {e.key: e for e in current.enums}, {e.key: e for e in desired.enums}
    asked = {table.key: table for table in desired.tables}
    added: dict[str, Enum] = {}
    found: list[Table] = []
    for table in tables:
        before = known.get(fold(table.key, dialect))
        for column in table.columns if before else ():
            old = before.column(column.name) if before else None
            if before is None or old is None or old.type == column.type:
                continue
            if column.type in wanted and (bound := _bound(before, old)):
                values = wanted[column.type].values
                same = set(bound[1]) == set(values)
                check = bound[0] if same else replace(_listing(column.name, values), name=bound[0].name)
                others = tuple(c for c in table.checks if c not in (check, bound[0]))
                table = _retyped(replace(table, checks=(*others, check)), column, old)
            elif old.type in had and (bound := _bound(asked[table.key], column)):
                values = tuple(v for v in had[old.type].values if v in bound[1])
                values += tuple(v for v in bound[1] if v not in values)
                added[old.type] = replace(had[old.type], values=values)
                checks = tuple(check for check in table.checks if check != bound[0])
                table = _retyped(replace(table, checks=checks), column, old)
        found.append(table)
    used = {column.type.removesuffix("[]") for table in found for column in table.columns}
    before_used = {column.type.removesuffix("[]") for table in tables for column in table.columns}
    enums = tuple(e for e in desired.enums if e.key in used or e.key not in before_used)
    new = tuple(enum for key, enum in added.items() if key not in wanted)
    return tuple(found), replace(desired, enums=(*enums, *new))


def _retyped(table: Table, column: Column, old: Column) -> Table:
    typed = replace(column, type=old.type, collation=old.collation, storage=old.storage)
    return replace(table, columns=tuple(typed if c is column else c for c in table.columns))


def _bound(table: Table, column: Column) -> tuple[Check, tuple[str, ...]] | None:
    """The check that binds a column of text to a list of values, with these."""
    if family(column.type, "postgres").name not in ("text", "varchar", "char"):
        return None
    for check in table.checks:
        tokens = tokenize(check.expression, "postgres")
        names = {token.name for token in tokens if token.is_name and token.value not in _LIST_WORDS}
        values = tuple(dict.fromkeys(token.name for token in tokens if token.kind == "string"))
        if (
            values
            and names == {column.name}
            and all(t.is_name or t.kind == "string" or t.text in _LIST_MARKS for t in tokens)
        ):
            return check, values
    return None


def _listing(column: str, values: Sequence[str]) -> Check:
    listed = ", ".join(f"'{value.replace(chr(39), chr(39) * 2)}'::text" for value in values)
    return Check(f"{plain(column)} = ANY (ARRAY[{listed}])", columns=(column,))


def _with_paired_enums(current: Schema, desired: Schema) -> Schema:
    """The desired enums under the current ones' names: of the same column, else of a name that differs in form only."""
    had, wanted = {enum.key for enum in current.enums}, {enum.key for enum in desired.enums}
    free, names = had - wanted, dict[str, str]()
    for table in desired.tables:
        before = current.table(table.key)
        for column in table.columns:
            old = before.column(column.name) if before else None
            if old and column.type in wanted - had and old.type in free - set(names.values()):
                names.setdefault(column.type, old.type)
    for key in sorted(wanted - had - set(names)):
        like = [name for name in sorted(free - set(names.values())) if _bare(name) == _bare(key)]
        if len(like) == 1:
            names[key] = like[0]
    orders = {enum.key: enum.values for enum in current.enums}
    enums = tuple(_under(enum, names.get(enum.key, enum.key), orders) for enum in desired.enums)
    tables = tuple(
        replace(table, columns=tuple(replace(c, type=names.get(c.type, c.type)) for c in table.columns))
        for table in desired.tables
    )
    return replace(desired, enums=enums, tables=tables)


def _under(enum: Enum, key: str, orders: dict[str, tuple[str, ...]]) -> Enum:
    """The order in which a document or a union lists its values is no wish."""
    had = orders.get(key, ())
    values = (*(v for v in had if v in enum.values), *(v for v in enum.values if v not in had))
    namespace, _, name = key.rpartition(".")
    return replace(enum, name=name, namespace=namespace, values=values)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower()).removesuffix("s")
