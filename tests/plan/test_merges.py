"""Merges and splits: what the triggers do while old and new code run, what is asked before anything is removed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assistant.offline import OfflinePlanner
from assistant.session import Workspace
from assistant.threads import Conversation
from tests.commandline import Oneplan
from tests.plan.conftest import Opener
from tests.plan.harness import CheckFailed, Database, run_step
from tools.errors import SourceError, UsageError
from tools.location import Dialect
from tools.plan.build import build_plan
from tools.plan.model import Phase, Plan
from tools.schema.answers import answers_from, answers_to, check_answers
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers, Merge

BEFORE = "CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(9), b VARCHAR(9));"
AFTER = "CREATE TABLE t (id INTEGER PRIMARY KEY, c VARCHAR(20));"
MERGE = Merge("t", ("a", "b"), "c", "a || coalesce(b, '')")
ANSWERS = answers_from({"merges": [{"table": "t", "from": ["a", "b"], "to": "c", "as": MERGE.sql}]})


def started(database: Database) -> Plan:
    """The plan of a merge, expanded."""
    database.script(BEFORE + "INSERT INTO t VALUES (1, 'x', 'y'), (2, NULL, 'z');")
    plan = build_plan(database.schema(), read_ddl(AFTER, database.dialect), ANSWERS)
    assert not plan.questions
    for step in plan.steps:
        if step.phase in (Phase.ANALYSE, Phase.EXPAND):
            run_step(database, step)
    return plan


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_old_writes_are_computed_and_new_ones_stay(dialect: Dialect, open_database: Opener) -> None:
    database = open_database(dialect)
    started(database)
    database.execute("INSERT INTO t (id, a, b) VALUES (3, 'o', 'ld')")
    database.execute("INSERT INTO t (id, c) VALUES (4, 'new')")
    database.execute("UPDATE t SET a = 'q' WHERE id = 1")
    database.execute("UPDATE t SET c = 'mine' WHERE id = 3")
    database.execute("UPDATE t SET b = 'r', c = 'both' WHERE id = 4")
    assert database.query("SELECT id, c FROM t ORDER BY id") == [(1, "qy"), (2, None), (3, "mine"), (4, "both")]


def test_a_row_without_its_value_stops_before_anything_is_removed(open_database: Opener) -> None:
    database = open_database("duckdb")
    plan = started(database)
    proofs = next(step for step in plan.steps if step.id == "verify.t.proofs")
    with pytest.raises(CheckFailed, match="has in c what a, b say"):
        run_step(database, proofs)
    run_step(database, next(step for step in plan.steps if step.id == "migrate.t.fill_c"))
    run_step(database, proofs)
    assert "does not follow a, b" in plan.notes[0]


def test_answers_are_read_written_and_checked() -> None:
    assert ANSWERS.merges == (MERGE,)
    assert ANSWERS.not_renames == (("t", "a", "c"), ("t", "b", "c"))
    assert answers_from(answers_to(ANSWERS)) == ANSWERS
    split = answers_from({"splits": [{"table": "t", "from": "n", "to": {"f": "upper(n)", "l": "lower(n)"}}]})
    assert split.merges == (Merge("t", ("n",), "f", "upper(n)"), Merge("t", ("n",), "l", "lower(n)"))
    check_answers(ANSWERS, read_ddl(BEFORE, "sqlite"), read_ddl(AFTER, "sqlite"))
    wrong = Answers(merges=(Merge("t", ("nope",), "c", "nope"),))
    with pytest.raises(UsageError, match="no column 'nope'"):
        check_answers(wrong, read_ddl(BEFORE, "sqlite"), read_ddl(AFTER, "sqlite"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"merges": [{"table": "t", "from": ["a"], "to": "c"}]}, "'as' is missing"),
        ({"merges": {"t": "c"}}, "must be a list"),
        ({"splits": [{"table": "t", "from": "a", "to": "c"}]}, "must be a mapping"),
        ({"merges": [{"table": "t", "from": "a", "to": "c", "as": "a"}] * 2}, "made of columns twice"),
    ],
)
def test_an_answer_that_says_no_merge_is_named(data: object, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        answers_from(data)


@pytest.fixture
def project(workspace: Path) -> Path:
    with closing(sqlite3.connect("app.db")) as connection:
        connection.executescript(BEFORE + "INSERT INTO t VALUES (1, 'x', 'y'), (2, NULL, 'z');")
    Path("desired.sql").write_text(f"-- dialect: sqlite\n{AFTER}", encoding="utf-8")
    Path("answers.json").write_text(json.dumps(answers_to(ANSWERS)), encoding="utf-8")
    Path("oneplan.toml").write_text(
        '[project]\ncurrent = "sqlite:///app.db"\ndesired = "desired.sql"\n', encoding="utf-8"
    )
    return workspace


def test_the_plan_shows_a_merge_on_real_rows(project: Path, oneplan: Oneplan) -> None:
    done = oneplan("plan", "sqlite:///app.db", "desired.sql", "--renames", "answers.json", "--json")
    assert json.loads(done.out)["data"]["previews"] == [
        {"table": "t", "column": "c", "sql": MERGE.sql, "empty": 1,
         "rows": [{"a": "x", "b": "y", "c": "xy"}, {"a": None, "b": "z", "c": None}]}
    ]  # fmt: skip
    assert "1 rows get no value" in oneplan("plan", "sqlite:///app.db", "desired.sql", "--renames", "answers.json").out
    Path("answers.json").write_text(Path("answers.json").read_text().replace("coalesce", "nothing_such"))
    refused = oneplan("plan", "sqlite:///app.db", "desired.sql", "--renames", "answers.json")
    assert refused.code == 64
    assert "nothing_such" in refused.err


def test_in_the_conversation_a_merge_is_pinned_and_planned(project: Path) -> None:
    with Conversation(Workspace(), OfflinePlanner(listings=True), "t") as talk:
        list(talk.say("merge t.a and b into c as a || coalesce(b, '')"))
        told = talk.messages[-1].content
        assert "t.c will be made of a, b" in told
        assert "1 rows get no value" in told
        list(talk.say("plan it"))
        text = " ".join(message.content for message in talk.messages)
    assert "Rehearsed on a copy" in text
    assert "Give old rows of t a value in c" in text
