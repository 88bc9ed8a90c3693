"""Reserved words: names as Postgres prints them within types and expressions, in double quotes where they need them,
and words that are nobody's name."""

from __future__ import annotations

import re

from tools.schema.tokens import Token

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_KEYWORD_LIST = """
all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
cast char character check coalesce collate collation column concurrently constraint create cross current_catalog
current_date current_role current_schema current_time current_timestamp current_user dec decimal default
deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full grant
greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join
json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize
json_table json_value lateral leading least left like limit localtime localtimestamp merge_action national
natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
placing position precision primary real references returning right row select session_user setof similar
smallint some substring symmetric system_user table tablesample then time timestamp to trailing treat trim true
union unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat
xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
"""Postgres 18's keywords that are not free as names (pg_get_keywords: all but the unreserved ones)."""
_KEYWORDS = frozenset(_KEYWORD_LIST.split())


_RESERVED_LIST = """
ALL AND AS CASE CHECK COLLATE CONSTRAINT CREATE DEFAULT DEFERRABLE DISTINCT ELSE EXCEPT FOREIGN FROM GROUP HAVING IN
INTERSECT INTO LIMIT NOT NULL ON OR ORDER PRIMARY REFERENCES SELECT TABLE THEN TO UNION UNIQUE USING WHEN WHERE
"""
RESERVED = frozenset(_RESERVED_LIST.split())
"""What is no name without quotes on any of the three engines."""


def may_name(token: Token) -> bool:
    """Whether the token can be somebody's name: SELECT is none of a table called "select"."""
    return token.is_name and not token.is_word(*RESERVED)


def as_printed(name: str) -> str:
    """A name as format_type and quote_ident give it."""
    return name if _PLAIN.fullmatch(name) and name not in _KEYWORDS else '"' + name.replace('"', '""') + '"'
