"""Partitioned tables where servers differ, and what their steps spare: long locks and scans under them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plan.harness import Database, backward, forward, run_step, there_and_back
from tests.plan.test_cases import CASES
from tools.embedded import scratch_database, server
from tools.plan.build import build_plan
from tools.plan.impact import impacts
from tools.plan.model import Hazard, Plan
from tools.schema.ddl import read_ddl

FOLDER = next(case for case in CASES if case.name == "partitions")
TREE = next(case for case in CASES if case.name == "partition_tree")
MOVES = next(case for case in CASES if case.name == "partition_moves")


@pytest.fixture(scope="module")
def postgres_16() -> Iterator[str]:
    with server(major=16) as url:
        yield url


def _planned(database: Database, folder: Path) -> tuple[Plan, str]:
    texts = [(folder / f"{name}.sql").read_text(encoding="utf-8") for name in ("current", "data", "desired")]
    database.script(texts[0])
    database.script(texts[1])
    return build_plan(database.schema(), read_ddl(texts[2], "postgres")), texts[2]


def test_an_older_server_takes_foreign_keys_partition_by_partition(postgres_16: str) -> None:
    with scratch_database(postgres_16, "plan") as url:
        database = Database("postgres", url)
        try:
            plan, desired = _planned(database, FOLDER)
            adds = [step for step in plan.steps if step.operation == "add_foreign_key"]
            assert len(adds) == 2
            assert all("NOT VALID" in sql for sql in adds[0].sql)
            there_and_back(database, plan, read_ddl(desired, "postgres"))
        finally:
            database.close()


def test_attaching_searches_no_default_partition_under_a_lock(postgres_url: str) -> None:
    database = Database("postgres", postgres_url)
    told: list[str] = []
    try:
        plan, _ = _planned(database, TREE)
        database.execute("SET client_min_messages = debug1")
        database.raw.add_notice_handler(lambda notice: told.append(notice.message_primary))
        forward(database, plan)
        implied = [text for text in told if "default partition" in text and "implied by existing constraints" in text]
        assert any('"odd_rest"' in text for text in implied), told
    finally:
        database.close()


_LOCKS = """
    SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n
    ON n.oid = c.relnamespace WHERE l.pid = pg_backend_pid() AND n.nspname = 'public' AND c.relkind IN ('r', 'p')"""


@pytest.mark.parametrize("folder", [TREE, MOVES], ids=lambda folder: folder.name)
def test_attaching_locks_what_the_step_says_and_no_more(folder: Path, postgres_url: str) -> None:
    database = Database("postgres", postgres_url)
    try:
        plan, _ = _planned(database, folder)
        attaching = [step for step in plan.steps if step.operation == "create_partition"]
        for step in plan.steps:
            if step not in attaching:
                run_step(database, step)
                continue
            there = {name for (name,) in database.query("SELECT relname FROM pg_class")}
            database.execute("BEGIN")
            for sql in step.sql:
                database.execute(sql)
            held = {(name, mode) for name, mode in database.query(_LOCKS) if name in there}
            database.execute("COMMIT")
            shut = {name for name, mode in held if mode == "AccessExclusiveLock"}
            shared = {name for name, mode in held if mode == "ShareRowExclusiveLock"} - shut
            parent = {name for name, mode in held if mode == "ShareUpdateExclusiveLock"} - shut
            told = {impact.table: impact.lock for impact in impacts(step, "postgres")}
            assert len(parent) == 1
            assert {told[table] for table in parent} == {"SHARE UPDATE EXCLUSIVE"}
            assert {table for table, lock in told.items() if lock == "ACCESS EXCLUSIVE"} == shut
            assert (Hazard.ACCESS_EXCLUSIVE_LOCK in step.hazards, Hazard.SHARE_LOCK in step.hazards) == (
                bool(shut), bool(shared),
            )  # fmt: skip
            assert all(table in step.reason for table in shut | shared | parent), step.reason
            assert ("kept out" in step.reason) == bool(shut | shared)
        assert attaching
    finally:
        database.close()


def test_rows_written_into_a_new_partition_go_back_to_the_default_one(postgres_url: str) -> None:
    database = Database("postgres", postgres_url)
    try:
        plan, _ = _planned(database, TREE)
        forward(database, plan)
        database.execute("""INSERT INTO "Odd Log" VALUES (9, '2026-05-05', 'a', 'since')""")
        assert database.query("SELECT id FROM odd_2026") == [(9,)]
        backward(database, plan)
        assert database.query("SELECT id FROM odd_rest WHERE day = '2026-05-05'") == [(9,)]
    finally:
        database.close()


def test_a_row_in_the_way_of_a_new_partition_is_named_before_anything_changes(postgres_url: str) -> None:
    database = Database("postgres", postgres_url)
    try:
        plan, _ = _planned(database, TREE)
        database.execute("""INSERT INTO "Odd Log" VALUES (9, '2026-05-05', 'a', 'early')""")
        with pytest.raises(AssertionError, match="no row of odd_rest belongs into odd_2026"):
            forward(database, plan)
    finally:
        database.close()
