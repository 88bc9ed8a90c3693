"""Every online operation under writers of old and new columns: no error, no retry, nothing lost, no long wait."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.migrate.kit import Desk
from tests.plan.hammer import Statement, Writer
from tools.embedded import scratch_database
from tools.migrate.postgres import Timeouts
from tools.plan.build import build_plan
from tools.plan.model import Phase, Plan
from tools.schema.answers import answers_from
from tools.schema.ddl import read_ddl
from tools.schema.source import read_schema

ROWS = 4_000
BEFORE = """
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE TABLE owners (id integer PRIMARY KEY);
CREATE TABLE t (
    id integer PRIMARY KEY, goal text NOT NULL, size integer, first text, last text, state text, owner integer,
    feeling mood, legacy text, label varchar(20), code text
);
"""
AFTER = {
    "rename": ("goal text NOT NULL", "purpose text NOT NULL"),
    "retype": ("size integer", "size bigint"),
    "merge": ("first text, last text", "whole text"),
    "not null": ("state text", "state text NOT NULL"),
    "foreign key": ("owner integer", "owner integer REFERENCES owners (id)"),
    "check": ("size integer", "size integer CHECK (size > -1)"),
    "unique": ("code text", "code text UNIQUE"),
    "enum value": ("('calm', 'busy')", "('calm', 'busy', 'lost')"),
    "drop": (" legacy text,", ""),
    "enlarge": ("label varchar(20)", "label varchar(60)"),
    "default": ("label varchar(20)", "label varchar(20) DEFAULT 'x'"),
    "add": ("code text", "code text, rank integer NOT NULL DEFAULT 4"),
    "index": ("\n);\n", "\n);\nCREATE INDEX t_size ON t (size);\nCREATE INDEX t_state ON t (lower(state));\n"),
}
ANSWERS: dict[str, dict[str, object]] = {
    "rename": {"renames": [{"table": "t", "from": "goal", "to": "purpose"}]},
    "not null": {"fills": {"t.state": "'none'"}},
    "merge": {"merges": [{"table": "t", "from": ["first", "last"], "to": "whole", "as": "first || ' ' || last"}]},
}
OLD: dict[str, object] = {
    "goal": "g",
    "size": 7,
    "first": "A",
    "last": "B",
    "state": "s",
    "owner": 1,
    "feeling": "calm",
    "label": "l",
}
GONE = {"rename": ("goal",), "merge": ("first", "last"), "drop": ("legacy",)}


@dataclass
class Code:
    """A version of the application: which columns it writes, on fresh and on old rows in turn."""

    columns: dict[str, object]
    first: int

    def __call__(self, turn: int) -> Statement:
        names = list(self.columns)
        row = self.first + turn
        if turn % 3 == 0:
            marks = ", ".join(["%s"] * (len(names) + 2))
            listed = ", ".join([*names, "id", "code"])
            return f"INSERT INTO t ({listed}) VALUES ({marks})", (*self.columns.values(), row, f"c{row}")
        sets = ", ".join(f"{name} = %s" for name in names)
        values = [f"{value}{turn}" if name in ("goal", "purpose", "first") else value
                  for name, value in self.columns.items()]  # fmt: skip
        return f"UPDATE t SET {sets} WHERE id = %s", (*values, 1 + turn * 37 % ROWS)


def test_the_writers_notice_nothing_of_all_operations_at_once(postgres_server: str, tmp_path: Path) -> None:
    _hammered(postgres_server, tmp_path, tuple(name for name in AFTER if name not in ("check", "default", "add")))


@pytest.mark.skipif("ONEPLAN_PROVE" not in os.environ, reason="each operation by itself: set ONEPLAN_PROVE=1")
@pytest.mark.parametrize("operation", AFTER)
def test_the_writers_notice_nothing(operation: str, postgres_server: str, tmp_path: Path) -> None:
    _hammered(postgres_server, tmp_path, (operation,))


def _hammered(server: str, folder: Path, operations: tuple[str, ...]) -> None:
    with scratch_database(server, "hammer") as url:
        plan, desk = _prepared(url, operations), Desk(folder / "home")
        new = _new_code(operations)
        with (
            Writer(url, Code(OLD, 100_000)) as first,
            Writer(url, Code(OLD, 200_000)) as second,
            desk.migration(plan, url) as migration,
        ):
            for step in migration.pending():
                if step.operation == "deploy_code":
                    second.switch(Code(new, 300_000))
                if step.operation == "sign_off":
                    first.switch(Code(new, 400_000))
                migration.execute(step, desk.approve(migration.action(step)))
        assert (first.errors, second.errors) == ([], [])
        assert min(first.turns, second.turns) > 20
        waited = max(first, second, key=lambda writer: writer.longest)
        print(f"\n{', '.join(operations)}: longest wait of a writer {waited.longest * 1000:.0f} ms ({waited.slowest})")
        assert waited.longest <= Timeouts().lock
        _nothing_differs(url, operations)


def test_old_and_new_columns_agree_at_every_step(postgres_server: str, tmp_path: Path) -> None:
    """Asked with both writers at rest between two steps, up to the contract phase."""
    with scratch_database(postgres_server, "hammer") as url:
        plan, desk = _prepared(url, ("rename",)), Desk(tmp_path / "home")
        with desk.migration(plan, url) as migration:
            for number, step in enumerate(migration.pending()):
                if step.phase is Phase.CONTRACT:
                    break
                expanded = step.phase in (Phase.MIGRATE, Phase.VERIFY)
                with Writer(url, Code(OLD, 100_000 * (number + 1))) as old, contextlib.ExitStack() as both:
                    if expanded:
                        both.enter_context(Writer(url, Code(_new_code(("rename",)), 100_000 * (number + 1) + 50_000)))
                    migration.execute(step, desk.approve(migration.action(step)))
                assert old.errors == []
                if expanded:
                    with psycopg.connect(url) as connection:
                        sql = "SELECT count(*) FROM t WHERE purpose IS DISTINCT FROM goal"
                        assert connection.execute(sql).fetchone() == (0,)


def _prepared(url: str, operations: tuple[str, ...]) -> Plan:
    _prepare(url)
    wanted, told = BEFORE, dict[str, object]()
    for operation in operations:
        assert AFTER[operation][0] in wanted
        wanted = wanted.replace(*AFTER[operation], 1)
        told |= ANSWERS.get(operation, {})
    plan = build_plan(read_schema(url), read_ddl(wanted, "postgres"), answers_from(told or None))
    assert not plan.held_back
    return plan


def _prepare(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BEFORE)
        connection.execute("INSERT INTO owners VALUES (1)")
        connection.execute(
            "INSERT INTO t SELECT n, 'g' || n, n, 'A' || n, 'B', CASE WHEN mod(n, 5) > 0 THEN 's' END, 1, 'calm',"
            " 'old', 'l', 'o' || n FROM generate_series(1, %s) AS n", (ROWS,),
        )  # fmt: skip


def _new_code(operations: tuple[str, ...]) -> dict[str, object]:
    gone = {name for operation in operations for name in GONE.get(operation, ())}
    more: dict[str, dict[str, object]] = {"rename": {"purpose": "p"}, "merge": {"whole": "W"}}
    columns = {name: value for name, value in OLD.items() if name not in gone}
    return columns | {name: value for one in operations for name, value in more.get(one, {}).items()}


def _nothing_differs(url: str, operations: tuple[str, ...]) -> None:
    """No row that was there or came is lost, and none has lost its value."""
    asked = {
        "rename": "purpose IS NULL", "retype": "size IS NULL", "merge": "whole IS NULL", "not null": "state IS NULL",
        "add": "rank IS NULL",
    }  # fmt: skip
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM t WHERE id <= %s", (ROWS,)).fetchone() == (ROWS,)
        assert connection.execute("SELECT count(*) > %s FROM t", (ROWS,)).fetchone() == (True,)
        for condition in (asked[one] for one in operations if one in asked):
            sql = f"SELECT count(*) FROM t WHERE {condition}"
            assert connection.execute(sql).fetchone() == (0,), condition
