"""Strategies: a world of a dialect, a second one reached by edits of it (or drawn afresh), and rows that refer to
each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.plan.world_sql import ddl, default, insert, values
from tests.plan.worlds import (
    CHECKS,
    COMPARED,
    ENTRIES,
    FORMULAS,
    KINDS,
    PICKS,
    WHOLE,
    Col,
    Expr,
    Foreign,
    Idx,
    Seen,
    Tab,
    World,
    fitting,
    rename_column,
    rename_table,
    tidy,
)
from tools.location import Dialect
from tools.schema.model import Answers
from tools.schema.render import quote

TABLES = ("t1", "Order", "select", "Ünï 表", 'we"ird', "k")
COLUMNS = (
    "c1", "group", "Mixed Case", 'quo"te', "naïve", "数", "it's", "a:b %s", "new", "old", "t", "k", "key_1", "p",
    "rowid", "x" * 60,
)  # fmt: skip
"""Reserved, odd and long names, and those that a plan gives its own things."""
FAMILIES = (
    "foreign", "enums", "generated", "identity", "keys", "keyless", "uniques", "checks", "indexes", "views", "comments",
    "kinds", "renames", "names",
)  # fmt: skip
Draw = st.DrawFn


@dataclass(frozen=True, repr=False)
class Pair:
    """Where a plan starts and what it is to reach, with what a person says of it, and the rows.

    Its repr is what somebody needs to do it again by hand.
    """

    before: World
    after: World
    answers: Answers
    rows: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    links: tuple[str, ...]
    rehearsed: bool = False
    """Whether the plan is rehearsed too, as users have it run."""

    def inserts(self) -> list[str]:
        return [insert(*row) for row in self.rows] + list(self.links)

    def __repr__(self) -> str:
        rows = "\n".join(f"{sql};" for sql in self.inserts())
        return f"\n-- before\n{ddl(self.before)}\n{rows}\n-- after\n{ddl(self.after)}\n-- {self.answers}\n"


@st.composite
def pairs(draw: Draw, dialect: Dialect, families: frozenset[str] | None = None) -> Pair:
    """Two worlds of a few families each (many at once hide each other's faults), and rows for the first."""
    some = families or frozenset(draw(st.sets(st.sampled_from(FAMILIES), min_size=2, max_size=5)))
    maker = _Maker(draw, dialect, some)
    before = maker.world()
    if draw(st.integers(0, 3)):
        after = before
        for _ in range(draw(st.integers(1, 4))):
            after = maker.edited(after)
        after = tidy(after)
    else:
        after = maker.world()
    answers = Answers(
        none=True, fills=maker.fills(before, after),
        tables=tuple((a, b) for a, b in _pairs_of(after.renames) if before.table(a) and after.table(b)),
        columns=tuple(r for r in after.renames if len(r) == 3 and before.table(r[0]) and _stands(after, r)),
    )  # type: ignore[arg-type]  # fmt: skip
    rows, links = maker.rows(before)
    return Pair(before, after, answers, rows, links, not draw(st.integers(0, 9)))


def _stands(world: World, rename: tuple[str, ...]) -> bool:
    """Whether the renamed column has not gone by a later edit."""
    name = next((b for a, b in _pairs_of(world.renames) if a == rename[0]), rename[0])
    table = world.table(name)
    return table is not None and table.column(rename[2]) is not None


def _pairs_of(renames: Sequence[tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(r[0], r[1]) for r in renames if len(r) == 2]


class _Maker:
    def __init__(self, draw: Draw, dialect: Dialect, families: frozenset[str]) -> None:
        self.draw, self.dialect, self.families = draw, dialect, families

    def one(self, of: Sequence[object]) -> object:
        return self.draw(st.sampled_from(list(of)))

    def maybe(self, family: str, one_in: int = 2) -> bool:
        return family in self.families and not self.draw(st.integers(0, one_in - 1))

    def some(self, of: Sequence[str], least: int = 0, most: int = 2) -> tuple[str, ...]:
        if len(of) < least or not of:
            return ()
        return tuple(
            self.draw(st.lists(st.sampled_from(list(of)), min_size=least, max_size=min(most, len(of)), unique=True))
        )

    # Worlds

    def world(self) -> World:
        odd = "names" in self.families
        names = self.draw(st.lists(st.sampled_from(TABLES if odd else TABLES[:3]), min_size=1, max_size=3, unique=True))
        enums = ()
        if self.maybe("enums", 1) and self.dialect != "sqlite":
            enums = tuple((n, v) for n, v in _ENUMS if self.draw(st.booleans()))
        world = World(self.dialect, (), enums=enums)
        for name in sorted(names):
            world = replace(world, tables=(*world.tables, self.table(world, name)))
        for _ in range(self.draw(st.integers(0, 2)) if "foreign" in self.families else 0):
            world = self.linked(world)
        world = tidy(world)
        for _ in range(self.draw(st.integers(0, 2)) if "views" in self.families else 0):
            world = self.viewed(world)
        return world

    def table(self, world: World, name: str) -> Tab:
        table = Tab(name, (Col("id", "INTEGER"),), key=("id",))
        if self.maybe("keyless", 3):
            table = replace(table, key=())
        if self.maybe("identity") and self.dialect == "postgres":
            kind = str(self.one(("ALWAYS", "BY DEFAULT", "serial")))
            table = replace(table, columns=(Col("id", str(self.one(WHOLE[:2])), identity=kind),))
        if self.dialect == "sqlite" and table.key and self.maybe("identity", 4):
            table = replace(table, suffix="WITHOUT ROWID")
        for _ in range(self.draw(st.integers(0, 4))):
            table = self.with_column(world, table)
        if self.maybe("keys") and (fit := self.keyable(table)):
            table = replace(table, key=self.some(fit, 1, 2))
        for _ in range(self.draw(st.integers(0, 2))):
            table = self.with_rule(table)
        return table

    def keyable(self, table: Tab) -> tuple[str, ...]:
        return tuple(c.name for c in table.columns if c.kind in COMPARED[self.dialect] and not c.formula)

    def with_column(self, world: World, table: Tab) -> Tab:
        free = [n for n in (COLUMNS if "names" in self.families else COLUMNS[:4]) if n not in table.names]
        if not free:
            return table
        name = str(self.one(free))
        if self.maybe("generated") and (formula := self.formula(table)):
            kind = "INTEGER" if formula.template == FORMULAS[0] else self.word()
            return replace(table, columns=(*table.columns, Col(name, kind, formula=formula, stored=self.stored())))
        return replace(table, columns=(*table.columns, self.column(world, name)))

    def stored(self) -> bool:
        return self.dialect != "duckdb" and self.draw(st.booleans())

    def word(self) -> str:
        return "VARCHAR" if self.dialect == "duckdb" else "TEXT"

    def formula(self, table: Tab) -> Expr | None:
        template = str(self.one(FORMULAS))
        fit = fitting(table, template)
        return Expr(template, (str(self.one(fit)),)) if fit else None

    def column(self, world: World, name: str) -> Col:
        kinds = KINDS[self.dialect] if "kinds" in self.families else KINDS[self.dialect][:5]
        kind = str(self.one([n for n, _ in world.enums] if world.enums and self.draw(st.booleans()) else kinds))
        given = self.default(kind, world) if not self.draw(st.integers(0, 2)) else None
        return Col(name, kind, not self.draw(st.integers(0, 3)), given)

    def default(self, kind: str, world: World) -> str:
        enum = dict(world.enums).get(kind)
        if enum:
            return "'" + enum[-1].replace("'", "''") + "'"
        return str(self.one(values(kind, self.dialect)))

    def with_rule(self, table: Tab) -> Tab:
        if self.maybe("uniques") and (fit := self.keyable(table)):
            return replace(table, uniques=(*table.uniques, self.some(fit, 1, 2)))
        if self.maybe("checks") and (expr := self.over(table, CHECKS)):
            return replace(table, checks=(*table.checks, expr))
        if self.maybe("indexes") and (entry := self.over(table, ENTRIES)):
            where = self.over(table, PICKS) if self.dialect != "duckdb" and self.draw(st.booleans()) else None
            unique = not self.draw(st.integers(0, 3)) and not entry.template.startswith("low")
            name = f"i{self.draw(st.integers(0, 3))} {table.name}"
            if all(i.name != name for i in table.indexes):
                return replace(table, indexes=(*table.indexes, Idx(name, entry, unique, where)))
        if self.maybe("comments") and self.dialect == "postgres":
            text = str(self.one(("it's a 表", "so", "two\nlines")))
            if self.draw(st.booleans()):
                return replace(table, comment=text)
            others = tuple(c for c in table.comments if c[0] != table.columns[-1].name)
            return replace(table, comments=(*others, (table.columns[-1].name, text)))
        return table

    def over(self, table: Tab, templates: Sequence[str]) -> Expr | None:
        template = str(self.one(templates))
        fit = fitting(table, template)
        need = 2 if "{1}" in template else 1
        return Expr(template, self.some(fit, need, need)) if len(fit) >= need else None

    def linked(self, world: World) -> World:
        """With columns in one table that refer to a key of another, or of the same."""
        parent, child = world.table(str(self.one(_names(world)))), world.table(str(self.one(_names(world))))
        keys = [k for k in (parent.key, *parent.uniques) if k] if parent else []
        if parent is None or child is None or not keys:
            return world
        refs = keys[self.draw(st.integers(0, len(keys) - 1))]
        columns: list[str] = []
        for ref in refs:
            name, kind = f"to {ref}"[:60], next(c.kind for c in parent.columns if c.name == ref)
            while child.column(name):
                name += "_"
            child = replace(child, columns=(*child.columns, Col(name, kind)))
            columns.append(name)
        action = str(self.one(("", "CASCADE", "SET NULL", "RESTRICT"))) if self.dialect != "duckdb" else ""
        later = self.dialect != "duckdb" and not self.draw(st.integers(0, 3))
        foreign = Foreign(tuple(columns), parent.name, refs, action, later)
        return world.with_table(replace(child, foreigns=(*child.foreigns, foreign)))

    def viewed(self, world: World) -> World:
        name = f"v{self.draw(st.integers(0, 2))} seen"
        if any(v.name == name for v in world.views):
            return world
        sources: list[tuple[str, tuple[str, ...]]] = []
        for table in self.some(_names(world), 1, 2):
            found = world.table(table)
            sources.append((table, self.some(found.names if found else (), 1, 3)))
        if world.views and not self.draw(st.integers(0, 3)):
            sources = [(str(self.one([v.name for v in world.views])), ())]
        elif len(sources) == 1 and not self.draw(st.integers(0, 3)):
            sources = [(sources[0][0], ())]
        return replace(world, views=(*world.views, Seen(name, tuple(sources))))

    # Edits

    def edited(self, world: World) -> World:
        edits: list[Callable[[World, Tab], World]] = [
            self.add_column, self.drop_column, self.retype, self.tighten, self.set_default, self.add_rule,
            self.drop_rule, self.add_table, self.drop_table,
        ]  # fmt: skip
        if "renames" in self.families:
            edits += [self.rename, self.rename, self.rename_table]
        if "foreign" in self.families:
            edits += [lambda w, t: self.linked(w), self.drop_link, self.act]
        if "generated" in self.families:
            edits += [self.recompute, self.recompute]
        if "enums" in self.families and world.enums:
            edits += [self.enum, self.enum]
        if "keys" in self.families or "keyless" in self.families:
            edits += [self.rekey]
        if "identity" in self.families and self.dialect == "postgres":
            edits += [self.number]
        if "views" in self.families:
            edits += [lambda w, t: self.viewed(w), lambda w, t: replace(w, views=w.views[1:])]
        table = world.table(str(self.one(_names(world))))
        assert table is not None
        edit = edits[self.draw(st.integers(0, len(edits) - 1))]
        return tidy(edit(world, table))

    def add_column(self, world: World, table: Tab) -> World:
        return world.with_table(self.with_column(world, table))

    def drop_column(self, world: World, table: Tab) -> World:
        gone = str(self.one(table.names))
        if len(table.columns) < 2 or any(len(r) == 3 and r[2] == gone for r in world.renames):
            return world
        keys = () if gone in table.key else table.key
        left = replace(table, columns=tuple(c for c in table.columns if c.name != gone), key=keys)
        return world.with_table(left)

    def retype(self, world: World, table: Tab) -> World:
        column = self._plain(table)
        if column is None:
            return world
        kind = str(self.one(_BECOMES.get(column.kind, ("TEXT",)) if self.dialect != "duckdb" else _BECOMES_DUCK))
        if kind not in KINDS[self.dialect]:
            return world
        new = replace(column, kind=kind, default=None)
        world = self._put(world, table, column, new)
        # What refers to it follows, or the keys would fall.
        for other in world.tables:
            for foreign in other.foreigns:
                if foreign.table == table.name and column.name in foreign.refs:
                    name = foreign.columns[foreign.refs.index(column.name)]
                    there = world.table(other.name)
                    child = there.column(name) if there else None
                    if there and child:
                        world = self._put(world, there, child, replace(child, kind=kind, default=None, identity=""))
        return world

    def tighten(self, world: World, table: Tab) -> World:
        column = self._plain(table)
        return self._put(world, table, column, replace(column, tight=not column.tight)) if column else world

    def set_default(self, world: World, table: Tab) -> World:
        column = self._plain(table)
        if column is None:
            return world
        given = None if column.default else self.default(column.kind, world)
        return self._put(world, table, column, replace(column, default=given))

    def recompute(self, world: World, table: Tab) -> World:
        column = table.column(str(self.one(table.names)))
        if column is None or column.identity or column.name in table.key:
            return world
        if column.formula and self.draw(st.booleans()):
            return self._put(world, table, column, replace(column, formula=None))
        rest = replace(table, columns=tuple(c for c in table.columns if c.name != column.name))
        formula = self.formula(rest) if rest.columns else None
        if formula is None:
            return world
        kind = "INTEGER" if formula.template == FORMULAS[0] else self.word()
        new = Col(column.name, kind, formula=formula, stored=self.stored())
        return self._put(world, table, column, new)

    def number(self, world: World, table: Tab) -> World:
        column = self._plain(table)
        if column is None or column.kind not in WHOLE[:2]:
            return world
        how = "" if column.identity else str(self.one(("ALWAYS", "BY DEFAULT", "serial")))
        return self._put(world, table, column, replace(column, identity=how, default=None))

    def add_rule(self, world: World, table: Tab) -> World:
        return world.with_table(self.with_rule(table))

    def drop_rule(self, world: World, table: Tab) -> World:
        return world.with_table(
            replace(
                table, uniques=table.uniques[1:], checks=table.checks[1:], indexes=table.indexes[1:],
                comments=table.comments[1:], comment=None,
            )
        )  # fmt: skip

    def rekey(self, world: World, table: Tab) -> World:
        fit = self.keyable(table)
        key = self.some(fit, 0, 2) if "keyless" in self.families else self.some(fit, 1, 2)
        return world.with_table(replace(table, key=key))

    def drop_link(self, world: World, table: Tab) -> World:
        return world.with_table(replace(table, foreigns=table.foreigns[1:]))

    def act(self, world: World, table: Tab) -> World:
        action = str(self.one(("", "CASCADE", "SET NULL")))
        return world.with_table(replace(table, foreigns=tuple(replace(f, on_delete=action) for f in table.foreigns)))

    def add_table(self, world: World, table: Tab) -> World:
        free = [n for n in ("n1", "Neu é") if world.table(n) is None]
        if not free:
            return world
        return replace(world, tables=(*world.tables, self.table(world, str(self.one(free)))))

    def drop_table(self, world: World, table: Tab) -> World:
        if len(world.tables) < 2:
            return world
        return replace(world, tables=tuple(t for t in world.tables if t.name != table.name))

    def rename(self, world: World, table: Tab) -> World:
        old, new = str(self.one(table.names)), str(self.one(("named", "Näme", "order", "d.d")))
        was = next((a for a, b in _pairs_of(world.renames) if b == table.name), table.name)
        known = {r[2] for r in world.renames if len(r) == 3} | {r[1] for r in world.renames if len(r) == 3}
        if table.column(new) or {old, new} & known or table.name in ("n1", "Neu é"):
            return world
        world = rename_column(world, table.name, old, new)
        return replace(world, renames=(*world.renames, (was, old, new)))

    def rename_table(self, world: World, table: Tab) -> World:
        new = str(self.one(("calls", "Täble")))
        if world.table(new) or any(b == table.name for _, b in _pairs_of(world.renames)) or table.name[:1] == "n":
            return world
        renamed = rename_table(world, table.name, new)
        return replace(renamed, renames=(*world.renames, (table.name, new)))

    def enum(self, world: World, table: Tab) -> World:
        name, there = world.enums[self.draw(st.integers(0, len(world.enums) - 1))]
        others = tuple(v for v in ("first", "it's new", "sad") if v not in there)
        if self.draw(st.booleans()) and others:
            place = self.draw(st.integers(0, len(there)))
            now = (*there[:place], others[0], *there[place:])
        else:
            now = there[1:] if len(there) > 1 else there
        world = replace(world, enums=tuple((n, now if n == name else v) for n, v in world.enums))
        return replace(world, tables=tuple(_without_defaults(t, name) for t in world.tables))

    def _plain(self, table: Tab) -> Col | None:
        fit = [c.name for c in table.columns if not c.formula]
        return table.column(str(self.one(fit))) if fit else None

    def _put(self, world: World, table: Tab, old: Col, new: Col) -> World:
        return world.with_table(replace(table, columns=tuple(new if c.name == old.name else c for c in table.columns)))

    # What a person says, and rows

    def fills(self, before: World, after: World) -> tuple[tuple[str, str, str], ...]:
        found: list[tuple[str, str, str]] = []
        for table in after.tables:
            for column in table.columns:
                wants = column.tight or column.name in table.key
                if wants and not column.formula and not column.identity and self.draw(st.integers(0, 3)):
                    enum = dict(after.enums).get(column.kind)
                    value = f"'{enum[0]}'".replace("it's", "it''s") if enum else default(column.kind, self.dialect)
                    found.append((table.name, column.name, value))
        old = {t.name: {c.name: c.kind for c in t.columns} for t in before.tables}
        back = {b: a for a, b in _pairs_of(after.renames)}
        return tuple(
            (t, c, v) for t, c, v in found
            if old.get(back.get(t, t), {}).get(c) in (None, next(x.kind for x in after.table(t).columns if x.name == c))  # type: ignore[union-attr]
        )  # fmt: skip

    def rows(self, world: World) -> tuple[tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...], tuple[str, ...]]:
        """(table, columns, literals) of each row, and the updates that close circles of references."""
        made: dict[str, list[dict[str, str]]] = {t.name: [] for t in world.tables}
        rows: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []
        links: list[str] = []
        for table in world.tables:
            for n in range(self.draw(st.integers(0, 4))):
                row = {c.name: self.value(world, table, c, n) for c in table.columns if not c.formula}
                for foreign in table.foreigns:
                    parents = made[foreign.table]
                    parent = parents[self.draw(st.integers(0, len(parents) - 1))] if parents else {}
                    row |= {c: parent.get(r, "NULL") for c, r in zip(foreign.columns, foreign.refs, strict=True)}
                made[table.name].append(row)
                listed = {c: v for c, v in row.items() if table.column(c).identity != "ALWAYS"}  # type: ignore[union-attr]
                rows.append((table.name, tuple(listed), tuple(listed.values())))
        for table in world.tables:
            for foreign in table.foreigns:
                links += self.links(table, foreign, made)
        return tuple(rows), tuple(links)

    def links(self, table: Tab, foreign: Foreign, made: dict[str, list[dict[str, str]]]) -> list[str]:
        found: list[str] = []
        for row in made[table.name][:2]:
            parents = made[foreign.table]
            if parents and table.key and self.draw(st.booleans()):
                parent = parents[self.draw(st.integers(0, len(parents) - 1))]
                pairs = zip(foreign.columns, foreign.refs, strict=True)
                sets = ", ".join(f"{quote(c)} = {parent.get(r, 'NULL')}" for c, r in pairs)
                where = " AND ".join(f"{quote(k)} = {row[k]}" for k in table.key)
                found.append(f"UPDATE {quote(table.name)} SET {sets} WHERE {where}")
        return found

    def value(self, world: World, table: Tab, column: Col, n: int) -> str:
        if column.identity or column.name == "id":
            return str(n + 1)
        enum = dict(world.enums).get(column.kind)
        pool = ["'" + v.replace("'", "''") + "'" for v in enum] if enum else list(values(column.kind, self.dialect))
        needed = column.tight or column.name in table.key
        if needed or any(column.name in u for u in table.uniques):
            at = self.draw(st.integers(0, len(pool) - 1))
            return pool[(at + n) % len(pool)]
        return "NULL" if not self.draw(st.integers(0, 2)) else str(self.one(pool))


_ENUMS = (("Odd Mood", ("x", "it's", "")), ("mood", ("sad", "so so", "😀")))
_BECOMES: dict[str, tuple[str, ...]] = {
    "SMALLINT": ("INTEGER", "BIGINT", "TEXT"),
    "INTEGER": ("BIGINT", "TEXT", "SMALLINT", "DOUBLE PRECISION", "NUMERIC(12,3)"),
    "BIGINT": ("INTEGER", "TEXT", "NUMERIC(12,3)"),
    "VARCHAR(20)": ("TEXT", "INTEGER", "JSONB"),
    "TEXT": ("VARCHAR(20)", "INTEGER", "DOUBLE PRECISION"),
    "DOUBLE PRECISION": ("REAL", "TEXT", "INTEGER"),
    "TIMESTAMP": ("DATE", "TIMESTAMPTZ", "TEXT"),
    "DATE": ("TIMESTAMP", "TEXT"),
    "JSON": ("JSONB", "TEXT"),
    "JSONB": ("JSON", "TEXT"),
    "BLOB": ("TEXT",),
    "BOOLEAN": ("INTEGER", "TEXT"),
    "NUMERIC": ("NUMERIC(12,3)", "DOUBLE PRECISION", "TEXT"),
    "NUMERIC(12,3)": ("NUMERIC", "INTEGER", "TEXT"),
}
_BECOMES_DUCK = ("BIGINT", "VARCHAR", "INTEGER", "DOUBLE")


def _without_defaults(table: Tab, enum: str) -> Tab:
    return replace(table, columns=tuple(replace(c, default=None) if c.kind == enum else c for c in table.columns))


def _names(world: World) -> tuple[str, ...]:
    return tuple(t.name for t in world.tables)
