"""A small lexer for the SQL of the three dialects, and the splitting of a text into statements.

It knows what a database's own lexer knows (quotes, dollar quotes, nested comments, bracketed names) and no grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tools.errors import SourceError
from tools.location import Dialect

Kind = Literal["word", "quoted", "string", "number", "op", "meta"]

_OPERATORS = ("<->", "!~~*", "->>", "#>>", "!~~", "!~*", "~~*", "||", "::", "->", "#>", "<=", ">=", "<>", "!=", "==",
              "<<", ">>", ":=", "=>", "~~", "~*", "!~", "@>", "<@", "&&", "@@", "?|", "?&")  # fmt: skip
_COMMON = (
    r"(?P<space>\s+|\ufeff)",
    r"(?P<line_comment>--[^\n]*)",
    r"(?P<number>(?:0[xX][0-9a-fA-F]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))",
)
_OPERATOR = "(?P<op>" + "|".join(re.escape(op) for op in _OPERATORS) + "|.)"
_WORD = r"(?P<word>[^\W\d][\w$]*)"
_PATTERNS: dict[Dialect, re.Pattern[str]] = {
    "sqlite": re.compile(
        "|".join(
            (
                *_COMMON,
                r"(?P<block>/\*.*?(?:\*/|\Z))",
                r"(?P<string>[xX]?'(?:[^']|'')*')",
                r'(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])',
                _WORD,
                _OPERATOR,
            )
        ),
        re.DOTALL,
    )
}
_PATTERNS["postgres"] = _PATTERNS["duckdb"] = re.compile(
    "|".join(
        (
            *_COMMON,
            r"(?P<open_block>/\*)",
            r"(?P<string>[eE]'(?:[^'\\]|\\.|'')*'|(?:[uU]&|[bBxXnN])?'(?:[^']|'')*'"
            r"|\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)",
            r'(?P<quoted>(?:[uU]&)?"(?:[^"]|"")*")',
            _WORD,
            _OPERATOR,
        )
    ),
    re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """One token. `value` is the bare name of a name, the upper-case text of anything else; `line` counts from 1."""

    kind: Kind
    text: str
    start: int
    end: int
    line: int

    @property
    def value(self) -> str:
        if self.kind == "quoted":
            return unquote(self.text)
        return self.text.upper() if self.kind == "word" else self.text

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.upper() in words

    @property
    def is_name(self) -> bool:
        return self.kind in ("word", "quoted")

    @property
    def name(self) -> str:
        """The name as written: bare of its quotes, its case kept."""
        return unquote(self.text) if self.kind in ("quoted", "string") else self.text


@dataclass(frozen=True)
class Statement:
    """One statement of a text: without its semicolon, with the line it begins on and its tokens."""

    text: str
    line: int
    tokens: tuple[Token, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The statement's first words, upper case, as far as they are plain words."""
        found: list[str] = []
        for token in self.tokens:
            if token.kind != "word":
                break
            found.append(token.text.upper())
        return tuple(found)


def unquote(text: str) -> str:
    """The name or string inside quotes of any kind; a bare word as it is."""
    if text[:1] == "[":
        return text[1:-1]
    if text[:1] in "\"'`" and len(text) > 1:
        return text[1:-1].replace(text[0] * 2, text[0])
    return text


def tokenize(text: str, dialect: Dialect) -> tuple[Token, ...]:
    """The tokens of one expression or statement, comments left out. Raises SourceError for an open quote."""
    return tuple(_scan(text, dialect, 0, 1))


def split(text: str, dialect: Dialect, source: str = "") -> tuple[Statement, ...]:
    """The statements of a text, each with its line. Raises SourceError (with the line) for an open quote or comment.

    psql's `\\commands` come out as statements of one `meta` token; the rows of `COPY … FROM stdin` are left out.
    """
    statements: list[Statement] = []
    position, line = 0, 1
    while True:
        tokens, position, line = _statement(text, dialect, position, line, source)
        if tokens:
            statements.append(Statement(text[tokens[0].start : tokens[-1].end], tokens[0].line, tuple(tokens)))
        elif position >= len(text):
            return tuple(statements)
        if tokens and _is_copy_from_stdin(tokens):
            end = text.find("\n\\.", position)
            skipped = text[position:] if end < 0 else text[position : end + 3]
            position, line = position + len(skipped), line + skipped.count("\n")


def _statement(text: str, dialect: Dialect, position: int, line: int, source: str) -> tuple[list[Token], int, int]:
    tokens: list[Token] = []
    blocks = _Blocks(dialect)
    for token in _scan(text, dialect, position, line, source):
        if token.kind == "meta":
            if not tokens:
                return [token], token.end, token.line
            raise SourceError(f"unexpected {token.text.split()[0]!r}", source=source, line=token.line)
        if token.text == ";" and not blocks.depth:
            return tokens, token.end, token.line
        tokens.append(token)
        blocks.see(tokens)
    return tokens, len(text), line


class _Blocks:
    """How deep a statement stands in BEGIN … END, where a semicolon does not end it: trigger and routine bodies."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect: Dialect = dialect
        self.depth = 0
        self.holds_body = False

    def see(self, tokens: Sequence[Token]) -> None:
        token = tokens[-1]
        if len(tokens) <= 6 and tokens[0].is_word("CREATE") and token.is_word("TRIGGER", "FUNCTION", "PROCEDURE"):
            self.holds_body = True
        if not self.holds_body or token.kind != "word":
            return
        opens = "BEGIN" if self.dialect == "sqlite" else "ATOMIC"
        if token.is_word(opens) or (self.depth and token.is_word("CASE")):
            self.depth += 1
        elif self.depth and token.is_word("END"):
            self.depth -= 1


def _scan(text: str, dialect: Dialect, position: int, line: int, source: str = "") -> Iterator[Token]:
    pattern = _PATTERNS[dialect]
    while position < len(text):
        match = pattern.match(text, position)
        assert match is not None, "the last branch takes any character"
        kind = "string" if match.lastgroup == "tag" else str(match.lastgroup)
        end = match.end()
        if kind == "open_block":
            end = _block_end(text, position, source, line)
        elif kind == "op" and match.group() in ("'\"`" if dialect == "sqlite" else "'\""):
            raise SourceError(f"a quote ({match.group()}) is opened here and never closed", source=source, line=line)
        elif kind == "op" and match.group() == "\\" and dialect == "postgres":
            newline = text.find("\n", position)
            kind, end = "meta", len(text) if newline < 0 else newline
        if kind in ("word", "quoted", "string", "number", "op", "meta"):
            yield Token(kind, text[position:end], position, end, line)  # pyright: ignore[reportArgumentType]
        line += text.count("\n", position, end)
        position = end


def _block_end(text: str, position: int, source: str, line: int) -> int:
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, position):
        depth += 1 if match.group() == "/*" else -1
        if not depth:
            return match.end()
    raise SourceError("a comment (/*) is opened here and never closed", source=source, line=line)


def _is_copy_from_stdin(tokens: Sequence[Token]) -> bool:
    return tokens[0].is_word("COPY") and any(
        a.is_word("FROM") and b.is_word("STDIN") for a, b in zip(tokens, tokens[1:], strict=False)
    )
