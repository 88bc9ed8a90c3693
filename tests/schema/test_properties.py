"""Properties over generated schemas: digest and comparison agree, and edits are found exactly."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.errors import SourceError
from tools.location import DIALECTS, Dialect
from tools.schema.ddl import read_ddl
from tools.schema.digest import normalise, objects_digest, schema_digest
from tools.schema.gaps import compare
from tools.schema.model import Check, Column, ForeignKey, Index, PrimaryKey, Schema, Table, Unique
from tools.schema.render import script
from tools.schema.serial import schema_from_json, schema_to_json

relaxed = settings(
    max_examples=20, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)  # fmt: skip
NAMES = st.sampled_from(["a", "b", "c", "select", "Mixed Case", "x.y", 'it"s', "naïve", "order", "d1", "snake_case"])
TYPES = ["INTEGER", "BIGINT", "VARCHAR(20)", "TEXT", "DECIMAL(10,2)", "BOOLEAN", "DATE"]
DEFAULTS = {"INTEGER": ["1", "-2"], "BIGINT": ["0"], "TEXT": ["'x'", "'it''s'", "''"], "VARCHAR(20)": ["'y'"],
            "DECIMAL(10,2)": ["1.5"], "BOOLEAN": ["TRUE"], "DATE": ["CURRENT_DATE"]}  # fmt: skip


@st.composite
def columns(draw: st.DrawFn, name: str) -> Column:
    type_ = draw(st.sampled_from(TYPES))
    default = draw(st.sampled_from([None, *DEFAULTS[type_]]))
    return Column(name, type_, draw(st.booleans()), default)


@st.composite
def tables(draw: st.DrawFn, name: str, parents: list[str]) -> Table:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=lambda text: text.lower()))
    key = Column("id", "INTEGER", nullable=False)
    found = (key, *[draw(columns(each)) for each in names])
    some = st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True).map(tuple)
    uniques = draw(st.lists(some, max_size=2, unique_by=frozenset))
    indexed = draw(st.lists(some, max_size=2, unique=True))
    up = draw(st.sampled_from([None, name, *parents]))
    keys = (ForeignKey(("up",), up, ("id",)),) if up else ()
    checks = draw(st.lists(st.sampled_from([f"id > {i}" for i in range(3)]), max_size=2, unique=True))
    return Table(
        name, (*found, Column("up", "INTEGER")), primary_key=PrimaryKey(("id",)),
        uniques=tuple(Unique(each) for each in uniques), foreign_keys=keys,
        checks=tuple(Check(text, columns=("id",)) for text in checks),
        indexes=tuple(
            Index(f"{name}_{i}", name, tuple('"' + c.replace('"', '""') + '"' for c in each), draw(st.booleans()))
            for i, each in enumerate(indexed)
        ),
    )  # fmt: skip


@st.composite
def schemas(draw: st.DrawFn) -> tuple[Table, ...]:
    names = draw(st.lists(st.sampled_from(["t", "Users", "group", "my table"]), min_size=1, max_size=3, unique=True))
    return tuple(draw(tables(name, names[:i])) for i, name in enumerate(names))


def read(found: tuple[Table, ...], dialect: Dialect) -> Schema:
    """The generated tables as the dialect's engine spells them."""
    return read_ddl(script(Schema(dialect, found)), dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(found=schemas())
@relaxed
def test_rendering_loses_nothing_and_no_change_is_no_gap(dialect: Dialect, found: tuple[Table, ...]) -> None:
    first = read(found, dialect)
    second = read_ddl(script(first), dialect)
    assert compare(first, second) == ()
    assert schema_digest(first) == schema_digest(second)
    assert schema_from_json(schema_to_json(first)) == first
    assert normalise(normalise(first)) == normalise(first)
    assert len(first.tables) == len(found)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(one=schemas(), other=schemas())
@relaxed
def test_equal_digests_mean_no_gap_and_no_gap_equal_digests(
    dialect: Dialect, one: tuple[Table, ...], other: tuple[Table, ...]
) -> None:
    first, second = read(one, dialect), read(other, dialect)
    for before, after in ((first, second), (second, first), (first, first)):
        assert (compare(before, after) == ()) == (schema_digest(before) == schema_digest(after))
    keys = [table.key for table in first.tables]
    touched = {gap.table for gap in compare(first, second)} & set(keys)
    assert (objects_digest(first, keys) == objects_digest(second, keys)) == (not touched)


def edits(table: Table) -> list[tuple[str, str, Table]]:
    """(kind of the gap, what it names, the table after) for edits that each make exactly one gap."""
    first = table.columns[1]
    plain = next((c for c in table.columns[1:-1] if not _is_used(c.name, table)), None)
    found: list[tuple[str, str, Table]] = [
        ("column_added", "brand new", _with(table, columns=(*table.columns, Column("brand new", "TEXT")))),
        ("nullability_changed", first.name, _column(table, first, nullable=not first.nullable)),
        ("check_added", "", _with(table, checks=(*table.checks, Check("id <> 77")))),
        ("unique_added", "", _with(table, uniques=(*table.uniques, Unique(("id", "up"))))),
        ("index_added", "fresh", _with(table, indexes=(*table.indexes, Index("fresh", table.key, ("up",))))),
    ]
    if plain:
        rest = tuple(column for column in table.columns if column != plain)
        found.append(("column_removed", plain.name, _with(table, columns=rest)))
        other = "BIGINT" if plain.type == "TEXT" else "TEXT"
        found.append(
            ("type_changed", plain.name, _column(_column(table, plain, default=None), plain, type=other, default=None))
        )
    if first.type == "TEXT":
        found.append(("default_changed", first.name, _column(table, first, default="'quite another'")))
    found += [("check_removed", "", _with(table, checks=table.checks[1:]))] if table.checks else []
    found += [("unique_removed", "", _with(table, uniques=table.uniques[1:]))] if table.uniques else []
    found += [("foreign_key_removed", "", _with(table, foreign_keys=()))] if table.foreign_keys else []
    if table.indexes:
        found.append(("index_removed", table.indexes[0].name, _with(table, indexes=table.indexes[1:])))
        changed = replace(table.indexes[0], columns=(*table.indexes[0].columns, "up"))
        found.append(("index_changed", changed.name, _with(table, indexes=(changed, *table.indexes[1:]))))
    return found


def _is_used(name: str, table: Table) -> bool:
    quoted = '"' + name.replace('"', '""') + '"'
    return any(name in unique.columns for unique in table.uniques) or any(quoted in i.columns for i in table.indexes)


def _with(table: Table, **changes: Any) -> Table:
    return replace(table, **changes)


def _column(table: Table, column: Column, **changes: Any) -> Table:
    return replace(table, columns=tuple(replace(c, **changes) if c.name == column.name else c for c in table.columns))


@pytest.mark.parametrize("dialect", DIALECTS)
@given(found=schemas(), data=st.data())
@relaxed
def test_one_edit_is_found_and_nothing_else(dialect: Dialect, found: tuple[Table, ...], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(found) - 1))
    possible = edits(found[at])
    kind, named, table = possible[data.draw(st.integers(0, len(possible) - 1))]
    before = read(found, dialect)
    after = read((*found[:at], table, *found[at + 1 :]), dialect)
    default_lost = kind == "type_changed" and found[at].column(named)
    gaps = [gap for gap in compare(before, after) if not (default_lost and gap.kind == "default_changed")]
    assert [(gap.kind, gap.table, gap.column or gap.name or "") for gap in gaps] == [
        (kind, found[at].key, named if kind.split("_")[0] in ("column", "nullability", "type", "default", "index") else
         gaps[0].name or "")
    ]  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
@given(found=schemas(), data=st.data())
@relaxed
def test_an_edit_in_every_table_is_found_in_every_table(
    dialect: Dialect, found: tuple[Table, ...], data: st.DataObject
) -> None:
    drawn = [data.draw(st.sampled_from([e for e in edits(t) if e[0] != "type_changed"])) for t in found]
    # One name of an index is free for one table only.
    fresh = [at for at, (kind, named, _) in enumerate(drawn) if (kind, named) == ("index_added", "fresh")]
    chosen = [edits(found[at])[0] if at in fresh[1:] else edit for at, edit in enumerate(drawn)]
    gaps = compare(read(found, dialect), read(tuple(table for _, _, table in chosen), dialect))
    assert sorted((gap.table, gap.kind) for gap in gaps) == sorted(
        (table.key, kind) for table, (kind, _, _) in zip(found, chosen, strict=True)
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@given(found=schemas(), data=st.data())
@relaxed
def test_tables_that_come_and_go(dialect: Dialect, found: tuple[Table, ...], data: st.DataObject) -> None:
    extra = data.draw(tables("Brand New", [found[0].name]))
    before, after = read(found, dialect), read((*found, extra), dialect)
    assert [(gap.kind, gap.table) for gap in compare(before, after)] == [("table_added", "Brand New")]
    assert [(gap.kind, gap.table) for gap in compare(after, before)] == [("table_removed", "Brand New")]


GOOD = """CREATE TABLE a (id INTEGER PRIMARY KEY, b VARCHAR(20) DEFAULT 'x;y' NOT NULL, 
  "C d" TEXT CHECK ("C d" <> 'it''s'));
-- a comment
CREATE INDEX i ON a (b, lower("C d"));
CREATE VIEW v AS SELECT id, b FROM a WHERE b IN ('p', 'q');
"""


@pytest.mark.parametrize("dialect", DIALECTS)
@given(data=st.data())
@settings(relaxed, max_examples=80)
def test_broken_sql_is_an_error_or_listed_and_never_a_traceback(dialect: Dialect, data: st.DataObject) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.text(string.printable + "é\x00\u2028", max_size=4)) + text[end:]
    error = error_of(text, dialect)
    if error is not None:
        assert error.line
        assert 1 <= error.line <= len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
        assert "\n" not in str(error)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(text=st.text(string.ascii_letters + " \n();,'\"$-/*[]`\\:", max_size=60))
@settings(relaxed, max_examples=80)
def test_any_text_at_all(dialect: Dialect, text: str) -> None:
    error_of(text, dialect)


def error_of(text: str, dialect: Dialect) -> SourceError | None:
    """What is wrong with a text, which is nothing or an error that names the file; any other exception is a failure."""
    try:
        read_ddl(text, dialect, "f.sql")
    except SourceError as error:
        return error if str(error).startswith("f.sql:") else pytest.fail(str(error))
    return None
