"""Two releases, run by two calls of apply, with old code writing in between; and the same in the conversation."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from assistant.offline import OfflinePlanner
from assistant.session import Workspace
from assistant.threads import Conversation
from tests.commandline import Oneplan
from tests.scenarios.test_changes import say, the_plan
from tools.migrate.rollback import runs
from tools.plan.build import build_plan
from tools.plan.change import releases
from tools.plan.files import plan_to_yaml
from tools.plan.model import Phase
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers
from tools.schema.source import read_schema

BEFORE = "CREATE TABLE agents (id integer PRIMARY KEY, goal text, tier text, junk text);"
AFTER = "CREATE TABLE agents (id integer PRIMARY KEY, purpose text, tier text NOT NULL);"
ALL = ("--yes", "--allow", "DELETES_DATA,IRREVERSIBLE")


def test_apply_stops_at_the_boundary_and_the_next_one_goes_on(
    postgres_url: str, postgres_server: str, workspace: Path, oneplan: Oneplan
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(BEFORE)
        connection.execute("INSERT INTO agents VALUES (1, 'a', 'x', 'j'), (2, 'b', NULL, NULL)")
        answers = Answers(columns=(("agents", "goal", "purpose"),), fills=(("agents", "tier", "'none'"),))
        plan = build_plan(read_schema(postgres_url), read_ddl(AFTER, "postgres"), answers)
        Path("plan.yaml").write_text(plan_to_yaml(releases(plan, 2).plan), encoding="utf-8")
        at = ("--database", postgres_url)
        assert oneplan("rehearse", "plan.yaml", *at, "--shadow", postgres_server).code == 0
        first = oneplan("apply", "plan.yaml", *at, *ALL, "--json")
        assert first.code == 0, first.err
        assert "this release is done" in first.err
        assert "deploy the code when it has proven stable, then apply the plan again" in first.err
        waiting = [step["id"] for step in first.data["steps"] if step["status"] == "pending"]
        assert waiting[:2] == ["migrate.release_2", "refactor.deploy_code"]
        connection.execute("INSERT INTO agents VALUES (3, 'c', NULL, 'k')")  # the code as it is goes on
        connection.execute("UPDATE agents SET goal = 'A' WHERE id = 1")
        assert connection.execute("SELECT id, purpose FROM agents ORDER BY id").fetchall() == [
            (1, "A"), (2, "b"), (3, "c"),
        ]  # fmt: skip
        assert runs(postgres_url)[-1]["state"] == "running"
        second = oneplan("apply", "plan.yaml", *at, *ALL, "--json")
        assert second.code == 0, second.err
        assert connection.execute("SELECT * FROM agents ORDER BY id").fetchall() == [
            (1, "x", "A"), (2, "none", "b"), (3, "none", "c"),
        ] or connection.execute("SELECT id, tier, purpose FROM agents ORDER BY id").fetchall() == [
            (1, "x", "A"), (2, "none", "b"), (3, "none", "c"),
        ]  # fmt: skip
    assert runs(postgres_url)[-1]["state"] == "done"


def test_one_answer_for_a_phase_does_not_reach_over_the_boundary(answered: Path) -> None:
    with Conversation(Workspace(), OfflinePlanner(listings=True), "t") as talk:
        say(talk, "plan it")
        told = say(talk, "make it two releases")
        plan = the_plan(talk)
        at = next(n for n, step in enumerate(plan.steps) if step.operation == "release")
        assert any("release_2" in message.content and "+" in message.content for message in talk.messages)
        assert "Rehearsed on a copy" in told
        list(talk.say("apply it"))
        while talk.question:
            proposal = talk.question["proposal"]
            given = talk.workspace.ledger.approve(proposal, approver="me", via="repl")
            list(talk.resume({"decision": "approve", "proposal": proposal, "approval_ids": [a.id for a in given]}))
        done = runs(talk.workspace.database(None))[-1]["steps"]
        assert [entry["id"] for entry in done] == [step.id for step in plan.steps[:at]]
        assert "I stop here: this release is done" in talk.messages[-1].content
        list(talk.say("apply it"))
        assert talk.question
        assert talk.question["view"]["id"] == plan.steps[at].id


@pytest.mark.parametrize("words", ["make it 2 releases", "can you make it two releases?"])
def test_the_words_of_a_person_are_understood(answered: Path, words: str) -> None:
    with Conversation(Workspace(), OfflinePlanner(listings=True), "t") as talk:
        say(talk, "plan it")
        say(talk, words)
        changed = the_plan(talk)
    assert [step.phase for step in changed.steps if step.operation == "release"] != []
    assert changed.steps[-1].phase is Phase.MONITOR
