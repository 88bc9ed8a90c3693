"""Consent outside the chat: given by flag, at the terminal, or from another terminal; never by silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.commands.output import interactive
from tools.errors import ApprovalNeeded, UsageError
from tools.plan.model import MUST_BE_ALLOWED, Hazard

if TYPE_CHECKING:
    from assistant.session import Workspace
    from knowledge.approvals import Action, Proposal


@dataclass(frozen=True)
class Consent:
    """What the command line grants: `--yes`, and the hazards named in `--allow`."""

    yes: bool = False
    allow: frozenset[Hazard] = frozenset()

    def withheld(self, hazards: Iterable[str]) -> tuple[str, ...]:
        """The hazards that `--yes` alone does not cover and `--allow` does not name."""
        return tuple(sorted({Hazard(name) for name in hazards} & MUST_BE_ALLOWED - self.allow))


def parse_consent(yes: bool, allow: str | None) -> Consent:
    """The flags as typed; UsageError names a hazard that does not exist."""
    names = [name.strip().upper() for name in (allow or "").split(",") if name.strip()]
    unknown = [name for name in names if name not in Hazard.__members__]
    if unknown:
        raise UsageError(f"--allow: unknown hazard {unknown[0]!r}: one of {', '.join(Hazard.__members__)}")
    return Consent(yes, frozenset(Hazard(name) for name in names))


def approval_for(
    workspace: Workspace,
    action: Action,
    consent: Consent,
    ask: Callable[[Proposal], str | None] | None = None,
    thread: str = "",
) -> str:
    """The id of an approval of exactly this action, or ApprovalNeeded with the proposal left pending.

    An approval given earlier, from any terminal, is taken first; then the flags; then `ask`, at a terminal only.
    """
    ledger, withheld = workspace.ledger, consent.withheld(action.hazards)
    with ledger.opened():
        given = ledger.find_open(action.digest, actor=workspace.actor, thread=thread)
        if given:
            return given
        proposal = ledger.propose(action, actor=workspace.actor, thread=thread, ttl=workspace.proposal_life)
        if consent.yes and not withheld:
            ledger.approve(proposal.id, approver=workspace.actor, via="flag", ttl=workspace.proposal_life)
            return _found(workspace, action, thread)
    if ask and interactive() and not consent.yes:
        answered = ask(proposal)
        if answered:
            return answered
    raise ApprovalNeeded(_what_is_needed(action, proposal.id, withheld if consent.yes else ()), proposal_id=proposal.id)


def _found(workspace: Workspace, action: Action, thread: str) -> str:
    approval = workspace.ledger.find_open(action.digest, actor=workspace.actor, thread=thread)
    assert approval, "an approval just given is there"
    return approval


def _what_is_needed(action: Action, proposal_id: str, withheld: tuple[str, ...]) -> str:
    if withheld:
        return f"{action.summary}: carries {', '.join(withheld)}, which --yes does not cover; " + (
            f"add --allow {','.join(withheld)} (proposal {proposal_id} stays pending)"
        )
    return (
        f"{action.summary}: nobody has approved it; proposal {proposal_id} stays pending: "
        f"`oneplan approvals approve {proposal_id}`, then the same command again, or pass --yes"
    )
