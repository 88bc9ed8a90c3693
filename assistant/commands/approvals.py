"""approvals: pending proposals, seen and answered from any terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.commands.output import DONE, print_json, say
from assistant.commands.schema import AsJson
from assistant.session import Workspace

if TYPE_CHECKING:
    from knowledge.approvals import Proposal

ProposalId = Annotated[str, typer.Argument(metavar="ID", help="A proposal's id, or the beginning of one.")]

app = typer.Typer(help="Pending proposals: list, show, approve, reject.", rich_markup_mode=None, no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="approvals")


@app.command("list")
def list_pending(as_json: AsJson = False) -> int:
    """The proposals that wait for an answer."""
    proposals = Workspace().ledger.pending()
    if as_json:
        print_json("approvals", {"proposals": [proposal_json(proposal) for proposal in proposals]})
    else:
        from assistant.console import print_proposals

        print_proposals(proposals)
    return DONE


@app.command("show")
def show(proposal_id: ProposalId, as_json: AsJson = False) -> int:
    """One proposal, whole: what would be done, its SQL, its hazards, the tables that it touches, the way back."""
    from assistant.proposals import proposal_whole

    workspace = Workspace()
    proposal = workspace.ledger.get(proposal_id)
    known = proposal_whole(workspace, proposal)
    if as_json:
        more = {name: known[name] for name in ("phase", "touches", "undo", "rehearsal", "notes") if name in known}
        print_json("approval", whole_json(proposal) | more)
    else:
        from assistant.console import print_proposal

        print_proposal(known)
    return DONE


@app.command("approve")
def approve(proposal_id: ProposalId, as_json: AsJson = False) -> int:
    """Consent to one proposal. Whoever made it goes on: a waiting chat by itself, a command when run again."""
    workspace = Workspace()
    proposal = workspace.ledger.get(proposal_id)
    workspace.ledger.approve(proposal.id, approver=workspace.actor, via="cli", ttl=workspace.proposal_life)
    return _answered(workspace, proposal.id, "approved", as_json)


@app.command("reject")
def reject(
    proposal_id: ProposalId,
    reason: Annotated[str, typer.Option("--reason", help="Why not; whoever proposed it reads this.")],
    as_json: AsJson = False,
) -> int:
    """Refuse one proposal, with the reason."""
    workspace = Workspace()
    proposal = workspace.ledger.get(proposal_id)
    workspace.ledger.reject(proposal.id, approver=workspace.actor, reason=reason)
    return _answered(workspace, proposal.id, "rejected", as_json)


def proposal_json(proposal: Proposal) -> dict[str, Any]:
    """A proposal as CLI.md lists it."""
    return {
        "id": proposal.id,
        "digest": proposal.action.digest,
        "kind": proposal.action.kind,
        "summary": proposal.action.summary,
        "expires": proposal.expires.isoformat(),
    }


def whole_json(proposal: Proposal) -> dict[str, Any]:
    action = proposal.action
    return proposal_json(proposal) | {
        "status": proposal.status,
        "actor": proposal.actor,
        "decided_by": proposal.decided_by,
        "reason": proposal.reason,
        "thread": proposal.thread,
        "arguments": action.arguments,
        "sql": list(action.sql),
        "base": action.base,
        "hazards": list(action.hazards),
        "covers": list(action.covers),
    }


def _answered(workspace: Workspace, proposal_id: str, word: str, as_json: bool) -> int:
    if as_json:
        print_json("approval", whole_json(workspace.ledger.get(proposal_id)))
    else:
        say(f"{word} {proposal_id}")
    return DONE
