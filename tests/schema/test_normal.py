"""The normal form: what is written in several ways and is one thing, and what looks alike and is not."""

from __future__ import annotations

import pytest

from tools.schema.normal import normal_expression, normal_type

SAME = [
    ("a > 0 AND b > 0", "(a > 0) AND (b > 0)"),
    ("a > 0 AND b > 0 AND c", "((a > 0 AND b > 0) AND c)"),
    ("a OR b AND c", "a OR (b AND c)"),
    ("a + b * c", "(a + (b * c))"),
    ("x IN (1, 2)", "( x in (1,2) )"),
    ("length(a) > 2", "(length((a)) > (2))"),
    ("\"name\" <> 'y'", "NAME != 'y'"),
    ("CASE WHEN a THEN b ELSE c END", "case when (a) then (b) else (c) end"),
    ("NOT a = b", "not (a = b)"),
]
OTHER = [
    ("(a OR b) AND c", "a OR b AND c"),
    ("(a + b) * c", "a + b * c"),
    ("a - (b - c)", "a - b - c"),
    ("NOT (a AND b)", "NOT a AND b"),
    ("x = 'A'", "x = 'a'"),
    ("f(a)", "f a"),
    ("x IN (1)", "x IN 1"),
    ("x = (SELECT 1)", "x = SELECT 1"),
    ("(a BETWEEN 1 AND 2) AND b", "a BETWEEN 1 AND (2 AND b)"),
    ("-(a + b)", "-a + b"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_thing_in_two_spellings(one: str, other: str) -> None:
    assert normal_expression(one, "sqlite") == normal_expression(other, "sqlite")


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_two_things_that_look_alike(one: str, other: str) -> None:
    assert normal_expression(one, "sqlite") != normal_expression(other, "sqlite")


def test_types() -> None:
    assert normal_type("varchar (10)", "sqlite") == normal_type("VARCHAR(10)", "sqlite")
    assert normal_type("decimal( 10 , 2 )", "sqlite") == "DECIMAL(10,2)"
    assert normal_type('other."Mood"', "postgres") != normal_type("other.mood", "postgres")


def test_postgres_prints_an_in_list_in_two_ways() -> None:
    first = "((state)::text = ANY ((ARRAY['new'::character varying, 'open'::character varying])::text[]))"
    again = "((state)::text = ANY (ARRAY[('new'::character varying)::text, ('open'::character varying)::text]))"
    assert normal_expression(first, "postgres") == normal_expression(again, "postgres")
    other = "((state)::text = ANY (ARRAY[('new'::character varying)::text, ('shut'::character varying)::text]))"
    assert normal_expression(first, "postgres") != normal_expression(other, "postgres")


POSTGRES_SAME = [
    ("(length((a)::text) > 2)", "length(a::text) > (2)"),
    ("((a)::text = 'x , y'::text)", "a::text = 'x , y'"),
    ("(a = ANY (ARRAY['x'::text, 'y'::text]))", "a = ANY (ARRAY['x', 'y'])"),
]
POSTGRES_OTHER = [
    ("a = 'x'::mood", "a = 'x'::other"),
    ("f(a)", "f a"),
    ("(a)::integer > 1", "a > 1"),
    ("a IN (1)", "a IN 1"),
    ("(a OR b) AND c", "a OR b AND c"),
]


@pytest.mark.parametrize(("one", "other"), POSTGRES_SAME)
def test_what_postgres_adds_is_no_difference(one: str, other: str) -> None:
    assert normal_expression(one, "postgres") == normal_expression(other, "postgres")


@pytest.mark.parametrize(("one", "other"), POSTGRES_OTHER)
def test_what_postgres_means_is_one(one: str, other: str) -> None:
    assert normal_expression(one, "postgres") != normal_expression(other, "postgres")
