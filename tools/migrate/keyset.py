"""Walking a table in key order, batch by batch: where the next batch ends. The same SQL on every engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tools.migrate.backend import Key

Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


def highest(query: Query, table: str, shown: str, key: Sequence[str]) -> Key | None:
    """The last key of the table, None for an empty one. `shown`: the key's columns as SELECT is to give them."""
    down = ", ".join(f"{column} DESC" for column in key)
    found = query(f"SELECT {shown} FROM {table} ORDER BY {down} LIMIT 1", ())
    return found[0] if found else None


def batch_end(
    query: Query,
    table: str,
    shown: str,
    key: Sequence[str],
    condition: str,
    values: Sequence[Any],
    size: int,
    last: Key,
) -> Key | None:
    """The key of the `size`-th row that meets the condition; `last` where fewer are left, None where none is."""
    base = f"SELECT {shown} FROM {table} WHERE {condition} ORDER BY {', '.join(key)} LIMIT 1"
    found = query(f"{base} OFFSET {size - 1}", values)
    if found:
        return found[0]
    return last if query(base, values) else None
