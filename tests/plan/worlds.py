"""Schemas as values that a test can draw, edit and write as DDL: what a table of the three engines can have on it.

A `World` names its columns wherever they are used, so that an edit of one reaches all its uses, and `tidy` takes away
what no engine would accept. Tests draw from here (tests/plan/drawn.py); nothing here knows of plans.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tools.location import Dialect
from tools.schema.render import quote


@dataclass(frozen=True)
class Expr:
    """SQL over columns: `{0}`, `{1}` … stand for them."""

    template: str
    columns: tuple[str, ...]

    def sql(self) -> str:
        return self.template.format(*map(quote, self.columns))


@dataclass(frozen=True)
class Col:
    """identity: `ALWAYS`, `BY DEFAULT` or `serial` (Postgres); formula: what a generated column computes."""

    name: str
    kind: str
    tight: bool = False
    default: str | None = None
    formula: Expr | None = None
    stored: bool = True
    identity: str = ""

    @property
    def numbered(self) -> bool:
        return bool(self.identity)


@dataclass(frozen=True)
class Foreign:
    columns: tuple[str, ...]
    table: str
    refs: tuple[str, ...]
    on_delete: str = ""
    deferrable: bool = False


@dataclass(frozen=True)
class Idx:
    """An index on a column or an expression, over the rows that `where` picks."""

    name: str
    on: Expr
    unique: bool = False
    where: Expr | None = None


@dataclass(frozen=True)
class Tab:
    name: str
    columns: tuple[Col, ...]
    key: tuple[str, ...] = ()
    uniques: tuple[tuple[str, ...], ...] = ()
    checks: tuple[Expr, ...] = ()
    foreigns: tuple[Foreign, ...] = ()
    indexes: tuple[Idx, ...] = ()
    comment: str | None = None
    comments: tuple[tuple[str, str], ...] = ()
    suffix: str = ""

    def column(self, name: str) -> Col | None:
        return next((c for c in self.columns if c.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)


@dataclass(frozen=True)
class Seen:
    """A view of a table, of two beside each other, or of another view. No columns: all of them (`*`)."""

    name: str
    sources: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class World:
    dialect: Dialect
    tables: tuple[Tab, ...]
    views: tuple[Seen, ...] = ()
    enums: tuple[tuple[str, tuple[str, ...]], ...] = ()
    renames: tuple[tuple[str, ...], ...] = field(default=(), compare=False)
    """What edits have called otherwise: (old, new) of tables, (table's old name, old, new) of columns."""

    def table(self, name: str) -> Tab | None:
        return next((t for t in self.tables if t.name == name), None)

    def with_table(self, table: Tab, name: str | None = None) -> World:
        there = name or table.name
        return replace(self, tables=tuple(table if t.name == there else t for t in self.tables))


def rename_column(world: World, table: str, old: str, new: str) -> World:
    """Every use of the column under its new name."""

    def swap(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if n == old else n for n in names)

    tables = tuple(
        replace(
            _columns_swapped(t, swap, old, new) if t.name == table else t,
            foreigns=tuple(
                replace(
                    f,
                    columns=swap(f.columns) if t.name == table else f.columns,
                    refs=swap(f.refs) if f.table == table else f.refs,
                )
                for f in t.foreigns
            ),
        )
        for t in world.tables
    )
    views = tuple(
        replace(v, sources=tuple((n, swap(c) if n == table else c) for n, c in v.sources)) for v in world.views
    )
    return replace(world, tables=tables, views=views)


def _columns_swapped(table: Tab, swap: Callable[[tuple[str, ...]], tuple[str, ...]], old: str, new: str) -> Tab:
    def expr(value: Expr) -> Expr:
        return replace(value, columns=swap(value.columns))

    return replace(
        table,
        columns=tuple(
            replace(c, name=new if c.name == old else c.name, formula=c.formula and expr(c.formula))
            for c in table.columns
        ),
        key=swap(table.key),
        uniques=tuple(map(swap, table.uniques)),
        checks=tuple(map(expr, table.checks)),
        indexes=tuple(replace(i, on=expr(i.on), where=i.where and expr(i.where)) for i in table.indexes),
        comments=tuple((new if n == old else n, text) for n, text in table.comments),
    )


def rename_table(world: World, old: str, new: str) -> World:
    tables = tuple(
        replace(
            t,
            name=new if t.name == old else t.name,
            foreigns=tuple(replace(f, table=new if f.table == old else f.table) for f in t.foreigns),
        )
        for t in world.tables
    )
    views = tuple(replace(v, sources=tuple((new if n == old else n, c) for n, c in v.sources)) for v in world.views)
    return replace(world, tables=tables, views=views)


def tidy(world: World) -> World:
    """The world without what names things that are not there, or that its engine does not have."""
    tables = tuple(_tidy_table(world, t) for t in world.tables)
    world = replace(world, tables=tables)
    while True:
        kept = tuple(replace(t, foreigns=_sound(world, t)) for t in world.tables)
        if kept == world.tables:
            break
        world = replace(world, tables=kept)
    views: list[Seen] = []
    for view in world.views:
        if all(_is_there(world, views, name, columns) for name, columns in view.sources):
            views.append(view)
    return replace(world, views=tuple(views))


def _is_there(world: World, views: list[Seen], name: str, columns: tuple[str, ...]) -> bool:
    table = world.table(name)
    if table is None:
        return not columns and any(v.name == name for v in views)
    return set(columns) <= set(table.names)


def _tidy_table(world: World, table: Tab) -> Tab:
    kinds = {c.name: c.kind for c in table.columns}
    computed = {c.name for c in table.columns if c.formula}
    plain = set(kinds) - computed
    enums = dict(world.enums)
    columns = tuple(
        replace(c, formula=None)
        if c.formula and not all(n in plain and kinds[n] in _FITS[c.formula.template] for n in c.formula.columns)
        else c
        for c in table.columns
        if c.kind not in MADE or c.kind in enums
    )
    kinds = {c.name: c.kind for c in columns}

    def fits(expr: Expr) -> bool:
        return all(n in plain and kinds.get(n) in _FITS[expr.template] for n in expr.columns)

    def keyed(names: tuple[str, ...]) -> bool:
        return bool(names) and all(n in plain and kinds.get(n) in COMPARED[world.dialect] for n in names)

    return replace(
        table,
        columns=columns,
        key=table.key if keyed(table.key) else (),
        uniques=tuple(dict.fromkeys(u for u in table.uniques if keyed(u) and u != table.key)),
        checks=tuple(dict.fromkeys(c for c in table.checks if fits(c))),
        foreigns=tuple(f for f in table.foreigns if keyed(f.columns)),
        indexes=tuple(i for i in table.indexes if fits(i.on) and (i.where is None or fits(i.where))),
        comments=tuple((n, text) for n, text in table.comments if n in kinds),
        suffix=table.suffix if table.key and keyed(table.key) else "",
    )


def _sound(world: World, table: Tab) -> tuple[Foreign, ...]:
    found: list[Foreign] = []
    for foreign in table.foreigns:
        parent = world.table(foreign.table)
        if parent is None or not (foreign.refs == parent.key or foreign.refs in parent.uniques):
            continue
        ours = [c.kind for n in foreign.columns if (c := table.column(n))]
        theirs = [c.kind for n in foreign.refs if (c := parent.column(n))]
        later = world.tables.index(parent) > world.tables.index(table)
        if ours == theirs and not (world.dialect == "duckdb" and later):  # DuckDB has no cycle, nor a way to add one
            found.append(foreign)
    return tuple(dict.fromkeys(found))


WHOLE = ("INTEGER", "BIGINT", "SMALLINT")
WORDS = ("VARCHAR(20)", "TEXT")
MADE = ("mood", "Odd Mood")
KINDS: dict[Dialect, tuple[str, ...]] = {
    "sqlite": (
        *WHOLE, *WORDS, "DOUBLE PRECISION", "NUMERIC(12,3)", "BOOLEAN", "TIMESTAMP", "BLOB", "JSON", "DATE",
    ),
    "duckdb": (
        *WHOLE, "VARCHAR", "DOUBLE", "DECIMAL(12,3)", "BOOLEAN", "TIMESTAMPTZ", "DATE", "BLOB", "JSON", "UUID",
        "INTEGER[]", "HUGEINT", "TIMESTAMP",
    ),
    "postgres": (
        *WHOLE, *WORDS, "DOUBLE PRECISION", "NUMERIC(12,3)", "BOOLEAN", "TIMESTAMPTZ", "DATE", "BYTEA", "JSONB", "JSON",
        "UUID", "INTEGER[]", "NUMERIC", "TIMESTAMP", "INTERVAL", "REAL",
    ),
}  # fmt: skip
COMPARED: dict[Dialect, tuple[str, ...]] = {
    "sqlite": tuple(k for k in KINDS["sqlite"]),
    "duckdb": tuple(k for k in KINDS["duckdb"] if k not in ("JSON", "INTEGER[]")) + MADE,
    "postgres": tuple(k for k in KINDS["postgres"] if k not in ("JSON", "JSONB", "INTEGER[]")) + MADE,
}
"""Kinds that can be in keys."""
_ANY = tuple(dict.fromkeys(k for kinds in KINDS.values() for k in kinds)) + MADE
_NOT_JSON = tuple(k for k in _ANY if k != "JSON")
_FITS: dict[str, tuple[str, ...]] = {
    "{0}": _NOT_JSON,
    "({0} % 7)": WHOLE,
    "lower({0})": (*WORDS, "VARCHAR"),
    "(coalesce({0}, '') || '!')": (*WORDS, "VARCHAR"),
    "{0} IS NOT NULL": _ANY,
    "{0} > 0": (*WHOLE, "DOUBLE PRECISION", "DOUBLE", "HUGEINT"),
    "{0} IS NULL OR {0} <> 99": WHOLE,
    "{0} IS NOT NULL OR {1} IS NOT NULL": _ANY,
    "{0} <> {1} OR {0} = {1}": WHOLE,
    "{0} <> 'no' AND length({0}) < 40": (*WORDS, "VARCHAR"),
}
"""Expressions, and the kinds that they can be over."""
FORMULAS = ("({0} % 7)", "lower({0})", "(coalesce({0}, '') || '!')")
CHECKS = (
    "{0} IS NULL OR {0} <> 99", "{0} IS NOT NULL OR {1} IS NOT NULL", "{0} <> {1} OR {0} = {1}",
    "{0} <> 'no' AND length({0}) < 40",
)  # fmt: skip
ENTRIES = ("{0}", "({0} % 7)", "lower({0})")
PICKS = ("{0} IS NOT NULL", "{0} > 0")


def fitting(table: Tab, template: str) -> tuple[str, ...]:
    """The plain columns that an expression can be over."""
    return tuple(c.name for c in table.columns if c.kind in _FITS[template] and not c.formula)
