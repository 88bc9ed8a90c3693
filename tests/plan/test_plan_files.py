"""Plan files under review: the same input gives the same bytes; an edited one is judged and rehearsed anew."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.commandline import Oneplan
from tools.plan.files import plan_from_yaml
from tools.schema.digest import schema_digest
from tools.schema.source import read_schema

BEFORE = "CREATE TABLE agents (id INTEGER PRIMARY KEY, goal TEXT, tier TEXT, junk TEXT);"
AFTER = """-- dialect: sqlite
CREATE TABLE agents (id INTEGER PRIMARY KEY, purpose TEXT, tier TEXT NOT NULL, rank INTEGER);
CREATE INDEX agents_tier ON agents (tier);
"""
DATABASE = ("--database", "sqlite:///app.db")


@pytest.fixture
def plan(workspace: Path, oneplan: Oneplan) -> Path:
    with closing(sqlite3.connect("app.db")) as connection:
        connection.executescript(BEFORE + "INSERT INTO agents VALUES (1, 'g', 'a', 'j'), (2, 'h', NULL, NULL);")
    Path("desired.sql").write_text(AFTER, encoding="utf-8")
    Path("answers.yaml").write_text(
        "columns: {agents.goal: purpose}\nfills: {agents.tier: \"'none'\"}\n", encoding="utf-8"
    )
    assert oneplan(*_making("plan.yaml")).code == 0
    return workspace / "plan.yaml"


def _making(name: str) -> tuple[str, ...]:
    return ("plan", "sqlite:///app.db", "desired.sql", "--renames", "answers.yaml", "-o", name)


def test_the_same_input_gives_the_same_bytes_whatever_the_hash_seed(plan: Path) -> None:
    for seed in ("1", "4711"):
        subprocess.run(
            [sys.executable, "-P", "-m", "assistant", *_making(f"{seed}.yaml")], check=True, capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        assert Path(f"{seed}.yaml").read_bytes() == plan.read_bytes()


def test_the_file_holds_the_digests_of_both_ends_and_readable_sql(plan: Path) -> None:
    data = yaml.safe_load(plan.read_text(encoding="utf-8"))
    assert data["origin"] == schema_digest(read_schema("sqlite:///app.db"))
    assert data["target"] == plan_from_yaml(plan.read_text(encoding="utf-8")).target
    assert [step["id"] for step in data["steps"]][0] == "analyse.baseline"
    assert "\\n" not in plan.read_text(encoding="utf-8")


def test_an_edited_step_must_be_rehearsed_anew(plan: Path, oneplan: Oneplan) -> None:
    assert oneplan("rehearse", "plan.yaml", *DATABASE).code == 0
    assert "rehearsing on a shadow copy" not in oneplan("apply", "plan.yaml", *DATABASE, "--phase", "analyse").err
    _edit(plan, 'CREATE INDEX "agents_tier" ON "agents" ("tier")', 'CREATE INDEX "agents_tier" ON "agents" ("nothing")')
    broken = oneplan("apply", "plan.yaml", *DATABASE, "--yes")
    assert broken.code == 4
    assert "rehearsing on a shadow copy" in broken.err
    assert "the rehearsal failed" in broken.err
    with closing(sqlite3.connect("app.db")) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'agents_tier'").fetchone() == (0,)


def test_hazards_of_an_edited_step_are_added_and_none_is_taken_away(plan: Path, oneplan: Oneplan) -> None:
    _edit(plan, 'ALTER TABLE "agents" ADD COLUMN "rank" INTEGER', "DELETE FROM agents")
    done = oneplan("apply", "plan.yaml", *DATABASE, "--yes")
    assert done.code in (3, 4)
    with closing(sqlite3.connect("app.db")) as connection:
        assert connection.execute("SELECT count(*) FROM agents").fetchone() == (2,)


def test_another_order_is_refused_where_steps_need_each_other(plan: Path, oneplan: Oneplan) -> None:
    data = yaml.safe_load(plan.read_text(encoding="utf-8"))
    steps = data["steps"]
    steps.insert(1, steps.pop())
    plan.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    refused = oneplan("explain", "plan.yaml")
    assert refused.code == 1
    assert "which comes later" in refused.err


def test_steps_of_a_phase_that_do_not_need_each_other_may_change_places(plan: Path, oneplan: Oneplan) -> None:
    data = yaml.safe_load(plan.read_text(encoding="utf-8"))
    places = [n for n, step in enumerate(data["steps"]) if step["phase"] == "expand"]
    first, second = places[0], places[1]
    data["steps"][first], data["steps"][second] = data["steps"][second], data["steps"][first]
    plan.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    assert oneplan("rehearse", "plan.yaml", *DATABASE).code == 0


def test_a_step_taken_out_is_missed(plan: Path, oneplan: Oneplan) -> None:
    data = yaml.safe_load(plan.read_text(encoding="utf-8"))
    data["steps"] = [step for step in data["steps"] if step["id"] != "expand.agents.add_purpose"]
    plan.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    refused = oneplan("rehearse", "plan.yaml", *DATABASE)
    assert refused.code == 1
    assert "depends on 'expand.agents.add_purpose', which is no step of this plan" in refused.err
    for step in data["steps"]:
        step["depends_on"] = [name for name in step.get("depends_on", []) if name != "expand.agents.add_purpose"]
    plan.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    failed = oneplan("rehearse", "plan.yaml", *DATABASE)
    assert failed.code == 4


@pytest.mark.parametrize("text", [b"\x00\x01\x02", b"\xff\xfe", b"steps: 4", b"- - -", b"oneplan: 1\nsteps: [4]\n"])
def test_garbage_is_refused_with_a_sentence(text: bytes, workspace: Path, oneplan: Oneplan) -> None:
    Path("plan.yaml").write_bytes(text)
    for words in (("explain", "plan.yaml"), ("rehearse", "plan.yaml", *DATABASE), ("apply", "plan.yaml", *DATABASE)):
        done = oneplan(*words)
        assert done.code == 1
        assert "plan.yaml" in done.err


def _edit(plan: Path, before: str, after: str) -> None:
    text = plan.read_text(encoding="utf-8")
    assert before in text
    plan.write_text(text.replace(before, after), encoding="utf-8")
