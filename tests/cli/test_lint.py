"""`oneplan lint` on whatever people give it: exit codes, and a sentence for what is no SQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commandline import Oneplan
from tools.plan import lint as linting
from tools.plan.build import build_plan
from tools.plan.files import plan_to_yaml
from tools.schema.ddl import read_ddl

DIALECTS = ["sqlite", "duckdb", "postgres"]
pytestmark = pytest.mark.usefixtures("workspace")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", 0, "holds no statement"),
        (b"-- nothing but this\n", 0, "holds no statement"),
        (b"SELECT 1;\n", 0, ""),
        (b"DROP TABLE a;\n", 2, "DELETES_DATA"),
        (b"hello world, no SQL at all ((( \n", 2, "is no statement that oneplan understands"),
        (b"SELECT " + b"(" * 2000 + b"1" + b")" * 2000, 2, "is no statement that oneplan understands"),
        (b"DROP TABLE \"a", 1, "is opened here and never closed"),
        (b"\xff\xfe\x80\x81", 1, "is not UTF-8 text"),
        (b"\x00\x01DROP TABLE a;", 1, "it holds a NUL character"),
        (b"-- dialect: mysql\nSELECT 1;", 0, ""),
    ],
)  # fmt: skip
def test_any_file_gets_a_code_and_a_sentence(
    dialect: str, content: bytes, code: int, says: str, oneplan: Oneplan
) -> None:
    Path("x.sql").write_bytes(content)
    done = oneplan("lint", "x.sql", "--dialect", dialect)
    assert done.code == code, done.err
    assert says in done.out + done.err


def test_what_cannot_be_read_is_said(oneplan: Oneplan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no such file" in oneplan("lint", "missing.sql", "--dialect", "sqlite").err
    Path("folder.sql").mkdir()
    assert "is a folder" in oneplan("lint", "folder.sql", "--dialect", "sqlite").err
    Path("x.sql").write_text("SELECT 1;", encoding="utf-8")
    unknown = oneplan("lint", "x.sql")
    assert (unknown.code, "which dialect?" in unknown.err) == (64, True)
    monkeypatch.setattr("assistant.commands.plans.LONGEST", 5)
    long = oneplan("lint", "x.sql", "--dialect", "sqlite")
    assert (long.code, "divide it" in long.err) == (1, True)


def test_a_long_file_is_read_to_its_last_line(oneplan: Oneplan) -> None:
    Path("long.sql").write_text("INSERT INTO t VALUES (1, 'x');\n" * 2000 + "DROP TABLE t;\n", encoding="utf-8")
    done = oneplan("lint", "long.sql", "--dialect", "sqlite", "--json")
    assert done.code == 2
    assert {(one["line"], one["rule"]) for one in done.data["findings"]} == {
        (2001, "DELETES_DATA"), (2001, "BREAKS_OLD_CODE"),
    }  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("hazardous", [True, False])
def test_plan_files_of_all_dialects(dialect: str, hazardous: bool, oneplan: Oneplan) -> None:
    few, more = "CREATE TABLE t (id INTEGER PRIMARY KEY);", "CREATE TABLE t (id INTEGER PRIMARY KEY, b INTEGER);"
    before, after = (more, few) if hazardous else (few, few + more.replace("TABLE t", "TABLE u"))
    plan = build_plan(read_ddl(before, dialect), read_ddl(after, dialect))  # type: ignore[arg-type]
    Path("plan.yaml").write_text(plan_to_yaml(plan), encoding="utf-8")
    done = oneplan("lint", "plan.yaml", "--json")
    rules = {one["rule"] for one in done.data["findings"] if one["hazard"]}
    assert ("DELETES_DATA" in rules, done.code == 2) == (hazardous, hazardous or bool(done.data["findings"]))


@pytest.mark.parametrize("text", ["", "a: [", "hello", "oneplan: 1\n", "\x07"])
def test_a_file_that_is_no_plan_is_refused(text: str, oneplan: Oneplan) -> None:
    Path("plan.yaml").write_text(text, encoding="utf-8")
    done = oneplan("lint", "plan.yaml")
    assert done.code == 1
    assert "plan.yaml" in done.err


def test_without_squawk_our_own_hazards_are_told_and_that_it_is_missing(
    oneplan: Oneplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linting.shutil, "which", lambda _name: None)
    Path("x.sql").write_text("ALTER TABLE b ADD COLUMN c int NOT NULL;\nDROP TABLE a;", encoding="utf-8")
    done = oneplan("lint", "x.sql", "--dialect", "postgres", "--json")
    assert done.code == 2
    assert {one["rule"].partition(":")[0] for one in done.data["findings"]} >= {"DELETES_DATA"}
    assert not [one for one in done.data["findings"] if one["rule"].startswith("squawk")]
    assert "pip install 'oneplan[lint]'" in done.err
