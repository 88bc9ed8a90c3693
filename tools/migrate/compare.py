"""Two databases of any kinds held against each other by DuckDB, with both attached: which rows differ, by key.

One scan a side sums the hashes of the rows in buckets of their keys' hashes; buckets that differ are divided again,
until few enough rows are left to be looked at one by one. Equal tables cost that one scan.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tools.errors import DatabaseError, OneplanError, UsageError
from tools.location import Location, existing, parse_location
from tools.schema.model import Schema, Table
from tools.schema.render import literal, quote

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BUCKETS = 256
LEVELS = 3
SHOWN = 20
"""Keys named of each table."""

Kind = Literal["missing", "extra", "differs"]


@dataclass(frozen=True)
class Mismatch:
    """One row. key: its key's values as text, of a table without one all its values. kind: not on the right, not on the
    left, or there with other values (those of the columns named)."""

    kind: Kind
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Side:
    """A table as one side has it: its quoted name there, and the expressions of its key and its values. Without a key
    all its values stand in the place of one."""

    table: str
    key: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True)
class TableComparison:
    """How many rows are missing on the right, extra there, or differ; mismatches: the first of them."""

    table: str
    left_rows: int
    right_rows: int
    missing: int = 0
    extra: int = 0
    differing: int = 0
    mismatches: tuple[Mismatch, ...] = ()

    @property
    def equal(self) -> bool:
        return not (self.missing or self.extra or self.differing)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "equal": self.equal}


def compare_databases(left: str, right: str, tables: Sequence[str] = ()) -> tuple[TableComparison, ...]:
    """Every table that both have (or those named), over the columns that both have. Rows are found again by the primary
    key that both have; without one they are counted, row by equal row.

    Raises UsageError for a table that is not on both sides, and where no table is. Reads only.
    """
    here, there = _schemas(left, right)
    both = [table for table in here.tables if there.table(table.key) is not None]
    if not both:
        raise UsageError(f"{parse_location(left)} and {parse_location(right)} have no table in common")
    unknown = [name for name in tables if name not in {table.key for table in both}]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is not a table on both sides")
    chosen = [table for table in both if not tables or table.key in tables]
    with attached(left, right) as connection:
        return tuple(_compared(connection, table, there.table(table.key) or table) for table in chosen)


def left_out(left: str, right: str) -> tuple[str, ...]:
    """A sentence for each table, and each column of a table that both have, that only one of the two has."""
    here, there = _schemas(left, right)
    found: list[str] = []
    for side, one, other in (("left", here, there), ("right", there, here)):
        for table in one.tables:
            twin = other.table(table.key)
            missing = [] if twin is None else [name for name in table.column_names if name not in twin.column_names]
            names = [f"table {table.key}"] if twin is None else [f"column {table.key}.{name}" for name in missing]
            found += [f"{name} is only on the {side}: not compared" for name in names]
    return tuple(found)


def _schemas(left: str, right: str) -> tuple[Schema, Schema]:
    from tools.schema.source import read_schema

    return read_schema(left), read_schema(right)


def compare_sides(
    connection: DuckDBPyConnection, name: str, left: Side, right: Side, columns: Sequence[str]
) -> TableComparison:  # fmt: skip
    """columns: what the values are called. Raises DatabaseError where DuckDB cannot read one of them."""
    import duckdb

    try:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW l AS {_rows(connection, left)}")
        connection.execute(f"CREATE OR REPLACE TEMP VIEW r AS {_rows(connection, right)}")
        counts = [int(_one(connection, f"SELECT count(*) FROM {side}")) for side in "lr"]
        size, differing = _buckets(connection)
        if not differing:
            return TableComparison(name, counts[0], counts[1])
        within = f"h % {size} IN ({', '.join(map(str, differing))})"
        return _look(connection, name, counts, within, len(left.key), columns)
    except duckdb.Error as error:
        raise DatabaseError(f"{name} cannot be compared: {str(error).splitlines()[0]}") from error


@contextmanager
def attached(left: str, right: str) -> Generator[DuckDBPyConnection]:
    """A DuckDB in memory with the two as read-only catalogs `left_side` and `right_side`."""
    import duckdb

    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    # DuckDB 1.5 takes the scans of two attached SQLite files for one and the same.
    connection.execute("SET disabled_optimizers = 'common_subplan'")
    try:
        for name, location in (("left_side", left), ("right_side", right)):
            _attach(connection, name, existing(parse_location(location)))
        yield connection
    except duckdb.Error as error:
        raise DatabaseError(str(error).splitlines()[0]) from error
    finally:
        connection.close()


def _attach(connection: DuckDBPyConnection, name: str, place: Location) -> None:
    if place.kind == "file":
        raise UsageError(f"{place} is a file of DDL: rows are in databases only")
    kind = "" if place.kind == "duckdb" else f"TYPE {place.kind}, "
    if place.kind != "duckdb":
        connection.load_extension(str(_scanner(place.kind)))
    if place.kind == "sqlite":
        connection.execute("SET sqlite_all_varchar = true")  # a column may hold values of any type
    connection.execute(f"ATTACH {literal(place.address)} AS {name} ({kind}READ_ONLY)")


def _scanner(kind: str) -> Path:
    import importlib

    import duckdb

    try:
        module = importlib.import_module(f"duckdb_extension_{kind}_scanner")
    except ImportError as error:
        raise OneplanError(f"the package duckdb-extension-{kind}-scanner is not installed") from error
    folder = Path(module.__file__ or "").parent / "extensions" / f"v{duckdb.__version__}"
    return folder / f"{kind}_scanner.duckdb_extension"


def side_of(catalog: str, table: Table, kind: str, key: Sequence[str], values: Sequence[str]) -> Side:
    namespace = table.namespace or ("public" if kind == "postgres" else "main")
    return Side(f"{catalog}.{quote(namespace)}.{quote(table.name)}", tuple(key), tuple(values))


def _compared(connection: DuckDBPyConnection, here: Table, there: Table) -> TableComparison:
    both = [name for name in here.column_names if name in there.column_names]
    if not both:
        raise UsageError(f"{here.key} has no column that both sides have: its rows cannot be compared")
    named = here.primary_key.columns if here.primary_key else ()
    key = named if named and set(named) <= set(both) else tuple(both)
    shared = [name for name in both if name not in key]
    sides: list[Side] = []
    for catalog, table in (("left_side", here), ("right_side", there)):
        kind = _one(connection, f"SELECT type FROM duckdb_databases() WHERE database_name = '{catalog}'")
        sides.append(side_of(catalog, table, kind, [quote(n) for n in key], [quote(n) for n in shared]))
    return compare_sides(connection, here.key, sides[0], sides[1], shared)


def _rows(connection: DuckDBPyConnection, side: Side) -> str:
    """Key and values as text, and the hash of the key. true is what SQLite keeps as 1."""
    names = [f"k{n}" for n in range(len(side.key))] + [f"c{n}" for n in range(len(side.values))]
    listed = ", ".join(f"{expression} AS {name}" for expression, name in
                       zip([*side.key, *side.values], names, strict=True))  # fmt: skip
    types = connection.execute(f"DESCRIBE SELECT {listed} FROM {side.table}").fetchall()
    texts = ", ".join(
        f"{name}::INTEGER::VARCHAR AS {name}" if type_ == "BOOLEAN" else f"{name}::VARCHAR AS {name}"
        for name, type_, *_ in types
    )
    keys = ", ".join(names[: len(side.key)])
    return f"SELECT *, hash({keys}) AS h FROM (SELECT {texts} FROM (SELECT {listed} FROM {side.table}))"


def _buckets(connection: DuckDBPyConnection) -> tuple[int, list[int]]:
    """Into how many buckets the rows were divided in the end, and those of them in which the sides differ."""
    size, found = 1, [0]
    for _ in range(LEVELS):
        within = f"h % {size} IN ({', '.join(map(str, found))})"
        size *= BUCKETS
        sums = [
            f"SELECT h % {size} AS b, count(*) AS n, sum(hash({side})::HUGEINT) AS s FROM {side} "
            f"WHERE {within} GROUP BY 1"
            for side in "lr"
        ]
        sql = f"""SELECT b FROM ({sums[0]}) x FULL JOIN ({sums[1]}) y USING (b)
                  WHERE x.n IS DISTINCT FROM y.n OR x.s IS DISTINCT FROM y.s ORDER BY b"""
        found = [int(row[0]) for row in connection.execute(sql).fetchall()]
        if not found or len(found) > BUCKETS // 4:  # nothing differs, or so much that no bucket can be left out
            break
    return size, found


def _look(
    connection: DuckDBPyConnection, name: str, counts: list[int], within: str, width: int, columns: Sequence[str]
) -> TableComparison:  # fmt: skip
    keys = [f"k{n}" for n in range(width)]
    if not columns:
        return _counted_off(connection, name, counts, within, keys)
    same = " AND ".join(f"x.{key} IS NOT DISTINCT FROM y.{key}" for key in keys)
    changed = ", ".join(f"x.c{n} IS DISTINCT FROM y.c{n}" for n in range(len(columns)))
    sql = f"""FROM (SELECT *, true AS there FROM l WHERE {within}) x
              FULL JOIN (SELECT *, true AS there FROM r WHERE {within}) y ON {same}
              WHERE x.there IS NULL OR y.there IS NULL OR list_contains([{changed}, false], true)"""
    counted = connection.execute(
        f"SELECT count_if(y.there IS NULL), count_if(x.there IS NULL), count(*) {sql}"
    ).fetchall()
    missing, extra, total = counted[0]
    shown = ", ".join(f"coalesce(x.{key}, y.{key}) AS {key}" for key in keys)
    rows = connection.execute(
        f"SELECT y.there IS NULL, x.there IS NULL, [{changed}, false], {shown} {sql} ORDER BY ALL LIMIT {SHOWN}"
    ).fetchall()
    mismatches = tuple(_mismatch(row, columns) for row in rows)
    return TableComparison(name, counts[0], counts[1], missing, extra, total - missing - extra, mismatches)


def _counted_off(
    connection: DuckDBPyConnection, name: str, counts: list[int], within: str, keys: Sequence[str]
) -> TableComparison:  # fmt: skip
    """Rows that are nothing but their key, which several may share: how often each is there."""
    sides = [f"(SELECT ALL COLUMNS('^k\\d+$'), count(*) AS n FROM {side} WHERE {within} GROUP BY ALL)" for side in "lr"]
    same = " AND ".join(f"x.{key} IS NOT DISTINCT FROM y.{key}" for key in keys)
    sql = f"FROM {sides[0]} x FULL JOIN {sides[1]} y ON {same} WHERE x.n IS DISTINCT FROM y.n"
    gone, come = "coalesce(x.n, 0) - coalesce(y.n, 0)", "coalesce(y.n, 0) - coalesce(x.n, 0)"
    totals = connection.execute(f"SELECT sum(greatest({gone}, 0)), sum(greatest({come}, 0)) {sql}").fetchall()
    shown = ", ".join(f"CASE WHEN x.n IS NULL THEN y.{key} ELSE x.{key} END AS {key}" for key in keys)
    rows = connection.execute(f"SELECT {gone} > 0, {shown} {sql} ORDER BY ALL LIMIT {SHOWN}").fetchall()
    mismatches = tuple(Mismatch("missing" if less else "extra", tuple(map(str, row))) for less, *row in rows)
    return TableComparison(name, counts[0], counts[1], int(totals[0][0] or 0), int(totals[0][1] or 0), 0, mismatches)


def _mismatch(row: tuple[Any, ...], columns: Sequence[str]) -> Mismatch:
    missing, extra, changed, *key = row
    kind: Kind = "missing" if missing else "extra" if extra else "differs"
    names = tuple(name for name, is_so in zip(columns, changed, strict=False) if is_so) if kind == "differs" else ()
    return Mismatch(kind, tuple(str(value) for value in key), names)


def _one(connection: DuckDBPyConnection, sql: str) -> Any:
    found = connection.execute(sql).fetchone()
    return found[0] if found else 0
