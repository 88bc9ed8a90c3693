"""Types across dialects: families, conversions, and what widens."""

from __future__ import annotations

import pytest

from tools.location import Dialect
from tools.schema.types import convert, family, same_type, widens


@pytest.mark.parametrize(
    ("type_", "source", "sqlite", "duckdb", "postgres"),
    [
        ("integer", "postgres", "INTEGER", "INTEGER", "integer"),
        ("character varying(20)", "postgres", "TEXT", "VARCHAR", "character varying(20)"),
        ("numeric(10,2)", "postgres", "NUMERIC", "DECIMAL(10,2)", "numeric(10,2)"),
        ("numeric", "postgres", "NUMERIC", "DECIMAL(38,10)", "numeric"),
        ("timestamp with time zone", "postgres", "TEXT", "TIMESTAMP WITH TIME ZONE", "timestamp with time zone"),
        ("timestamp(3) without time zone", "postgres", "TEXT", "TIMESTAMP", "timestamp(3) without time zone"),
        ("jsonb", "postgres", "TEXT", "JSON", "jsonb"),
        ("text[]", "postgres", "TEXT", "VARCHAR[]", "text[]"),
        ("bytea", "postgres", "BLOB", "BLOB", "bytea"),
        ("inet", "postgres", "TEXT", "VARCHAR", "inet"),
        ("VARCHAR(20)", "sqlite", "VARCHAR(20)", "VARCHAR", "character varying(20)"),
        ("INTEGER", "sqlite", "INTEGER", "BIGINT", "bigint"),
        ("DATETIME", "sqlite", "DATETIME", "TIMESTAMP", "timestamp without time zone"),
        ("", "sqlite", "", "VARCHAR", "text"),
        ("HUGEINT", "duckdb", "INTEGER", "HUGEINT", "numeric(38,0)"),
        ("STRUCT(a INTEGER)", "duckdb", "TEXT", "STRUCT(a INTEGER)", "jsonb"),
        ("INTEGER[]", "duckdb", "TEXT", "INTEGER[]", "integer[]"),
        ("UUID", "duckdb", "TEXT", "UUID", "uuid"),
    ],
)
def test_conversions(type_: str, source: Dialect, sqlite: str, duckdb: str, postgres: str) -> None:
    assert convert(type_, source, "sqlite") == sqlite
    assert convert(type_, source, "duckdb") == duckdb
    assert convert(type_, source, "postgres") == postgres
    for target in ("sqlite", "duckdb", "postgres"):
        assert same_type(convert(type_, source, target), target, type_, source) or family(type_, source).name == "other"


@pytest.mark.parametrize(
    ("a", "a_dialect", "b", "b_dialect", "same"),
    [
        ("TEXT", "sqlite", "jsonb", "postgres", True),
        ("VARCHAR(10)", "sqlite", "character varying(80)", "postgres", True),
        ("INTEGER", "sqlite", "boolean", "postgres", True),
        ("TEXT", "sqlite", "integer", "postgres", False),
        ("INTEGER", "sqlite", "text", "postgres", False),
        ("DATETIME", "sqlite", "timestamp with time zone", "postgres", True),
        ("DECIMAL(10,2)", "duckdb", "numeric(10,2)", "postgres", True),
        ("DECIMAL(10,2)", "duckdb", "numeric(12,2)", "postgres", False),
        ("BIGINT", "duckdb", "integer", "postgres", False),
        ("VARCHAR", "duckdb", "character varying(10)", "postgres", True),
        ("VARCHAR[]", "duckdb", "text[]", "postgres", True),
        ("VARCHAR[]", "duckdb", "integer[]", "postgres", False),
        ("varchar (10)", "sqlite", "VARCHAR(10)", "sqlite", True),
    ],
)
def test_what_holds_the_same(a: str, a_dialect: Dialect, b: str, b_dialect: Dialect, same: bool) -> None:
    assert same_type(a, a_dialect, b, b_dialect) is same
    assert same_type(b, b_dialect, a, a_dialect) is same


@pytest.mark.parametrize(
    ("old", "new", "dialect", "holds"),
    [
        ("integer", "bigint", "postgres", True),
        ("bigint", "integer", "postgres", False),
        ("character varying(10)", "character varying(20)", "postgres", True),
        ("character varying(20)", "character varying(10)", "postgres", False),
        ("character varying(20)", "text", "postgres", True),
        ("text", "character varying(20)", "postgres", False),
        ("numeric(10,2)", "numeric(12,2)", "postgres", True),
        ("numeric(10,2)", "numeric(12,4)", "postgres", True),
        ("numeric(10,2)", "numeric(10,4)", "postgres", False),
        ("integer", "numeric", "postgres", True),
        ("integer", "numeric(3,0)", "postgres", False),
        ("text", "integer", "postgres", False),
        ("mood", "other", "postgres", False),
        ("SMALLINT", "BIGINT", "duckdb", True),
        ("DATE", "TEXT", "sqlite", True),
        ("TEXT", "INTEGER", "sqlite", False),
    ],
)
def test_what_can_refuse_no_row(old: str, new: str, dialect: Dialect, holds: bool) -> None:
    assert widens(old, new, dialect) is holds
