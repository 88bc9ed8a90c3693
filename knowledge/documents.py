"""Documents as sections: what is read from a file before anything is written to the store."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.errors import SourceError

LARGEST = 5_000_000
"""Bytes. A longer file is a dump or a log: it would drown the search."""
_SECTION_LINES = 60
"""A section without headings is cut at an empty line after so many."""


@dataclass(frozen=True)
class Section:
    """A part of a document. heading: the path of headings down to it (`Board > 3. Data`). line: its first, from 1."""

    line: int
    heading: str
    body: str


@dataclass(frozen=True)
class Document:
    """A document as text. mended: its text had been decoded twice and was put right."""

    title: str
    sections: tuple[Section, ...]
    mended: bool


def read_text(path: Path, data: bytes) -> str:
    """The text of a file. Raises SourceError for one that is too long, binary, or in no known encoding."""
    if len(data) > LARGEST:
        raise SourceError(f"is too long ({len(data):,} bytes; at most {LARGEST:,}): split it", source=str(path))
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\0" in data:
        raise SourceError("is binary, not text", source=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SourceError("is not UTF-8 text: save it as UTF-8", source=str(path), line=line) from error


def split(path: Path, text: str) -> Document:
    """A Markdown document by its headings, any other text by its length."""
    text, mended = mend(text)
    # As editors count lines: `str.splitlines` also breaks at form feeds and other separators.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    headings = _headings(lines) if path.suffix.lower() in (".md", ".markdown") else []
    title = headings[0][2] if headings else path.name
    sections = tuple(section for part in _parts(lines, headings) for section in _cut(*part))
    return Document(title, sections, mended)


def mend(text: str) -> tuple[str, bool]:
    """Put right what was decoded twice (`âœ…` for `✅`), line by line; whether anything was."""
    import ftfy

    if text.isascii():
        return text, False
    mended = "".join(ftfy.fix_encoding(line) for line in text.splitlines(keepends=True))
    return mended, mended != text


def _headings(lines: list[str]) -> list[tuple[int, int, str]]:
    """(index of the line, level, text) of each heading."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").parse("\n".join(_without_front_matter(lines)))
    found: list[tuple[int, int, str]] = []
    for token, inline in zip(tokens, tokens[1:], strict=False):
        if token.type == "heading_open" and token.map:
            text = "".join(child.content for child in inline.children or [])
            found.append((token.map[0], int(token.tag[1]), text.strip()))
    return found


def _without_front_matter(lines: list[str]) -> list[str]:
    # Its closing `---` would make a heading of the line above. Emptied, not removed: line numbers must stay.
    if lines and lines[0].strip() == "---":
        for index, line in enumerate(lines[1:], start=1):
            if line.strip() in ("---", "..."):
                return [""] * (index + 1) + lines[index + 1 :]
    return lines


def _parts(lines: list[str], headings: list[tuple[int, int, str]]) -> Iterator[tuple[int, str, list[str]]]:
    """(index of the first line, heading path, lines) from each heading to the next, and of what stands before all."""
    first = headings[0][0] if headings else len(lines)
    yield 0, "", lines[:first]
    path: list[tuple[int, str]] = []
    for (start, level, text), end in zip(headings, [*(h[0] for h in headings[1:]), len(lines)], strict=False):
        path = [(above, name) for above, name in path if above < level] + [(level, text)]
        yield start, " > ".join(name for _, name in path), lines[start:end]


def _cut(start: int, heading: str, lines: list[str]) -> Iterator[Section]:
    begin = 0
    for index, line in enumerate(lines):
        if index - begin >= _SECTION_LINES and not line.strip():
            yield from _section(start + begin, heading, lines[begin:index])
            begin = index
    yield from _section(start + begin, heading, lines[begin:])


def _section(index: int, heading: str, lines: list[str]) -> Iterator[Section]:
    if any(line.strip() for line in lines):
        yield Section(index + 1, heading, "\n".join(lines))
