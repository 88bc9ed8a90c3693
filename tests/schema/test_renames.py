"""Renames are questions with evidence; answers come from files in the forms that people write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.errors import SourceError, UsageError
from tools.schema.ddl import read_ddl
from tools.schema.gaps import compare
from tools.schema.model import Answers, Schema
from tools.schema.renames import check_answers, read_answers, rename_questions, write_answers

CURRENT = """
CREATE TABLE agents (id INTEGER PRIMARY KEY, goal TEXT NOT NULL, industry TEXT, priority INTEGER,
    CONSTRAINT some CHECK (goal <> 'goal'));
CREATE TABLE ai_personas (id INTEGER PRIMARY KEY, title TEXT, body TEXT, agent INTEGER REFERENCES agents (id));
CREATE INDEX by_goal ON agents (goal, lower(goal)) WHERE goal IS NOT NULL;
"""
DESIRED = """
CREATE TABLE agents (id INTEGER PRIMARY KEY, main_goal TEXT NOT NULL, priority INTEGER, sector TEXT,
    CHECK (main_goal <> 'goal'));
CREATE TABLE personas (id INTEGER PRIMARY KEY, title TEXT, body TEXT, agent INTEGER REFERENCES agents (id));
CREATE INDEX by_goal ON agents (main_goal, lower(main_goal)) WHERE main_goal IS NOT NULL;
"""


def schema(sql: str) -> Schema:
    return read_ddl(sql, "sqlite")


def asked(current: str, desired: str, answers: Answers | None = None) -> list[tuple[str | None, str, str]]:
    questions = rename_questions(schema(current), schema(desired), answers)
    return [(question.table, question.before, question.after) for question in questions]


def test_the_likely_ones_are_asked_with_evidence() -> None:
    questions = rename_questions(schema(CURRENT), schema(DESIRED))
    assert [(q.kind, q.before, q.after) for q in questions][:2] == [
        ("table", "ai_personas", "personas"), ("column", "goal", "main_goal"),
    ]  # fmt: skip
    assert all(question.evidence and 0 < question.likeness <= 1 for question in questions)


def test_an_answered_rename_is_compared_inside() -> None:
    answers = Answers(tables=(("ai_personas", "personas"),), columns=(("agents", "goal", "main_goal"),))
    gaps = compare(schema(CURRENT), schema(DESIRED), answers)
    assert [(gap.kind, gap.table, gap.from_, gap.to) for gap in gaps if gap.kind.endswith("renamed")] == [
        ("table_renamed", "ai_personas", "ai_personas", "personas"), ("column_renamed", "agents", "goal", "main_goal"),
    ]  # fmt: skip
    assert [(gap.kind, gap.column) for gap in gaps if not gap.kind.endswith("renamed")] == [
        ("column_added", "sector"), ("column_removed", "industry"),
    ]  # fmt: skip


def test_what_is_answered_is_not_asked_again() -> None:
    no = Answers(not_renames=(("agents", "goal", "main_goal"), ("", "ai_personas", "personas")))
    left = asked(CURRENT, DESIRED, no)
    assert ("agents", "goal", "main_goal") not in left
    assert (None, "ai_personas", "personas") not in left
    assert asked(CURRENT, DESIRED, Answers(none=True)) == []
    yes = Answers(columns=(("agents", "goal", "main_goal"),))
    assert all("goal" not in (before, after) for _, before, after in asked(CURRENT, DESIRED, yes))


def test_a_removed_column_raises_few_questions() -> None:
    before = "CREATE TABLE t (id INTEGER PRIMARY KEY, value_a TEXT)"
    after = f"CREATE TABLE t (id INTEGER PRIMARY KEY, {', '.join(f'value_{i} TEXT' for i in range(9))})"
    assert 0 < len(asked(before, after)) <= 3


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("id INT, a TEXT", "id INT, b TEXT", True),  # the only two, in one place
        ("id INT, a TEXT, b TEXT", "id INT, a TEXT, b TEXT, c TEXT", False),  # nothing goes
        ("id INT, at TEXT", "id INT, price REAL", False),  # another kind of value
        ("id INT, userName TEXT, x INT", "id INT, x INT, y TEXT, user_names TEXT", True),  # the same words
        ("id INT, created_at TEXT, x INT", "id INT, x INT, y TEXT, z TEXT, updated_by TEXT", False),
    ],
)
def test_which_pairs_are_asked(before: str, after: str, expected: bool) -> None:
    assert bool(asked(f"CREATE TABLE t ({before})", f"CREATE TABLE t ({after})")) is expected


def test_a_column_inside_a_renamed_table_is_asked_under_its_current_name() -> None:
    before = "CREATE TABLE old_things (id INT, a TEXT, b TEXT, goal TEXT)"
    after = "CREATE TABLE things (id INT, a TEXT, b TEXT, goals TEXT)"
    answers = Answers(tables=(("old_things", "things"),))
    assert asked(before, after, answers) == [("old_things", "goal", "goals")]
    both = Answers(answers.tables, (("old_things", "goal", "goals"),))
    check_answers(both, schema(before), schema(after))
    assert {gap.kind for gap in compare(schema(before), schema(after), both)} == {"table_renamed", "column_renamed"}


FORMS = {
    "a list under renames": {
        "renames": [{"table": "agents", "from": "goal", "to": "objective"}, {"from": "old", "to": "new"}]
    },
    "a bare list": [{"table": "agents", "from": "goal", "to": "objective"}, {"from": "old", "to": "new"}],
    "a mapping": {"renames": {"agents.goal": "objective", "old": "new"}},
    "a mapping with full names": {"renames": {"agents.goal": "agents.objective", "old": "new"}},
    "a bare mapping": {"agents.goal": "objective", "old": "new"},
    "by kind, dotted": {"tables": {"old": "new"}, "columns": {"agents.goal": "objective"}},
    "by kind, nested": {"tables": {"old": "new"}, "columns": {"agents": {"goal": "objective"}}},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_answers_in_every_form(form: str, suffix: str, tmp_path: Path) -> None:
    import yaml

    path = tmp_path / f"renames.{suffix}"
    path.write_text(json.dumps(FORMS[form]) if suffix == "json" else yaml.safe_dump(FORMS[form]))
    assert read_answers(path) == Answers((("old", "new"),), (("agents", "goal", "objective"),))


def test_all_that_can_be_answered_is_written_and_read_again(tmp_path: Path) -> None:
    answers = Answers(
        (("old", "new"),), (("agents", "goal", "objective"), ("other.agents", "a", "b")),
        (("agents", "x", "y"), ("", "p", "q")), True, (("agents", "slug", "lower(name)"), ("agents", "rank", "0")),
    )  # fmt: skip
    write_answers(answers, tmp_path / "renames.yaml")
    assert read_answers(tmp_path / "renames.yaml") == answers


@pytest.mark.parametrize("key", ["fill", "fills"])
def test_fills_by_either_key_and_of_any_value(key: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{key}:\n  agents.slug: lower(name)\n  agents.rank: 1\n  agents: {{on: true}}\n")
    fills = (("agents", "slug", "lower(name)"), ("agents", "rank", "1"), ("agents", "on", "TRUE"))
    got = read_answers(tmp_path / "a.yaml").fills
    assert got[:2] == fills[:2]
    assert got[2][2] == "TRUE"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("renames: [{table: a, from: b}]", r"renames\[1\]: 'to' is missing"),
        ("renames: [{table: a, frm: b, to: c}]", r"renames\[1\]: 'frm' is no known key"),
        ("renames: []\nrenmaes: []", r"'renmaes': is no known key"),
        ("renmaes: [{from: a, to: b}]", r"'renmaes': is no known key"),
        ("renames: 3", r"'renames': must be a list or a mapping"),
        ("renames: {a.b: 3}", r"renames\.a\.b: 3 is no name"),
        ("renames: [{table: t, from: a, to: c}, {table: t, from: b, to: c}]", r"t\.c: is the new name of two"),
        ("fills: {slug: x}", r"fills\.slug: must be written as table\.column"),
        ("none: maybe", r"'none': must be true or false"),
        ("renames: [", r"a\.yaml:1: is no YAML or JSON"),
        ("just words", r"the file: must hold"),
    ],
)
def test_a_wrong_answer_file_is_one_clear_sentence(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(SourceError, match=message) as caught:
        read_answers(tmp_path / "a.yaml")
    assert "\n" not in str(caught.value)


def test_an_answer_file_that_is_not_there() -> None:
    with pytest.raises(SourceError, match=r"^nowhere\.yaml: no such file"):
        read_answers("nowhere.yaml")


@pytest.mark.parametrize(
    "answers",
    [
        Answers(tables=(("missing", "personas"),)),
        Answers(tables=(("ai_personas", "missing"),)),
        Answers(columns=(("agents", "missing", "main_goal"),)),
        Answers(columns=(("agents", "goal", "missing"),)),
        Answers(columns=(("missing", "goal", "main_goal"),)),
        Answers(fills=(("agents", "missing", "1"),)),
    ],
)
def test_an_answer_about_nothing_that_is_there_is_wrong_usage(answers: Answers) -> None:
    with pytest.raises(UsageError, match="missing"):
        check_answers(answers, schema(CURRENT), schema(DESIRED))
