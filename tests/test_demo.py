"""The worked example, whole, on each of its databases: the transcript, and what is in the database at the end."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assistant.demo.rows import AGENTS, generate
from tests.commandline import Oneplan


def test_the_rows_tell_the_story() -> None:
    rows = generate()
    assert rows == generate(), "one seed, one story"
    assert len(rows["agents"]) == AGENTS
    assert {row[6] for row in rows["agents"]} == {1}, "every agent is locked to one industry"
    codes = {str(row[1]) for row in rows["agents"]}
    legacy = [str(row[1]).removeprefix("DH_AGENT_").removeprefix("AI_AGENT_") for row in rows["dh_agent"]]
    legacy += [str(row[1]).removeprefix("AI_AGENT_") for row in rows["ai_agents"]]
    assert codes & set(legacy), "some are in agents already"
    assert 200 <= len(codes | set(legacy)) <= 250


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgres"])
def test_the_demo_plays_to_its_end(oneplan: Oneplan, workspace: Path, kind: str) -> None:
    done = oneplan("demo", kind, "--yes")
    assert done.code == 0, done.err
    for turn in ("what is missing?", "plan it", "apply it", "verify", "roll back"):
        assert f"you> {turn}" in done.out
    for phase in ("analyse", "expand", "refactor", "migrate", "verify", "contract", "monitor"):
        assert f"  {phase}  " in done.out, f"phase {phase} has work"
    assert "Rehearsed on a copy, forward and back" in done.out
    assert done.out.count("every checksum equal, no row lost") == 2, "proven after the run, and after the way back"
    assert "That did not work" not in done.out
    assert (workspace / "demo" / ".oneplan" / "backups").is_dir()


def test_the_way_back_ends_where_it_began(oneplan: Oneplan, workspace: Path) -> None:
    assert oneplan("demo", "--yes", "--dir", "here").code == 0
    with closing(sqlite3.connect(workspace / "here" / "app.db")) as connection:
        for table, rows in generate().items():
            assert connection.execute(f'SELECT * FROM "{table}"').fetchall() == rows
        kept = connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%kept%'").fetchall()
    assert kept == [], "what was set aside has gone back"


def test_a_folder_that_no_demo_made_is_left_alone(oneplan: Oneplan, workspace: Path) -> None:
    (workspace / "demo").mkdir()
    (workspace / "demo" / "app.db").write_text("mine")
    refused = oneplan("demo", "--yes")
    assert refused.code == 64
    assert (workspace / "demo" / "app.db").read_text() == "mine"
