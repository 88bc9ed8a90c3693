"""Partitioned tables where servers differ, and what their steps spare: long locks and scans under them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plan.harness import Database, backward, forward, there_and_back
from tests.plan.test_cases import CASES
from tools.embedded import scratch_database, server
from tools.plan.build import build_plan
from tools.plan.model import Plan
from tools.schema.ddl import read_ddl

FOLDER = next(case for case in CASES if case.name == "partitions")
TREE = next(case for case in CASES if case.name == "partition_tree")


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
