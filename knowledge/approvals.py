"""The approvals ledger: the only thing in oneplan that opens a write.

An Action says exactly what would be done; its digest covers kind, arguments, SQL and the digest of the objects it
touches. A Proposal puts it before a person; an Approval is the person's answer, for one actor and thread, with an
expiry, used once. `claim` is called by the code that writes, never by the graph: a value made by hand opens nothing.

    pending ──approve──▶ approved ──claim──▶ claimed ──record──▶ done | failed | refused
       └──reject──▶ rejected ◀──reject──┘ (while unclaimed)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from knowledge.actions import Action, ActionKind, Approval, Claim, Outcome, Proposal, Via, action_to_json
from knowledge.clock import to_store, utc_now
from knowledge.events import Events
from knowledge.ledger_rows import (
    approval_row,
    approvals_of,
    changes,
    find_approval,
    find_proposal,
    new_id,
    proposal_row,
    read_proposals,
)
from tools.errors import ApprovalRefused, OneplanError, Refused

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from knowledge.store import Store

__all__ = ["Action", "ActionKind", "Approval", "Claim", "Ledger", "Outcome", "Proposal", "Via"]

DEFAULT_TTL = timedelta(hours=24)
"""How long a proposal waits for an answer, and how long the answer then opens the action."""


class Ledger:
    """The approvals of one store. Every step is also an event of the store's log, in the same transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events = Events(store)

    @contextmanager
    def opened(self) -> Generator[None]:
        """Open the store once for several questions in a row; nobody else can use it meanwhile, so only for short."""
        with self._store.open():
            yield

    def propose(self, action: Action, *, actor: str, thread: str = "", ttl: timedelta = DEFAULT_TTL) -> Proposal:
        """Put an action before a person. The same action of the same actor and thread, still pending, is not put twice.

        Raises UsageError for arguments that are not plain JSON: they could not be shown as they would be done.
        """
        text, now = action_to_json(action), utc_now()
        with self._store.transaction() as connection:
            for standing in read_proposals(
                connection, "digest = ? AND actor = ? AND thread = ?", action.digest, actor, thread
            ):
                if standing.status == "pending":
                    return standing
            proposal = Proposal(new_id(connection, "proposal"), action, actor, thread, now, now + ttl)
            connection.execute(
                "INSERT INTO proposal VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL)",
                proposal_row(proposal, text),
            )
            facts = {
                "proposal": proposal.id, "kind": action.kind, "summary": action.summary, "digest": action.digest,
                "sql": list(action.sql), "expires": proposal.expires.isoformat(timespec="microseconds"),
            }  # fmt: skip
            self._events.append("proposal.made", {**facts, "thread": thread}, actor=actor)
        return proposal

    def pending(self) -> tuple[Proposal, ...]:
        """Proposals that wait for an answer and have not expired, oldest first."""
        with self._store.open() as connection:
            return tuple(p for p in read_proposals(connection, "status = 'pending'") if p.status == "pending")

    def get(self, proposal_id: str) -> Proposal:
        """The proposal with this id, or with the only id that begins so (four characters at least); else UsageError."""
        with self._store.open() as connection:
            return find_proposal(connection, proposal_id)

    def approvals(self, proposal_id: str) -> tuple[Approval, ...]:
        """The approvals given for a proposal, used or not."""
        with self._store.open() as connection:
            return approvals_of(connection, find_proposal(connection, proposal_id).id)

    def approve(
        self, proposal_id: str, *, approver: str, via: Via, ttl: timedelta = DEFAULT_TTL
    ) -> tuple[Approval, ...]:
        """Say yes: one approval, or one for each action that the proposal covers. `ttl` runs from now.

        Approving again gives the standing approvals as long as none of them was claimed or has expired. Raises
        ApprovalRefused for a proposal that was rejected, has expired or was already used.
        """
        with self._store.transaction() as connection:
            proposal = find_proposal(connection, proposal_id)
            if proposal.status == "approved":
                return _standing(proposal, approvals_of(connection, proposal.id))
            if proposal.status != "pending":
                raise ApprovalRefused(_over(proposal))
            now = utc_now()
            self._decide(connection, proposal, "approved", approver, via, "")
            given: list[Approval] = []
            for digest in proposal.action.covers or (proposal.action.digest,):
                approval = Approval(
                    new_id(connection, "approval"), proposal.id, digest, proposal.actor, proposal.thread, approver, via,
                    now, now + ttl,
                )  # fmt: skip
                connection.execute(
                    "INSERT INTO approval VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, NULL)",
                    approval_row(approval),
                )
                given.append(approval)
            facts = {
                "proposal": proposal.id, "approvals": [approval.id for approval in given], "via": via,
                "expires": (now + ttl).isoformat(timespec="microseconds"),
            }  # fmt: skip
            self._events.append("proposal.approved", facts, actor=approver)
        return tuple(given)

    def reject(self, proposal_id: str, *, approver: str, reason: str = "") -> Proposal:
        """Say no. It also takes back an approval that nobody has claimed yet; a claimed one is ApprovalRefused."""
        with self._store.transaction() as connection:
            proposal = find_proposal(connection, proposal_id)
            used = next((a for a in approvals_of(connection, proposal.id) if a.claimed), None)
            if used:
                raise ApprovalRefused(f"proposal {proposal.id} can no longer be rejected: approval {used.id} is in use")
            if proposal.status not in ("pending", "approved"):
                raise ApprovalRefused(_over(proposal))
            self._decide(connection, proposal, "rejected", approver, None, reason)
            facts = {"proposal": proposal.id, "reason": reason}
            self._events.append("proposal.rejected", facts, actor=approver)
            return find_proposal(connection, proposal.id)

    def find_open(self, action_digest: str, actor: str, thread: str = "") -> str | None:
        """The id of an approved, unexpired, unclaimed approval for exactly this action, the oldest of them."""
        with self._store.open() as connection:
            row = connection.execute(
                """SELECT a.id FROM approval a JOIN proposal p ON p.id = a.proposal_id
                   WHERE a.digest = ? AND a.actor = ? AND a.thread = ? AND a.claimed IS NULL AND a.expires > ?
                   AND p.status = 'approved' ORDER BY a.moment, a.id LIMIT 1""",
                [action_digest, actor, thread, to_store(utc_now())],
            ).fetchone()
        return str(row[0]) if row else None

    def find_claimed(self, action_digest: str, run: str) -> str | None:
        """The id of the approval that this run has claimed for this action and not recorded: what `resume` takes."""
        with self._store.open() as connection:
            row = connection.execute(
                """SELECT id FROM approval WHERE digest = ? AND run = ? AND claimed IS NOT NULL AND outcome IS NULL
                   ORDER BY claimed LIMIT 1""",
                [action_digest, run],
            ).fetchone()
        return str(row[0]) if row else None

    def claim(self, approval_id: str, action: Action, *, actor: str, thread: str = "", run: str = "") -> Claim:
        """Use an approval up for this very action. Of any number of callers, exactly one gets it.

        Raises ApprovalRefused with the reason: unknown, rejected, expired, already used, another action (and what of it
        changed), another actor or thread. The expiry is judged here, by this machine's clock.
        """
        with self._store.transaction() as connection:
            problem = _problem(CLAIM_CHECKS, connection, approval_id, action, actor=actor, thread=thread)
            if problem:
                facts = {"approval": approval_id, "digest": action.digest, "reason": problem}
                self._events.append("approval.refused", facts, actor=actor)
            else:
                connection.execute(
                    "UPDATE approval SET claimed = ?, run = ? WHERE id = ?", [to_store(utc_now()), run, approval_id]
                )
                facts = {"approval": approval_id, "digest": action.digest, "run": run}
                self._events.append("approval.claimed", facts, actor=actor)
        if problem:  # raised outside, so that the refusal itself is on record
            raise ApprovalRefused(problem)
        return Claim(approval_id, action.digest, run, actor, thread)

    def resume(self, approval_id: str, action: Action, *, run: str) -> Claim:
        """Go on under a run's own open claim, whatever the time; ApprovalRefused for any other."""
        with self._store.transaction() as connection:
            problem = _problem(RESUME_CHECKS, connection, approval_id, action, run=run)
            approval = find_approval(connection, approval_id)
            if problem or approval is None:
                raise ApprovalRefused(problem or f"there is no approval {approval_id!r}")
            facts = {"approval": approval_id, "digest": action.digest, "run": run}
            self._events.append("approval.resumed", facts, actor=approval.actor)
        return Claim(approval_id, action.digest, run, approval.actor, approval.thread)

    def record(self, claim: Claim, outcome: Outcome, detail: str = "") -> None:
        """Write down how a claimed action ended. It ends once: a second record is ApprovalRefused."""
        with self._store.transaction() as connection:
            approval = find_approval(connection, claim.approval_id)
            if (
                approval is None
                or approval.claimed is None
                or (approval.digest, approval.run) != (claim.digest, claim.run)
            ):
                raise ApprovalRefused(f"there is no claim on approval {claim.approval_id!r} by run {claim.run!r}")
            if approval.outcome is not None:
                raise ApprovalRefused(f"approval {approval.id} already ended: {approval.outcome}")
            connection.execute(
                "UPDATE approval SET outcome = ?, detail = ?, ended = ? WHERE id = ?",
                [outcome, detail, to_store(utc_now()), approval.id],
            )
            facts = {"approval": approval.id, "outcome": outcome, "detail": detail, "run": claim.run}
            self._events.append("approval.recorded", facts, actor=claim.actor)

    @contextmanager
    def claimed(
        self, approval_id: str, action: Action, *, actor: str, thread: str = "", run: str = ""
    ) -> Generator[Claim]:
        """Claim, do, record: the block holds the one write. It is recorded as done, refused (tools.errors.Refused) or
        failed (any other exception, which goes on)."""
        claim = self.claim(approval_id, action, actor=actor, thread=thread, run=run)
        try:
            yield claim
        except BaseException as error:
            self._record_failure(claim, error)
            raise
        self.record(claim, "done")

    def _record_failure(self, claim: Claim, error: BaseException) -> None:
        outcome: Outcome = "refused" if isinstance(error, Refused) else "failed"
        try:
            self.record(claim, outcome, str(error) or type(error).__name__)
        except OneplanError as second:  # the first error is the one to show
            error.add_note(f"and it could not be recorded: {second}")

    def _decide(
        self, connection: DuckDBPyConnection, proposal: Proposal, status: str, by: str, via: Via | None, reason: str
    ) -> None:
        connection.execute(
            "UPDATE proposal SET status = ?, decided_by = ?, decided = ?, via = ?, reason = ? WHERE id = ?",
            [status, by, to_store(utc_now()), via, reason, proposal.id],
        )


@dataclass(frozen=True)
class _Attempt:
    """Somebody wants to use an approval for an action."""

    connection: DuckDBPyConnection
    approval: Approval
    action: Action
    actor: str = ""
    thread: str = ""
    run: str = ""


def _withdrawn(attempt: _Attempt) -> str | None:
    proposal = find_proposal(attempt.connection, attempt.approval.proposal_id)
    if proposal.status != "rejected":
        return None
    return f"approval {attempt.approval.id} was withdrawn by {proposal.decided_by}"


def _used(attempt: _Attempt) -> str | None:
    at = attempt.approval.claimed
    return f"approval {attempt.approval.id} was already used at {_clock(at)}" if at else None


def _expired(attempt: _Attempt) -> str | None:
    at = attempt.approval.expires
    return f"approval {attempt.approval.id} expired at {_clock(at)}: propose it again" if at <= utc_now() else None


def _other_action(attempt: _Attempt) -> str | None:
    if attempt.approval.digest == attempt.action.digest:
        return None
    return changes(attempt.connection, attempt.approval, attempt.action)


def _other_actor(attempt: _Attempt) -> str | None:
    approval = attempt.approval
    if approval.actor == attempt.actor:
        return None
    return f"approval {approval.id} is for {approval.actor!r}, not for {attempt.actor!r}"


def _other_thread(attempt: _Attempt) -> str | None:
    approval = attempt.approval
    if approval.thread == attempt.thread:
        return None
    return f"approval {approval.id} belongs to another conversation ({approval.thread or 'none'})"


def _not_claimed_by_run(attempt: _Attempt) -> str | None:
    approval = attempt.approval
    if approval.claimed is not None and approval.run == attempt.run:
        return None
    return f"approval {approval.id!r} is not claimed by run {attempt.run!r}: it needs an approval anew"


def _ended(attempt: _Attempt) -> str | None:
    approval = attempt.approval
    if approval.outcome is None:
        return None
    return f"approval {approval.id} is used up: its action is recorded as {approval.outcome}"


CLAIM_CHECKS: tuple[Callable[[_Attempt], str | None], ...] = (
    _withdrawn, _used, _expired, _other_action, _other_actor, _other_thread,
)  # fmt: skip
"""Why an approval does not open an action for somebody now; the first that has something to say is the reason."""
RESUME_CHECKS: tuple[Callable[[_Attempt], str | None], ...] = (_not_claimed_by_run, _ended, _other_action)
"""The same for going on under a claim made before."""


def _problem(
    checks: Iterable[Callable[[_Attempt], str | None]], connection: DuckDBPyConnection, approval_id: str,
    action: Action, *, actor: str = "", thread: str = "", run: str = "",
) -> str | None:  # fmt: skip
    approval = find_approval(connection, approval_id)
    if approval is None:
        return f"there is no approval {approval_id!r}: ask for one with a proposal"
    attempt = _Attempt(connection, approval, action, actor, thread, run)
    return next((reason for check in checks if (reason := check(attempt))), None)


def _standing(proposal: Proposal, given: tuple[Approval, ...]) -> tuple[Approval, ...]:
    if any(approval.claimed for approval in given):
        raise ApprovalRefused(f"proposal {proposal.id} was already approved by {proposal.decided_by} and used")
    if any(approval.expires <= utc_now() for approval in given):
        raise ApprovalRefused(f"proposal {proposal.id} was approved and the approval has expired: propose it again")
    return given


def _over(proposal: Proposal) -> str:
    if proposal.status == "rejected":
        why = f": {proposal.reason}" if proposal.reason else ""
        return f"proposal {proposal.id} was rejected by {proposal.decided_by}{why}"
    return f"proposal {proposal.id} expired at {_clock(proposal.expires)}: propose it again"


def _clock(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
