"""Questions of a plan, outside the chat: answered of the one that is named, of the run under way, or of the newest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assistant.model import Message, Reply, ToolSpec
from assistant.repl import ask_once
from assistant.session import Workspace
from tests.cli.conftest import build_sqlite
from tests.commandline import Oneplan

SETTINGS = '[project]\ncurrent = "sqlite:///app.sqlite"\ndesired = "desired.sql"\nanswers = "answers.yaml"\n'


@pytest.fixture
def shop(workspace: Path, schemas: object, oneplan: Oneplan) -> str:
    """A database, its plan in plan.yaml, and settings that name both sides."""
    database = build_sqlite(workspace / "app.sqlite")
    (workspace / "oneplan.toml").write_text(SETTINGS)
    assert oneplan("plan", database, "desired.sql", "-o", "plan.yaml", "--renames", "answers.yaml").code == 0
    return database


def asked(oneplan: Oneplan, text: str) -> tuple[str, str]:
    done = oneplan("ask", text, "--offline", "--json")
    assert done.code == 0, done.err
    assert set(done.data) == {"answer", "citations", "tools", "proposals", "usage"}
    return done.data["answer"], done.err


def test_a_plan_file_is_asked_about(shop: str, oneplan: Oneplan, workspace: Path) -> None:
    (workspace / "other.yaml").write_text("tables: {}\n")  # newer, and no plan
    answer, told = asked(oneplan, "why this order?")
    assert answer.startswith("Additions come first")
    assert "2. [expand]" in answer
    assert told == "of plan.yaml\n"
    answer, told = asked(oneplan, "what if I skip step 4?")
    assert answer.startswith("Without step 4")
    assert "could not run" in answer
    assert told == "of plan.yaml\n"
    assert oneplan("ask", "what is missing?", "--offline").err == ""


def test_another_plan_is_kept_and_asked_about_next(shop: str, oneplan: Oneplan, workspace: Path) -> None:
    before = (workspace / "plan.yaml").read_text()
    answer, told = asked(oneplan, "make it two releases")
    assert "release 2: begins with the deployment of the code" in answer
    assert "Rehearsed on a copy" in answer
    assert told == "of plan.yaml\n"
    assert (workspace / "plan.yaml").read_text() == before
    answer, told = asked(oneplan, "why this order?")
    assert "Begin release 2" in answer
    assert told.startswith("of the plan ")
    answer, told = asked(oneplan, "why this order in plan.yaml?")
    assert "Begin release 2" not in answer
    assert told == "of plan.yaml\n"
    os.utime(workspace / "plan.yaml", (4_000_000_000, 4_000_000_000))  # written again since
    assert asked(oneplan, "why this order?")[1] == "of plan.yaml\n"


def test_the_run_under_way_comes_before_the_newest_file(shop: str, oneplan: Oneplan, workspace: Path) -> None:
    begun = oneplan("apply", "plan.yaml", "--database", shop, "--phase", "analyse,expand", "--yes")
    assert begun.code == 0, begun.err
    text = (workspace / "plan.yaml").read_text()
    (workspace / "newer.yaml").write_text(text.replace("Count and fingerprint", "Something else and fingerprint"))
    answer, told = asked(oneplan, "why this order?")
    assert "Something else" not in answer
    assert told == ""
    assert "Something else" in asked(oneplan, "why this order in newer.yaml?")[0]


def test_where_there_is_no_plan_one_sentence_says_so(
    workspace: Path, schemas: object, oneplan: Oneplan
) -> None:  # fmt: skip
    build_sqlite(workspace / "app.sqlite")
    (workspace / "oneplan.toml").write_text(SETTINGS)
    for question in ("why this order?", "what if I skip step 4?", "make it two releases"):
        answer, told = asked(oneplan, question)
        assert answer == (
            "That did not work: there is no plan here yet: `oneplan plan CURRENT DESIRED -o plan.yaml` makes one."
        )
        assert told == ""
    assert "gone.yaml: no such file" in asked(oneplan, "why this order in gone.yaml?")[0]
    (workspace / "torn.yaml").write_text("oneplan: 1\ndialect: sqlite\n")
    assert "torn.yaml" in asked(oneplan, "why this order?")[0]


def test_a_file_to_write_to_is_not_the_one_that_is_asked_about(shop: str, oneplan: Oneplan, workspace: Path) -> None:
    proposed = oneplan("ask", "write the plan to two.yaml", "--offline", "--json").data
    (pending,) = proposed["proposals"]
    assert oneplan("approvals", "show", pending).code == 0
    assert not (workspace / "two.yaml").exists()


def test_a_model_is_told_that_the_tools_find_the_plan(shop: str) -> None:
    told: list[str] = []

    class Listening:
        name = "listening"

        def reply(self, messages: list[Message], tools: list[ToolSpec], on_text: object) -> Reply:
            told.extend(message.content for message in messages if message.role == "system")
            return Reply(message=Message(role="assistant", content="well"))

    assert ask_once(Workspace(), Listening(), "why this order?").answer == "well"
    assert "the tools find the one that the question names" in told[0]
