"""Random pairs of schemas with rows in them: forward ends in the target, backward in the origin, nothing is silent.

What can stop a plan is a check of a step, or the engine's word on a row that breaks a rule; the steps that ran until
then lead back too. `--hypothesis-show-statistics` tells how many examples had which operations.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings

from tests.plan.drawn import Pair, pairs
from tests.plan.harness import IN_BACKFILL, CheckFailed, Database, backward, there_and_back
from tests.plan.world_sql import ddl
from tools.errors import SourceError
from tools.location import Dialect
from tools.migrate.rehearsal import Rehearsal
from tools.migrate.rehearse import rehearse
from tools.plan.build import build_plan
from tools.plan.files import plan_from_yaml, plan_to_yaml
from tools.plan.model import Plan, Step
from tools.schema.ddl import read_ddl
from tools.schema.digest import schema_digest
from tools.schema.gaps import compare
from tools.schema.model import Schema
from tools.schema.render import qualified

EXAMPLES = int(os.environ.get("ONEPLAN_EXAMPLES", "0"))
"""How many examples a backend, where more are wanted than the few of every run, which are the same each time."""

THERE_AND_BACK = "there and back"


def _settings(usual: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=EXAMPLES or usual, deadline=None, suppress_health_check=list(HealthCheck),
        derandomize=not EXAMPLES, database=None, print_blob=False,
    )  # fmt: skip


def _example(pair: Pair, dialect: Dialect, address: str, shadow: str | None = None) -> None:
    with closing(Database(dialect, address)) as database:
        _filled(database, pair)
        current = database.schema()
    try:
        desired = read_ddl(ddl(pair.after), dialect)
    except SourceError:
        event("desired schema refused by its engine")
        assume(False)
        return
    plan = build_plan(current, desired, pair.answers)
    assert plan_from_yaml(plan_to_yaml(plan)) == plan
    _reasons(plan)
    assert bool(plan.steps) == bool(compare(current, desired, pair.answers)) or plan.held_back
    for operation in {step.operation for step in plan.steps}:
        event(f"operation {operation}")
    location = address if dialect == "postgres" else f"{dialect}:///{address}"
    rehearsal = rehearse(plan, location, shadow=shadow) if pair.rehearsed and plan.steps else None
    with closing(Database(dialect, address)) as database:
        word = _run(database, plan, desired, pair)
    event(word)
    if rehearsal is not None:
        event("rehearsed")
        _agree(rehearsal, plan, word)


def _agree(rehearsal: Rehearsal, plan: Plan, word: str) -> None:
    """A rehearsal says what the plain run found: it went there and back, or a step stopped, with a sentence."""
    assert rehearsal.ok is not word.startswith("stopped"), (word, rehearsal.failed_step, rehearsal.sentence)
    assert rehearsal.back is (word == THERE_AND_BACK), (word, rehearsal.sentence)
    if not rehearsal.ok:
        assert plan.step(rehearsal.failed_step), (word, rehearsal.sentence)
        assert rehearsal.sentence


def _filled(database: Database, pair: Pair) -> None:
    """The schema, and the rows as far as they keep its rules."""
    try:
        database.script(ddl(pair.before))
    except Exception:
        event("current schema refused by its engine")
        assume(False)
    if database.dialect == "sqlite":
        database.execute("PRAGMA foreign_keys=ON")
    taken = sum([_tried(database, sql) for sql in pair.inserts()])
    event(f"rows: {'none' if not taken else 'some' if taken < 5 else 'five and more'}")


def _tried(database: Database, sql: str) -> bool:
    try:
        database.execute(sql)
    except Exception:
        return False
    return True


def _reasons(plan: Plan) -> None:
    """What is left open has its reason."""
    for sentence in plan.held_back:
        event("held back")
        assert not sentence.endswith("not done by this plan"), sentence


def _run(database: Database, plan: Plan, desired: Schema, pair: Pair) -> str:
    origin, rows = database.schema(), database.rows()
    told = {(table, column) for table, column, _ in pair.answers.fills}

    def between() -> None:
        _no_row_lost(rows, database.rows(), origin, desired, pair, told)
        for view in desired.views:
            database.query(f"SELECT * FROM {qualified(view.key)}")

    done: list[Step] = []
    try:
        there_and_back(database, plan, desired, between, done.append, whole=False)
    except Exception as error:
        word = _stopped(error)
        if word is None:
            raise
        word += f" in {plan.steps[len(done)].operation}" if done else " before the first step"
        if IN_BACKFILL in getattr(error, "__notes__", ()):
            done.append(plan.steps[len(done)])
        if not backward(database, plan, done):
            return f"{word}, behind what only a backup brings back"
        back = database.schema()
        assert schema_digest(back) == plan.origin, [gap.sentence for gap in compare(back, origin)]
        assert database.rows() == rows
        return word
    if len(done) < len(plan.steps) or not all(step.reversible for step in plan.steps):
        return "there, and back as far as SQL goes"
    for view in origin.views:
        database.query(f"SELECT * FROM {qualified(view.key)}")
    return THERE_AND_BACK


def _stopped(error: Exception) -> str | None:
    """Whether the error is a plan's own stop, or the engine's word on a row: anything else is a fault of the plan."""
    import sqlite3

    import duckdb
    import psycopg

    if isinstance(error, CheckFailed):
        return "stopped by a check"
    rows = (
        sqlite3.IntegrityError, psycopg.IntegrityError, psycopg.DataError, duckdb.ConversionException,
        duckdb.ConstraintException, duckdb.OutOfRangeException,
    )  # fmt: skip
    return f"stopped by the engine: {type(error).__name__}" if isinstance(error, rows) else None


def _no_row_lost(
    before: dict[str, Counter[Any]], after: dict[str, Counter[Any]], origin: Schema, desired: Schema, pair: Pair,
    told: set[tuple[str, str]],
) -> None:  # fmt: skip
    """The rows themselves, whatever the plan's own accounting says: as many, and with the same values where a column
    stays what it is."""
    names = dict(pair.answers.tables)
    for table in origin.tables:
        there = desired.table(names.get(table.key, table.key))
        if there is None:
            continue
        assert before[table.key].total() == after[there.key].total(), there.key
        same: dict[str, str] = {}
        moved = {old: new for key, old, new in pair.answers.columns if key == table.key}
        for column in table.columns:
            new = there.column(moved.get(column.name, column.name))
            filled = new and ((there.key, new.name) in told or (column.nullable and not new.nullable))
            if new and not filled and (new.type, new.generated) == (column.type, column.generated):
                same[column.name] = new.name
        assert _only(before[table.key], list(same)) == _only(after[there.key], list(same.values())), there.key


def _only(rows: Counter[Any], columns: list[str]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for row, times in rows.items():
        values = dict(row)
        found[tuple(values[c] for c in columns)] += times
    return found


@_settings(12)
@given(pair=pairs("sqlite"))
def test_sqlite(pair: Pair) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _example(pair, "sqlite", str(Path(folder) / "x.db"))


@_settings(6)
@given(pair=pairs("duckdb"))
def test_duckdb(pair: Pair) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _example(pair, "duckdb", str(Path(folder) / "x.duckdb"))


@pytest.fixture(scope="module")
def server(postgres_server: str) -> str:
    return postgres_server


@_settings(6)
@given(pair=pairs("postgres"))
def test_postgres(server: str, pair: Pair) -> None:
    from tools.embedded import scratch_database

    with scratch_database(server, "plan") as url:
        _example(pair, "postgres", url, shadow=server)
