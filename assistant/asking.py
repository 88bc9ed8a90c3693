"""Asking at a terminal, outside the chat: one proposal, whole, and nothing but a clear yes is a yes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.text import Text

from assistant.terminal import PlainTerminal
from assistant.views import proposal_view
from tools.errors import Refused

if TYPE_CHECKING:
    from assistant.session import Workspace
    from knowledge.approvals import Action, Proposal
    from tools.migrate.results import StepView

KEYS = "[a]pprove  {phase}[r]eject  [q]uit for now"
PHASE = "the rest of the [p]hase  "


def ask_step(
    workspace: Workspace, view: StepView, proposal: Proposal, phase: Callable[[], Action] | None
) -> str | None:
    """The approval of one step, or None where the person leaves it open. `phase` makes the action of its phase."""
    from tools.toolbox.migrate import step_view

    shown = step_view(view) | {
        "target": proposal.action.arguments.get("target", ""), "hazards": list(proposal.action.hazards),
        "expires": f"{proposal.expires:%Y-%m-%d %H:%M} UTC",
    }  # fmt: skip
    return _ask(workspace, proposal, shown, phase)


def ask_action(workspace: Workspace, proposal: Proposal) -> str | None:
    """The approval of any other action: a board change, a restore, a run given up."""
    action = proposal.action
    shown = {
        "kind": action.kind.replace("_", " "), "summary": action.summary, "hazards": list(action.hazards),
        "sql": list(action.sql), "target": action.arguments.get("target", ""),
    }  # fmt: skip
    return _ask(workspace, proposal, {name: value for name, value in shown.items() if value}, None)


def _ask(
    workspace: Workspace, proposal: Proposal, shown: dict[str, Any], phase: Callable[[], Action] | None
) -> str | None:
    terminal = PlainTerminal()
    terminal.show(Text(), proposal_view(shown | {"summary": proposal.action.summary}))
    keys = KEYS.format(phase=PHASE if phase else "")
    while True:
        terminal.show(Text(keys, style="bold"))
        try:
            word = terminal.line("your answer: ").strip().lower()
        except EOFError:
            return None
        if word in ("q", "quit"):
            return None
        if word in ("a", "approve"):
            return _approved(workspace, proposal)
        if word in ("p", "phase") and phase:
            whole = workspace.ledger.propose(phase(), actor=workspace.actor, ttl=workspace.proposal_life)
            return _approved_whole(workspace, whole, proposal)
        if word in ("r", "reject"):
            _reject(workspace, proposal, terminal)
        terminal.show(Text("please answer one of the letters: nothing is done without a clear answer"))


def _approved(workspace: Workspace, proposal: Proposal) -> str:
    given = workspace.ledger.approve(proposal.id, approver=workspace.actor, via="terminal", ttl=workspace.proposal_life)
    return given[0].id


def _approved_whole(workspace: Workspace, whole: Proposal, single: Proposal) -> str:
    given = workspace.ledger.approve(whole.id, approver=workspace.actor, via="terminal", ttl=workspace.proposal_life)
    if whole.id != single.id:
        workspace.ledger.reject(single.id, approver=workspace.actor, reason=f"approved with its phase as {whole.id}")
    return given[0].id


def _reject(workspace: Workspace, proposal: Proposal, terminal: PlainTerminal) -> None:
    reason = terminal.line("reason: ").strip()
    if not reason:
        terminal.show(Text("a rejection needs its reason: nothing was answered"))
        return
    workspace.ledger.reject(proposal.id, approver=workspace.actor, reason=reason)
    raise Refused(f"{proposal.action.summary}: rejected ({reason}); nothing of it was run")
