"""The inside of CREATE TABLE and CREATE INDEX statements, told apart by tokens.

The catalogs of SQLite and DuckDB leave things out (check constraints, collations, generated expressions) that only the
statement's text holds; for all dialects the text tells on which line a column or constraint stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.schema.tokens import Token

_TABLE_CONSTRAINTS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "EXCLUDE", "LIKE")
_STARTERS = ("PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS",
             "FOREIGN", "EXCLUDE", "CONSTRAINT")  # fmt: skip
_INDEX_TAIL = ("WHERE", "INCLUDE", "WITH", "TABLESPACE", "NULLS", "USING")

Tokens = Sequence[Token]


@dataclass(frozen=True)
class Clause:
    """One constraint of a column or a table: `keyword` begins it, `name` is CONSTRAINT's, `tokens` are all of it."""

    keyword: str
    name: str | None
    tokens: tuple[Token, ...]

    def parenthesised(self, text: str) -> str | None:
        """The text inside the clause's first parentheses."""
        inside = group(self.tokens, 0)
        return slice_of(text, inside) if inside else None

    def columns(self) -> tuple[str, ...]:
        """The plain names listed in the clause's first parentheses."""
        return tuple(entry[0].name for entry in split_commas(group(self.tokens, 0)) if entry)

    def has(self, *words: str) -> bool:
        """Whether these words stand in the clause one after the other, outside parentheses."""
        flat = [token.value for token in outside(self.tokens)]
        return any(tuple(flat[i : i + len(words)]) == words for i in range(len(flat)))


@dataclass(frozen=True)
class ColumnPart:
    name: Token
    type: tuple[Token, ...]
    clauses: tuple[Clause, ...]

    def clause(self, *keywords: str) -> Clause | None:
        return next((clause for clause in self.clauses if clause.keyword in keywords), None)


@dataclass(frozen=True)
class TableBody:
    """A CREATE TABLE statement in parts: `path` is the table's name, part by part; `tail` what follows the body."""

    path: tuple[str, ...]
    columns: tuple[ColumnPart, ...] = ()
    constraints: tuple[Clause, ...] = ()
    tail: tuple[Token, ...] = ()

    def column(self, name: str) -> ColumnPart | None:
        return next((part for part in self.columns if part.name.name.lower() == name.lower()), None)

    def clauses(self) -> list[tuple[ColumnPart | None, Clause]]:
        """Every constraint in the order of the text, with the column that it stands on."""
        inline = [(part, clause) for part in self.columns for clause in part.clauses]
        return [*inline, *((None, clause) for clause in self.constraints)]


@dataclass(frozen=True)
class IndexBody:
    """A CREATE INDEX statement in parts; each of `entries` is one indexed column or expression with its order."""

    path: tuple[str, ...]
    table: tuple[str, ...]
    entries: tuple[tuple[Token, ...], ...]
    method: str
    include: tuple[str, ...]
    where: tuple[Token, ...]
    options: tuple[tuple[Token, ...], ...]


def slice_of(text: str, tokens: Tokens) -> str:
    """The text from the first to the last of these tokens, as it was written."""
    return text[tokens[0].start : tokens[-1].end] if tokens else ""


def parse_table(tokens: Tokens) -> TableBody | None:
    """The parts of a CREATE TABLE with a column list; None for any other statement (CREATE TABLE … AS too)."""
    at = _find_word(tokens, "TABLE")
    if at is None or not tokens[0].is_word("CREATE"):
        return None
    path, at = read_path(tokens, _skip_if_not_exists(tokens, at + 1))
    if at >= len(tokens) or tokens[at].text != "(":
        return None
    inside = group(tokens, at)
    columns: list[ColumnPart] = []
    constraints: list[Clause] = []
    for item in split_commas(inside):
        if item and item[0].is_word(*_TABLE_CONSTRAINTS) and len(item) > 1:
            constraints += clauses_of(item)
        elif item:
            columns.append(_column(item))
    return TableBody(path, tuple(columns), tuple(constraints), tuple(tokens[at + len(inside) + 2 :]))


def parse_index(tokens: Tokens) -> IndexBody | None:
    """The parts of a CREATE INDEX; None for any other statement."""
    at = _find_word(tokens, "INDEX")
    on = _find_word(tokens, "ON")
    if at is None or on is None:
        return None
    start = at + 2 if at + 1 < len(tokens) and tokens[at + 1].is_word("CONCURRENTLY") else at + 1
    start = _skip_if_not_exists(tokens, start)
    path = read_path(tokens, start)[0] if start < on else ()
    table, at = read_path(tokens, on + 2 if tokens[on + 1].is_word("ONLY") else on + 1)
    method = "btree"
    if at < len(tokens) and tokens[at].is_word("USING"):
        method, at = tokens[at + 1].name, at + 2
    inside = group(tokens, at)
    include: tuple[str, ...] = ()
    where: tuple[Token, ...] = ()
    options: list[tuple[Token, ...]] = []
    for part in _index_tail(tokens[at + len(inside) + 2 :]):
        if part[0].is_word("INCLUDE"):
            include = tuple(entry[0].name for entry in split_commas(group(part, 0)))
        elif part[0].is_word("WHERE"):
            where = part[1:]
        else:
            options.append(part)
    return IndexBody(path, table, tuple(split_commas(inside)), method, include, where, tuple(options))


def clauses_of(tokens: Tokens) -> list[Clause]:
    """The constraints in a column's tail, or one table constraint, each with the name that CONSTRAINT gives it."""
    found: list[Clause] = []
    at, name = 0, None
    while at < len(tokens):
        if tokens[at].is_word("CONSTRAINT") and at + 1 < len(tokens):
            name, at = tokens[at + 1].name, at + 2
            continue
        end = _clause_end(tokens, at)
        found.append(Clause(tokens[at].value, name, tuple(tokens[at:end])))
        at, name = end, None
    return found


def group(tokens: Tokens, start: int) -> tuple[Token, ...]:
    """What stands inside the first parentheses at or after `start`; nothing where there are none."""
    opening = next((i for i in range(start, len(tokens)) if tokens[i].text == "("), None)
    if opening is None:
        return ()
    depth = 0
    for i in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[i].text, 0)
        if not depth:
            return tuple(tokens[opening + 1 : i])
    return tuple(tokens[opening + 1 :])


def split_commas(tokens: Tokens) -> list[tuple[Token, ...]]:
    """The parts between commas that stand outside any brackets."""
    parts: list[tuple[Token, ...]] = []
    depth, begin = 0, 0
    for i, token in enumerate(tokens):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if token.text == "," and not depth:
            parts.append(tuple(tokens[begin:i]))
            begin = i + 1
    return [*parts, tuple(tokens[begin:])] if tokens else []


def outside(tokens: Tokens) -> list[Token]:
    """The tokens that stand outside any parentheses."""
    found: list[Token] = []
    depth = 0
    for token in tokens:
        depth -= token.text == ")"
        if not depth and token.text not in "()":
            found.append(token)
        depth += token.text == "("
    return found


def read_path(tokens: Tokens, at: int) -> tuple[tuple[str, ...], int]:
    """The dotted name that begins at `at`, part by part, and where it ends."""
    parts: list[str] = []
    while at < len(tokens) and (tokens[at].is_name or tokens[at].kind == "string"):
        parts.append(tokens[at].name)
        at += 1
        if at >= len(tokens) or tokens[at].text != ".":
            break
        at += 1
    return tuple(parts), at


def _column(item: Tokens) -> ColumnPart:
    start = next((i for i in range(1, len(item)) if item[i].is_word(*_STARTERS)), len(item))
    return ColumnPart(item[0], tuple(item[1:start]), tuple(clauses_of(item[start:])))


def _clause_end(tokens: Tokens, start: int) -> int:
    if tokens[start].is_word("DEFAULT"):
        return _default_end(tokens, start + 1)
    depth = 0
    for i in range(start, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[i].text, 0)
        if depth or i == start or not tokens[i].is_word(*_STARTERS):
            continue
        if not _continues(tokens, start, i):
            return i
    return len(tokens)


def _default_end(tokens: Tokens, at: int) -> int:
    # A default's value may be a word that begins a clause (NULL), so its first token is taken whatever it is.
    depth = 0
    for i in range(at, len(tokens)):
        if i > at and not depth and tokens[i].is_word(*_STARTERS):
            return i
        depth += {"(": 1, ")": -1}.get(tokens[i].text, 0)
    return len(tokens)


def _continues(tokens: Tokens, start: int, i: int) -> bool:
    first, token, before = tokens[start], tokens[i], tokens[i - 1]
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    if first.is_word("NOT"):
        return token.is_word("NULL")
    if first.is_word("GENERATED"):
        return token.is_word("AS", "DEFAULT") and before.is_word("ALWAYS", "DEFAULT", "BY")
    if first.is_word("FOREIGN") and token.is_word("REFERENCES"):
        return True
    if token.is_word("NULL", "DEFAULT") and before.is_word("SET"):
        return True
    if token.is_word("NOT") and following is not None:
        return following.is_word("DEFERRABLE", "VALID", "ENFORCED", "DISTINCT")
    return token.is_word("NOT") or (token.is_word("NULL") and before.is_word("NOT"))


def _index_tail(tokens: Tokens) -> list[tuple[Token, ...]]:
    parts: list[list[Token]] = []
    depth = 0
    for token in tokens:
        begins = not depth and token.is_word(*_INDEX_TAIL)
        if begins and not (parts and parts[-1][0].is_word("WHERE")):
            parts.append([])
        if parts:
            parts[-1].append(token)
        depth += {"(": 1, ")": -1}.get(token.text, 0)
    return [tuple(part) for part in parts]


def _find_word(tokens: Tokens, word: str) -> int | None:
    return next((i for i, token in enumerate(tokens) if token.is_word(word)), None)


def _skip_if_not_exists(tokens: Tokens, at: int) -> int:
    return at + 3 if at + 2 < len(tokens) and tokens[at].is_word("IF") and tokens[at + 1].is_word("NOT") else at
