"""What a live database says of its tables."""

from __future__ import annotations

from tools.migrate.open import open_backend
from tools.plan.facts import Facts


def live_facts(location: str) -> Facts:
    """Rows, bytes, triggers and dependants of every table, by table key. Opens read-only."""
    backend = open_backend(location, read_only=True)
    try:
        return backend.facts()
    finally:
        backend.close()
