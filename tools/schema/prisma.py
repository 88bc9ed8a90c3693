"""Prisma schema files as a Schema, told in Postgres's words (dialect postgres, origin prisma).

What `prisma migrate` would make in a Postgres database is what is read: the names of keys and indexes that it gives,
the actions of foreign keys that it takes for granted, the tables of implicit many-to-many relations.
tools.schema.prisma_types has the table of types. Defaults that Prisma's client fills in (`uuid()`, `@updatedAt`) are
none of the database's: they are kept as notes. Models with `@@ignore` and fields with `@ignore` are in the database,
and so in the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.errors import SourceError
from tools.schema.model import Aspect, Enum, Schema, Span
from tools.schema.prisma_ast import Block
from tools.schema.prisma_parse import parse_prisma
from tools.schema.prisma_relations import foreign_keys, join_tables
from tools.schema.prisma_scope import Scope
from tools.schema.prisma_tables import model_table

UNSAID: tuple[Aspect, ...] = (
    "checks", "views", "triggers", "sequences", "function", "domain", "type", "policy", "extension", "comment",
    "privilege", "partition",
)  # fmt: skip
"""What a Prisma schema has no words for."""


def read_prisma(files: Sequence[tuple[str, str]], source: str = "", first_line: int = 1) -> Schema:
    """The schema that these files make together: each its text and what it is called.

    source: what all of them together are called. first_line: the line of a (single) text within its source.
    Raises SourceError (`file:line: what`) for a text that is no Prisma schema, and for one name given twice.
    """
    blocks = [block for text, name in files for block in parse_prisma(text, name, first_line)]
    scope = Scope(_told_once(blocks))
    tables = [model_table(model, scope, foreign_keys(model, scope)) for model in scope.models]
    enums = tuple(_enum(block, scope) for block in scope.enums)
    joins = join_tables(scope)
    for view in scope.views:
        scope.list(view, view.line, "a view, whose query a Prisma schema does not hold", f"view {view.name}")
    return Schema(
        "postgres", (*tables, *joins), enums, not_understood=tuple(scope.listed), source=source or files[0][1],
        origin="prisma", unsaid=UNSAID,
    )  # fmt: skip


def read_prisma_path(path: Path) -> Schema:
    """The schema in a file, or in all `.prisma` files under a folder (as Prisma reads several files).

    Raises SourceError for what is there but cannot be read.
    """
    paths = prisma_files(path)
    if not paths:
        raise SourceError("holds no .prisma file", source=str(path))
    return read_prisma([(_text(found), str(found)) for found in paths], str(path))


def prisma_files(path: Path) -> list[Path]:
    """The `.prisma` files that a path stands for, in the order of their names; `node_modules` is left out."""
    if path.is_file():
        return [path]
    found = (file for file in path.rglob("*.prisma") if "node_modules" not in file.relative_to(path).parts)
    return sorted(file for file in found if file.is_file())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError("is not a text file in UTF-8", source=str(path)) from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", source=str(path)) from error


def _told_once(blocks: Sequence[Block]) -> list[Block]:
    seen: dict[str, Block] = {}
    for block in blocks:
        space = block.kind if block.kind in ("datasource", "generator") else "type"
        first = seen.setdefault(f"{space} {block.name}", block)
        if first is not block:
            place = f"{first.source}:{first.line}"
            raise SourceError(
                f"{block.name!r} is declared a second time (first at {place})", source=block.source, line=block.line
            )
    return list(blocks)


def _enum(block: Block, scope: Scope) -> Enum:
    for attribute in block.attributes:
        if attribute.name not in ("map", "schema"):
            scope.list(block, attribute.line, "an attribute that is not known here", attribute.text)
    values = tuple(scope.enum_values(block).values())
    return Enum(scope.name(block), values, scope.namespace(block), Span(block.source, block.line))
