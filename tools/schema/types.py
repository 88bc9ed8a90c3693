"""Column types across the dialects.

Every type belongs to a family; a family says how each dialect spells it when a schema is carried over. SQLite stores
four kinds of values whatever is declared, so one of its types holds several families (the last column).

    family       postgres                    duckdb                     sqlite    sqlite also holds it as
    boolean      boolean                     BOOLEAN                    INTEGER   an integer or number type
    smallint     smallint                    SMALLINT, TINYINT, U…      INTEGER   an integer type
    integer      integer                     INTEGER, USMALLINT         INTEGER   an integer type
    bigint       bigint                      BIGINT, UINTEGER           INTEGER   an integer type
    hugeint      numeric(38,0)               HUGEINT, UBIGINT           INTEGER   an integer or number type
    decimal      numeric(p,s), money         DECIMAL(p,s)               NUMERIC   a real type
    real         real                        FLOAT                      REAL      a number type
    double       double precision            DOUBLE                     REAL      a number type
    text         text                        VARCHAR                    TEXT      any text type
    varchar      character varying(n)        VARCHAR                    TEXT      any text type
    char         character(n)                VARCHAR                    TEXT      any text type
    bytes        bytea                       BLOB                       BLOB
    date         date                        DATE                       TEXT      a text or date type
    time         time, time with time zone   TIME                       TEXT      a text or date type
    timestamp    timestamp                   TIMESTAMP                  TEXT      a text or date type
    timestamptz  timestamp with time zone    TIMESTAMP WITH TIME ZONE   TEXT      a text or date type
    interval     interval                    INTERVAL                   TEXT      a text type
    uuid         uuid                        UUID                       TEXT      a text type
    json         jsonb, json                 JSON, STRUCT, MAP, UNION   TEXT      a text type
    array        T[]                         T[]                        TEXT      a text type
    other        as it is written            VARCHAR                    TEXT      a text type
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.location import Dialect
from tools.schema.normal import normal_type

_INTEGERS = ("smallint", "integer", "bigint", "hugeint")
_TEXTS = ("text", "varchar", "char")
_TIMES = ("date", "time", "timestamp", "timestamptz")


@dataclass(frozen=True)
class Family:
    """A family with its arguments (length; precision and scale) and, for an array, the element's type text."""

    name: str
    arguments: tuple[int, ...] = ()
    element: str = ""


_SPELLINGS: dict[Dialect, dict[str, str]] = {
    "postgres": {
        "BOOLEAN": "boolean", "BOOL": "boolean", "SMALLINT": "smallint", "INT2": "smallint", "INTEGER": "integer",
        "INT": "integer", "INT4": "integer", "BIGINT": "bigint", "INT8": "bigint", "NUMERIC": "decimal",
        "DECIMAL": "decimal", "MONEY": "decimal", "REAL": "real", "FLOAT4": "real", "DOUBLE PRECISION": "double",
        "FLOAT8": "double", "TEXT": "text", "CITEXT": "text", "NAME": "text", "CHARACTER VARYING": "varchar",
        "VARCHAR": "varchar", "CHARACTER": "char", "CHAR": "char", "BPCHAR": "char", "BYTEA": "bytes", "DATE": "date",
        "TIME WITHOUT TIME ZONE": "time", "TIME WITH TIME ZONE": "time", "TIME": "time", "INTERVAL": "interval",
        "TIMESTAMP WITHOUT TIME ZONE": "timestamp", "TIMESTAMP": "timestamp",
        "TIMESTAMP WITH TIME ZONE": "timestamptz", "TIMESTAMPTZ": "timestamptz", "UUID": "uuid", "JSON": "json",
        "JSONB": "json",
    },
    "duckdb": {
        "BOOLEAN": "boolean", "TINYINT": "smallint", "UTINYINT": "smallint", "SMALLINT": "smallint",
        "USMALLINT": "integer", "INTEGER": "integer", "UINTEGER": "bigint", "BIGINT": "bigint", "UBIGINT": "hugeint",
        "HUGEINT": "hugeint", "UHUGEINT": "hugeint", "DECIMAL": "decimal", "FLOAT": "real", "DOUBLE": "double",
        "VARCHAR": "text", "BLOB": "bytes", "DATE": "date", "TIME": "time", "TIME WITH TIME ZONE": "time",
        "TIMESTAMP": "timestamp", "TIMESTAMP_S": "timestamp", "TIMESTAMP_MS": "timestamp", "TIMESTAMP_NS": "timestamp",
        "TIMESTAMP WITH TIME ZONE": "timestamptz", "INTERVAL": "interval", "UUID": "uuid", "JSON": "json",
        "STRUCT": "json", "MAP": "json", "UNION": "json",
    },
    "sqlite": {
        "BOOLEAN": "boolean", "BOOL": "boolean", "TINYINT": "smallint", "SMALLINT": "smallint", "INTEGER": "bigint",
        "INT": "bigint", "MEDIUMINT": "integer", "BIGINT": "bigint", "INT8": "bigint", "UNSIGNED BIG INT": "bigint",
        "NUMERIC": "decimal", "DECIMAL": "decimal", "NUMBER": "decimal", "REAL": "double", "FLOAT": "double",
        "DOUBLE": "double", "DOUBLE PRECISION": "double", "TEXT": "text", "CLOB": "text", "VARCHAR": "varchar",
        "CHARACTER VARYING": "varchar", "VARYING CHARACTER": "varchar", "NVARCHAR": "varchar", "CHAR": "char",
        "CHARACTER": "char", "NCHAR": "char", "BLOB": "bytes", "BYTEA": "bytes", "DATE": "date", "TIME": "time",
        "DATETIME": "timestamp", "TIMESTAMP": "timestamp", "TIMESTAMPTZ": "timestamptz",
        "TIMESTAMP WITH TIME ZONE": "timestamptz", "JSON": "json", "JSONB": "json", "UUID": "uuid",
        "INTERVAL": "interval", "ANY": "text", "": "text",
    },
}  # fmt: skip
_TARGETS: dict[Dialect, dict[str, str]] = {
    "postgres": {
        "hugeint": "numeric(38,0)", "decimal": "numeric", "double": "double precision", "varchar": "character varying",
        "char": "character", "bytes": "bytea", "time": "time without time zone",
        "timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone", "json": "jsonb",
    },
    "duckdb": {
        "decimal": "DECIMAL", "real": "FLOAT", "varchar": "VARCHAR", "char": "VARCHAR", "text": "VARCHAR",
        "bytes": "BLOB", "timestamptz": "TIMESTAMP WITH TIME ZONE", "other": "VARCHAR",
    },
    "sqlite": {
        **dict.fromkeys(("boolean", *_INTEGERS), "INTEGER"), "decimal": "NUMERIC", "real": "REAL", "double": "REAL",
        "bytes": "BLOB",
    },
}  # fmt: skip
_SQLITE_HOLDS: dict[str, tuple[str, ...]] = {
    "boolean": ("boolean", *_INTEGERS, "decimal"),
    **dict.fromkeys(("smallint", "integer", "bigint"), _INTEGERS),
    "hugeint": (*_INTEGERS, "decimal"),
    "decimal": ("decimal", "double"),
    **dict.fromkeys(("real", "double"), ("double", "decimal")),
    **dict.fromkeys(_TEXTS, _TEXTS),
    "bytes": ("bytes",),
    **{name: (*_TIMES, *_TEXTS) for name in _TIMES},
    "interval": ("interval", *_TEXTS),
    "uuid": ("uuid", *_TEXTS),
    "json": ("json", *_TEXTS),
    "array": ("json", *_TEXTS),
    "other": ("other", *_TEXTS),
}
_WIDER: dict[str, tuple[str, ...]] = {
    "smallint": ("integer", "bigint", "hugeint", "decimal", "double"),
    "integer": ("bigint", "hugeint", "decimal", "double"),
    "bigint": ("hugeint", "decimal"),
    "hugeint": ("decimal",),
    "real": ("double",),
    "char": ("varchar", "text"),
    "varchar": ("text",),
    "date": ("timestamp", "timestamptz"),
}


def family(type: str, dialect: Dialect) -> Family:
    """The family of a type; `other` (with the type's text as `element`) for what no family holds, enums among them."""
    text = normal_type(type, dialect)
    if text.endswith("]") and "[" in text and dialect != "sqlite":
        return Family("array", element=text[: text.rindex("[")])
    arguments = re.search(r"\(([\d, ]+)\)", text)
    numbers = tuple(int(number) for number in arguments[1].split(",")) if arguments else ()
    bare = re.sub(r"\([\d, ]*\)", "", text).split("(")[0].strip()
    name = _SPELLINGS[dialect].get(" ".join(bare.split()))
    if name is None and dialect == "sqlite":
        name = _affinity(text)
    if name is None:
        return Family("other", element=type)
    if name == "decimal" and numbers == (38, 0) and dialect == "postgres":
        return Family("hugeint")  # as a HUGEINT is carried over
    return Family(name, numbers if name in ("varchar", "char", "decimal") else ())


def convert(type: str, source: Dialect, target: Dialect) -> str:
    """The type in which `target` holds a column of this type. An enum's name stays where there are enums."""
    if source == target:
        return type
    found = family(type, source)
    if found.name == "array":
        return "TEXT" if target == "sqlite" else f"{convert(found.element.lower(), source, target)}[]"
    if found.name == "decimal":
        return _decimal(found, target)
    spelled = _TARGETS[target].get(found.name, "TEXT" if target == "sqlite" else found.name)
    if found.name == "other":
        return {"postgres": "text", "duckdb": "VARCHAR", "sqlite": "TEXT"}[target]
    if found.arguments and target == "postgres" and found.name in ("varchar", "char"):
        return f"{spelled}({found.arguments[0]})"
    if found.name in ("varchar", "char") and target == "postgres" and not found.arguments:
        return "text"
    return spelled.upper() if target == "duckdb" else spelled


def same_type(a: str, a_dialect: Dialect, b: str, b_dialect: Dialect) -> bool:
    """Whether two types hold the same, each as far as its dialect can say.

    Lengths count between Postgres types only, precision between Postgres and DuckDB.
    """
    if a_dialect == b_dialect:
        return normal_type(a, a_dialect) == normal_type(b, b_dialect)
    one, other = family(a, a_dialect), family(b, b_dialect)
    if "sqlite" in (a_dialect, b_dialect):
        held, holding = (other, one) if a_dialect == "sqlite" else (one, other)
        return holding.name in _SQLITE_HOLDS[held.name]
    if "array" in (one.name, other.name):
        return one.name == other.name and same_type(one.element, a_dialect, other.element, b_dialect)
    if "other" in (one.name, other.name):
        return one.name == other.name and normal_type(a, a_dialect) == normal_type(b, b_dialect)
    if one.name == other.name == "decimal":
        return _decimal(one, "duckdb") == _decimal(other, "duckdb")
    return one.name == other.name or (one.name in _TEXTS and other.name in _TEXTS)


def widens(old: str, new: str, dialect: Dialect) -> bool:
    """Whether every value of the old type is a value of the new one, so that no row can be refused."""
    if same_type(old, dialect, new, dialect):
        return True
    before, after = family(old, dialect), family(new, dialect)
    if before.name == after.name == "array":
        return widens(before.element, after.element, dialect)
    if before.name == after.name == "json" and dialect == "duckdb":
        return False  # STRUCT, MAP and UNION too: what is inside may be less
    if dialect == "sqlite" and before.name != "other" and after.name in _TEXTS:
        return before.name in (*_TEXTS, *_TIMES, "json", "uuid")
    if before.name == after.name and before.name in ("varchar", "char"):
        return not after.arguments or (bool(before.arguments) and after.arguments[0] >= before.arguments[0])
    if before.name == after.name == "decimal":
        return _decimal_widens(before.arguments, after.arguments)
    if before.name in _TEXTS and after.name == "varchar" and after.arguments:
        return before.name == "char" and bool(before.arguments) and after.arguments[0] >= before.arguments[0]
    if after.name == "decimal" and after.arguments:
        return False
    return before.name == after.name != "other" or after.name in _WIDER.get(before.name, ())


def _decimal(found: Family, target: Dialect) -> str:
    if target == "sqlite":
        return "NUMERIC"
    if not found.arguments:
        # DuckDB's own default has three digits behind the point; Postgres's numeric has no bound.
        return "numeric" if target == "postgres" else "DECIMAL(38,10)"
    precision, scale = (*found.arguments, 0)[:2]
    return f"{'numeric' if target == 'postgres' else 'DECIMAL'}({precision},{scale})"


def _decimal_widens(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    if not after:
        return True
    if not before:
        return False
    (p, s), (q, t) = (*before, 0)[:2], (*after, 0)[:2]
    return t >= s and q - t >= p - s


def _affinity(text: str) -> str:
    """SQLite's own rules for a type that it has never heard of."""
    rules = (("INT", "bigint"), ("CHAR", "text"), ("CLOB", "text"), ("TEXT", "text"), ("BLOB", "bytes"),
             ("REAL", "double"), ("FLOA", "double"), ("DOUB", "double"))  # fmt: skip
    return next((name for part, name in rules if part in text), "decimal")
