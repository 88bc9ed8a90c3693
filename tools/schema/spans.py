"""Where each thing in a DDL text stands: lines found by tokens and put on what the engine read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from tools.location import Dialect
from tools.schema.body import Clause, ColumnPart, TableBody, parse_index, parse_table, read_path
from tools.schema.grants import is_privilege, roles_in
from tools.schema.model import (
    Check,
    Enum,
    ForeignKey,
    Index,
    PrimaryKey,
    Schema,
    SchemaObject,
    Span,
    Table,
    Trigger,
    Unique,
    View,
)
from tools.schema.model import Sequence as SequenceOf
from tools.schema.tokens import Statement, Token

Lines = dict[tuple[str, ...], int]
"""Lines by place: ("table", key), ("column", key, name), ("index", name), ("PRIMARY", key, columns) and so on."""

_NAMED = ("VIEW", "TYPE", "DOMAIN", "SEQUENCE", "TRIGGER", "FUNCTION", "PROCEDURE", "POLICY", "EXTENSION")
_SAME = {"domain": "type", "procedure": "function"}
_KEYWORDS = {"REFERENCES": "FOREIGN"}
T = TypeVar("T", PrimaryKey, Unique, ForeignKey, Check, Index, View, Enum, Trigger, SequenceOf, SchemaObject)


def with_spans(schema: Schema, statements: Sequence[Statement], source: str) -> Schema:
    """The schema with the span of every table, column, key, index, view, type and trigger that a statement makes."""
    finder = _Finder(schema.dialect, source, lines_of(statements, schema.dialect))
    return replace(
        schema,
        tables=tuple(finder.table(table) for table in schema.tables),
        views=tuple(finder.at(view, ("view", view.key.lower())) for view in schema.views),
        enums=tuple(finder.at(enum, ("type", enum.key.lower())) for enum in schema.enums),
        triggers=tuple(finder.at(trigger, ("trigger", trigger.name.lower())) for trigger in schema.triggers),
        sequences=tuple(finder.at(sequence, ("sequence", sequence.key.lower())) for sequence in schema.sequences),
        objects=tuple(finder.at(thing, *_places(thing)) for thing in schema.objects),
        not_understood=tuple(
            item if item.span else replace(item, span=finder.span(0)) for item in schema.not_understood
        ),
    )


def _places(thing: SchemaObject) -> tuple[tuple[str, ...], ...]:
    kind = "type" if thing.kind == "domain" else thing.kind
    if kind == "privilege":
        words = thing.name.lower().removesuffix(" with grant option").split()
        return ("privilege", thing.table.lower(), words[-1]), ("table", thing.table.lower())
    return ((kind, thing.key.lower().partition("(")[0]), ("table", thing.table.lower()))


def lines_of(statements: Sequence[Statement], dialect: Dialect) -> Lines:
    lines: Lines = {}
    for statement in statements:
        tokens = statement.tokens
        if tokens[0].is_word("CREATE"):
            _created(statement, lines, dialect)
        elif statement.words[:2] == ("ALTER", "TABLE"):
            _altered(tokens, lines)
        elif statement.words[:2] == ("COMMENT", "ON"):
            name = "".join(token.text for token in tokens[3 : _word_at(tokens, "IS")])
            lines[("comment", f"{tokens[2].value} {name}".lower())] = statement.line
        elif is_privilege(statement):
            _granted(statement, lines)
    return lines


def _word_at(tokens: Sequence[Token], word: str) -> int:
    return next((place for place, token in enumerate(tokens) if token.is_word(word)), len(tokens))


def _granted(statement: Statement, lines: Lines) -> None:
    tokens = statement.tokens
    at = _word_at(tokens, "ON") + 1
    at += at < len(tokens) and tokens[at].is_word("TABLE", "SEQUENCE", "VIEW")
    table = _key(read_path(tokens, at)[0])
    for role in (*roles_in(statement), "public"):
        lines[("privilege", table, role.lower())] = statement.line


def _created(statement: Statement, lines: Lines, dialect: Dialect) -> None:
    tokens = statement.tokens
    kinds = [token.value for token in tokens[:6] if token.kind == "word"]
    if "TABLE" in kinds:
        body = parse_table(tokens)
        if body:
            _table(body, statement.line, lines)
        elif "PARTITION" in kinds:
            lines[("partition", _key(read_path(tokens, _word_at(tokens, "TABLE") + 1)[0]))] = statement.line
    elif "INDEX" in kinds:
        body = parse_index(tokens)
        if body and body.path:
            lines[("index", body.path[-1].lower())] = statement.line
    else:
        kind = next((word for word in kinds if word in _NAMED), None)
        if kind:
            at = next(i for i, token in enumerate(tokens) if token.is_word(kind)) + 1
            at += 3 if at < len(tokens) and tokens[at].is_word("IF") else 0
            lines[(_SAME.get(kind.lower(), kind.lower()), _key(read_path(tokens, at)[0]))] = statement.line


def _table(body: TableBody, line: int, lines: Lines) -> None:
    key = _key(body.path)
    lines[("table", key)] = line
    for part in body.columns:
        lines[("column", key, part.name.name.lower())] = part.name.line
    for part, clause in body.clauses():
        _clause(key, part, clause, lines)


def _clause(key: str, part: ColumnPart | None, clause: Clause, lines: Lines) -> None:
    keyword = _KEYWORDS.get(clause.keyword, clause.keyword)
    line = clause.tokens[0].line
    if clause.name:
        lines[(keyword, key, clause.name.lower())] = line
    if keyword == "CHECK":
        seen = lines.get(("checks", key), 0)
        lines[(keyword, key, f"#{seen}")] = line
        lines[("checks", key)] = seen + 1
    columns = (part.name.name,) if part else clause.columns()
    lines.setdefault((keyword, key, *(column.lower() for column in columns)), line)


def _altered(tokens: tuple[Token, ...], lines: Lines) -> None:
    at = 2
    while at < len(tokens) and tokens[at].is_word("ONLY", "IF", "EXISTS"):
        at += 1
    path, at = read_path(tokens, at)
    for i in range(at, len(tokens) - 1):
        if not tokens[i].is_word("ADD"):
            continue
        if tokens[i + 1].is_word("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK"):
            from tools.schema.body import clauses_of

            for clause in clauses_of(tokens[i + 1 :]):
                _clause(_key(path), None, clause, lines)
        else:
            name = i + 2 if tokens[i + 1].is_word("COLUMN") else i + 1
            name += 3 if name < len(tokens) and tokens[name].is_word("IF") else 0
            if name < len(tokens):
                lines[("column", _key(path), tokens[name].name.lower())] = tokens[name].line


def _key(path: tuple[str, ...]) -> str:
    parts = [part.lower() for part in path]
    return ".".join(parts[1:] if len(parts) > 1 and parts[0] in ("public", "main") else parts)


class _Finder:
    def __init__(self, dialect: Dialect, source: str, lines: Lines) -> None:
        self.dialect, self.source, self.lines = dialect, source, lines

    def span(self, line: int) -> Span:
        return Span(self.source, line)

    def line(self, *places: tuple[str, ...]) -> int:
        return next((self.lines[place] for place in places if place in self.lines), 0)

    def at(self, thing: T, *places: tuple[str, ...]) -> T:
        return replace(thing, span=self.span(self.line(*places)))

    def table(self, table: Table) -> Table:
        key = table.key.lower()
        if ("table", key) not in self.lines and ("table", table.name.lower()) in self.lines:
            key = table.name.lower()  # the text's search path gave it its namespace
        own = self.line(("table", key))
        columns = tuple(
            replace(column, span=self.span(self.line(("column", key, column.name.lower())) or own))
            for column in table.columns
        )
        primary_key = table.primary_key and self._constraint("PRIMARY", key, table.primary_key, own)
        return replace(
            table, columns=columns, primary_key=primary_key, span=self.span(own),
            uniques=tuple(self._constraint("UNIQUE", key, unique, own) for unique in table.uniques),
            foreign_keys=tuple(self._constraint("FOREIGN", key, foreign, own) for foreign in table.foreign_keys),
            checks=self._checks(key, table.checks, own),
            indexes=tuple(self.at(index, ("index", index.name.lower()), ("table", key)) for index in table.indexes),
        )  # fmt: skip

    def _constraint(self, keyword: str, key: str, thing: T, own: int) -> T:
        name = str(getattr(thing, "name", None) or "").lower()
        columns: tuple[str, ...] = getattr(thing, "columns", ())
        folded = tuple(column.lower() for column in columns)
        return replace(thing, span=self.span(self.line((keyword, key, name), (keyword, key, *folded)) or own))

    def _checks(self, key: str, checks: tuple[Check, ...], own: int) -> tuple[Check, ...]:
        found: list[Check] = []
        for i, check in enumerate(checks):
            name = ("CHECK", key, (check.name or "").lower())
            # SQLite and DuckDB keep checks in the order of the text; Postgres gives each a name that tells its column.
            places = [name, ("CHECK", key, *(column.lower() for column in check.columns))]
            if self.dialect != "postgres":
                places.append(("CHECK", key, f"#{i}"))
            found.append(replace(check, span=self.span(self.line(*places) or own)))
        return tuple(found)
