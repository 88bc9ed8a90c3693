"""Every plan of tests/fixtures/plans as a user has it run: rehearsed, approved step by step, proven, rolled back."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import yaml

from tests.migrate.kit import Desk, Target, contents, opened
from tools.location import DIALECTS, Dialect
from tools.migrate.facts import live_facts
from tools.migrate.rehearse import rehearse
from tools.migrate.verify import verify
from tools.plan.build import build_plan
from tools.plan.facts import Facts
from tools.plan.files import plan_from_yaml, plan_to_yaml
from tools.schema.answers import read_answers
from tools.schema.ddl import read_ddl
from tools.schema.gaps import compare
from tools.schema.model import Answers
from tools.schema.tokens import split

CASES = sorted(path for path in (Path(__file__).parents[1] / "fixtures" / "plans").iterdir() if path.is_dir())


def _pairs() -> list[Any]:
    found: list[Any] = []
    for folder in CASES:
        expected = yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))
        for dialect in expected.get("dialects", DIALECTS):
            if _drawn(folder, dialect, 4):
                found.append(pytest.param(folder, dialect, id=f"{folder.name}-{dialect}"))
    return found


def _drawn(folder: Path, dialect: Dialect, of: int) -> bool:
    """One of so many plans, the same ones every time; all of them by `make prove`. There and back, without executor and
    rehearsal, tests/plan/test_cases.py runs every one."""
    return "ONEPLAN_PROVE" in os.environ or crc32(f"{folder.name}-{dialect}".encode()) % of == 0


@pytest.mark.parametrize(("folder", "dialect"), _pairs())
def test_rehearsed_run_proven_and_rolled_back(
    folder: Path, dialect: Dialect, desk: Desk, request: pytest.FixtureRequest
) -> None:
    target: Target = request.getfixturevalue(dialect)
    for name in ("current", "data"):
        run_script(target.location, dialect, text_of(folder, name, dialect))
    with opened(target.location) as backend:
        current = backend.schema()
    desired = read_ddl(text_of(folder, "desired", dialect), dialect, "desired.sql")
    built = build_plan(current, desired, answers_of(folder), facts_of(folder, target.location))
    plan = plan_from_yaml(plan_to_yaml(built), "plan.yaml")
    assert plan.digest == built.digest
    origin = contents(target.location)

    # A rehearsal runs the same steps on a copy.
    rehearsal = rehearse(plan, target.location, shadow=target.shadow) if _drawn(folder, dialect, 8) else None
    assert rehearsal is None or rehearsal.ok, rehearsal and rehearsal.sentence
    assert contents(target.location) == origin
    with desk.ledger.opened():  # opening the store for every question is half the time of all these runs
        results = desk.run_all(plan, target.location, rehearsal=rehearsal)
    assert [result.id for result in results] == [step.id for step in plan.steps[:-1]]  # the watch is left open
    proven = verify(target.location)
    assert proven.ok, proven.findings
    assert all(table.checksum_equal in (True, None) for table in proven.tables)
    with opened(target.location) as backend:
        assert len(compare(backend.schema(), desired)) == len(plan.held_back)

    with desk.ledger.opened():
        desk.roll_back(target.location)
    assert contents(target.location) == origin
    assert verify(target.location).ok


def run_script(location: str, dialect: Dialect, text: str) -> None:
    if dialect == "sqlite":
        with closing(sqlite3.connect(location.removeprefix("sqlite:///"))) as connection:
            connection.executescript(text)
        return
    with opened(location) as backend:
        for statement in split(text, dialect):
            backend.execute(statement.text)


def text_of(folder: Path, name: str, dialect: Dialect) -> str:
    own = folder / f"{name}.{dialect}.sql"
    return (own if own.exists() else folder / f"{name}.sql").read_text(encoding="utf-8")


def facts_of(folder: Path, location: str) -> Facts:
    """The database's own, but for tables that are taken to be larger."""
    path = folder / "facts.yaml"
    told: dict[str, dict[str, int]] = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {key: replace(found, **told.get(key, {})) for key, found in live_facts(location).items()}


def answers_of(folder: Path) -> Answers:
    path = folder / "answers.yaml"
    return read_answers(path) if path.exists() else Answers()
