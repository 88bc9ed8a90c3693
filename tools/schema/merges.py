"""Merges and splits of columns, as an answers file says them:

    merges:
      - {table: agents, from: [goal, style], to: prompt, as: "concat_ws(' ', goal, style)"}
    splits:
      - {table: people, from: name, to: {first: "split_part(name, ' ', 1)", last: "split_part(name, ' ', 2)"}}

Either way a new column has its value of old ones, so a split is as many merges of one column.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from tools.errors import SourceError
from tools.schema.model import Merge

_WHAT = {"merges": "{table: agents, from: [goal, style], to: prompt, as: \"goal || style\"}",
         "splits": "{table: people, from: name, to: {first: \"split_part(name, ' ', 1)\"}}"}  # fmt: skip


def merges_from(merges: object, splits: object, source: str) -> tuple[Merge, ...]:
    """The merges of both lists. Raises SourceError that names the entry."""
    found = [_merge(entry, f"merges[{n}]", source) for n, entry in enumerate(_listed(merges, "merges", source), 1)] + [
        merge
        for n, entry in enumerate(_listed(splits, "splits", source), 1)
        for merge in _split(entry, f"splits[{n}]", source)
    ]
    seen: set[tuple[str, str]] = set()
    for merge in found:
        if (merge.table, merge.column) in seen:
            raise SourceError(f"{merge.table}.{merge.column}: is made of columns twice", source=source)
        seen.add((merge.table, merge.column))
    return tuple(found)


def merges_to(merges: Iterable[Merge]) -> list[dict[str, Any]]:
    """The merges as plain data, in the form of `merges:`."""
    return [{"table": m.table, "from": list(m.sources), "to": m.column, "as": m.sql} for m in merges]


def not_renames_of(merges: Iterable[Merge]) -> list[tuple[str, str, str]]:
    """A column that goes into another one is not renamed to it."""
    return [(merge.table, source, merge.column) for merge in merges for source in merge.sources]


def _listed(data: object, name: str, source: str) -> list[object]:
    if data is None:
        return []
    if not isinstance(data, list):
        raise SourceError(f"{name!r}: must be a list of entries such as {_WHAT[name]}", source=source)
    return cast(list[object], data)


def _merge(entry: object, name: str, source: str) -> Merge:
    parts = _parts(entry, name, source, ("table", "from", "to", "as"))
    named = parts["from"]
    columns = cast(list[object], named) if isinstance(named, list) else [named]
    sources = tuple(_text(column, f"{name}.from", source) for column in columns)
    table, column = (_text(parts[key], f"{name}.{key}", source) for key in ("table", "to"))
    return Merge(table, sources, column, _text(parts["as"], f"{name}.as", source))


def _split(entry: object, name: str, source: str) -> list[Merge]:
    parts = _parts(entry, name, source, ("table", "from", "to"))
    table, old = (_text(parts[key], f"{name}.{key}", source) for key in ("table", "from"))
    if not isinstance(parts["to"], dict):
        raise SourceError(f"{name}.to: must be a mapping of new columns to expressions", source=source)
    return [
        Merge(table, (old,), _text(column, f"{name}.to", source), _text(sql, f"{name}.to.{column}", source))
        for column, sql in cast(dict[object, object], parts["to"]).items()
    ]


def _parts(entry: object, name: str, source: str, keys: tuple[str, ...]) -> dict[object, object]:
    parts = cast(dict[object, object], entry) if isinstance(entry, dict) else {}
    missing = [key for key in keys if key not in parts]
    unknown = [str(key) for key in parts if key not in keys]
    if missing or unknown:
        problem = f"{missing[0]!r} is missing" if missing else f"{unknown[0]!r} is no known key"
        raise SourceError(f"{name}: {problem}: write it as {_WHAT[name.partition('[')[0]]}", source=source)
    return parts


def _text(value: object, name: str, source: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SourceError(f"{name}: {value!r} must be text", source=source)
    return value.strip()
