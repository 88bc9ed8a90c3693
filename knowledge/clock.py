"""The one clock of the store. Nothing takes a time as an argument: a claim cannot bring its own."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)


def to_store(moment: datetime) -> datetime:
    """As a DuckDB TIMESTAMP holds it: in UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def from_store(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
