"""What people ask of a plan's steps, in their own words: the words that they see, on a database with rows, a view, a
trigger and code that uses it; on the command line and in the conversation."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from assistant.offline import OfflinePlanner, understood
from assistant.session import Workspace
from assistant.threads import Conversation
from tests.commandline import Oneplan
from tests.scenarios.conftest import DESIRED
from tests.scenarios.test_changes import say, the_plan
from tools.plan.change import Hold, locks_below
from tools.plan.files import plan_from_yaml

VIEW = "CREATE VIEW golden AS SELECT id, {0} FROM agents WHERE tier = 'gold';\n"
TRIGGER = "CREATE TRIGGER agents_touch AFTER UPDATE ON agents BEGIN SELECT 1; END;\n"
LOCK = "write lock on the database keeps all other writers out"


@pytest.fixture
def team(answered: Path) -> Path:
    with closing(sqlite3.connect("app.db")) as connection:
        connection.executescript(VIEW.format("title") + TRIGGER)
    Path("desired.sql").write_text(DESIRED + VIEW.format("display_name") + TRIGGER, encoding="utf-8")
    Path("web").mkdir()
    Path("web/agents.ts").write_text('export const all = "SELECT title, goal FROM agents";\n', encoding="utf-8")
    with Path("oneplan.toml").open("a", encoding="utf-8") as settings:
        settings.write('code = "web"\n')
    return answered


@pytest.fixture
def talk(team: Path) -> Iterator[Conversation]:
    with Conversation(Workspace(), OfflinePlanner(listings=True), "t") as talk:
        say(talk, "plan it")
        yield talk


def number(talk: Conversation, end: str) -> int:
    return next(n for n, step in enumerate(the_plan(talk).steps, 1) if step.id.endswith(end))


@pytest.mark.parametrize(("text", "tool", "arguments"), [
    ("which steps are dangerous?", "rank_steps", {"by": "hazards"}),
    ("what hazards are there?", "rank_steps", {"by": "hazards"}),
    ("what does step 4 lock?", "step_effects", {"step": "4"}),
    ("is step 12 dangerous?", "step_effects", {"step": "12"}),
    ("who has to wait for step 7?", "step_effects", {"step": "7"}),
    ("how long does step contract.agents.rebuild take?", "step_effects", {"step": "contract.agents.rebuild"}),
    ("which steps lock?", "rank_steps", {"by": "locks"}),
    ("does anything lock for more than 100 ms?", "rank_steps", {"by": "locks"}),
    ("which step takes longest?", "rank_steps", {"by": "time"}),
    ("which steps are for people?", "rank_steps", {"by": "people"}),
    ("is there a feature flag?", "rank_steps", {"by": "people"}),
    ("why this order?", "show_plan", {}),
    ("why is the drop last?", "show_plan", {}),
    ("why are the drops at the end?", "show_plan", {}),
    ("which steps need a human?", "rank_steps", {"by": "people"}),
    ("what did that change?", "change_plan", {"how": "compare"}),
    ("show me the diff", "change_plan", {"how": "compare"}),
    ("what is the difference between the plans?", "change_plan", {"how": "compare"}),
    ("why does step 12 come after step 8?", "why_after", {"step": "12", "other": "8"}),
    ("why must step 4 come before 9?", "why_after", {"step": "4", "other": "9"}),
    ("what if I skip step 4?", "what_if_skipped", {"step": "4"}),
    ("what happens without step 4?", "what_if_skipped", {"step": "4"}),
    ("do we need step 4?", "what_if_skipped", {"step": "4"}),
    ("what if step 4 is left out?", "what_if_skipped", {"step": "4"}),
    ("can we skip the last step?", "what_if_skipped", {"step": "last"}),
    ("what does the last step do?", "explain_step", {"step": "last"}),
    ("why is step 4 there?", "explain_step", {"step": "4"}),
    ("make it two releases", "change_plan", {"how": "releases", "number": 2}),
    ("can we ship it in three deployments?", "change_plan", {"how": "releases", "number": 3}),
    ("make the batches smaller", "change_plan", {"how": "smaller_batches"}),
    ("batch size 500", "change_plan", {"how": "smaller_batches", "rows": 500}),
    ("2,000 rows at a time", "change_plan", {"how": "smaller_batches", "rows": 2000}),
    ("batches of 1k", "change_plan", {"how": "smaller_batches", "rows": 1000}),
    ("split it so that nothing locks for more than 100 ms", "change_plan", {"how": "short_locks", "milliseconds": 100}),
    ("nothing may block writers for over half a second", "change_plan", {"how": "short_locks", "milliseconds": 500}),
    ("at most 50ms of locking", "change_plan", {"how": "short_locks", "milliseconds": 50}),
    ("what is blocked?", "board_blocked", {}),
    ("which gaps are dangerous?", "dangerous_gaps", {}),
])  # fmt: skip
def test_words_call_tools(text: str, tool: str, arguments: dict[str, Any]) -> None:
    assert understood(text) == [(tool, arguments)]


def test_dangerous_steps_are_told_the_gravest_first_with_all_that_is_known(talk: Conversation) -> None:
    told = say(talk, "which steps are dangerous?")
    head, first, *rest = told.splitlines()
    assert head == f"4 of {len(the_plan(talk).steps)} steps carry a hazard, the gravest first:"
    assert first.startswith(f"- {number(talk, 'agents.rebuild')}. [contract] Make anew in the desired shape: agents")
    assert rest[:3] == [
        "    DELETES_DATA: takes rows or values away",
        "    BREAKS_OLD_CODE: code that has not changed yet stops working",
        "    TABLE_REWRITE: writes the whole table anew",
    ]
    size = r"\(about 300 rows, \d+ kB, golden, notes lean on it\)"
    assert re.fullmatch(rf"    touches agents: {LOCK}, written anew, walked over {size}", rest[3])
    assert re.fullmatch(
        r"    takes about \S+ \w+, as on the copy; held write lock on the database for \S+ \w+", rest[4]
    )
    assert f"touches agents: {LOCK}, walked over, fires agents_touch (about 300 rows" in told


def test_one_step_tells_what_it_locks_and_no_sql(talk: Conversation) -> None:
    told = say(talk, f"what does step {number(talk, 'agents.add_industry')} lock?")
    assert f"It touches agents: {LOCK} (about 300 rows, " in told
    assert "held write lock on the database for" in told
    assert "No hazards." in told
    assert "ALTER TABLE" not in told
    reading = say(talk, f"what does step {number(talk, 'agents.proofs')} lock?")
    assert "It touches agents: no table lock, walked over (about 300 rows" in reading
    assert "It keeps nobody out." in reading
    person = say(talk, f"what does step {number(talk, 'deploy_code')} lock?")
    assert "It is a person's to do: it touches no table, locks nothing" in person


def test_locks_and_times_are_ranked_as_the_rehearsal_measured_them(talk: Conversation) -> None:
    locks = say(talk, "which steps lock?")
    assert "steps keep others out, the longest held first:" in locks
    times = [step for step in say(talk, "which step takes longest?").splitlines() if step.startswith("- ")]
    assert not any("Deploy code" in line for line in times)
    assert len(times) > 5


def test_steps_for_people_name_the_flag_and_the_code_that_uses_it(talk: Conversation) -> None:
    told = say(talk, "which steps are for people?")
    flags = ["Add a feature flag, switched off", "Switch the feature flag on", "Remove the feature flag from the code"]
    assert [told.index(flag) for flag in flags] == sorted(told.index(flag) for flag in flags)
    assert "agents.display_name in place of title" in told
    assert "Used by the code when this plan was made: agents.title in agents.ts:1; agents.goal in agents.ts:1." in told


def test_why_one_step_is_behind_another(talk: Conversation) -> None:
    first, last = number(talk, "add_display_name"), number(talk, "agents.rebuild")
    told = say(talk, f"why does step {last} come after step {first}?")
    assert told.startswith(f"Step {last} (Make anew in the desired shape: agents")
    assert "because it needs it:" in told
    chain = [(int(a), int(b)) for a, b in re.findall(r"^- (\d+)\. .* needs (\d+)$", told, re.MULTILINE)]
    numbers = {step.id: n for n, step in enumerate(the_plan(talk).steps, 1)}
    needs = {numbers[s.id]: {numbers[name] for name in s.depends_on} for s in the_plan(talk).steps}
    assert (chain[0][1], chain[-1][0]) == (first, last)
    assert all(needed in needs[step] for step, needed in chain)
    apart = say(talk, f"why is step {number(talk, 'add_display_name')} after step {number(talk, 'add_industry')}?")
    assert "does not need it: neither waits for the other. Both are of the phase expand." in apart


def test_batches_never_grow_when_locks_shall_be_shorter(talk: Conversation) -> None:
    told = say(talk, "batches of 20")
    assert "Another plan" in " ".join(m.content for m in talk.messages)
    assert "Rehearsed on a copy" in told
    plan = the_plan(talk)
    held = {s.id: Hold(0.0, 0.05, 300, (), 0.4) for s in plan.steps if s.backfill}
    change = locks_below(plan, 0.001, held)
    assert change.plan == plan
    assert (
        "one of its batches of 20 rows took 50 ms, and smaller ones would spend the time on commits" in change.told[0]
    )


def test_a_batch_that_still_takes_all_rows_is_said_and_the_change_can_be_looked_at_again(talk: Conversation) -> None:
    say(talk, "smaller batches")
    told = " ".join(m.content for m in talk.messages if m.role == "assistant")
    assert "fill_display_name: batches of at most 2,500 rows; all 300 still fit into one: say `batches of N`" in told
    again = say(talk, "what did that change?")
    assert again.startswith("What the last change did to the plan:")
    assert "+      batch: 2500" in again
    assert say(talk, "show me the diff") == again


def test_duckdb_holds_its_file_for_itself(workspace: Path, oneplan: Oneplan) -> None:
    import duckdb

    with duckdb.connect("app.duckdb") as connection:
        connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO a VALUES (1, 2), (2, 3)")
        connection.execute("CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id))")
    text = "-- dialect: duckdb\nCREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER CHECK (n > 0), m JSON);\n"
    text += "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id));\n"
    Path("desired.sql").write_text(text, encoding="utf-8")
    Path("oneplan.toml").write_text('[project]\ncurrent = "duckdb:///app.duckdb"\ndesired = "desired.sql"\n')
    with Conversation(Workspace(), OfflinePlanner(listings=True), "t") as talk:
        say(talk, "plan it")
        locks = say(talk, "which steps lock?")
        assert (
            "touches a: lock on the file keeps all other processes out, written anew, walked over (about 2 rows"
            in locks
        )
        assert "touches b: lock on the file keeps all other processes out, written anew" in locks
        assert "held lock on the file for" in locks
        list(talk.say("split it so that nothing locks for more than 0.001 ms"))
        told = next(m.content for m in talk.messages[::-1] if m.role == "assistant" and "held lock" in m.content)
        reasons = dict(line[2:].split(": ", 1) for line in told.splitlines() if line.startswith("- "))
        assert "a table made anew is one transaction here" in reasons["contract.a.rebuild"]
        assert "made anew" not in reasons["expand.a.add_m"], "only its way back makes the table anew"


def test_what_cannot_be_is_said_in_one_sentence(talk: Conversation) -> None:
    before = the_plan(talk)
    list(talk.say("make it 5 releases"))
    assert any("a plan is made into 2, 3 or 4 releases, not into 5" in m.content for m in talk.messages)
    list(talk.say("what if I skip step 99?"))
    assert any("the plan has no step '99'" in m.content for m in talk.messages)
    assert the_plan(talk) == before


def test_the_card_of_an_approval_shows_what_the_step_touches(
    talk: Conversation, capsys: pytest.CaptureFixture[str]
) -> None:
    from assistant.console import show
    from assistant.views import proposal_view

    list(talk.say("apply it"))
    while talk.question and talk.question["view"]["id"] != "migrate.agents.fill_tier_nulls":
        proposal = talk.question["proposal"]
        given = talk.workspace.ledger.approve(proposal, approver="me", via="repl")
        list(talk.resume({"decision": "approve", "proposal": proposal, "approval_ids": [a.id for a in given]}))
    assert talk.question
    capsys.readouterr()
    show(proposal_view(talk.question["view"]))
    card = " ".join(capsys.readouterr().out.split())
    assert "Give rows of agents with NULL in tier a value" in card
    assert "hazards: FIRES_TRIGGERS" in card
    assert f"touches: agents: {LOCK}, walked over, fires agents_touch" in card
    assert "(about 300 rows, " in card
    assert "golden, mapping, notes lean on it)" in card  # mapping is there by now
    assert re.search(r"rehearsed: forward and back, [\d.]+ s, 100 rows", card), card


def test_the_command_line_says_the_same(team: Path, oneplan: Oneplan) -> None:
    made = oneplan("plan", "sqlite:///app.db", "desired.sql", "--renames", "answers.yaml", "-o", "plan.yaml", "--json")
    steps = {s["id"]: s for phase in made.data["phases"] for s in phase["steps"]}
    (agents,) = steps["contract.agents.rebuild"]["impacts"]
    assert (agents["rewrites"], agents["scans"], agents["rows"], agents["blocks"]) == (
        True,
        True,
        300,
        "all other writers",
    )
    assert agents["dependants"] == ["golden", "notes"]
    (filled,) = steps["migrate.agents.fill_tier_nulls"]["impacts"]
    assert filled["fires"] == ["agents_touch"]
    (copied,) = steps["migrate.agents.fill_display_name"]["impacts"]
    assert copied["fires"] == [], "it rests while values are copied"
    assert {s["estimate"] for s in steps.values()} == {None}
    assert oneplan("rehearse", "plan.yaml", "--database", "sqlite:///app.db").code == 0
    again = oneplan("plan", "sqlite:///app.db", "desired.sql", "--renames", "answers.yaml", "--json")
    known = {s["id"]: s["estimate"] for phase in again.data["phases"] for s in phase["steps"]}
    assert known["contract.agents.rebuild"]["seconds"] > 0
    assert known["contract.agents.rebuild"]["locks"] == ["write lock on the database"]
    told = " ".join(oneplan("explain", "plan.yaml", "--database", "sqlite:///app.db").out.split())
    assert (
        f"touches agents: {LOCK}, written anew, walked over (about 300 rows, 16 kB, golden, notes lean on it)" in told
    )
    assert "fires agents_touch" in told


def test_traffic_and_locks_of_postgres_are_told(
    postgres_url: str, postgres_server: str, workspace: Path, oneplan: Oneplan
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE agents (id integer PRIMARY KEY, goal text, tier text)")
        connection.execute("CREATE VIEW gold AS SELECT id FROM agents WHERE tier = 'gold'")
        connection.execute("INSERT INTO agents SELECT n, 'g', 'gold' FROM generate_series(1, 500) n")
        connection.execute("SELECT count(*) FROM agents")
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("ANALYZE agents")
    Path("desired.sql").write_text(
        "-- dialect: postgres\nCREATE TABLE agents (id integer PRIMARY KEY, goal text, tier text NOT NULL);\n"
        "CREATE VIEW gold AS SELECT id FROM agents WHERE tier = 'gold';\nCREATE INDEX by_goal ON agents (goal);\n",
        encoding="utf-8",
    )
    assert oneplan("plan", postgres_url, "desired.sql", "--renames", "none", "-o", "plan.yaml").code == 0
    told = " ".join(oneplan("explain", "plan.yaml", "--database", postgres_url).out.split())
    assert "touches agents: SHARE UPDATE EXCLUSIVE keeps nobody but other changes of the table out, walked over" in told
    assert "touches agents: ACCESS EXCLUSIVE keeps readers and writers out" in told
    assert re.search(r"about 500 rows, \d+ kB, \d+ reads and 500 written rows [^,)]+, gold lean on it", told), told
    assert oneplan("rehearse", "plan.yaml", "--database", postgres_url, "--shadow", postgres_server).code == 0
    after = " ".join(oneplan("explain", "plan.yaml", "--database", postgres_url).out.split())
    assert re.search(r"takes about \S+ \w+, as on the copy; held ACCESS EXCLUSIVE on agents for \S+ \w+", after), after
    assert plan_from_yaml(Path("plan.yaml").read_text(encoding="utf-8")).dialect == "postgres"
