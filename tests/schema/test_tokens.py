from __future__ import annotations

import pytest

from tools.errors import SourceError
from tools.location import DIALECTS, Dialect
from tools.schema.tokens import split, tokenize


@pytest.mark.parametrize("dialect", DIALECTS)
def test_semicolons_in_strings_names_and_comments_end_no_statement(dialect: Dialect) -> None:
    text = "-- a;b\nCREATE TABLE \"x;y\" (a text DEFAULT ';' /* ; */);\n\nSELECT 1"
    assert [(s.line, s.words[:2]) for s in split(text, dialect)] == [(2, ("CREATE", "TABLE")), (4, ("SELECT",))]


def test_a_trigger_of_sqlite_is_one_statement() -> None:
    text = "CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM y; END; SELECT 2;"
    assert len(split(text, "sqlite")) == 2


def test_dollar_quotes_nested_comments_and_atomic_bodies_of_postgres() -> None:
    text = (
        "CREATE FUNCTION f() RETURNS int AS $x$ a; $y$ b; $x$ LANGUAGE sql;\n"
        "/* a /* b; */ c; */ CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;\n"
        "SELECT E'it\\'s; fine';"
    )
    assert [statement.line for statement in split(text, "postgres")] == [1, 2, 3]


def test_psql_commands_and_copied_rows_are_no_sql() -> None:
    text = "\\restrict abc\nCOPY t (a) FROM stdin;\nit's; a row\n\\.\n\nSELECT 1;\n"
    statements = split(text, "postgres")
    assert [(s.line, s.text) for s in statements] == [
        (1, "\\restrict abc"), (2, "COPY t (a) FROM stdin"), (6, "SELECT 1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line"), [("SELECT 1;\nSELECT 'abc", 2), ('SELECT\n\n"abc', 3), ("\n\n\n/* never closed", 4)]
)
def test_an_open_quote_is_an_error_with_its_line(text: str, line: int) -> None:
    with pytest.raises(SourceError, match=rf"^f\.sql:{line}: .*never closed") as caught:
        split(text, "postgres", "f.sql")
    assert caught.value.line == line


def test_names_in_every_kind_of_quotes() -> None:
    assert [token.name for token in tokenize('"a ""b" `c` [d e] f', "sqlite")] == ['a "b', "c", "d e", "f"]
