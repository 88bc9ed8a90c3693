"""Usages in SQL: files, and strings in other languages."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

from tools.errors import SourceError
from tools.schema.tokens import split
from tools.usages.model import Access, Names, Usage

LOOKS_LIKE_SQL = re.compile(
    r"\b(?:select\b.+\bfrom\b|insert\s+into\b|update\b.+\bset\b|delete\s+from\b|(?:create|alter|drop|truncate)\s+"
    r"(?:unique\s+|temp(?:orary)?\s+|materialized\s+)?(?:table|view|index|trigger)\b|\bmerge\s+into\b|\bfrom\s+\w+\s+where\b)",
    re.IGNORECASE | re.DOTALL,
)
logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it cannot parse is looked at word by word


def sql_usages(text: str, file: str, line: int, names: Names) -> Iterator[Usage]:
    """The usages in one or several statements; `line` is that of the text's first line."""
    if not names.pattern.search(text.encode()):
        return
    try:
        statements = split(text, "postgres")
    except SourceError:  # a quote that is left open: the text was cut out of something else
        yield from _by_words(text, file, line, names)
        return
    for statement in statements:
        yield from _statement(statement.text, file, line + statement.line - 1, names)


def _statement(text: str, file: str, line: int, names: Names) -> Iterator[Usage]:
    import sqlglot
    from sqlglot import errors

    try:
        tree = sqlglot.parse_one(text, read="postgres")
    except (errors.SqlglotError, RecursionError, ValueError):
        yield from _by_words(text, file, line, names)
        return
    if tree.key == "command":
        yield from _by_words(text, file, line, names)
        return
    yield from _walk(tree, text, file, line, names)


def _walk(tree: Any, text: str, file: str, line: int, names: Names) -> Iterator[Usage]:
    from sqlglot import exp

    aliases: dict[str, str] = {}
    for table in tree.find_all(exp.Table):
        name = _known(table.name, names)
        if name is None:
            continue
        aliases[(table.alias or table.name).lower()] = name
        yield Usage(name, None, file, line + _row(table.this, text), _table_access(table), "certain", _first(text))
    tables = list(dict.fromkeys(aliases.values()))
    if not tables:
        return
    for column in () if isinstance(tree, exp.Alter) else tree.find_all(exp.Column):
        yield from _column(column, aliases, tables, text, file, line, names)
    for identifier in _targets(tree):
        found = next((c for t in tables[:1] if (c := _column_of(names, t, identifier.name))), None)
        if found:
            yield Usage(tables[0], found, file, line + _row(identifier, text), "write", "certain", _first(text))


def _column(
    column: Any, aliases: dict[str, str], tables: list[str], text: str, file: str, line: int, names: Names
) -> Iterator[Usage]:
    from sqlglot import exp

    access: Access = "read"
    parent = column.parent
    if isinstance(parent, exp.EQ) and isinstance(parent.parent, exp.Update) and parent.this is column:
        access = "write"
    row = line + _row(column.this, text)
    if column.table:
        table = aliases.get(column.table.lower())
        found = _column_of(names, table, column.name) if table else None
        if table and found:
            yield Usage(table, found, file, row, access, "certain", _first(text))
        return
    holders = [(table, c) for table in tables if (c := _column_of(names, table, column.name))]
    for table, found in holders:
        yield Usage(table, found, file, row, access, "certain" if len(holders) == 1 else "likely", _first(text))


def _targets(tree: Any) -> Iterator[Any]:
    """The columns that an INSERT names, and those that an ALTER TABLE or a CREATE INDEX speaks of."""
    from sqlglot import exp

    for insert in tree.find_all(exp.Insert):
        if isinstance(insert.this, exp.Schema):
            yield from (part for part in insert.this.expressions if isinstance(part, exp.Identifier))
    for alter in tree.find_all(exp.Alter):
        for action in alter.args.get("actions") or ():
            yield from (found.this for found in action.find_all(exp.Column) if isinstance(found.this, exp.Identifier))
            if isinstance(action, exp.AlterColumn) and isinstance(action.this, exp.Identifier):
                yield action.this


def _table_access(table: Any) -> Access:
    from sqlglot import exp

    parent = table.parent.parent if isinstance(table.parent, exp.Schema) else table.parent
    writes = isinstance(parent, (exp.Insert, exp.Update, exp.Delete, exp.Create, exp.Alter, exp.Drop, exp.Merge))
    held = table if table.parent is parent else table.parent
    return "write" if writes and parent.args.get("this") is held else "read"


def _by_words(text: str, file: str, line: int, names: Names) -> Iterator[Usage]:
    """What no parser understands: the words that name tables, and columns of these."""
    writes = re.match(r"\s*(?:insert|update|delete|create|alter|drop|truncate|copy)\b", text, re.IGNORECASE)
    access: Access = "write" if writes else "read"
    seen: dict[str, int] = {}
    for match in re.finditer(r"[^\W\d]\w*", text):
        name = _known(match.group(), names)
        if name is not None and name not in seen:
            seen[name] = line + text.count("\n", 0, match.start())
            yield Usage(name, None, file, seen[name], access, "likely", _first(text))
    for match in re.finditer(r"[^\W\d]\w*", text):
        for table in seen:
            found = _column_of(names, table, match.group())
            if found:
                row = line + text.count("\n", 0, match.start())
                yield Usage(table, found, file, row, access, "likely", _first(text))


def _known(name: str, names: Names) -> str | None:
    return next((said for said in (name, name.lower()) if said in names.tables), None)


def _column_of(names: Names, table: str, name: str) -> str | None:
    columns = names.tables.get(table, frozenset())
    return next((said for said in (name, name.lower()) if said in columns), None)


def _row(node: Any, text: str) -> int:
    """How many lines below the statement's first a node stands."""
    start = node.meta.get("start") if hasattr(node, "meta") else None
    return text.count("\n", 0, int(start)) if start is not None else 0


def _first(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= 100 else one[:97] + "…"
