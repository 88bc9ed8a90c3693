"""Values of enums and indexes under new names, columns merged into one or split: asked, and answered as files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commandline import Oneplan
from tests.plan.conftest import (
    Opener,
    open_database,  # noqa: F401  a fixture
)
from tests.plan.harness import there_and_back
from tools.errors import SourceError, UsageError
from tools.location import Dialect
from tools.plan.build import build_plan
from tools.plan.files import plan_from_yaml, plan_to_yaml
from tools.schema import wording
from tools.schema.answers import answers_from, answers_to, check_answers
from tools.schema.ddl import read_ddl
from tools.schema.gaps import compare
from tools.schema.model import Answers, Merge, Question
from tools.schema.renames import rename_questions
from tools.toolbox.answers import with_merge, with_rename

CURRENT = """
CREATE TYPE mood AS ENUM ('sad', 'fine');
CREATE TABLE people (id integer PRIMARY KEY, mood mood, moods mood[], name text, at timestamptz);
CREATE INDEX by_name ON people (name, at DESC);
CREATE TABLE agents (id integer PRIMARY KEY, background text, goal text, tone text, style varchar(20), kept text);
"""
DESIRED = """
CREATE TYPE mood AS ENUM ('blue', 'fine');
CREATE TABLE people (id integer PRIMARY KEY, mood mood, moods mood[], first_name text, last_name text, at timestamptz);
CREATE TABLE agents (id integer PRIMARY KEY, prompt text, kept text);
"""
INDEXED = DESIRED.replace("first_name text, last_name text", "name text") + (
    "CREATE INDEX people_name ON people (name, at DESC);"
)
DATA = """
INSERT INTO people VALUES (1, 'sad', ARRAY['sad', 'fine']::mood[], 'Ada Byron', NULL), (2, 'fine', NULL, NULL, NULL);
INSERT INTO agents VALUES (1, 'b', 'g', NULL, 's', 'k'), (2, NULL, NULL, NULL, NULL, 'k');
"""


def questions(
    current: str, desired: str, answers: Answers | None = None, dialect: Dialect = "postgres"
) -> list[Question]:
    return list(rename_questions(read_ddl(current, dialect), read_ddl(desired, dialect), answers))


def test_values_merges_and_splits_are_asked_with_evidence() -> None:
    asked = questions(CURRENT, DESIRED)
    assert {(q.kind, q.table, q.before, q.after) for q in asked} >= {
        ("enum_value", "mood", "sad", "blue"),
        ("merge", "agents", "background, goal, tone, style", "prompt"),
        ("split", "people", "name", "first_name, last_name"),
    }
    assert all(q.evidence for q in asked)
    merge = next(q for q in asked if q.kind == "merge")
    assert wording.question(merge).startswith("are agents.background, goal, tone, style merged into prompt, as NULLIF(")
    assert wording.question(next(q for q in asked if q.kind == "enum_value")) == (
        "is the value 'sad' of the enum mood renamed to 'blue'?"
    )
    assert ("index", "people", "by_name", "people_name") in {
        (q.kind, q.table, q.before, q.after) for q in questions(CURRENT, INDEXED)
    }


def test_two_columns_that_have_nothing_to_do_with_the_new_one_are_no_merge() -> None:
    current = "CREATE TABLE t (id integer PRIMARY KEY, colour text, shape text);"
    assert not [
        q for q in questions(current, "CREATE TABLE t (id integer PRIMARY KEY, owner text);") if q.kind == "merge"
    ]
    named = "CREATE TABLE t (id integer PRIMARY KEY, first_name text, last_name text);"
    merge = [q for q in questions(named, "CREATE TABLE t (id integer PRIMARY KEY, name text);") if q.kind == "merge"]
    assert [q.before for q in merge] == ["first_name, last_name"]


def answered(asked: list[Question], yes: bool) -> Answers:
    answers = Answers()
    for question in asked:
        if yes and question.kind == "split":
            for n, name in enumerate(question.after.split(", "), 1):
                sql = f"split_part({question.before}, ' ', {n})"
                answers = with_merge(answers, Merge(question.table or "", (question.before,), name, sql))
        else:
            answers = with_rename(answers, question, yes and question.kind not in ("column", "table"))
    return answers


@pytest.mark.parametrize("yes", [True, False])
def test_what_is_answered_is_kept_in_files_and_not_asked_again(yes: bool) -> None:
    for desired in (DESIRED, INDEXED):
        answers = answered(questions(CURRENT, desired), yes)
        again = answers_from(answers_to(answers))
        assert again == answers
        assert questions(CURRENT, desired, again) == []
        check_answers(again, read_ddl(CURRENT, "postgres"), read_ddl(desired, "postgres"))


def test_while_a_question_is_open_nothing_of_it_goes() -> None:
    plan = build_plan(read_ddl(CURRENT, "postgres"), read_ddl(DESIRED, "postgres"))
    sql = " ".join(s for step in plan.steps for s in step.statements())
    assert "DROP COLUMN" not in sql
    assert not [step for step in plan.steps if step.operation == "change_enum"]
    assert sum("open question" in sentence for sentence in plan.held_back) == 7
    assert plan_from_yaml(plan_to_yaml(plan), "plan.yaml") == plan
    held = build_plan(read_ddl(CURRENT, "postgres"), read_ddl(INDEXED, "postgres"))
    assert not [step for step in held.steps if step.operation == "drop_index"]


def test_answers_are_planned_and_run_there_and_back(open_database: Opener) -> None:  # noqa: F811
    database = open_database("postgres")
    database.script(CURRENT + DATA)
    desired = read_ddl(DESIRED, "postgres")
    answers = answered(questions(CURRENT, DESIRED), yes=True)
    plan = build_plan(database.schema(), desired, answers)
    assert not plan.held_back
    there_and_back(database, plan, desired)
    from tests.plan.harness import forward

    forward(database, plan)
    assert database.query("SELECT mood::text, moods::text[], first_name, last_name FROM people ORDER BY id") == [
        ("blue", ["blue", "fine"], "Ada", "Byron"), ("fine", None, None, None),
    ]  # fmt: skip
    assert database.query("SELECT prompt FROM agents ORDER BY id") == [("b\n\ng\n\ns",), (None,)]


def test_an_index_said_to_be_the_same_is_renamed(open_database: Opener) -> None:  # noqa: F811
    database = open_database("postgres")
    database.script(CURRENT + DATA)
    desired = read_ddl(INDEXED, "postgres")
    answers = answered(questions(CURRENT, INDEXED), yes=True)
    assert [(g.kind, g.from_, g.to) for g in compare(database.schema(), desired, answers) if "index" in g.kind] == [
        ("index_changed", "by_name", "people_name"),
    ]  # fmt: skip
    plan = build_plan(database.schema(), desired, answers)
    assert [step.sql for step in plan.steps if "index" in step.operation] == [
        ('ALTER INDEX "by_name" RENAME TO "people_name"',)
    ]
    there_and_back(database, plan, desired)


def test_a_value_of_an_enum_is_renamed_in_duckdb_too(open_database: Opener) -> None:  # noqa: F811
    current = "CREATE TYPE mood AS ENUM ('sad', 'fine'); CREATE TABLE people (id INTEGER PRIMARY KEY, mood mood);"
    wanted = read_ddl(current.replace("'sad'", "'blue'"), "duckdb")
    database = open_database("duckdb")
    database.script(current + "INSERT INTO people VALUES (1, 'sad'), (2, 'fine');")
    plan = build_plan(database.schema(), wanted, Answers(values=(("mood", "sad", "blue"),)))
    there_and_back(database, plan, wanted)


def test_merges_are_joined_by_sqlite_too(open_database: Opener) -> None:  # noqa: F811
    current = "CREATE TABLE agents (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT);"
    desired = "CREATE TABLE agents (id INTEGER PRIMARY KEY, prompt TEXT);"
    (merge,) = [q for q in questions(current, desired, dialect="sqlite") if q.kind == "merge"]
    database = open_database("sqlite")
    database.script(current)
    database.script("INSERT INTO agents VALUES (1, 'x', NULL, 'z'), (2, NULL, NULL, NULL)")
    assert database.query(f"SELECT {merge.value} FROM agents ORDER BY id") == [("x\n\nz",), (None,)]


@pytest.mark.parametrize("data", [
    {"values": {"mood": "x"}}, {"values": [{"enum": "mood", "from": "a"}]}, {"indexes": ["x"]},
])  # fmt: skip
def test_odd_answers_are_refused(data: object) -> None:
    with pytest.raises(SourceError, match="must be|is no name"):
        answers_from(data)


def test_answers_that_name_what_is_not_there_are_refused() -> None:
    current, desired = read_ddl(CURRENT, "postgres"), read_ddl(INDEXED, "postgres")
    with pytest.raises(UsageError, match="has no such value"):
        check_answers(Answers(values=(("mood", "mad", "blue"),)), current, desired)
    with pytest.raises(UsageError, match="has no index 'other'"):
        check_answers(Answers(indexes=(("people", "other", "people_name"),)), current, desired)


def test_on_the_command_line(oneplan: Oneplan, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("-- dialect: postgres\n" + CURRENT)
    (tmp_path / "b.sql").write_text("-- dialect: postgres\n" + DESIRED)
    done = oneplan("gap", "a.sql", "b.sql", "--json")
    merge = next(q for q in done.data["questions"] if q["kind"] == "merge")
    assert (merge["table"], merge["to"]) == ("agents", "prompt")
    assert "concat_ws" in merge["value"]
    assert oneplan("gap", "a.sql", "b.sql", "--renames", "none", "--json").data["questions"] == []
    assert "merged into prompt" in oneplan("gap", "a.sql", "b.sql").out
