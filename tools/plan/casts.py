"""How a value of one type becomes one of another, and how to tell that nothing was lost on the way."""

from __future__ import annotations

from tools.location import Dialect
from tools.plan.sql import literal
from tools.schema.types import family

_RANGES = {
    name: (-(1 << bits), (1 << bits) - 1)
    for bits, names in ((15, ("smallint", "int2")), (31, ("integer", "int", "int4")), (63, ("bigint", "int8")))
    for name in names
}
_SQLITE_TYPEOF = {
    "INTEGER": ("integer", "null"),
    "REAL": ("real", "integer", "null"),
    "TEXT": ("text", "null"),
}


def affinity(type_: str) -> str:
    """SQLite's column affinity for a declared type, by its five rules (sqlite.org/datatype3.html)."""
    upper = type_.upper()
    if "INT" in upper:
        return "INTEGER"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not upper or "BLOB" in upper:
        return "BLOB"
    return "REAL" if any(word in upper for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def cast(expression: str, old: str, new: str, dialect: Dialect) -> str:
    """The expression as a value of the type `new`.

    On SQLite the column's own affinity does the work when the value is stored: it converts only what survives it, while
    CAST would turn 'abc' into 0. Postgres has no direct way between
    booleans and numbers of any size, nor between enums.
    """
    if dialect == "sqlite":
        return expression
    if dialect == "postgres":
        if _is_boolean(new) and _is_number(old):
            return f"(({expression}) <> 0)"
        if _is_number(new) and _is_boolean(old):
            return f"CAST(CAST({expression} AS integer) AS {new})"
        if not (_is_known(old) and _is_known(new)):
            return f"CAST(CAST({expression} AS text) AS {new})"
    return f"CAST({expression} AS {new})"


def castable(old: str, new: str, dialect: Dialect) -> bool:
    """Whether a value of the one type can become one of the other at all.

    False only for Postgres's own types between which it has no cast, also not by way of text, which no date reads as a
    number. SQLite converts nothing, and DuckDB tells by each value.
    """
    if dialect != "postgres" or not (_is_known(old) and _is_known(new)):
        return True
    one, other = family(old, dialect), family(new, dialect)
    if one.element and other.element:
        return castable(one.element, other.element, dialect)
    if "other" in (one.name, other.name) or one.name == other.name:
        return True
    return other.name in _TEXTS or one.name in _TEXTS or other.name in _CASTS.get(one.name, ())


def as_stored(expression: str, old: str, new: str, dialect: Dialect) -> str:
    """The converted value as a query sees it, for comparisons: what `cast` gives once it is stored."""
    if (
        dialect == "sqlite"
        and affinity(new) in ("INTEGER", "REAL", "NUMERIC", "TEXT")
        and affinity(old) != affinity(new)
    ):
        return f"CAST({expression} AS {affinity(new)})"
    return cast(expression, old, new, dialect)


def comparable(expression: str, type_: str, dialect: Dialect) -> str:
    """The expression in a form that has an equality: Postgres compares no json, xml or point, nor arrays of them."""
    if dialect == "postgres" and type_.split("(")[0].strip().removesuffix("[]") in (
        "json",
        "xml",
        "point",
        "polygon",
        "box",
        "line",
        "circle",
    ):
        return f"CAST({expression} AS text)"
    return expression


def unconvertible(column: str, old: str, new: str, dialect: Dialect, version: str = "") -> str | None:
    """A condition for the rows whose value cannot become the new type, where it can be asked without failing.

    `column` is quoted. None: the database itself will refuse such a row.
    """
    if dialect == "duckdb":
        return f"{column} IS NOT NULL AND TRY_CAST({column} AS {new}) IS NULL"
    if dialect == "postgres" and _is_text(old) and _major(version) >= 16:
        return f"NOT pg_input_is_valid({column}, {literal(new)})"
    if dialect == "postgres" and _is_number(old) and _base(new) in _RANGES:
        low, high = _RANGES[_base(new)]
        return f"{column} NOT BETWEEN {low} AND {high}"
    return None


def refused_back(value: str, new: str, old: str, dialect: Dialect, version: str = "") -> str | None:
    """A condition for the values of a type that are none of the type before it, or would be others there. None where
    every one is, or where it cannot be asked."""
    if dialect == "sqlite":
        return None
    if dialect == "duckdb":
        if _is_number(new) and _is_number(old):
            return f"CAST(TRY_CAST({value} AS {old}) AS {new}) IS DISTINCT FROM {value}"
        return f"{value} IS NOT NULL AND TRY_CAST({value} AS {old}) IS NULL"
    sizes = [int(size) for size in old.partition("(")[2].rstrip(")").split(",") if size.strip().isdigit()]
    if _is_text(old):
        return f"char_length(CAST({value} AS text)) > {sizes[0]}" if sizes else None
    if _is_number(new) and _base(old) in _RANGES:
        low, high = _RANGES[_base(old)]
        return f"{value} NOT BETWEEN {low} AND {high} OR {value} <> round({value})"
    if _is_number(new) and sizes:
        number, scale = f"CAST({value} AS numeric)", sizes[1] if len(sizes) > 1 else 0
        kept = f"abs({number}) < 1e{sizes[0] - scale} AND {number} = round({number}, {scale})"
        return f"{number} <> 'NaN' AND NOT ({kept})"
    by_text = _is_text(new) or not (_is_known(old) and _is_known(new))
    return (
        f"NOT pg_input_is_valid(CAST({value} AS text), {literal(old)})" if by_text and _major(version) >= 16 else None
    )


def lossy(old_value: str, new_value: str, old: str, new: str, dialect: Dialect) -> str | None:
    """A condition for the rows in which the converted value says less than the old one; None where it cannot."""
    if dialect == "sqlite":
        kinds = _SQLITE_TYPEOF.get(affinity(new))
        return f"typeof({new_value}) NOT IN ({', '.join(map(repr, kinds))})" if kinds else None
    if (_is_number(old) and _is_number(new)) or (_is_text(old) and _is_text(new)):
        return f"CAST({new_value} AS {old}) IS DISTINCT FROM {old_value}"
    return None


def _base(type_: str) -> str:
    return type_.split("(")[0].strip().lower()


def _is_number(type_: str) -> bool:
    return _base(type_) in _NUMBERS


def _is_text(type_: str) -> bool:
    return _base(type_) in ("text", "character varying", "varchar", "character", "char", "bpchar")


def _is_boolean(type_: str) -> bool:
    return _base(type_) in ("boolean", "bool")


def _is_known(type_: str) -> bool:
    """Whether Postgres has casts of its own for the type; enums and domains have them only by way of text."""
    base = _base(type_)
    return (
        base in _NUMBERS or _is_text(type_) or _is_boolean(type_)
        or base.startswith(("time", "date", "interval", "bit"))
        or base in ("uuid", "json", "jsonb", "bytea", "name", "money", "inet", "cidr", "xml", "oid", "regclass")
        or base.endswith("[]")
    )  # fmt: skip


def _major(version: str) -> int:
    digits = version.strip().split(".")[0].split(" ")[0]
    return int(digits) if digits.isdigit() else 0


_TEXTS = ("text", "varchar", "char")
_NUMBER_FAMILIES = ("smallint", "integer", "bigint", "hugeint", "decimal", "real", "double")
_CASTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_NUMBER_FAMILIES, (*_NUMBER_FAMILIES, "boolean")),
    "boolean": _NUMBER_FAMILIES,
    "date": ("timestamp", "timestamptz"),
    "time": ("interval",),
    "timestamp": ("date", "time", "timestamptz"),
    "timestamptz": ("date", "time", "timestamp"),
    "interval": ("time",),
}
"""Families between which every version of Postgres has a cast (pg_cast)."""
_NUMBERS = frozenset({
    "smallint", "integer", "int", "bigint", "numeric", "decimal", "real", "double precision", "double", "float",
    "tinyint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint",
    "int2", "int4", "int8", "float4", "float8",
})  # fmt: skip
