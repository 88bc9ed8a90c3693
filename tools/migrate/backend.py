"""The seam between a migration and a database: what every backend can do. Backends hold connections and never decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from tools.location import Dialect
from tools.schema.model import Schema

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all) as a long loop goes on."""


class Backend(Protocol):
    """One open database. All names given to it are quoted SQL unless they are called keys."""

    dialect: Dialect
    location: str
    """The location, masked: fit to be shown and to be part of an Action."""

    def close(self) -> None: ...

    def schema(self) -> Schema:
        """The schema as the open transaction sees it, oneplan's own tables left out."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All that is executed inside commits together, or not at all."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; the number of rows it touched (0 where that means nothing). `?` marks a parameter."""
        ...

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def execute_alone(self, sql: str) -> None:
        """Run one statement outside any transaction (CREATE INDEX CONCURRENTLY)."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Keep every other executor off this database; tools.errors.Busy when one is at work."""
        ...

    def rows(self, table: str) -> int: ...

    def fingerprint(self, table: str, expressions: Sequence[str]) -> tuple[int, tuple[str, ...]]:
        """(rows, one order-independent checksum an expression), computed in the engine in one scan."""
        ...

    def batches(self, table: str, key: Sequence[str], size: int, after: tuple[Any, ...] | None) -> Iterator[tuple[Any, ...]]:
        """The upper key of each batch of `size` rows, in key order, from `after` to the highest key now."""
        ...
