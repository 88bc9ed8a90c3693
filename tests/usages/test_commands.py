"""Usages by the command line and in the conversation, up to the steps of a plan that people sign."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.commandline import Oneplan

CODE = Path(__file__).parents[1] / "fixtures" / "code"
CURRENT = """
CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT);
CREATE TABLE agents (id TEXT PRIMARY KEY, goal TEXT, priority TEXT, owner_id TEXT REFERENCES users (id));
"""
DESIRED = """
-- dialect: sqlite
CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT);
CREATE TABLE agents (id TEXT PRIMARY KEY, priority INTEGER, owner_id TEXT REFERENCES users (id));
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a live database, the schema that is wanted, and the code that uses what is there."""
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("app.db")) as connection:
        connection.executescript(CURRENT)
    Path("desired.sql").write_text(DESIRED, encoding="utf-8")
    shutil.copytree(CODE, tmp_path / "src")
    return tmp_path


def configured(folder: Path) -> None:
    text = '[project]\ncurrent = "sqlite:///app.db"\ndesired = "desired.sql"\ncode = "src"\n'
    (folder / "oneplan.toml").write_text(text, encoding="utf-8")


def test_gap_gives_the_usages_of_what_goes_or_changes(shop: Path, oneplan: Oneplan) -> None:
    done = oneplan("gap", "sqlite:///app.db", "desired.sql", "--renames", "none", "--code", "src", "--json")
    assert done.code == 2, done.err
    usages = done.data["usages"]
    assert {(u["table"], u["column"]) for u in usages} == {("agents", "goal"), ("agents", "priority")}
    one = next(u for u in usages if u["file"] == "web/store.tsx" and u["line"] == 13)
    assert (one["column"], one["access"], one["certainty"]) == ("goal", "write", "certain")
    assert "usages" not in oneplan("gap", "sqlite:///app.db", "desired.sql", "--renames", "none", "--json").data


def test_gap_shows_them_to_people(shop: Path, oneplan: Oneplan) -> None:
    done = oneplan("gap", "sqlite:///app.db", "desired.sql", "--renames", "none", "--code", "src")
    assert "agents.goal" in done.out
    assert "py/work.py:16" in done.out
    assert "likely" in done.out


def test_a_folder_that_is_not_there_is_said(shop: Path, oneplan: Oneplan) -> None:
    done = oneplan("gap", "sqlite:///app.db", "desired.sql", "--code", "nowhere")
    assert (done.code, done.err.strip()) == (1, "oneplan: nowhere: is not a folder of code")


def test_the_steps_that_people_sign_list_the_usages(shop: Path, oneplan: Oneplan) -> None:
    configured(shop)
    done = oneplan("plan", "sqlite:///app.db", "desired.sql", "--renames", "none", "-o", "plan.yaml")
    assert done.code == 0, done.err
    text = " ".join(Path("plan.yaml").read_text(encoding="utf-8").split())
    told = "Used by the code when this plan was made: "
    assert text.count(told) == 2, "where the code is changed, and where the old names are signed off"
    assert "agents.goal in convex/agents.ts:10" in text
    assert "agents.priority in convex/agents.ts:11" in text
    assert oneplan("lint", "plan.yaml").code in (0, 2)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("where is agents.goal used?", "agents.goal: used in"),
        ("who reads agents.goal", "agents.goal: used in"),
        ("what breaks in our code if `agents.goal` goes?", "agents.goal: used in"),
        ("where is users used?", "users: used in"),
        ("/usages agents.priority", "agents.priority: used in"),
        ("what would break?", "what the gaps take away or change: used in"),
    ],
)
def test_the_conversation_answers_where_a_thing_is_used(shop: Path, oneplan: Oneplan, asked: str, found: str) -> None:
    configured(shop)
    done = oneplan("ask", asked, "--json")
    assert done.code == 0, done.err
    assert found in done.data["answer"], done.data["answer"]
    assert done.data["tools"] == ["find_usages"]
    assert (shop / ".oneplan" / "usages.json").is_file()


def test_without_code_the_conversation_says_what_to_set(shop: Path, oneplan: Oneplan) -> None:
    configured(shop)
    toml = shop / "oneplan.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('code = "src"\n', ""), encoding="utf-8")
    done = oneplan("ask", "where is agents.goal used?", "--json")
    assert "set `code` under [project]" in done.out
