from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from knowledge import approvals, events, ledger_rows
from knowledge.approvals import Action, Claim, Ledger
from knowledge.events import Events
from knowledge.store import Store
from tools.errors import ApprovalRefused, Drift, StepFailed, UsageError

ACTION = Action(
    "apply_step", "Add the column", {"target": "sqlite:///x.db", "step": "expand.agents.add"},
    sql=('ALTER TABLE "agents" ADD COLUMN "goal" TEXT',), base="abc", hazards=("TABLE_REWRITE",),
)  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    for module in (approvals, events, ledger_rows):
        monkeypatch.setattr(module, "utc_now", fake)
    return fake


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)


def approved(ledger: Ledger, action: Action = ACTION, **about: Any) -> str:
    proposal = ledger.propose(action, actor="bot", **about)
    return ledger.approve(proposal.id, approver="ann", via="cli")[0].id


def test_a_proposal_keeps_the_whole_action(ledger: Ledger) -> None:
    proposal = ledger.propose(ACTION, actor="bot", thread="t1")
    kept = ledger.get(proposal.id)
    assert kept.action == ACTION
    assert kept.action.digest == ACTION.digest
    assert (kept.actor, kept.thread, kept.status) == ("bot", "t1", "pending")
    assert ledger.pending() == (kept,)


def test_the_same_action_is_put_once_but_not_for_another_actor_or_thread(ledger: Ledger, clock: Clock) -> None:
    first = ledger.propose(ACTION, actor="bot")
    assert ledger.propose(replace(ACTION, summary="In other words"), actor="bot").id == first.id
    others = [
        ledger.propose(ACTION, actor="ann"),
        ledger.propose(ACTION, actor="bot", thread="t"),
        ledger.propose(replace(ACTION, base="abd"), actor="bot"),
    ]
    assert len({first.id, *(other.id for other in others)}) == 4
    clock.now += timedelta(days=2)
    assert ledger.propose(ACTION, actor="bot").id != first.id


def test_a_proposal_is_found_by_the_beginning_of_its_id(ledger: Ledger) -> None:
    proposal = ledger.propose(ACTION, actor="bot")
    assert ledger.get(f" {proposal.id[:4].upper()} ").id == proposal.id
    for wrong in ("", proposal.id[:3], "zzzzzzzz", "%", proposal.id + "0"):
        with pytest.raises(UsageError, match="there is no proposal"):
            ledger.get(wrong)


def test_an_ambiguous_beginning_names_the_candidates(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["abcd0001", "abcd0001", "abcd0002"])
    monkeypatch.setattr(ledger_rows.secrets, "token_hex", lambda _: next(ids))
    ledger.propose(ACTION, actor="a")
    assert ledger.propose(ACTION, actor="b").id == "abcd0002"
    with pytest.raises(UsageError, match="begins 2 proposals: abcd0001, abcd0002"):
        ledger.get("abcd")


@pytest.mark.parametrize("value", [object(), float("nan"), {1: "a", 10: "b", 9: "c"}, "\ud800"])
def test_arguments_that_json_cannot_carry_are_refused(ledger: Ledger, value: object) -> None:
    with pytest.raises(UsageError, match="not plain JSON"):
        ledger.propose(Action("board_change", "change", {"value": value}), actor="bot")
    assert ledger.pending() == ()


def test_an_approval_opens_exactly_its_action_once(ledger: Ledger) -> None:
    approval = approved(ledger)
    assert ledger.find_open(ACTION.digest, "bot") == approval
    claim = ledger.claim(approval, ACTION, actor="bot", run="r1")
    assert claim == Claim(approval, ACTION.digest, "r1", "bot", "")
    assert ledger.find_open(ACTION.digest, "bot") is None
    with pytest.raises(ApprovalRefused, match="already used"):
        ledger.claim(approval, ACTION, actor="bot", run="r1")


@pytest.mark.parametrize(
    ("change", "about", "reason"),
    [
        ({"arguments": {"target": "sqlite:///y.db", "step": "expand.agents.add"}}, {}, "since approval: arguments;"),
        ({"sql": ("DROP TABLE agents",)}, {}, "since approval: SQL;"),
        ({"base": "abd", "sql": ()}, {}, "since approval: SQL, state of what it touches;"),
        ({"hazards": ("TABLE_REWRITE", "DELETES_DATA")}, {}, "since approval: hazards;"),
        ({"kind": "undo_step"}, {}, "was given for 'Add the column'"),
        ({"covers": ("x",)}, {}, "the actions it covers"),
        ({}, {"actor": "eve"}, "is for 'bot', not for 'eve'"),
        ({}, {"thread": "t2"}, "another conversation"),
    ],
)
def test_anything_else_is_refused_and_the_approval_stays(
    ledger: Ledger, store: Store, change: dict[str, Any], about: dict[str, str], reason: str
) -> None:
    approval = approved(ledger)
    with pytest.raises(ApprovalRefused, match=reason):
        ledger.claim(approval, replace(ACTION, **change), **{"actor": "bot", **about})
    refusal = Events(store).latest(1)[0]
    assert refusal.kind == "approval.refused"
    assert refusal.data["approval"] == approval
    assert ledger.claim(approval, ACTION, actor="bot").approval_id == approval


def test_an_unknown_approval_opens_nothing(ledger: Ledger) -> None:
    proposal = ledger.propose(ACTION, actor="bot")
    for made_up in ("deadbeef", "", proposal.id, ACTION.digest):
        with pytest.raises(ApprovalRefused, match="there is no approval"):
            ledger.claim(made_up, ACTION, actor="bot")


def test_expiry_is_judged_at_the_claim(ledger: Ledger, clock: Clock) -> None:
    approval = approved(ledger)
    clock.now += timedelta(hours=24)
    assert ledger.find_open(ACTION.digest, "bot") is None
    with pytest.raises(ApprovalRefused, match="expired at 2026-01-02 12:00:00 UTC"):
        ledger.claim(approval, ACTION, actor="bot")


def test_an_expired_or_rejected_proposal_can_never_be_approved(ledger: Ledger, clock: Clock) -> None:
    late = ledger.propose(ACTION, actor="bot", ttl=timedelta(minutes=5))
    no = ledger.propose(ACTION, actor="bot", thread="t")
    assert ledger.reject(no.id, approver="ann", reason="not on a Friday").status == "rejected"
    clock.now += timedelta(minutes=5)
    assert ledger.get(late.id).status == "expired"
    assert ledger.pending() == ()
    with pytest.raises(ApprovalRefused, match="expired at"):
        ledger.approve(late.id, approver="ann", via="repl")
    with pytest.raises(ApprovalRefused, match="rejected by ann: not on a Friday"):
        ledger.approve(no.id, approver="bob", via="repl")
    with pytest.raises(ApprovalRefused, match="expired at"):
        ledger.reject(late.id, approver="ann")
    assert ledger.find_open(ACTION.digest, "bot") is None


def test_approving_again_gives_the_same_until_it_is_used(ledger: Ledger, clock: Clock) -> None:
    proposal = ledger.propose(ACTION, actor="bot")
    first = ledger.approve(proposal.id, approver="ann", via="cli")
    assert ledger.approve(proposal.id, approver="bob", via="repl") == first
    ledger.claim(first[0].id, ACTION, actor="bot")
    with pytest.raises(ApprovalRefused, match="already approved by ann and used"):
        ledger.approve(proposal.id, approver="bob", via="repl")
    other = ledger.propose(ACTION, actor="bot")
    assert other.id != proposal.id
    ledger.approve(other.id, approver="ann", via="cli")
    clock.now += timedelta(days=3)
    with pytest.raises(ApprovalRefused, match="the approval has expired"):
        ledger.approve(other.id, approver="ann", via="cli")


def test_an_approval_can_be_taken_back_until_it_is_used(ledger: Ledger) -> None:
    proposal = ledger.propose(ACTION, actor="bot")
    approval = ledger.approve(proposal.id, approver="ann", via="cli")[0]
    ledger.reject(proposal.id, approver="ann")
    assert ledger.find_open(ACTION.digest, "bot") is None
    with pytest.raises(ApprovalRefused, match="withdrawn by ann"):
        ledger.claim(approval.id, ACTION, actor="bot")


def test_a_used_approval_cannot_be_taken_back(ledger: Ledger) -> None:
    proposal = ledger.propose(ACTION, actor="bot")
    approval = ledger.approve(proposal.id, approver="ann", via="terminal")[0]
    ledger.claim(approval.id, ACTION, actor="bot")
    with pytest.raises(ApprovalRefused, match="can no longer be rejected"):
        ledger.reject(proposal.id, approver="ann")


def test_a_phase_gives_one_approval_for_each_step(ledger: Ledger) -> None:
    steps = tuple(replace(ACTION, arguments={"step": name}) for name in ("a", "b", "c"))
    phase = Action("apply_phase", "Expand", {"phase": "expand"}, covers=tuple(step.digest for step in steps))
    proposal = ledger.propose(phase, actor="bot")
    given = ledger.approve(proposal.id, approver="ann", via="repl")
    assert [approval.digest for approval in given] == [step.digest for step in steps]
    assert ledger.approvals(proposal.id) == given
    assert ledger.find_open(phase.digest, "bot") is None
    for approval, step in zip(given, steps, strict=True):
        assert ledger.find_open(step.digest, "bot") == approval.id
        ledger.claim(approval.id, step, actor="bot", run="r")
    with pytest.raises(ApprovalRefused, match="not one of the actions"):
        ledger.claim(approved(ledger, replace(phase, base="2")), replace(steps[0], base="new"), actor="bot")


def test_a_run_goes_on_under_its_own_claim_only(ledger: Ledger, clock: Clock) -> None:
    approval = approved(ledger)
    with pytest.raises(ApprovalRefused, match="not claimed by run"):
        ledger.resume(approval, ACTION, run="r1")
    claim = ledger.claim(approval, ACTION, actor="bot", thread="", run="r1")
    clock.now += timedelta(days=9)
    assert ledger.find_claimed(ACTION.digest, "r1") == approval
    assert ledger.find_claimed(ACTION.digest, "r2") is None
    assert ledger.resume(approval, ACTION, run="r1") == claim
    with pytest.raises(ApprovalRefused, match="not claimed by run 'r2'"):
        ledger.resume(approval, ACTION, run="r2")
    with pytest.raises(ApprovalRefused, match="since approval: SQL"):
        ledger.resume(approval, replace(ACTION, sql=("other",)), run="r1")
    ledger.record(claim, "done")
    with pytest.raises(ApprovalRefused, match="used up"):
        ledger.resume(approval, ACTION, run="r1")
    with pytest.raises(ApprovalRefused, match="already ended"):
        ledger.record(claim, "failed")


def test_a_receipt_made_by_hand_records_nothing(ledger: Ledger) -> None:
    approval = approved(ledger)
    with pytest.raises(ApprovalRefused, match="no claim"):
        ledger.record(Claim(approval, ACTION.digest, "", "bot", ""), "done")
    ledger.claim(approval, ACTION, actor="bot", run="r1")
    with pytest.raises(ApprovalRefused, match="no claim"):
        ledger.record(Claim(approval, ACTION.digest, "r2", "bot", ""), "done")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(None, "done"), (StepFailed("no disk"), "failed"), (Drift("moved"), "refused"), (KeyboardInterrupt(), "failed")],
)
def test_claim_do_record_is_one_block(ledger: Ledger, error: BaseException | None, outcome: str) -> None:
    proposal = ledger.propose(ACTION, actor="bot")
    approval = ledger.approve(proposal.id, approver="ann", via="cli")[0]

    def write() -> None:
        with ledger.claimed(approval.id, ACTION, actor="bot", run="r1") as claim:
            assert claim.approval_id == approval.id
            if error:
                raise error

    if error:
        with pytest.raises(type(error)):
            write()
    else:
        write()
    kept = ledger.approvals(proposal.id)[0]
    assert (kept.outcome, kept.run) == (outcome, "r1")
    assert kept.detail == (str(error) or "KeyboardInterrupt" if error else "")


def test_everything_is_on_record(ledger: Ledger, store: Store) -> None:
    with ledger.claimed(approved(ledger), ACTION, actor="bot"):
        pass
    kinds = [(event.kind, event.actor) for event in Events(store).read()]
    assert kinds == [
        ("proposal.made", "bot"),
        ("proposal.approved", "ann"),
        ("approval.claimed", "bot"),
        ("approval.recorded", "bot"),
    ]
    assert Events(store).check_chain() is None


def test_of_processes_that_race_for_one_claim_exactly_one_wins(
    ledger: Ledger, store: Store, in_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    approval = approved(ledger)
    code = f"""
import time
from pathlib import Path
from knowledge.approvals import Action, Ledger
from knowledge.store import Store
from tools.errors import ApprovalRefused
action = {ACTION!r}
ledger = Ledger(Store(Path({str(store.path)!r})))
time.sleep(max(0, {time.time() + 1.0} - time.time()))
try:
    print(ledger.claim({approval!r}, action, actor='bot', run='r').approval_id)
except ApprovalRefused as error:
    print('refused:', error)
"""
    outputs = sorted(p.communicate(timeout=60)[0].strip() for p in [in_process(code) for _ in range(3)])
    assert outputs[0] == approval or outputs[-1] == approval
    assert sum(output == approval for output in outputs) == 1
    assert sum("already used" in output for output in outputs) == 2
