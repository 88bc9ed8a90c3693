"""The seam between a migration and a database: what every backend can do.

Backends hold connections and never decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tools.location import Dialect
from tools.plan.facts import Facts
from tools.schema.model import Schema

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all) as a long loop goes on."""

Key = tuple[Any, ...]
"""One row's key as plain JSON values, fit to be kept in the journal and to be given back to the same backend."""


@dataclass(frozen=True)
class Fingerprint:
    """What the rows of a table look like, whatever their order. `row` is a checksum over all the expressions of each
    row together (it notices values that changed places between rows), `columns` one checksum an expression."""

    rows: int
    row: str
    columns: tuple[str, ...]


class Backend(Protocol):
    """One open database. All names given to it are quoted SQL unless they are called keys.

    Whatever the engine refuses comes as tools.errors.DatabaseError, a lock not had in time as LockTimeout.
    """

    @property
    def dialect(self) -> Dialect: ...

    @property
    def location(self) -> str:
        """The absolute location, masked: fit to be shown and to be part of an Action."""
        ...

    @property
    def address(self) -> str:
        """The path, or the URL with its credentials: never to be shown."""
        ...

    def close(self) -> None: ...

    def schema(self) -> Schema:
        """The schema as the open transaction sees it, oneplan's own tables left out."""
        ...

    def facts(self, schema: Schema | None = None) -> Facts:
        """What the database says of its tables, by table key. `schema`: as just read, where the caller has it."""
        ...

    def transaction(self, *, rebuild: bool = False) -> AbstractContextManager[None]:
        """All that is executed inside commits together, or not at all.

        rebuild: tables may be dropped and made again under their old name without taking rows of other tables along.
        """
        ...

    def limit(self, seconds: float) -> None:
        """How long each statement of the open transaction may take from here on, 0 for ever, which it begins with:
        tools.errors.StatementTimeout where one takes longer. The engines of one file know no such limit."""
        ...

    def mark(self, number: int) -> str:
        """How the parameter of that number (from 1) is written in SQL."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; the number of rows it touched (0 where that means nothing)."""
        ...

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def sample(self, sql: str, limit: int) -> list[dict[str, Any]]:
        """The first rows of a query, by column name."""
        ...

    def execute_alone(self, sql: str, *, again: bool = False) -> None:
        """Run one statement outside any transaction (CREATE INDEX CONCURRENTLY).

        What an earlier attempt left half done is cleared first; `again` says that an earlier attempt may have
        finished, so that finding it done is no error.
        """
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Keep every other executor off this database; tools.errors.Busy when one is at work."""
        ...

    def check_lock(self) -> None:
        """tools.errors.Busy when the lock that `lock` took is no longer ours."""
        ...

    def replica_lag(self) -> float | None:
        """Seconds that the slowest replica is behind; None without one, or where this role may not see it."""
        ...

    def rows(self, table: str) -> int: ...

    def fingerprint(self, table: str, expressions: Sequence[str]) -> Fingerprint:
        """Computed in one scan; NULL and the empty string differ; the same on every machine."""
        ...

    def last_key(self, table: str, key: Sequence[str]) -> Key | None:
        """The highest key now, None for an empty table."""
        ...

    def next_key(self, table: str, key: Sequence[str], after: Key | None, last: Key, size: int) -> Key | None:
        """The upper key of the next batch of `size` rows after `after`, at most `last`; None when none is left."""
        ...

    def key_range(self, table: str, key: Sequence[str], after: Key | None, upto: Key) -> tuple[str, list[Any]]:
        """The condition `after < key <= upto` and its parameters, numbered from 1."""
        ...
