"""Proposals and approvals as rows of the store."""

from __future__ import annotations

import secrets
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

from knowledge.actions import Action, Approval, Proposal, action_from_json
from knowledge.clock import from_store, to_store, utc_now
from tools.errors import UsageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PROPOSAL = "id, action, actor, thread, created, expires, status, decided_by, via, reason"
_APPROVAL = "id, proposal_id, digest, actor, thread, approver, via, moment, expires, claimed, run, outcome, detail"
_SHORTEST_PREFIX = 4
"""A person may shorten an id, but not so far that a slip of the finger approves something else."""


def new_id(connection: DuckDBPyConnection, table: Literal["proposal", "approval"]) -> str:
    """Eight hex digits that no row of the table has."""
    while True:
        candidate = secrets.token_hex(4)
        if not connection.execute(f"SELECT 1 FROM {table} WHERE id = ?", [candidate]).fetchone():
            return candidate


def proposal_row(proposal: Proposal, action_text: str) -> list[Any]:
    return [
        proposal.id, proposal.action.digest, action_text, proposal.actor, proposal.thread,
        to_store(proposal.created), to_store(proposal.expires), proposal.status,
    ]  # fmt: skip


def approval_row(approval: Approval) -> list[Any]:
    return [
        approval.id, approval.proposal_id, approval.digest, approval.actor, approval.thread, approval.approver,
        approval.via, to_store(approval.at), to_store(approval.expires),
    ]  # fmt: skip


def read_proposals(connection: DuckDBPyConnection, where: str, *values: str) -> tuple[Proposal, ...]:
    """Oldest first. `where` is a condition of this package's own, never a user's text."""
    rows = connection.execute(
        f"SELECT {_PROPOSAL} FROM proposal WHERE {where} ORDER BY created, id", list(values)
    ).fetchall()
    return tuple(_read_proposal(row) for row in rows)


def find_proposal(connection: DuckDBPyConnection, proposal_id: str) -> Proposal:
    """By id or by an unambiguous beginning of it; UsageError for anything else."""
    wanted = proposal_id.strip().lower()
    exact = read_proposals(connection, "id = ?", wanted)
    if exact:
        return exact[0]
    if len(wanted) < _SHORTEST_PREFIX:
        raise UsageError(f"there is no proposal {proposal_id!r}: name it by its id or the first four characters of it")
    found = read_proposals(connection, "starts_with(id, ?)", wanted)
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{proposal_id!r} begins {len(found)} proposals: {', '.join(p.id for p in found)}")
    raise UsageError(f"there is no proposal {proposal_id!r}: see `oneplan approvals list`")


def find_approval(connection: DuckDBPyConnection, approval_id: str) -> Approval | None:
    row = connection.execute(f"SELECT {_APPROVAL} FROM approval WHERE id = ?", [approval_id]).fetchone()
    return _read_approval(row) if row else None


def approvals_of(connection: DuckDBPyConnection, proposal_id: str) -> tuple[Approval, ...]:
    rows = connection.execute(
        f"SELECT {_APPROVAL} FROM approval WHERE proposal_id = ? ORDER BY rowid", [proposal_id]
    ).fetchall()
    return tuple(_read_approval(row) for row in rows)


def changes(connection: DuckDBPyConnection, approval: Approval, action: Action) -> str:
    """A sentence saying that the approval is for another action, and what is different where that is known."""
    approved = find_proposal(connection, approval.proposal_id).action
    intro = f"approval {approval.id} does not open {action.summary!r}"
    if approved.covers:
        return f"{intro}: it is not one of the actions that were approved, or has changed since"
    if approved.kind != action.kind:
        return f"{intro}: it was given for {approved.summary!r}"
    names = {"arguments": "arguments", "sql": "SQL", "base": "state of what it touches", "hazards": "hazards"}
    differing = [
        names[item.name] for item in fields(Action)
        if item.name in names and getattr(approved, item.name) != getattr(action, item.name)
    ]  # fmt: skip
    return f"{intro}: changed since approval: {', '.join(differing) or 'the actions it covers'}; propose it again"


def _read_proposal(row: tuple[Any, ...]) -> Proposal:
    id_, action, actor, thread, created, expires, status, decided_by, via, reason = row
    ends = from_store(expires)
    if status == "pending" and ends <= utc_now():
        status = "expired"
    return Proposal(
        id_, action_from_json(action), actor, thread, from_store(created), ends, status, decided_by or "", via or "",
        reason or "",
    )  # fmt: skip


def _read_approval(row: tuple[Any, ...]) -> Approval:
    id_, proposal_id, digest, actor, thread, approver, via, at, expires, claimed, run, outcome, detail = row
    return Approval(
        id_, proposal_id, digest, actor, thread, approver, via, from_store(at), from_store(expires),
        from_store(claimed) if claimed else None, run, outcome, detail or "",
    )  # fmt: skip
