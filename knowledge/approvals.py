"""The approvals ledger: the only thing in oneplan that opens a write.

An Action says exactly what would be done; its digest covers kind, arguments, SQL and the digest of the objects it
touches. A Proposal puts it before a person; an approval is the person's answer, for one actor, with an expiry, used
once. `claim` is called by the code that writes, never by the graph: a value made by hand opens nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

ActionKind = Literal[
    "apply_step", "apply_phase", "undo_step", "restore_backup", "abandon_run", "write_file", "board_change", "ingest"
]


@dataclass(frozen=True)
class Action:
    """What would be done. arguments: plain JSON, target (masked URL or path) included. base: digest of the objects
    touched, as they are now ("" where there are none). covers: digests of the actions that a phase consists of."""

    kind: ActionKind
    summary: str
    arguments: dict[str, Any] = field(default_factory=dict)
    sql: tuple[str, ...] = ()
    base: str = ""
    hazards: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of everything but the summary."""
        facts = {
            "kind": self.kind, "arguments": self.arguments, "sql": list(self.sql), "base": self.base,
            "hazards": sorted(self.hazards), "covers": list(self.covers),
        }  # fmt: skip
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
