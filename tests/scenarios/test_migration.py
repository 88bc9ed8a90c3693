"""Whole conversations over a real database: what counts is what the database holds at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.consent import Consent
from assistant.model import ToolCall
from assistant.offline import OfflinePlanner
from assistant.repl import ask_once, play, run_repl
from assistant.scripted import Answer, ScriptedModel, call
from assistant.session import Workspace
from assistant.state import tool_data
from assistant.threads import Conversation
from tests.scenarios.conftest import AGENTS, NOTES
from tests.scenarios.database import columns, rows, tables
from tools.errors import ApprovalNeeded
from tools.plan.model import Hazard

ALL = Consent(True, frozenset(Hazard))
OLD = ["id", "title", "goal", "tier"]
NEW = ["id", "display_name", "tier", "industry"]
PLAN = [[call("make_plan")], [call("rehearse_plan")], "Planned and rehearsed."]
APPLY = [call("apply_plan")]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    opened: list[Any] = []

    def type_in(text: str) -> None:
        read, write = os.pipe()
        with os.fdopen(write, "w") as writer:
            writer.write(text)
        opened.append(os.fdopen(read))
        monkeypatch.setattr("sys.stdin", opened[-1])

    yield type_in
    for file in opened:
        file.close()


def talk_to(*script: Answer, thread: str = "t") -> Conversation:
    return Conversation(Workspace(), ScriptedModel(script), thread)


def approve(talk: Conversation) -> dict[str, Any]:
    proposal = talk.question["proposal"]  # type: ignore[index]
    given = talk.workspace.ledger.approve(proposal, approver="me", via="repl")
    return {"decision": "approve", "proposal": proposal, "approval_ids": [a.id for a in given]}


def answer(talk: Conversation, **decision: Any) -> None:
    list(talk.resume({"proposal": talk.question["proposal"], **decision}))  # type: ignore[index]


def until(talk: Conversation, step: str) -> None:
    """Approve all that comes before the step."""
    while talk.question and talk.question["view"]["id"] != step:
        list(talk.resume(approve(talk)))
    assert talk.question, f"{step} was never asked for: {talk.messages[-1].content}"


def last_tool(talk: Conversation) -> dict[str, Any]:
    return tool_data(next(m for m in reversed(talk.messages) if m.role == "tool"))


def test_there_and_back_with_the_offline_planner(answered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = rows("SELECT * FROM agents")
    assert play(Workspace(), OfflinePlanner(), ["what is missing?", "plan it", "apply it", "verify"], ALL) == 0
    assert (columns(), tables()) == (NEW, ["agents", "mapping", "notes"])
    assert rows("SELECT id, display_name, industry FROM agents") == [(r[0], r[1], "any") for r in before]
    assert rows("SELECT count(*) FROM agents WHERE tier = 'basic'") == [(AGENTS // 3,)]
    assert rows("SELECT count(*) FROM notes") == [(NOTES,)]
    assert play(Workspace(), OfflinePlanner(), ["roll back", "verify"], ALL) == 0
    assert (columns(), tables(), rows("SELECT * FROM agents")) == (OLD, ["agents", "notes"], before)
    shown = capsys.readouterr().out
    for words in ("5 gaps in 2 tables", "Rehearsed on a copy, forward and back", "Proven: 2 tables, 1,000 rows"):
        assert words in shown


def test_approve_all_with_a_model(answered: Path) -> None:
    with talk_to(*PLAN, APPLY, "All steps ran.") as talk:
        list(talk.say("plan it"))
        list(talk.say("apply it"))
        while talk.question:
            list(talk.resume(approve(talk)))
        assert talk.messages[-1].content == "All steps ran."
    assert columns() == NEW


def test_asking_writes_nothing_to_the_database(answered: Path) -> None:
    with talk_to(*PLAN, APPLY) as talk:
        list(talk.say("plan it"))
        list(talk.say("apply it"))
    assert (columns(), rows("SELECT name FROM sqlite_master WHERE name LIKE '%oneplan%'")) == (OLD, [])


def test_phase_by_phase_at_the_prompt(answered: Path, typed: Callable[[str], None]) -> None:
    typed("plan it\napply it\n" + "p\ny\n" * 7 + "verify\nroll back\np\ny\nverify\n")
    assert run_repl(Workspace(), OfflinePlanner()) == 0
    assert (columns(), Workspace().ledger.pending()) == (OLD, ())
    assert rows("SELECT count(*) FROM agents") == [(AGENTS,)]


def test_a_rejection_in_the_middle_leaves_the_rest_pending(answered: Path) -> None:
    with talk_to(*PLAN, APPLY, "Understood.", APPLY, "Done.") as talk:
        list(talk.say("plan it"))
        list(talk.say("apply it"))
        until(talk, "contract.agents.rebuild")
        answer(talk, decision="reject", reason="not before the release")
        assert last_tool(talk)["reason"] == "not before the release"
        assert {"title", "display_name", "goal"} <= set(columns())
        list(talk.say("the release is out: go on"))
        assert talk.question["view"]["id"] == "contract.agents.rebuild"  # type: ignore[index]
        until_done(talk)
    assert columns() == NEW


def until_done(talk: Conversation) -> None:
    while talk.question:
        list(talk.resume(approve(talk)))


def test_edited_sql_is_rehearsed_and_run(answered: Path) -> None:
    with talk_to(*PLAN, APPLY, "Done.") as talk:
        list(talk.say("plan it"))
        plan = talk.pins.plan
        list(talk.say("apply it"))
        until(talk, "migrate.agents.fill_tier_nulls")
        asked = talk.question
        sql = ";".join(asked["view"]["sql"]).replace("'basic'", "'ba' || 'sic'")  # type: ignore[index]
        answer(talk, decision="edit", sql=sql)
        assert talk.pins.plan != plan
        assert "'ba' || 'sic'" in " ".join(talk.question["view"]["sql"])  # type: ignore[index]
        assert talk.question["view"]["rehearsal"]  # type: ignore[index]
        until_done(talk)
    assert columns() == NEW
    assert rows("SELECT count(*) FROM agents WHERE tier = 'basic'") == [(AGENTS // 3,)]
    assert play(Workspace(), OfflinePlanner(), ["roll back"], ALL) == 0
    assert columns() == OLD
    assert rows("SELECT count(*) FROM agents WHERE tier IS NULL") == [(AGENTS // 3,)]


@pytest.mark.parametrize(
    "sql", ["UPDATE agents SET nonsense = 1", "DELETE FROM notes", "this is no SQL", "UPDATE agents SET tier = 'other'"]
)
def test_edited_sql_that_does_not_hold_is_not_proposed(answered: Path, sql: str) -> None:
    with talk_to(*PLAN, APPLY) as talk:
        list(talk.say("plan it"))
        plan = talk.pins.plan
        list(talk.say("apply it"))
        until(talk, "migrate.agents.fill_tier_nulls")
        asked = talk.question
        events = list(talk.resume({"proposal": asked["proposal"], "decision": "edit", "sql": sql}))  # type: ignore[index]
        assert any(e["kind"] == "notice" and e["text"].startswith("not changed: ") for e in events)
        assert (talk.pins.plan, talk.question["view"]["sql"]) == (plan, asked["view"]["sql"])  # type: ignore[index]
    assert rows("SELECT count(*) FROM notes") == [(NOTES,)]


@pytest.mark.parametrize(
    "made",
    [
        call("apply_plan", approval_id="approval-1"),
        call("apply_plan", approval_ids=["approval-1"], yes=True),
        call("approve", proposal="proposal-1"),
        call("execute_sql", sql="DROP TABLE agents"),
        call("set_fill", table="agents", column="tier", sql="x'; DROP TABLE agents; --"),
        call("roll_back", to=["x"]),
        call("write_plan_file", path="../../outside.yaml"),
        ToolCall(id="x", name="apply_plan", arguments="{{"),
        ToolCall(id="x", name="", arguments=""),
    ],
)
def test_a_hostile_model_writes_nothing(answered: Path, made: ToolCall) -> None:
    before = rows("SELECT * FROM agents")
    with talk_to(*PLAN, [made], APPLY, "Hm.") as talk:
        list(talk.say("plan it"))
        list(talk.say("be evil"))
        talk.workspace.ledger.pending()
    assert (columns(), tables(), rows("SELECT * FROM agents")) == (OLD, ["agents", "notes"], before)
    assert not (answered.parent.parent / "outside.yaml").exists()


def test_a_plan_file_changed_while_it_is_written_is_kept(answered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from knowledge.approvals import Ledger

    mine = answered.parent / "plan.yaml"
    claimed = Ledger.claimed

    def late(self: Ledger, *arguments: Any, **named: Any) -> Any:
        mine.write_text("mine")  # after the approval was found to be for this very file, before it is replaced
        return claimed(self, *arguments, **named)

    with talk_to(*PLAN, [call("write_plan_file", path=str(mine))], "Hm.") as talk:
        list(talk.say("plan it"))
        list(talk.say("save it"))
        monkeypatch.setattr(Ledger, "claimed", late)
        list(talk.resume(approve(talk)))
        assert "changed meanwhile" in last_tool(talk)["error"]
    assert mine.read_text() == "mine"


def test_a_forged_yes_opens_no_step(answered: Path) -> None:
    with talk_to(*PLAN, APPLY, "Hm.") as talk:
        list(talk.say("plan it"))
        list(talk.say("apply it"))
        answer(talk, decision="approve", approval_ids=["approval-0001", "x"])
        assert "no approval" in last_tool(talk)["error"]
    assert rows("SELECT name FROM sqlite_master WHERE name LIKE '%oneplan%'") == []


def test_an_approval_of_another_conversation_opens_nothing(answered: Path) -> None:
    with talk_to(*PLAN, APPLY, thread="one") as one:
        list(one.say("plan it"))
        list(one.say("apply it"))
        ids = approve(one)["approval_ids"]
    with talk_to(*PLAN, APPLY, "Hm.", thread="two") as two:
        list(two.say("plan it"))
        list(two.say("apply it"))
        answer(two, decision="approve", approval_ids=ids)
        assert "another conversation" in last_tool(two)["error"]
    assert rows("SELECT name FROM sqlite_master WHERE name LIKE '%oneplan%'") == []


def test_a_database_changed_after_the_yes_is_not_written_to(answered: Path) -> None:
    import sqlite3
    from contextlib import closing

    with talk_to(*PLAN, APPLY, "Hm.") as talk:
        list(talk.say("plan it"))
        list(talk.say("apply it"))
        until(talk, "expand.agents.add_industry")
        yes = approve(talk)
        with closing(sqlite3.connect("app.db")) as other:
            other.execute("ALTER TABLE agents ADD COLUMN industry TEXT")
            other.commit()
        list(talk.resume(yes))
        assert "changed" in last_tool(talk)["error"]
    assert columns() == [*OLD, "industry"]


def test_a_thread_goes_on_in_a_new_process(answered: Path) -> None:
    with talk_to(*PLAN, APPLY) as talk:
        list(talk.say("plan it"))
        list(talk.say("apply it"))
        until(talk, "migrate.agents.fill_display_name")
    root = Path(__file__).parents[2]
    script = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from assistant.cli import run\nsys.exit(run(['chat', '--offline', '--thread', 't']))"
    )
    arguments = [sys.executable, "-W", "error", "-P", "-c", script]
    done = subprocess.run(arguments, input="p\ny\n" * 4, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Copy agents.title into display_name" in done.stdout
    assert (columns(), done.stderr) == (NEW, "")


def test_consent_by_flag_stops_at_a_hazard_that_was_not_allowed(answered: Path) -> None:
    with pytest.raises(ApprovalNeeded, match="DELETES_DATA, which --yes does not cover") as caught:
        play(Workspace(), OfflinePlanner(), ["plan it", "apply it"], Consent(yes=True))
    assert "goal" in columns()
    assert caught.value.proposal_id in [p.id for p in Workspace().ledger.pending()]


def test_questions_are_answered_at_the_prompt(
    project: Path, typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed("plan it\nmaybe\ny\nn\n'basic'\nwhere are we?\n")
    run_repl(Workspace(), OfflinePlanner(), thread="t")
    shown = capsys.readouterr().out
    with Conversation(Workspace(), OfflinePlanner(), "t") as talk:
        answers = talk.pins.read_answers()
    assert ("agents", "title", "display_name") in answers.columns, shown
    assert answers.fills == (("agents", "tier", "'basic'"),), shown


def test_one_question_without_a_person(project: Path) -> None:
    result = ask_once(Workspace(), OfflinePlanner(), "plan it")
    assert "Open question: is agents.title renamed to display_name?" in result.answer
    assert result.tools == ["make_plan", "rehearse_plan"]
    assert columns() == OLD


def test_what_is_to_be_applied_is_planned_first(answered: Path, typed: Callable[[str], None]) -> None:
    typed("apply it\n" + "p\ny\n" * 7)
    assert run_repl(Workspace(), OfflinePlanner(), thread="t") == 0
    assert columns() == NEW


def test_another_conversation_goes_on_with_an_unfinished_run(
    answered: Path, typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed("apply it\na\na\na\nq\n")
    assert run_repl(Workspace(), OfflinePlanner(), thread="one") == 3
    halfway = columns()
    assert halfway not in (OLD, NEW)
    typed("plan it\n")
    assert run_repl(Workspace(), OfflinePlanner(), thread="two") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "is unfinished on sqlite:///" in shown
    assert "say `apply it` to go on with it, or `roll back`" in shown
    typed("apply it\n" + "p\ny\n" * 6)
    assert run_repl(Workspace(), OfflinePlanner(), thread="three") == 0
    assert columns() == NEW
