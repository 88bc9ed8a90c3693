"""What goes in wrong comes out as one sentence and an exit code."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import CURRENT
from tests.commandline import Oneplan


def one_sentence(text: str) -> bool:
    lines = [line for line in text.strip().splitlines() if line]
    return len(lines) == 1 and lines[0].startswith("oneplan: ")


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["gap", "nowhere.sql", "nowhere.sql"], 1, "nowhere.sql"),
        (["inspect", "sqlite:///nowhere.db"], 1, "nowhere.db"),
        (["inspect", "mongodb://host/db"], 64, "unknown kind"),
        (["inspect", "notes.txt"], 64, "notes.txt"),
        (["inspect", "sqlite:///notes.txt"], 1, "not a sqlite database"),
        (["inspect", "duckdb:///notes.txt"], 1, "not a duckdb database"),
        (["inspect", "current.sql"], 64, "--dialect"),
        (["inspect", "current.sql", "--dialect", "oracle"], 64, "oracle"),
        (["inspect", "env:NOT_SET_ANYWHERE"], 64, "NOT_SET_ANYWHERE"),
        (["inspect", "current.sql", "--dialect", "sqlite", "--table", "nope"], 64, "nope"),
        (["gap"], 64, ""),
        (["no-such-command"], 64, "no-such-command"),
        (["gap", "a", "b", "--no-such-flag"], 64, "no-such-flag"),
        (["apply", "nowhere.yaml", "--database", "sqlite:///x.db"], 1, "nowhere.yaml"),
        (["apply", "nonsense.yaml", "--database", "sqlite:///x.db"], 1, "nonsense.yaml"),
        (["explain", "current.sql"], 1, "current.sql"),
        (["apply", "x.yaml", "--allow", "EVERYTHING"], 64, "EVERYTHING"),
        (["apply", "x.yaml", "--phase", "later"], 64, "later"),
        (["approvals", "approve", "ffffffff"], 64, "ffffffff"),
        (["rollback", "--severity", "tiny"], 64, "tiny"),
        (["plan", "current.sql", "current.sql", "--dialect", "sqlite", "--renames", "nowhere.yaml"], 1, "nowhere.yaml"),
        (["plan", "current.sql", "current.sql", "--dialect", "sqlite", "--renames", "ask"], 64, "terminal"),
        (["demo", "oracle"], 64, "oracle"),
        (["demo"], 3, "--yes"),
        (["backups"], 64, "backups wants one of: list, restore, prune (see oneplan backups --help)"),
        (["audit"], 64, "audit wants one of: verify, export (see oneplan audit --help)"),
        (["approvals"], 64, "approvals wants one of: list, show, approve, reject (see oneplan approvals --help)"),
        (["board"], 64, "board wants one of: import, show, ready, "),
        (["backups", "rstore"], 64, "(see oneplan backups --help)"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_one_sentence_and_a_code(oneplan: Oneplan, workspace: Path, arguments: list[str], code: int, word: str) -> None:
    (workspace / "current.sql").write_text(CURRENT)
    (workspace / "notes.txt").write_text("only words, and more of them than a header is long")
    (workspace / "nonsense.yaml").write_text("steps: [what\n")
    done = oneplan(*arguments)
    assert done.code == code, done.err
    assert one_sentence(done.err), done.err
    assert word in done.err
    assert done.out == ""


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb", "postgres"])
def test_sql_that_does_not_parse_names_file_and_line(oneplan: Oneplan, workspace: Path, dialect: str) -> None:
    (workspace / "broken.sql").write_text("CREATE TABLE a (id integer);\n\nCREATE TABLE b (id integer,, name text);\n")
    done = oneplan("inspect", "broken.sql", "--dialect", dialect)
    assert done.code == 1
    assert "broken.sql:3" in done.err
    assert one_sentence(done.err), done.err


def test_errors_are_json_where_json_was_asked_for(oneplan: Oneplan) -> None:
    done = oneplan("gap", "nowhere.sql", "nowhere.sql", "--json")
    assert done.code == 1
    assert done.json["error"]["exit_code"] == 1
    assert "nowhere.sql" in done.json["error"]["message"]


def test_an_output_file_is_not_overwritten_unasked(oneplan: Oneplan, workspace: Path) -> None:
    (workspace / "current.sql").write_text(CURRENT)
    (workspace / "plan.yaml").write_text("mine")
    arguments = ("plan", "current.sql", "current.sql", "--dialect", "sqlite", "-o", "plan.yaml")
    assert oneplan(*arguments).code == 64
    assert (workspace / "plan.yaml").read_text() == "mine"
    assert oneplan(*arguments, "--yes").code == 0
    assert (workspace / "plan.yaml").read_text() != "mine"


def test_a_setting_that_does_not_exist_is_named(oneplan: Oneplan, workspace: Path) -> None:
    (workspace / "oneplan.toml").write_text('[project]\ncurent = "x.db"\n')
    done = oneplan("runs")
    assert done.code == 1
    assert "project.curent" in done.err


def test_settings_name_databases(oneplan: Oneplan, workspace: Path) -> None:
    with closing(sqlite3.connect(workspace / "app.db")) as connection, connection:
        connection.executescript(CURRENT)
    (workspace / "oneplan.toml").write_text('[databases]\nlocal = "sqlite:///app.db"\n')
    assert oneplan("gap", "db:local", "db:local").code == 0
    unknown = oneplan("inspect", "db:staging")
    assert unknown.code == 64
    assert "local" in unknown.err


def test_init_writes_once(oneplan: Oneplan, workspace: Path) -> None:
    assert oneplan("init", "here").code == 0
    assert (workspace / "here" / "oneplan.toml").exists()
    assert (workspace / "here" / ".oneplan").is_dir()
    assert oneplan("init", "here").code == 64
    assert oneplan("init", "here", "--yes").code == 0


def test_options_that_hold_everywhere(oneplan: Oneplan, workspace: Path) -> None:
    (workspace / "current.sql").write_text(CURRENT)
    assert oneplan("--version").out.startswith("oneplan ")
    quiet = oneplan("plan", "current.sql", "current.sql", "--dialect", "sqlite", "-o", "p.yaml", "--quiet")
    assert (quiet.code, quiet.err) == (0, "")
    logged = oneplan("inspect", "current.sql", "--dialect", "sqlite", "--log-file", "oneplan.log")
    assert logged.code == 0
    assert (workspace / "oneplan.log").exists()
