"""A folder as one schema: all schema files in it together.

Files of SQL are one text, in the order of their names, since a later one may alter what an earlier one makes; Prisma
files are one schema; a Convex schema and documents stand for themselves. What is told twice is merged as in a document.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, cast

from tools.errors import SourceError, UsageError
from tools.location import FORMS, Form, Written, convex_schema, files_under, forms_of
from tools.schema.ddl import header_dialect, read_ddl
from tools.schema.merge import merged
from tools.schema.model import NotUnderstood, Schema, Span

_DOWN = re.compile(r"(^|[._-])(down|undo|rollback)([._-]|\.sql$)", re.IGNORECASE)
"""Scripts that take back what others make, by the names that migration tools give them."""


def schema_files(folder: Path) -> dict[Form, list[Path]]:
    """The schema files in a folder by form, in the order of their names (numbers in them by value)."""
    found: dict[Form, list[Path]] = {}
    for path in sorted(files_under(folder), key=_by_name):
        form = FORMS[path.suffix.lower()]
        if form != "convex" and not (form == "sql" and _DOWN.search(path.name)):
            found.setdefault(form, []).append(path)
    schema = convex_schema(folder)
    if schema:
        found["convex"] = [schema]
    return {form: paths for form, paths in found.items() if form in forms_of(folder)}


def read_folder(folder: Path, dialect: Written | None = None, fallback: Written | None = None) -> Schema:
    """The schema of all schema files in a folder.

    Raises SourceError for a folder without any, and where files of unlike dialects do not go together.
    """
    files = schema_files(folder)
    parts: list[Schema] = []
    listed: list[NotUnderstood] = []
    if "sql" in files:
        parts.append(_read_sql(files["sql"], dialect, fallback))
    if "convex" in files:
        from tools.schema.convex import read_convex

        parts.append(read_convex(files["convex"][0]))
    if "prisma" in files:
        from tools.schema.prisma import read_prisma_path

        parts.append(read_prisma_path(folder))
    for path in files.get("markdown", ()):
        try:
            from tools.schema.markdown import read_markdown

            parts.append(read_markdown(path))
        except SourceError as error:
            listed.append(NotUnderstood(str(path), f"left out: {error}", Span(str(path)), compared=False))
    if not parts:
        raise SourceError("holds no schema files", source=str(folder))
    if len({part.dialect for part in parts}) > 1:
        told = ", ".join(f"{part.source} ({part.dialect})" for part in parts)
        raise SourceError(f"holds schemas of unlike dialects, which do not go together: {told}", source=str(folder))
    one = parts[0] if len(parts) == 1 else merged(parts, str(folder))
    return replace(one, source=str(folder), not_understood=(*one.not_understood, *listed))


def _read_sql(files: Sequence[Path], dialect: Written | None, fallback: Written | None) -> Schema:
    texts = [_text(path) for path in files]
    said: dict[Path, Written] = {
        path: found for path, text in zip(files, texts, strict=True) if (found := header_dialect(text))
    }
    named: set[Written] = set(said.values())
    if dialect is None and len(named) > 1:
        told = ", ".join(f"{path} ({found})" for path, found in said.items())
        raise SourceError(f"the files are of unlike dialects: {told}", source=str(files[0].parent))
    known: Written | None = dialect or next(iter(named), None) or fallback
    if known is None:
        raise UsageError(
            f"{files[0].parent}: the SQL dialect is not known: pass --dialect sqlite|duckdb|postgres|mysql"
        )
    whole = ""
    starts: list[int] = []
    for text in texts:
        starts.append(whole.count("\n") + 1)
        whole += text.rstrip() + ("" if text.rstrip().endswith(";") else "\n;") + "\n"
    places = _Places(files, starts)
    try:
        if known == "mysql":
            from tools.schema.mysql import read_mysql

            schema = read_mysql(whole, _WHOLE)
        else:
            schema = read_ddl(whole, known, _WHOLE)
    except SourceError as error:
        span = places.of(error.line or 1)
        raise SourceError(error.message, source=span.source, line=span.line) from error
    return cast(Schema, places.put(schema))


_WHOLE = "(folder)"


class _Places:
    """Where the lines of all files put together stand."""

    def __init__(self, files: Sequence[Path], starts: Sequence[int]) -> None:
        self._files, self._starts = files, starts

    def of(self, line: int) -> Span:
        at = max(i for i, start in enumerate(self._starts) if start <= max(line, 1))
        return Span(str(self._files[at]), line - self._starts[at] + 1 if line else 0)

    def put(self, value: Any) -> Any:
        """The same value with its spans, and those of all that it holds, in the files."""
        if isinstance(value, Span):
            return self.of(value.line) if value.source == _WHOLE else value
        if isinstance(value, tuple):
            return tuple(self.put(item) for item in cast(tuple[Any, ...], value))
        if is_dataclass(value) and not isinstance(value, type):
            held = {field.name: getattr(value, field.name) for field in fields(value)}
            changed = {name: new for name, old in held.items() if (new := self.put(old)) is not old}
            return replace(value, **changed) if changed else value
        return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise SourceError("is not a text file in UTF-8", source=str(path)) from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", source=str(path)) from error


def _by_name(path: Path) -> list[tuple[int, int | str]]:
    """2_b before 10_a."""
    parts = re.split(r"(\d+)", path.as_posix())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
