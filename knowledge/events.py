"""The append-only event log. Each entry carries the hash of the one before it, so that an edit or a gap shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from knowledge.clock import from_store, to_store, utc_now

if TYPE_CHECKING:
    from knowledge.store import Store

Row = tuple[Any, ...]
_COLUMNS = "seq, moment, actor, kind, data, prev_hash, hash"


@dataclass(frozen=True)
class Event:
    """One fact. seq counts from 1 without gaps; data is plain JSON; hash covers all the rest, prev_hash included."""

    seq: int
    at: datetime
    actor: str
    kind: str
    data: dict[str, Any]
    prev_hash: str
    hash: str


class Events:
    """The log of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, kind: str, data: dict[str, Any], *, actor: str) -> Event:
        """Add one event; inside a transaction of the store it commits with it."""
        at, text = utc_now(), _text(data)
        with self._store.transaction() as connection:
            last = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
            seq, prev = (last[0] + 1, last[1]) if last else (1, "")
            digest = _hash(seq, to_store(at), actor, kind, text, prev)
            connection.execute(
                f"INSERT INTO event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [seq, to_store(at), actor, kind, text, prev, digest],
            )
        return Event(seq, at, actor, kind, data, prev, digest)

    def read(self, kind: str | None = None, after: int = 0, limit: int | None = None) -> tuple[Event, ...]:
        """Events with seq above `after`, oldest first. `kind` may end in `*` to take all that begin so."""
        prefix = kind.removesuffix("*") if kind else ""
        matches = "starts_with(kind, ?)" if not kind or kind.endswith("*") else "kind = ?"
        with self._store.open() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM event WHERE seq > ? AND {matches} ORDER BY seq LIMIT ?", [after, prefix, limit]
            ).fetchall()
        return tuple(_event(row) for row in rows)

    def latest(self, limit: int = 20) -> tuple[Event, ...]:
        """The newest events, oldest of them first."""
        with self._store.open() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM event ORDER BY seq DESC LIMIT ?", [limit]).fetchall()
        return tuple(_event(row) for row in reversed(rows))

    def check_chain(self) -> str | None:
        """None when the whole log is as it was written, else a sentence that names the first event that is not."""
        with self._store.open() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM event ORDER BY seq").fetchall()
        return _first_break(rows)


def event_to_json(event: Event) -> dict[str, Any]:
    """Plain JSON that holds all that the hash covers."""
    return {**asdict(event), "at": event.at.isoformat(timespec="microseconds")}


def event_from_json(facts: dict[str, Any]) -> Event:
    """Raises ValueError, KeyError or TypeError for what is no event."""
    moment: Any = from_store(datetime.fromisoformat(str(facts["at"])))
    return Event(**{**facts, "at": moment})


def first_break(events: Iterable[Event]) -> str | None:
    """As Events.check_chain, of events that were read from elsewhere."""
    return _first_break(
        (one.seq, to_store(one.at), one.actor, one.kind, _text(one.data), one.prev_hash, one.hash) for one in events
    )


def _first_break(rows: Iterable[Row]) -> str | None:
    prev = ""
    for expected, row in enumerate(rows, start=1):
        seq, at, actor, kind, text, prev_hash, digest = row
        if seq != expected:
            return f"event {expected} is missing from the log"
        if prev_hash != prev:
            return f"event {seq} does not follow event {seq - 1}: one of them was replaced"
        if digest != _hash(seq, at, actor, kind, text, prev_hash):
            return f"event {seq} was changed after it was written"
        prev = digest
    return None


def _text(data: dict[str, Any]) -> str:
    return json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _hash(seq: int, at: datetime, actor: str, kind: str, text: str, prev: str) -> str:
    moment = at.isoformat(timespec="microseconds")
    facts = json.dumps([seq, moment, actor, kind, text, prev], separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(facts.encode()).hexdigest()


def _event(row: Row) -> Event:
    seq, at, actor, kind, text, prev_hash, digest = row
    return Event(seq, from_store(at), actor, kind, cast("dict[str, Any]", json.loads(text)), prev_hash, digest)
