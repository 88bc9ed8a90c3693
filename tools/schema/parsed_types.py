"""Column types as sqlglot parses them, in Postgres's words as Postgres itself prints them.

MySQL                           Postgres
TINYINT(1), BOOL, BIT(1)        boolean
TINYINT, YEAR                   smallint
unsigned integers               the next larger integer; BIGINT UNSIGNED numeric(20,0)
DATETIME(n), TIMESTAMP(n)       timestamp(n) without, with time zone
all TEXTs                       text                        all BLOBs, BINARY(n), VARBINARY(n)   bytea
JSON                            jsonb                       ENUM an enum of the table and column; SET(…) text[]
"""

from __future__ import annotations

from sqlglot import exp

_PLAIN = {
    "INT": "integer", "SMALLINT": "smallint", "TINYINT": "smallint", "MEDIUMINT": "integer", "BIGINT": "bigint",
    "UTINYINT": "smallint", "USMALLINT": "integer", "UMEDIUMINT": "integer", "UINT": "bigint",
    "UBIGINT": "numeric(20,0)", "YEAR": "smallint", "SERIAL": "integer", "BIGSERIAL": "bigint",
    "SMALLSERIAL": "smallint", "BOOLEAN": "boolean", "FLOAT": "real", "DOUBLE": "double precision",
    "UDOUBLE": "double precision", "TEXT": "text", "TINYTEXT": "text", "MEDIUMTEXT": "text", "LONGTEXT": "text",
    "BLOB": "bytea", "TINYBLOB": "bytea", "MEDIUMBLOB": "bytea", "LONGBLOB": "bytea", "BINARY": "bytea",
    "VARBINARY": "bytea", "DATE": "date", "JSONB": "jsonb", "UUID": "uuid", "INET": "inet", "MONEY": "money",
    "INTERVAL": "interval", "XML": "xml", "SET": "text[]", "GEOMETRY": "geometry", "POINT": "point",
}  # fmt: skip
_SIZED = {"VARCHAR": "character varying", "NVARCHAR": "character varying", "CHAR": "character", "NCHAR": "character",
          "BPCHAR": "character", "DECIMAL": "numeric", "UDECIMAL": "numeric", "BIT": "bit"}  # fmt: skip
_TIMES = {
    "TIMESTAMP": ("timestamp", "without"), "TIMESTAMPNTZ": ("timestamp", "without"),
    "DATETIME": ("timestamp", "without"),
    "TIMESTAMPTZ": ("timestamp", "with"), "TIMESTAMPLTZ": ("timestamp", "with"), "TIME": ("time", "without"),
    "TIMETZ": ("time", "with"),
}  # fmt: skip


def postgres_type(kind: exp.DataType, *, mysql: bool) -> str:
    """The type that Postgres prints for it; what is no type known here stays as it is written."""
    name = kind.this.name if isinstance(kind.this, exp.DType) else str(kind.this)
    numbers = [part.name for part in kind.expressions if isinstance(part, exp.DataTypeParam)]
    if name == "ARRAY":
        return f"{postgres_type(kind.expressions[0], mysql=mysql)}[]"
    if mysql and name in ("TINYINT", "BIT") and numbers == ["1"]:
        return "boolean"
    if mysql and name == "JSON":
        return "jsonb"
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _TIMES:
        word, zone = _TIMES[name]
        return f"{word}{_arguments(numbers)} {zone} time zone"
    if name in _SIZED:
        default = ["1"] if _SIZED[name] == "character" else ["10", "0"] if mysql and name == "DECIMAL" else []
        numbers = numbers or default
        return _SIZED[name] + _arguments(
            [*numbers, "0"] if _SIZED[name] == "numeric" and len(numbers) == 1 else numbers
        )
    return kind.sql("postgres") if name == "USERDEFINED" else kind.sql("postgres").lower()


def _arguments(numbers: list[str]) -> str:
    return f"({','.join(numbers)})" if numbers else ""
