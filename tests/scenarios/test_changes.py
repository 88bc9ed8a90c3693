"""A plan is asked about and changed in the conversation, with the offline planner: what the store holds at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.offline import OfflinePlanner
from assistant.session import Workspace
from assistant.threads import Conversation
from knowledge.records import Records
from tools.plan.files import plan_from_yaml
from tools.plan.model import Plan


def say(talk: Conversation, text: str) -> str:
    list(talk.say(text))
    return next(m.content for m in reversed(talk.messages) if m.role == "assistant" and m.content)


def the_plan(talk: Conversation) -> Plan:
    kept = Records(talk.workspace.store).plan(str(talk.state["pins"]["plan"]))
    assert kept
    return plan_from_yaml(kept.body)


@pytest.fixture
def talk(answered: Path) -> Any:
    with Conversation(Workspace(), OfflinePlanner(listings=True), "t") as talk:
        say(talk, "plan it")
        yield talk


def test_questions_are_answered_from_the_plan_s_facts(talk: Conversation) -> None:
    plan = the_plan(talk)
    number = next(n for n, step in enumerate(plan.steps, 1) if step.id.endswith("add_display_name"))
    order = say(talk, "why this order?")
    assert "(after " in order
    skip = say(talk, f"what if I skip step {number}?")
    assert "could not run" in skip
    assert "still open" in skip
    assert the_plan(talk) == plan


def test_smaller_batches_two_releases_and_back(talk: Conversation) -> None:
    first = the_plan(talk)
    told = say(talk, "smaller batches")
    second = the_plan(talk)
    assert {step.backfill.batch for step in second.steps if step.backfill} == {2_500}
    assert any("+" in message.content and "batch: 2500" in message.content for message in talk.messages)
    assert "Rehearsed on a copy" in told
    say(talk, "make it two releases")
    third = the_plan(talk)
    assert [step.operation for step in third.steps].count("release") == 1
    assert {step.backfill.batch for step in third.steps if step.backfill} == {2_500}
    say(talk, "keep the old plan")
    assert the_plan(talk) == second != first


def test_short_locks_are_measured_and_what_cannot_be_split_is_said(talk: Conversation) -> None:
    list(talk.say("split it so that nothing locks for more than 0.01 ms"))
    told = " ".join(message.content for message in talk.messages if message.role == "assistant")
    assert "a table made anew is one transaction here" in told
    assert "batches of at most 100 rows" in told
    assert {step.backfill.batch for step in the_plan(talk).steps if step.backfill and step.backfill.key} == {100}


def test_in_the_middle_of_a_run_the_steps_stay(talk: Conversation) -> None:
    list(talk.say("apply it"))
    proposal = talk.question["proposal"]  # type: ignore[index]
    given = talk.workspace.ledger.approve(proposal, approver="me", via="repl")
    list(talk.resume({"decision": "approve", "proposal": proposal, "approval_ids": [a.id for a in given]}))
    list(talk.resume({"decision": "reject", "proposal": talk.question["proposal"], "reason": "later"}))  # type: ignore[index]
    before = the_plan(talk)
    list(talk.say("make it two releases"))
    assert the_plan(talk) == before
    say(talk, "smaller batches")
    assert the_plan(talk) != before
