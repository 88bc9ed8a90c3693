"""What an approval is about: values only. See approvals.py for how they are used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from tools.errors import UsageError

ActionKind = Literal[
    "apply_step",
    "apply_phase",
    "undo_step",
    "restore_backup",
    "prune_backups",
    "abandon_run",
    "write_file",
    "board_change",
    "ingest",
]
Status = Literal["pending", "approved", "rejected", "expired"]
Via = Literal["repl", "cli", "flag", "terminal"]
Outcome = Literal["done", "failed", "refused"]


@dataclass(frozen=True)
class Action:
    """What would be done. arguments: plain JSON, target (masked URL or path) included. base: digest of the objects
    touched, as they are now ("" where there are none). covers: digests of the actions that a phase consists of."""

    kind: ActionKind
    summary: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
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


@dataclass(frozen=True)
class Proposal:
    """An action put before a person. `actor` would do it, `decided_by` answered. `status` is as of when it was read."""

    id: str
    action: Action
    actor: str
    thread: str
    created: datetime
    expires: datetime
    status: Status = "pending"
    decided_by: str = ""
    via: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Approval:
    """A person's yes to the action with this digest. `run` and `outcome` say how it was used."""

    id: str
    proposal_id: str
    digest: str
    actor: str
    thread: str
    approver: str
    via: Via
    at: datetime
    expires: datetime
    claimed: datetime | None = None
    run: str | None = None
    outcome: Outcome | None = None
    detail: str = ""


@dataclass(frozen=True)
class Claim:
    """A used approval. It is a receipt: only the store knows whether it is genuine."""

    approval_id: str
    digest: str
    run: str
    actor: str
    thread: str


def action_to_json(action: Action) -> str:
    """The whole action as JSON. Raises UsageError where reading it back would not give the same action."""
    facts = {
        "kind": action.kind, "summary": action.summary, "arguments": action.arguments, "sql": action.sql,
        "base": action.base, "hazards": action.hazards, "covers": action.covers,
    }  # fmt: skip
    try:
        text = json.dumps(facts, ensure_ascii=False, allow_nan=False)
        same = action_from_json(text).digest == action.digest
    except (TypeError, ValueError) as error:
        raise UsageError(f"the arguments of {action.summary!r} are not plain JSON: {error}") from error
    if not same:
        raise UsageError(f"the arguments of {action.summary!r} are not plain JSON: keys must be texts")
    return text


def action_from_json(text: str) -> Action:
    facts = json.loads(text)
    for name in ("sql", "hazards", "covers"):
        facts[name] = tuple(facts[name])
    return Action(**facts)
