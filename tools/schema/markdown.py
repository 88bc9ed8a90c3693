"""Markdown schema documents as a Schema, told in Postgres's words (origin markdown).

Read are tables and bullet lists of fields under a heading that names a table, fenced TypeScript (Convex), SQL and
Prisma, and lists of values under a heading such as "Thing types (66)". What a document says nothing of is `unsaid`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tools.errors import OneplanError, SourceError
from tools.schema.markdown_blocks import Block, blocks
from tools.schema.markdown_fields import Fields, bullet_fields, row_fields
from tools.schema.merge import merged
from tools.schema.model import Aspect, Enum, NotUnderstood, Schema, Span

SILENT: tuple[Aspect, ...] = (
    "indexes", "defaults", "nullability", "checks", "primary_keys", "foreign_keys", "uniques", "views", "triggers",
    "sequences", "function", "domain", "type", "policy", "extension", "comment", "privilege", "partition",
)  # fmt: skip
_IDENTIFIER = r"[A-Za-z_][\w]*"
_ENUMERATION = re.compile(r"\b(types?|values|kinds|status(es)?|roles|enum(eration)?s?|categories|states)\b", re.I)
_COUNT = re.compile(r"\((?:all\s+)?(\d+)[^)]*\)|:\s*(\d+)$")


def read_markdown(path: Path) -> Schema:
    """The schema that a document describes. Raises SourceError where it describes none, or is no text."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError("is not a text file in UTF-8", source=str(path)) from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", source=str(path)) from error
    return read_markdown_text(text, str(path))


def read_markdown_text(text: str, source: str = "") -> Schema:
    """The same for a text. A block that cannot be read is listed as not understood, with its line."""
    reader = _Reader(source)
    for block in blocks(text):
        reader.take(block)
    parts = [*reader.parts, *reader.described()]
    if not any(part.tables or part.enums for part in parts):
        raise SourceError(
            "describes no table: write a heading with the table's name over a table with the columns Field and Type, "
            "or a fenced block of TypeScript, SQL or Prisma",
            source=source,
        )
    whole = merged(parts, source)
    lost = (*whole.not_understood, *reader.lost)
    return replace(whole, origin="markdown", not_understood=lost)


def table_name(heading: str) -> str | None:
    """The table that a heading names: its one `code`, or all of it but a number and the word table."""
    codes = re.findall(r"`([^`]+)`", heading)
    if codes:
        return codes[0] if len(codes) == 1 and re.fullmatch(_IDENTIFIER, codes[0]) else None
    bare = re.sub(r"[*]|^\s*[\d.]+\)?\s+|\(.*?\)", "", heading).strip()
    bare = re.sub(r"^table\b[\s:]*|\s+table$", "", bare, flags=re.I).strip(" :")
    return bare if re.fullmatch(_IDENTIFIER, bare) else None


@dataclass
class _Reader:
    source: str
    heading: str = ""
    parts: list[Schema] = field(default_factory=list[Schema])
    fields: list[Fields] = field(default_factory=list[Fields])
    enums: list[Enum] = field(default_factory=list[Enum])
    lost: list[NotUnderstood] = field(default_factory=list[NotUnderstood])

    def take(self, block: Block) -> None:
        if block.kind == "heading":
            self.heading = block.text
        elif block.kind == "fence":
            self._fence(block)
        elif block.kind == "table":
            self._rows(block)
        else:
            self._bullets(block)

    def described(self) -> Iterator[Schema]:
        """One schema for each description in tables and bullets: a table may be told more than once."""
        for found in self.fields:
            yield Schema(
                "postgres", (found.table,), found.enums, source=self.source, origin="markdown",
                unsaid=tuple(aspect for aspect in SILENT if aspect not in found.said),
            )  # fmt: skip
        if self.enums:
            yield Schema("postgres", (), tuple(self.enums), source=self.source, origin="markdown", unsaid=SILENT)

    def _fence(self, block: Block) -> None:
        try:
            part = _read_fence(block, self.source)
        except (OneplanError, RecursionError) as error:
            self._lose(block, f"a fenced block that cannot be read ({error})")
            return
        if part:
            self.parts.append(part)

    def _rows(self, block: Block) -> None:
        found = row_fields(block, table_name(self.heading), self.source)
        if found:
            self.fields.append(found)
            self.lost += found.lost
            return
        header = [cell.strip().lower() for cell in block.rows[0]] if block.rows else []
        if {"field", "column"} & set(header) and "type" in header:
            self._lose(block, "a table of fields under a heading that names no table")
        elif len(header) <= 3:
            self._enumeration(block, [(row[0], line) for row, line in zip(block.rows, block.lines, strict=True)][1:])

    def _bullets(self, block: Block) -> None:
        items = [(row[0], line) for row, line in zip(block.rows, block.lines, strict=True)]
        name = table_name(self.heading)
        found = bullet_fields(items, name, self.source) if name else None
        if found:
            self.fields.append(found)
            self.lost += found.lost
        else:
            self._enumeration(block, items)

    def _enumeration(self, block: Block, items: Sequence[tuple[str, int]]) -> None:
        counted = _COUNT.search(self.heading)
        if not _ENUMERATION.search(self.heading):
            return
        values = [value for text, _ in items for value in _values(text)]
        if not values or any(not _values(text) for text, _ in items):
            return
        name = "_".join(re.findall(r"[a-z0-9]+", _COUNT.sub("", re.sub(r"^\s*[\d.]+\)?\s+", "", self.heading)).lower()))
        if not name:
            return
        known = next((enum for enum in self.enums if enum.name == name), None)
        values = list(dict.fromkeys((*(known.values if known else ()), *values)))
        self.enums = [enum for enum in self.enums if enum.name != name]
        self.enums.append(Enum(name, tuple(values), span=Span(self.source, block.line)))
        said = int(counted[1] or counted[2]) if counted else len(values)
        self.lost = [item for item in self.lost if item.text != f"enumeration {name}"]
        if said != len(values):
            reason = f"the heading counts {said}, {len(values)} are listed"
            self.lost.append(NotUnderstood(f"enumeration {name}", reason, Span(self.source, block.line), False))

    def _lose(self, block: Block, reason: str) -> None:
        first = " ".join((block.text or " | ".join(block.rows[0])).split())[:80]
        self.lost.append(NotUnderstood(first, reason, Span(self.source, block.line)))


def _values(text: str) -> list[str]:
    """The values of one entry: `a`, `a - what it is`, `**Group:** a, b`; none where it is prose."""
    bare = re.sub(r"^\*\*[^*]+:\s*\*\*\s*|^\*\*[^*]+\*\*:\s*|^\[[ xX]\]\s*", "", text.strip())
    codes = re.findall(r"`([^`\s]+)`", bare)
    if codes and bare.startswith("`"):
        head = re.split(r"\s[-\u2013\u2014]\s|:\s", bare)[0]
        return re.findall(r"`([^`\s]+)`", head)
    head = re.split(r"\s[-\u2013\u2014]\s|:\s", bare)[0].strip(" *")
    values = [part.strip().strip("\"'") for part in head.split(",")]
    return values if all(re.fullmatch(r"[A-Za-z_][\w.-]*", value) for value in values) else []


def _read_fence(block: Block, source: str) -> Schema | None:
    language, text, first = block.language.lower(), block.text, block.line + 1
    if language in ("ts", "typescript", "tsx", "js", "javascript"):
        if "defineTable" not in text:
            return None
        from tools.schema.convex import read_convex_text

        return read_convex_text(text, source, first)
    if language == "prisma":
        from tools.schema.prisma import read_prisma

        return read_prisma([(text, source)], source, first)
    if language in ("sql", "postgres", "postgresql", "pgsql", "sqlite", "duckdb", "mysql") and "create" in text.lower():
        return _read_sql(text, source, first)
    return None


def _read_sql(text: str, source: str, first: int) -> Schema | None:
    """SQL in a document is read as Postgres's unless a header comment of the block says otherwise."""
    from tools.schema.ddl import header_dialect, read_ddl

    dialect = header_dialect(text) or "postgres"
    if dialect == "mysql":
        from tools.schema.mysql import read_mysql

        read = read_mysql("\n" * (first - 1) + text, source)
        return read if read.tables else None
    if dialect != "postgres":
        raise SourceError(f"is SQL of {dialect}: a document is read in Postgres's words", source=source, line=first)
    read = read_ddl("\n" * (first - 1) + text, dialect, source)
    return replace(read, source=source) if read.tables or read.enums else None
