"""Worlds written as SQL: the DDL of each engine, and rows with what is odd in data at the bounds of its types."""

from __future__ import annotations

from collections.abc import Sequence

from tests.plan.worlds import Col, Idx, Seen, Tab, World
from tools.location import Dialect
from tools.plan.sql import literal
from tools.schema.render import quote

WORDS = (
    "''", "'a'", "'10'", "' 7 '", "'NULL'", "'no'", "'O''Brien \\ %s %(x)s {0} \"q\"'", "'é'", "'e\u0301'",
    "'\U0001f469\u200d\U0001f469\u200d\U0001f467'", "'שלום \u202eabc'", "'a\nb\tc'", "'\u2028'", "'-0'", "'ß'",
    "'İ'", "'true'", "'1e3'",
)  # fmt: skip
"""Empty, numbers as words, quotes, the composed and the combined é, a family, right to left, ends of lines."""
_BLOBS = {
    "sqlite": ("x''", "x'00ff80'", "x'27225c'"),
    "duckdb": ("''::BLOB", "'\\x00\\xFF\\x80'::BLOB", "'''\"'::BLOB"),
    "postgres": ("'\\x'::bytea", "'\\x00ff80'::bytea", "'\\x27225c'::bytea"),
}
_WHOLE = {
    "SMALLINT": ("0", "1", "-1", "32767", "-32768", "99"),
    "INTEGER": ("0", "1", "-1", "2147483647", "-2147483648", "99"),
    "BIGINT": ("0", "1", "9007199254740993", "9223372036854775807", "-9223372036854775808", "99"),
}
_DAYS = ("'2024-02-29'", "'0001-01-01'", "'9999-12-31'", "'1582-10-10'", "'1970-01-01'")
_TIMES = (
    "'2024-03-31 02:30:00'", "'1969-12-31 23:59:59.999999'", "'9999-12-31 23:59:59.999999'", "'0001-01-01 00:00:00'",
)  # fmt: skip
_ZONED = ("'2024-03-10 02:30:00+05:45'", "'2024-10-27 01:30:00-12'", "'1883-11-18 12:03:58+00'", "'infinity'",
          "'-infinity'", "'2262-04-12 00:00:00+00'")  # fmt: skip
_JSON = (
    "'{\"a\": [1, null, \"é\"], \"b\": {}}'", "'null'", "'\"\"'", "'[]'", "'12345678901234567890.5'",
    "'{ \"z\":1,\n \"a\" : 2 }'",
)  # fmt: skip
_UUIDS = tuple(f"'{n:08x}-0000-4000-8000-ffffffffffff'" for n in (0, 1, 2, 0xFFFFFFFF))
_BOTH: dict[str, tuple[str, ...]] = {
    **_WHOLE,
    "VARCHAR(20)": WORDS, "TEXT": WORDS, "VARCHAR": WORDS, "DATE": _DAYS, "TIMESTAMP": _TIMES, "JSON": _JSON,
    "JSONB": _JSON, "UUID": _UUIDS, "mood": ("'sad'", "'so so'", "'😀'"), "Odd Mood": ("'x'", "'it''s'", "''"),
}  # fmt: skip
_OWN: dict[Dialect, dict[str, tuple[str, ...]]] = {
    "sqlite": {
        "DOUBLE PRECISION": ("0.0", "-0.0", "0.1", "1.7976931348623157e308", "5e-324", "9e999", "-9e999", "3.0"),
        "NUMERIC(12,3)": ("0", "0.125", "123456789.5", "-999999999.999", "'abc'", "3.0"),
        "BOOLEAN": ("0", "1", "TRUE"),
        "BLOB": (*_BLOBS["sqlite"], "'text'", "7", "2.5"),
        "TIMESTAMP": (*_TIMES, "'2024-03-10 02:30:00+05:45'", "1700000000"),
        "INTEGER": (*_WHOLE["INTEGER"], "'many'", "2.5"),
        "TEXT": (*WORDS, "x'00ff'"),
    },
    "duckdb": {
        "DOUBLE": ("0.0", "'-0.0'", "0.1", "1.7976931348623157e308", "5e-324", "'inf'", "'-inf'", "'nan'", "3.0"),
        "DECIMAL(12,3)": ("0", "0.125", "123456789.5", "-999999999.999"),
        "BOOLEAN": ("TRUE", "FALSE"),
        "TIMESTAMPTZ": (*_ZONED, "'290000-01-01 00:00:00+00'"),
        "BLOB": _BLOBS["duckdb"],
        "INTEGER[]": ("[]", "[1, NULL, -2147483648]", "[3]"),
        "HUGEINT": ("0", "170141183460469231731687303715884105727", "-170141183460469231731687303715884105727"),
    },
    "postgres": {
        "DOUBLE PRECISION": ("0.0", "'-0'", "0.1", "1.7976931348623157e308", "5e-324", "'Infinity'", "'NaN'", "3.0"),
        "REAL": ("'-0'", "0.1", "3.4e38", "1e-45", "'-Infinity'", "'NaN'", "16777217"),
        "NUMERIC(12,3)": ("0", "0.125", "123456789.5", "-999999999.999", "'NaN'"),
        "NUMERIC": ("0", "0.00", "1e100", "-1e-40", "'NaN'", "'Infinity'", "12345678901234567890.123"),
        "BOOLEAN": ("TRUE", "FALSE"),
        "TIMESTAMPTZ": (*_ZONED, "'294276-12-31 23:59:59.999999+00'", "'4713-01-01 00:00:00+00 BC'"),
        "DATE": (*_DAYS, "'infinity'", "'5874897-12-31'", "'4713-01-01 BC'"),
        "BYTEA": _BLOBS["postgres"],
        "INTEGER[]": ("'{}'", "'{1,NULL,-2147483648}'", "'{3}'", "'{{1,2},{3,4}}'"),
        "INTERVAL": ("'1 mon -1 day'", "'30 days'", "'-178000000 years'", "'0.000001 s'", "'1 month'"),
    },
}


def values(kind: str, dialect: Dialect) -> tuple[str, ...]:
    """Literals of a kind, without NULL."""
    return _OWN[dialect].get(kind) or _BOTH[kind]


def default(kind: str, dialect: Dialect) -> str:
    """A plain literal for defaults and fills."""
    return values(kind, dialect)[1]


def ddl(world: World) -> str:
    lines = [f"CREATE TYPE {quote(n)} AS ENUM ({', '.join(map(literal, v))});" for n, v in world.enums]
    late: list[str] = []
    for table in world.tables:
        lines.append(_table(world, table, late))
        lines += [_index(i, table) for i in table.indexes]
        lines += _comments(table, world.dialect)
    return "\n".join([*lines, *late, *map(_view, world.views)])


def insert(table: str, columns: Sequence[str], literals: Sequence[str]) -> str:
    listed = f"({_names(columns)}) VALUES ({', '.join(literals)})" if columns else "DEFAULT VALUES"
    return f"INSERT INTO {quote(table)} {listed}"


def _table(world: World, table: Tab, late: list[str]) -> str:
    parts = [_column(c, world.dialect) for c in table.columns]
    if table.key:
        parts.append(f"PRIMARY KEY ({_names(table.key)})")
    parts += [f"UNIQUE ({_names(u)})" for u in table.uniques]
    parts += [f"CHECK ({c.sql()})" for c in table.checks]
    for foreign in table.foreigns:
        text = f"FOREIGN KEY ({_names(foreign.columns)}) REFERENCES {quote(foreign.table)} ({_names(foreign.refs)})"
        if world.dialect != "duckdb":
            text += f" ON DELETE {foreign.on_delete}" if foreign.on_delete else ""
            text += " DEFERRABLE INITIALLY DEFERRED" if foreign.deferrable else ""
        later = [t.name for t in world.tables].index(foreign.table) > world.tables.index(table)
        if later and world.dialect == "postgres":
            late.append(f"ALTER TABLE {quote(table.name)} ADD {text};")
        else:
            parts.append(text)
    suffix = f" {table.suffix}" if table.suffix and world.dialect == "sqlite" else ""
    return f"CREATE TABLE {quote(table.name)} ({', '.join(parts)}){suffix};"


def _column(column: Col, dialect: Dialect) -> str:
    kind = quote(column.kind) if column.kind in ("mood", "Odd Mood") else column.kind
    if column.formula:
        how = "STORED" if column.stored and dialect != "duckdb" else "VIRTUAL"
        return f"{quote(column.name)} {kind} GENERATED ALWAYS AS ({column.formula.sql()}) {how}"
    if column.identity == "serial":
        return f"{quote(column.name)} {'BIGSERIAL' if kind == 'BIGINT' else 'SERIAL'}"
    text = f"{quote(column.name)} {kind}"
    text += f" DEFAULT {column.default}" if column.default and not column.identity else ""
    text += " NOT NULL" if column.tight else ""
    return text + (f" GENERATED {column.identity} AS IDENTITY" if column.identity else "")


def _index(index: Idx, table: Tab) -> str:
    unique = "UNIQUE " if index.unique else ""
    where = f" WHERE {index.where.sql()}" if index.where else ""
    entry = index.on.sql()
    entry = entry if index.on.template == "{0}" or entry.startswith("(") else f"({entry})"
    return f"CREATE {unique}INDEX {quote(index.name)} ON {quote(table.name)} ({entry}){where};"


def _comments(table: Tab, dialect: Dialect) -> list[str]:
    if dialect == "sqlite":
        return []
    name = quote(table.name)
    own = [f"COMMENT ON TABLE {name} IS {literal(table.comment)};"] if table.comment else []
    return own + [f"COMMENT ON COLUMN {name}.{quote(c)} IS {literal(text)};" for c, text in table.comments]


def _view(view: Seen) -> str:
    shown: list[str] = []
    for n, (_, columns) in enumerate(view.sources):
        listed = [f"s{n}.{quote(c)}" + (f" AS {quote(f'{n} {c}')}" if len(view.sources) > 1 else "") for c in columns]
        shown += listed or [f"s{n}.*"]
    sources = ", ".join(f"{quote(name)} AS s{n}" for n, (name, _) in enumerate(view.sources))
    return f"CREATE VIEW {quote(view.name)} AS SELECT {', '.join(shown)} FROM {sources};"


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(quote, columns))
