"""Write tools: what proposes, and what performs what was approved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from knowledge.approvals import Action
from tools.errors import ApprovalNeeded, UsageError
from tools.toolbox.desk import Desk, Pins, Proposed


class Job(Protocol):
    """A piece of work with an effect, done action by action. Nothing here gives consent: `perform` takes what the
    ledger holds open for exactly these actions, of this actor and thread."""

    def propose(self, desk: Desk, arguments: Any, done: Sequence[dict[str, Any]]) -> Proposed | None:
        """Put the next action into the ledger; None when nothing is left. `done`: results of this call so far."""
        ...

    def perform(self, desk: Desk, arguments: Any, hints: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Do the next action, and those after it that are approved too, giving the result of each as it ends. `hints`:
        ids of approvals to try where the ledger knows of none; the writing code judges them."""
        ...

    def propose_phase(self, desk: Desk, arguments: Any) -> Proposed | None:
        """The whole phase of the next action as one proposal; None where there is no such thing."""
        ...

    def revise(self, desk: Desk, arguments: Any, sql: str) -> tuple[dict[str, Any], Pins]:
        """Replace the SQL of the next action by a person's; UsageError where it cannot be edited."""
        ...


class SingleJob:
    """The part that jobs of one action share: they have no phase and no SQL to edit."""

    def propose_phase(self, desk: Desk, arguments: Any) -> Proposed | None:
        return None

    def revise(self, desk: Desk, arguments: Any, sql: str) -> tuple[dict[str, Any], Pins]:
        raise UsageError("this proposal has no SQL to edit: reject it and say what to change")


def approval_of(desk: Desk, digest: str, hints: Sequence[str], summary: str) -> str:
    """The approval to try for an action: the ledger's open one, else a hint, for the claim to judge."""
    found = desk.ledger.find_open(digest, desk.actor, desk.thread)
    if found:
        return found
    if hints:
        return hints[0]
    raise ApprovalNeeded(f"{summary}: nobody has approved it as it stands now")


def put(desk: Desk, action: Action, view: dict[str, Any], standing: str = "") -> Proposed:
    """Put an action into the ledger, and its view together. `standing`: an approval that covers it already."""
    shown = {"kind": action.kind, "summary": action.summary, "hazards": list(action.hazards)} | view
    if "sql" not in shown and action.sql:
        shown["sql"] = list(action.sql)
    if standing:
        return Proposed("", shown, standing)
    proposal = desk.ledger.propose(action, actor=desk.actor, thread=desk.thread, ttl=desk.life)
    return Proposed(proposal.id, shown | {"expires": f"{proposal.expires:%Y-%m-%d %H:%M} UTC"})
