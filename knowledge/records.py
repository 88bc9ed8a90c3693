"""What was read, planned and rehearsed, kept by digest; and the facts pinned to a conversation.

Bodies are texts (JSON, YAML) that their owners write and read: this room knows nothing of schemas or plans.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from knowledge.clock import from_store, to_store, utc_now
from tools.errors import UsageError

if TYPE_CHECKING:
    from knowledge.store import Store


@dataclass(frozen=True)
class Kept:
    """A body with its digest. `name`: a plan's name or file, a schema's masked location. `at`: when last kept."""

    digest: str
    body: str
    name: str
    at: datetime


class Records:
    def __init__(self, store: Store) -> None:
        self._store = store

    def keep_schema(self, digest: str, body: str, *, source: str = "") -> None:
        self._keep("schema_snapshot", digest, body, source)

    def schema(self, digest: str) -> Kept | None:
        return self._get("schema_snapshot", digest)

    def schemas(self, limit: int = 20) -> tuple[Kept, ...]:
        """The snapshots kept last, newest first."""
        return self._newest("schema_snapshot", limit)

    def keep_plan(self, digest: str, body: str, *, name: str = "") -> None:
        self._keep("plan", digest, body, name)

    def plan(self, digest: str) -> Kept | None:
        """The plan with this digest, or with the only digest that begins so. UsageError when several do."""
        return self._get("plan", digest)

    def plans(self, limit: int = 20) -> tuple[Kept, ...]:
        """The plans kept last, newest first."""
        return self._newest("plan", limit)

    def keep_rehearsal(self, plan_digest: str, origin_digest: str, body: str) -> None:
        """Add a rehearsal; earlier ones of the same plan and origin stay."""
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT INTO rehearsal SELECT coalesce(max(seq), 0) + 1, ?, ?, ?, ? FROM rehearsal",
                [plan_digest, origin_digest, body, to_store(utc_now())],
            )

    def rehearsal(self, plan_digest: str, origin_digest: str) -> str | None:
        """The body of the latest rehearsal of this plan from this origin."""
        with self._store.open() as connection:
            row = connection.execute(
                "SELECT body FROM rehearsal WHERE plan_digest = ? AND origin_digest = ? ORDER BY seq DESC LIMIT 1",
                [plan_digest, origin_digest],
            ).fetchone()
        return str(row[0]) if row else None

    def pin(self, thread: str, name: str, value: Any) -> None:
        """Keep a plain JSON value for a conversation; None takes it away."""
        with self._store.transaction() as connection:
            if value is None:
                connection.execute("DELETE FROM pinned_fact WHERE thread = ? AND name = ?", [thread, name])
                return
            connection.execute(
                "INSERT OR REPLACE INTO pinned_fact VALUES (?, ?, ?, ?)",
                [thread, name, json.dumps(value, ensure_ascii=False, allow_nan=False), to_store(utc_now())],
            )

    def pinned(self, thread: str) -> dict[str, Any]:
        """All facts of a conversation by name."""
        with self._store.open() as connection:
            rows = connection.execute(
                "SELECT name, value FROM pinned_fact WHERE thread = ? ORDER BY name", [thread]
            ).fetchall()
        return {name: json.loads(value) for name, value in rows}

    def _keep(self, table: str, digest: str, body: str, name: str) -> None:
        with self._store.transaction() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)", [digest, body, name, to_store(utc_now())]
            )

    def _get(self, table: str, digest: str) -> Kept | None:
        with self._store.open() as connection:
            rows = connection.execute(
                f"SELECT * FROM {table} WHERE starts_with(digest, ?) ORDER BY digest <> ? LIMIT 2", [digest, digest]
            ).fetchall()
        if not rows or not digest:
            return None
        if len(rows) > 1 and rows[0][0] != digest:
            raise UsageError(f"{digest!r} begins more than one digest: give more of it")
        return _kept(rows[0])

    def _newest(self, table: str, limit: int) -> tuple[Kept, ...]:
        with self._store.open() as connection:
            rows = connection.execute(f"SELECT * FROM {table} ORDER BY moment DESC LIMIT ?", [limit]).fetchall()
        return tuple(_kept(row) for row in rows)


def _kept(row: tuple[Any, ...]) -> Kept:
    digest, body, name, moment = row
    return Kept(digest, body, name, from_store(moment))
