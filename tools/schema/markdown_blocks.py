"""The parts of a Markdown document that can describe a schema, each with its line; mis-decoded text is mended first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from markdown_it.token import Token


@dataclass(frozen=True)
class Block:
    """line: counted from 1. rows: a table's rows (its header first) or a list's items, `lines` where they stand."""

    kind: Literal["heading", "fence", "table", "list"]
    line: int
    text: str = ""
    language: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[int, ...] = ()


def mended(text: str) -> str:
    """UTF-8 that was decoded as something else, put right line by line, so that line numbers hold."""
    from ftfy import fix_encoding

    return "\n".join(line if line.isascii() else fix_encoding(line).replace("\n", " ") for line in text.split("\n"))


def blocks(text: str) -> Iterator[Block]:
    """The headings, fences, tables and lists (of one level, what is nested told by itself) in their order."""
    from markdown_it import MarkdownIt

    clean = mended(text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd"))
    tokens = MarkdownIt("commonmark").enable("table").parse(clean)
    for at, token in enumerate(tokens):
        line = (token.map[0] if token.map else 0) + 1
        if token.type == "heading_open":
            yield Block("heading", line, tokens[at + 1].content)
        elif token.type == "fence":
            words = token.info.split()
            yield Block("fence", line, token.content, words[0] if words else "")
        elif token.type == "table_open":
            yield _table(tokens, at, line)
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            found = _list(tokens, at, line)
            if found.rows:
                yield found


def _table(tokens: Sequence[Token], at: int, line: int) -> Block:
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    cells: list[str] = []
    for token in tokens[at:]:
        if token.type == "tr_open":
            cells = []
            lines.append((token.map[0] if token.map else line - 1) + 1)
        elif token.type == "inline":
            cells.append(token.content.strip())
        elif token.type == "tr_close":
            rows.append(tuple(cells))
        elif token.type == "table_close":
            break
    return Block("table", line, rows=tuple(rows), lines=tuple(lines))


def _list(tokens: Sequence[Token], at: int, line: int) -> Block:
    """The items of this list alone: the first line of each."""
    level = tokens[at].level
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    for token in tokens[at + 1 :]:
        if token.level == level:
            break
        if token.type == "inline" and token.level == level + 3:
            rows.append((token.content.split("\n")[0].strip(),))
            lines.append((token.map[0] if token.map else line - 1) + 1)
    return Block("list", line, rows=tuple(rows), lines=tuple(lines))
