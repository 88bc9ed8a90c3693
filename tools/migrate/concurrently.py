"""Indexes that are built CONCURRENTLY: what a cut-off attempt leaves behind, and whether one was finished."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tools.schema.render import quote

if TYPE_CHECKING:
    from tools.migrate.postgres import PostgresBackend

_FIND = """
    SELECT n.nspname, c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = $1 AND ($2 = '' AND pg_table_is_visible(c.oid) OR n.nspname = $2)"""
_NOISE = {"CONCURRENTLY", "IF", "NOT", "EXISTS", "ONLY"}


def drop_leftover(backend: PostgresBackend, sql: str) -> None:
    """Drop the invalid index that an earlier attempt at this CREATE INDEX left; nothing for any other statement."""
    verb, name, namespace = index_statement(sql)
    if verb != "CREATE":
        return
    for found_in, found, valid in backend.query(_FIND, [name, namespace]):
        if not valid:
            backend.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {quote(found_in)}.{quote(found)}")


def index_done(backend: PostgresBackend, sql: str) -> bool:
    """Whether an earlier attempt at this CREATE or DROP INDEX has done all of it."""
    verb, name, namespace = index_statement(sql)
    found = backend.query(_FIND, [name, namespace]) if verb else []
    return any(valid for _, _, valid in found) if verb == "CREATE" else verb == "DROP" and not found


def index_statement(sql: str) -> tuple[str, str, str]:
    """(CREATE or DROP, the index's name, its namespace or "") of a statement on one index; empty for any other.

    An index lies in its table's namespace, which is where CREATE INDEX names it.
    """
    words = _words(sql)
    verb = next(words, "").upper()
    kind = next((word.upper() for word in words if word.upper() != "UNIQUE"), "")
    if verb not in ("CREATE", "DROP") or kind != "INDEX":
        return "", "", ""
    first, namespace = _name(words)
    if verb == "DROP":
        return verb, first, namespace
    _, table_namespace = _name(words)
    return verb, first, table_namespace


def _name(words: Iterator[str]) -> tuple[str, str]:
    """The next name: (bare name, namespace or "")."""
    name = next((word for word in words if word.upper() not in _NOISE), "")
    follows = next(words, "")
    return (next(words, ""), name) if follows == "." else (name, "")


def _words(sql: str) -> Iterator[str]:
    from sqlglot import tokenize

    return iter([token.text for token in tokenize(sql, read="postgres")])
