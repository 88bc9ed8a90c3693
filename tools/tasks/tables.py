"""Tables, headings and check items of a Markdown document, with the place of every cell, for byte-stable edits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.tasks.lists import Check, Heading, check_items, numbered_headings

if TYPE_CHECKING:
    from markdown_it.token import Token

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(frozen=True)
class Cell:
    """start and end: the cell's place in its line, padding included, pipes not."""

    start: int
    end: int
    raw: str

    @property
    def value(self) -> str:
        return self.raw.strip(" \t").replace("\\|", "|")


@dataclass(frozen=True)
class Row:
    line: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """heading: index in `Document.headings` of the nearest one above, -1 for none. Lines count from 0."""

    heading: int
    header: Row
    rows: tuple[Row, ...]
    end: int


@dataclass(frozen=True)
class Document:
    """lines: with their line ends; joined they are the text. headings: (line, level, text). like_tables: lines (from 0)
    that begin with a pipe and belong to no table."""

    lines: tuple[str, ...]
    headings: tuple[Heading, ...]
    tables: tuple[Table, ...]
    checks: tuple[Check, ...]
    like_tables: tuple[int, ...]


def scan(text: str) -> Document:
    """Find the parts of a document. Tables in code, quotes and lists are left alone, as are lines that are no table."""
    from markdown_it import MarkdownIt

    lines = tuple(_LINE.findall(text))
    bare = [line.rstrip("\r\n") for line in lines]
    tokens = MarkdownIt("commonmark").enable("table").parse("\n".join(_parseable(bare)))
    other = _code_lines(tokens) | set(_front_matter(bare))
    tabled = {line for token in tokens if _is_table(token) and token.map for line in range(*token.map)}
    free = {index for index in range(len(bare)) if index not in tabled and index not in other}
    headings = tuple(sorted([*_headings(tokens), *numbered_headings(bare, free)]))
    tables = tuple(_tables(tokens, bare, [line for line, _, _ in headings]))
    checks = check_items(bare, free, headings)
    like = tuple(index for index in sorted(free) if bare[index].lstrip().startswith("|"))
    return Document(lines, headings, tables, checks, like)


def cells_of(line: str) -> tuple[Cell, ...]:
    """The cells of a table row: `|` separates them unless a backslash stands before it."""
    pipes = [index for index, letter in enumerate(line) if letter == "|" and line[index - 1 : index] != "\\"]
    edges = [-1, *pipes, len(line.rstrip())]
    cells = [Cell(a + 1, b, line[a + 1 : b]) for a, b in zip(edges, edges[1:], strict=False) if b > a]
    if cells and pipes and not line[: pipes[0]].strip():
        cells = cells[1:]
    if cells and pipes and cells[-1].start > pipes[-1] and not cells[-1].raw.strip():
        cells = cells[:-1]
    return tuple(cells)


def fit(raw: str, value: str) -> str:
    """`value` in the place of `raw`: with its leading space, padded to its width if it fits."""
    escaped = escape(value)
    blank = not raw.strip(" \t")
    lead = " " if blank else raw[: len(raw) - len(raw.lstrip(" \t"))]
    trail = " " if blank or raw.endswith((" ", "\t")) or escaped.endswith("\\") else ""
    return (lead + escaped + trail).ljust(len(raw) if trail else 0)


def escape(value: str) -> str:
    return value.replace("|", "\\|")


def _parseable(lines: list[str]) -> list[str]:
    """Without the byte order mark, and front matter emptied: its closing `---` would make a heading of a line."""
    if not lines:
        return lines
    lines = [lines[0].removeprefix("\ufeff"), *lines[1:]]
    matter = _front_matter(lines)
    return [""] * len(matter) + lines[len(matter) :]


def _front_matter(lines: list[str]) -> range:
    if lines and lines[0].removeprefix("\ufeff").strip() == "---":
        for index, line in enumerate(lines[1:], start=1):
            if line.strip() in ("---", "..."):
                return range(index + 1)
    return range(0)


def _is_table(token: Token) -> bool:
    return token.type == "table_open" and token.level == 0


def _headings(tokens: list[Token]) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for token, inline in zip(tokens, tokens[1:], strict=False):
        if token.type == "heading_open" and token.map and token.level == 0:
            text = "".join(child.content for child in inline.children or [])
            found.append((token.map[0], int(token.tag[1]), text.strip()))
    return found


def _tables(tokens: list[Token], lines: list[str], headings: list[int]) -> list[Table]:
    found: list[Table] = []
    above = -1
    for token in tokens:
        if _is_table(token) and token.map:
            start, end = token.map
            while above + 1 < len(headings) and headings[above + 1] < start:
                above += 1
            rows = tuple(Row(line, cells_of(lines[line])) for line in range(start + 2, end) if lines[line].strip())
            found.append(Table(above, Row(start, cells_of(lines[start])), rows, end))
    return found


def _code_lines(tokens: list[Token]) -> set[int]:
    kinds = ("fence", "code_block", "html_block", "blockquote_open")
    return {line for token in tokens if token.type in kinds and token.map for line in range(*token.map)}
