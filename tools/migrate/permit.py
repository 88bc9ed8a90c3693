"""What opens a write: an approval claimed in the ledger, or, for a rehearsal's own copy, its grant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from knowledge.approvals import Action, Claim, Ledger, Outcome
from tools.errors import ApprovalRefused
from tools.migrate.backend import Backend
from tools.migrate.grant import ShadowGrant, permits


class Permit(Protocol):
    """A right to do one action once. `approval_id` goes into the target's journal, under a unique key."""

    @property
    def approval_id(self) -> str: ...

    def record(self, outcome: Outcome, detail: str = "") -> None: ...


@dataclass(frozen=True)
class LedgerPermit:
    ledger: Ledger
    claim: Claim

    @property
    def approval_id(self) -> str:
        return self.claim.approval_id

    def record(self, outcome: Outcome, detail: str = "") -> None:
        self.ledger.record(self.claim, outcome, detail)


@dataclass(frozen=True)
class ShadowPermit:
    approval_id: str

    def record(self, outcome: Outcome, detail: str = "") -> None:
        """A shadow is thrown away, and its record with it."""


@dataclass(frozen=True)
class Authority:
    """Who acts, and by what right: a ledger for real databases, a grant for the one shadow it was minted for."""

    ledger: Ledger | None
    actor: str
    thread: str = ""
    grant: ShadowGrant | None = None

    def check(self, backend: Backend) -> None:
        """ApprovalRefused unless there is a ledger to ask, or the grant is a genuine one for this very database."""
        if self.grant is not None:
            if not permits(self.grant, backend):
                raise ApprovalRefused(f"the shadow grant does not open {backend.location}: it needs an approval")
        elif self.ledger is None:
            raise ApprovalRefused(f"{backend.location}: without a ledger of approvals nothing can be run")

    def take(self, approval_id: str, action: Action, run: str, backend: Backend) -> Permit:
        """Claim the approval for this action, or go on under the run's own open claim. Raises ApprovalRefused."""
        self.check(backend)
        if self.grant is not None or self.ledger is None:
            return ShadowPermit(f"shadow-{uuid4().hex}")
        with self.ledger.opened():
            if self.ledger.find_claimed(action.digest, run) == approval_id:
                return LedgerPermit(self.ledger, self.ledger.resume(approval_id, action, run=run))
            claim = self.ledger.claim(approval_id, action, actor=self.actor, thread=self.thread, run=run)
            return LedgerPermit(self.ledger, claim)

    def standing(self, action: Action, run: str) -> str | None:
        """The approval under which this action can go on or begin without asking again."""
        if self.ledger is None:
            return None
        with self.ledger.opened():
            claimed = self.ledger.find_claimed(action.digest, run)
            return claimed or self.ledger.find_open(action.digest, self.actor, self.thread)

    def settle(self, approval_id: str, action: Action, run: str, outcome: Outcome) -> bool:
        """Record the end of an action that the target's journal holds and the ledger does not: cut off in between."""
        if self.ledger is None:
            return False
        with self.ledger.opened():
            if self.ledger.find_claimed(action.digest, run) != approval_id:
                return False
            self.ledger.record(self.ledger.resume(approval_id, action, run=run), outcome, "as the journal has it")
            return True
