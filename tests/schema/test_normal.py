"""The normal form: what an engine prints in several ways is one thing."""

from __future__ import annotations

from tools.schema.normal import normal_expression


def test_postgres_prints_an_in_list_in_two_ways() -> None:
    first = "((state)::text = ANY ((ARRAY['new'::character varying, 'open'::character varying])::text[]))"
    again = "((state)::text = ANY (ARRAY[('new'::character varying)::text, ('open'::character varying)::text]))"
    assert normal_expression(first, "postgres") == normal_expression(again, "postgres")
    other = "((state)::text = ANY (ARRAY[('new'::character varying)::text, ('shut'::character varying)::text]))"
    assert normal_expression(first, "postgres") != normal_expression(other, "postgres")
