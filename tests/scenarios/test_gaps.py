"""Questions about what differs, in a conversation: dangers, parts of a table, counts, and lists a page at a time."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assistant.offline import OfflinePlanner, understood
from assistant.repl import ask_once
from assistant.session import Workspace
from assistant.threads import Conversation
from tools.schema.source import read_schema


def ask(text: str) -> tuple[str, list[str]]:
    """The answer's text and the tools that were called."""
    found = ask_once(Workspace(), OfflinePlanner(listings=True), text)
    return found.answer, found.tools


@pytest.mark.parametrize(("text", "tool", "arguments"), [
    ("which gaps are dangerous?", "dangerous_gaps", {}),
    ("what is risky about this?", "dangerous_gaps", {}),
    ("show me the indexes of messages", "inspect_schema", {"table": "messages", "part": "indexes"}),
    ("foreign keys of the table orders?", "inspect_schema", {"table": "orders", "part": "foreign_keys"}),
    ("how complete is the ontology?", "list_gaps", {}),
])  # fmt: skip
def test_words_call_tools(text: str, tool: str, arguments: dict[str, str]) -> None:
    assert understood(text) == [(tool, arguments)]


@pytest.mark.usefixtures("answered")
def test_dangerous_gaps_are_told_with_what_they_do_the_gravest_first() -> None:
    answer, tools = ask("which gaps are dangerous?")
    assert tools == ["dangerous_gaps"]
    lines = [line for line in answer.splitlines() if line.startswith("- ")]
    assert any("agents.goal is to go" in line and "DELETES_DATA" in line for line in lines)
    assert "DELETES_DATA" in lines[0]
    assert "mapping" not in answer, "a new table is no danger"


def test_nothing_dangerous_is_said_so(workspace: Path) -> None:
    with closing(sqlite3.connect("app.db")) as connection:
        connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    Path("d.sql").write_text("-- dialect: sqlite\nCREATE TABLE a (id INTEGER PRIMARY KEY);\nCREATE TABLE b (x TEXT);\n")
    Path("oneplan.toml").write_text('[project]\ncurrent = "sqlite:///app.db"\ndesired = "d.sql"\n')
    assert "None of the 1 gap is dangerous" in ask("which gaps are dangerous?")[0]


def test_a_part_of_a_table_is_shown(workspace: Path) -> None:
    with closing(sqlite3.connect("app.db")) as connection:
        connection.executescript(
            "CREATE TABLE messages (id INTEGER PRIMARY KEY, room TEXT, at TEXT, UNIQUE (room, at));"
            "CREATE INDEX by_room ON messages (room, at DESC) WHERE room IS NOT NULL;"
        )
    Path("oneplan.toml").write_text('[project]\ncurrent = "sqlite:///app.db"\ndesired = "sqlite:///app.db"\n')
    answer, _ = ask("show me the indexes of messages")
    assert "- primary key (id)" in answer
    assert "- unique (room, at)" in answer
    assert "by_room (room, at DESC) WHERE room IS NOT NULL" in answer
    assert "has no triggers" in ask("triggers of messages")[0]
    assert "no table 'nothing'" in ask("show me the indexes of nothing")[0] + str(understood("x"))


def test_thousands_of_tables_come_a_page_at_a_time(workspace: Path) -> None:
    script = "".join(f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, a TEXT);\n" for n in range(3_000))
    script = f"BEGIN;\n{script}COMMIT;"
    with closing(sqlite3.connect("app.db")) as connection:
        connection.executescript(script)
    with closing(sqlite3.connect("new.db")) as connection:
        connection.executescript(script.replace("a TEXT", "a TEXT, b TEXT"))
    Path("oneplan.toml").write_text('[project]\ncurrent = "sqlite:///app.db"\ndesired = "sqlite:///new.db"\n')
    assert len(read_schema("sqlite:///new.db").tables) == 3_000
    heard: list[str] = []
    with Conversation(Workspace(), OfflinePlanner(listings=True), "t") as talk:
        for text in ("what differs?", "more", "more please"):
            assert list(talk.say(text))
            heard.append(talk.messages[-1].content)
            assert len(heard[-1]) < 10_000, "the screen is not flooded"
            assert len(json.dumps([m.model_dump() for m in talk.messages[-3:]])) < 60_000, "nor is the model"
    assert "3,000 gaps in 3,000 tables" in heard[0]
    assert "Say `more`" in heard[0]
    assert "t0.b" in heard[0]
    pages = [{line for line in text.splitlines() if line.startswith("- ")} for text in heard]
    assert all(pages)
    assert not pages[0] & pages[1]
    assert not pages[1] & pages[2]


def test_enumerations_are_counted_in_the_conversation(workspace: Path) -> None:
    Path("a.sql").write_text("-- dialect: postgres\nCREATE TYPE thing_type AS ENUM ('a', 'b');\n")
    Path("b.sql").write_text("-- dialect: postgres\nCREATE TYPE thing_type AS ENUM ('a', 'b', 'c');\n")
    Path("oneplan.toml").write_text('[project]\ncurrent = "a.sql"\ndesired = "b.sql"\n')
    assert "thing type 2 of 3" in ask("how complete is the ontology?")[0]
