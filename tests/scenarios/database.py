"""What app.db holds, asked by tests at the end of a conversation."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any


def rows(sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect("app.db")) as connection:
        return connection.execute(sql).fetchall()


def columns(table: str = "agents") -> list[str]:
    return [row[1] for row in rows(f"PRAGMA table_info({table})")]


def tables() -> list[str]:
    """The team's own tables."""
    found = rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
    return [name for (name,) in found if not name.startswith("_oneplan")]
