"""The gate with one of its checks taken out, or with a hole made in it: each must let at least one attack through, else
nobody needs the check, or no case tries it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from knowledge import actions, approvals
from knowledge.approvals import Action
from tests.prove.executor_ring import executor_cases
from tests.prove.generated_ring import sqlite_cases
from tests.prove.ledger_ring import PARTS, ledger_cases
from tests.prove.tally import Ring, Tally, scratch
from tools.errors import OneplanError
from tools.migrate import execute, grant, journal, permit, rollback, run, session
from tools.plan.model import Plan


@dataclass(frozen=True)
class Mutant:
    """The gate without one check. ring, tried: the attacks that the check is there for; cases: how many of
    them are enough."""

    name: str
    without: Callable[[], Any]
    ring: Ring
    tried: tuple[str, ...]
    cases: int = 12


def killed(mutant: Mutant, seed: int, times: int = 1) -> Tally:
    """What the attacks come to without the check: somebody must succeed."""
    with scratch() as folder, mutant.without():
        return mutant.ring(folder, mutant.cases * times, seed, mutant.tried)


def without(module: Any, tuple_name: str, check: str) -> Callable[[], Any]:
    kept = tuple(one for one in getattr(module, tuple_name) if one.__name__ != check)
    assert len(kept) == len(getattr(module, tuple_name)) - 1
    return lambda: patch.object(module, tuple_name, kept)


def digest_without(part: str) -> Callable[[], Any]:
    """An action's digest that leaves one part of it out."""

    def digest(self: Action) -> str:
        facts = {name: getattr(self, name) for name in PARTS if name != part}
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=list).encode()).hexdigest()

    return lambda: patch.object(actions.Action, "digest", property(digest))


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _unknown_approvals_pass() -> Any:
    judged = approvals._problem

    def problem(checks: Any, connection: Any, approval_id: str, *more: Any, **named: Any) -> str | None:
        if approvals.find_approval(connection, approval_id) is None:
            return None
        return judged(checks, connection, approval_id, *more, **named)

    return patch.object(approvals, "_problem", problem)


def _over_is_not_over() -> Any:
    """A proposal that was rejected, or has expired, can still be approved."""
    found = approvals.find_proposal

    def pending(*arguments: Any) -> Any:
        from dataclasses import replace

        return replace(found(*arguments), status="pending")

    return patch.object(approvals, "find_proposal", pending)


@contextmanager
def _approvals_may_repeat() -> Iterator[None]:
    tables = {name: columns.replace(" UNIQUE", "") for name, columns in journal._TABLES.items()}
    with patch.object(journal, "_TABLES", tables):
        yield


@contextmanager
def _cursor_anywhere() -> Iterator[None]:
    def move(self: Any, table: str, values: Any, where: Any, after: Any) -> None:
        self._update(table, values, where)

    with patch.object(journal.Journal, "_move", move):
        yield


@contextmanager
def _any_undo() -> Iterator[None]:
    """A rollback that takes the step it is given for the next one."""
    pending = rollback.Rollback.pending

    def chosen(self: Any, *more: Any, **named: Any) -> Any:
        return tuple(reversed(pending(self, *more, **named)))

    original = rollback.Rollback.execute

    def execute_any(self: Any, step: Any, approval: str, progress: Any = None) -> Any:
        with patch.object(rollback.Rollback, "pending", chosen):
            return original(self, step, approval, progress)

    with patch.object(rollback.Rollback, "execute", execute_any):
        yield


def _trusting_plan_of(kept: Any) -> Plan:
    from tools.plan.files import plan_from_yaml

    return plan_from_yaml(kept.plan, "the journal")


@contextmanager
def _journal_believed() -> Iterator[None]:
    with patch.object(rollback, "plan_of", _trusting_plan_of), patch.object(session, "plan_of", _trusting_plan_of):
        yield


@contextmanager
def _no_ledger_needed() -> Iterator[None]:
    def check(self: Any, backend: Any) -> None:
        if self.grant is not None and not grant.permits(self.grant, backend):
            raise OneplanError("no")

    with patch.object(permit.Authority, "check", check):
        yield


def _permits_any_genuine(given: Any, _backend: Any) -> bool:
    return given in grant._minted


def _permits_what_looks_right(given: Any, backend: Any) -> bool:
    return given._identity == grant._identity(backend)


def _ledger(name: str, without: Callable[[], Any], *tried: str) -> Mutant:
    return Mutant(name, without, ledger_cases, tried)


def _real(name: str, without: Callable[[], Any], *tried: str) -> Mutant:
    return Mutant(name, without, sqlite_cases, tried, 2 * len(tried))


def _executor(name: str, without: Callable[[], Any], *tried: str) -> Mutant:
    return Mutant(name, without, executor_cases, tried, 3)


MUTANTS: tuple[Mutant, ...] = (
    *(_ledger(f"an approval's digest covers {part}", digest_without(part), part) for part in PARTS),
    _ledger("claim: not withdrawn", without(approvals, "CLAIM_CHECKS", "_withdrawn"), "withdrawn"),
    _ledger("claim: not used", without(approvals, "CLAIM_CHECKS", "_used"), "twice"),
    _ledger("claim: not expired", without(approvals, "CLAIM_CHECKS", "_expired"), "time"),
    _ledger("claim: this action", without(approvals, "CLAIM_CHECKS", "_other_action"), *PARTS, "another's id"),
    _ledger("claim: this actor", without(approvals, "CLAIM_CHECKS", "_other_actor"), "actor"),
    _ledger("claim: this conversation", without(approvals, "CLAIM_CHECKS", "_other_thread"), "thread"),
    _ledger("claim: an approval that there is", _unknown_approvals_pass, "unknown", "not approved"),
    _ledger("approve: what is neither rejected nor expired", _over_is_not_over, "rejected", "expired unanswered"),
    _ledger("resume: this run's own claim", without(approvals, "RESUME_CHECKS", "_not_claimed_by_run"),
            "other run", "resumed unclaimed"),
    _ledger("resume: not ended", without(approvals, "RESUME_CHECKS", "_ended"), "ended"),
    _ledger("resume: this action", without(approvals, "RESUME_CHECKS", "_other_action"), "resumed mutation"),
    _real("a real run: not used", without(approvals, "CLAIM_CHECKS", "_used"), "used"),
    _real("a real run: not withdrawn", without(approvals, "CLAIM_CHECKS", "_withdrawn"), "withdrawn"),
    _real("a real run: not expired", without(approvals, "CLAIM_CHECKS", "_expired"), "time"),
    _real("a real run: this action", without(approvals, "CLAIM_CHECKS", "_other_action"),
          "sql_replaced", "sql_added", "backfill_changed", "undo_changed", "hazards_changed", "of_another_step"),
    _real("a real run: this actor", without(approvals, "CLAIM_CHECKS", "_other_actor"), "actor"),
    _real("a real run: this conversation", without(approvals, "CLAIM_CHECKS", "_other_thread"), "thread"),
    _real("a real run: an approval that there is", _unknown_approvals_pass, "invented"),
    _real("drift, before anything is asked", lambda: patch.object(session.Session, "refuse_drift", _nothing),
          "database_replaced"),
    _executor("order: not applied yet", without(run, "ORDER_CHECKS", "_already_applied"), "applied_again"),
    _executor("order: nothing else begun", without(run, "ORDER_CHECKS", "_another_begun"), "beside_a_begun_one"),
    _executor("order: what it needs is done", without(run, "ORDER_CHECKS", "_needs_others"), "out_of_order"),
    _executor("order: the last is undone first", _any_undo, "undone_out_of_order"),
    _executor("drift, within the step", lambda: patch.object(session.Session, "refuse_drift", _nothing),
              "changed_behind_its_back"),
    _executor("base: what it touches is as approved", lambda: patch.object(execute.StepRun, "_check_base", _nothing),
              "changed_while_torn"),
    _executor("grant: minted", lambda: patch.object(permit, "permits", _permits_what_looks_right), "forged_grant"),
    _executor("grant: for this database", lambda: patch.object(permit, "permits", _permits_any_genuine),
              "grant_of_another"),
    _executor("a ledger, or a grant", _no_ledger_needed, "without_a_ledger"),
    _executor("journal: an approval once", _approvals_may_repeat, "ledger_copied_before_use"),
    _executor("journal: the cursor from where the batch began", _cursor_anywhere, "overtaken"),
    _executor("journal: the plan that was run", _journal_believed, "journals_plan_changed"),
)  # fmt: skip
