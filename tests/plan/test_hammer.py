"""Every online operation under writers of old and new columns: no error, no retry, nothing lost, no long wait."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
import yaml

from tests.migrate.kit import Desk
from tests.plan.hammer import Statement, Writer
from tools.embedded import scratch_database
from tools.migrate.postgres import Timeouts
from tools.plan.build import build_plan
from tools.plan.facts import Facts, facts_of
from tools.plan.model import Phase, Plan
from tools.plan.steps.set_aside import LONG_ROWS
from tools.schema.answers import answers_from
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers, Schema
from tools.schema.source import read_schema

ROWS = 4_000
FIXTURES = Path(__file__).parents[1] / "fixtures" / "plans"
BEFORE = """
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE TYPE unused_kind AS ENUM ('a');
CREATE TYPE unused_pair AS (a integer);
CREATE DOMAIN unused_word AS text;
CREATE DOMAIN short AS text CONSTRAINT not_empty CHECK (value <> '');
CREATE TYPE point2 AS (x integer);
CREATE SEQUENCE unused_numbers;
CREATE SEQUENCE numbers;
CREATE TABLE owners (id integer PRIMARY KEY);
CREATE TABLE unused (id integer PRIMARY KEY);
CREATE TABLE logs (id integer PRIMARY KEY, line text);
CREATE TABLE t (
    id integer PRIMARY KEY, goal text NOT NULL, size integer, first text, last text, state text, owner integer,
    feeling mood, legacy text, label varchar(20), code text, full_name text, kind text NOT NULL DEFAULT 'k',
    weight integer DEFAULT 1 CONSTRAINT weight_positive CHECK (weight >= 0),
    boss integer CONSTRAINT t_boss_fkey REFERENCES owners (id), place text CONSTRAINT t_place_key UNIQUE,
    word short DEFAULT 'w'
);
CREATE INDEX t_gone ON t (weight);
CREATE INDEX t_label ON t (label);
GRANT SELECT ON owners TO PUBLIC;
GRANT SELECT ON logs TO PUBLIC;
CREATE VIEW states AS SELECT id, state FROM t;
CREATE VIEW unused_view AS SELECT id FROM owners;
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n * 2';
CREATE FUNCTION unused_function() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t_old BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touched();
CREATE POLICY t_policy ON t USING (true);
CREATE POLICY t_other ON t USING (true);
COMMENT ON COLUMN t.owner IS 'how large';
COMMENT ON COLUMN t.code IS 'a code';
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
    "count": (
        "word short DEFAULT 'w'",
        "word short DEFAULT 'w', nr bigserial UNIQUE, tally int GENERATED ALWAYS AS IDENTITY",
    ),
    "split": ("full_name text,", "given text, family text,"),
    "drop not null": ("kind text NOT NULL", "kind text"),
    "change default": ("weight integer DEFAULT 1", "weight integer DEFAULT 2"),
    "drop check": (" CONSTRAINT weight_positive CHECK (weight >= 0)", ""),
    "change check": ("CHECK (weight >= 0)", "CHECK (weight >= -5)"),
    "drop foreign key": (" CONSTRAINT t_boss_fkey REFERENCES owners (id)", ""),
    "drop unique": (" CONSTRAINT t_place_key UNIQUE", ""),
    "drop index": ("CREATE INDEX t_gone ON t (weight);\n", ""),
    "rename index": ("CREATE INDEX t_label ON", "CREATE INDEX t_label_now ON"),
    "view": ("AS SELECT id, state FROM t", "AS SELECT id, state, kind FROM t"),
    "new view": ("CREATE VIEW states", "CREATE VIEW kinds AS SELECT kind FROM t;\nCREATE VIEW states"),
    "drop view": ("CREATE VIEW unused_view AS SELECT id FROM owners;\n", ""),
    "function": ("SELECT n * 2", "SELECT n + n"),
    "new function": (
        "CREATE FUNCTION twice",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';\nCREATE FUNCTION twice",
    ),
    "drop function": ("CREATE FUNCTION unused_function() RETURNS integer LANGUAGE sql AS 'SELECT 1';\n", ""),
    "trigger": ("CREATE TRIGGER t_old BEFORE UPDATE", "CREATE TRIGGER t_new BEFORE INSERT"),
    "firing": ("CREATE POLICY t_policy", "ALTER TABLE t DISABLE TRIGGER t_old;\nCREATE POLICY t_policy"),
    "domain": (
        "AS text CONSTRAINT not_empty CHECK (value <> '')",
        "AS text CONSTRAINT brief CHECK (length(value) < 9)",
    ),
    "attribute": ("AS (x integer)", "AS (x integer, y integer)"),
    "policy": ("CREATE POLICY t_policy ON t USING (true)", "CREATE POLICY t_policy ON t USING (id > 0)"),
    "other policy": ("CREATE POLICY t_other ON t USING (true)", "CREATE POLICY t_another ON t USING (true)"),
    "comment": ("IS 'how large'", "IS 'how big'"),
    "numbers": ("CREATE SEQUENCE numbers;", "CREATE SEQUENCE numbers INCREMENT BY 2;\nCREATE SEQUENCE other_numbers;"),
    "no numbers": ("CREATE SEQUENCE unused_numbers;\n", ""),
    "rights": ("GRANT SELECT ON owners TO PUBLIC;", "GRANT SELECT, UPDATE ON owners TO PUBLIC;"),
    "fewer rights": ("GRANT SELECT ON logs TO PUBLIC;", "GRANT SELECT ON t TO PUBLIC;"),
    "attributes": (
        "CREATE FUNCTION touched",
        "ALTER TABLE t ALTER code SET STORAGE EXTERNAL;\nALTER TABLE t SET (fillfactor = 80);\nCREATE FUNCTION touched",
    ),
    "other comment": ("COMMENT ON COLUMN t.code IS 'a code'", "COMMENT ON COLUMN t.label IS 'a goal'"),
    "new types": (
        "CREATE TYPE unused_kind AS ENUM ('a');",
        "CREATE TYPE kind_now AS ENUM ('b');\nCREATE TYPE pair AS (a integer, b integer);\nCREATE DOMAIN word AS text;",
    ),
    "drop type": ("CREATE TYPE unused_pair AS (a integer);\n", ""),
    "drop domain": ("CREATE DOMAIN unused_word AS text;\n", ""),
    "new table": (
        "CREATE TABLE logs",
        "CREATE TABLE notes (id integer PRIMARY KEY, owner integer REFERENCES owners (id));\nCREATE TABLE logs",
    ),
    "drop table": ("CREATE TABLE unused (id integer PRIMARY KEY);\n", ""),
    "rename table": ("CREATE TABLE logs", "CREATE TABLE entries"),
    "index": (
        "CREATE FUNCTION touched",
        "CREATE INDEX t_size ON t (size);\nCREATE INDEX t_state ON t (lower(state));\nCREATE FUNCTION touched",
    ),
}
ANSWERS: dict[str, dict[str, object]] = {
    "rename index": {"indexes": [{"table": "t", "from": "t_label", "to": "t_label_now"}]},
    "rename": {"renames": [{"table": "t", "from": "goal", "to": "purpose"}]},
    "not null": {"fills": {"t.state": "'none'"}},
    "split": {
        "splits": [
            {
                "table": "t",
                "from": "full_name",
                "to": {"given": "split_part(full_name, ' ', 1)", "family": "split_part(full_name, ' ', 2)"},
            }
        ]
    },
    "rename table": {"tables": {"logs": "entries"}},
    "merge": {"merges": [{"table": "t", "from": ["first", "last"], "to": "whole", "as": "first || ' ' || last"}]},
}
ALONE = ("check", "default", "add", "drop check", "firing")
"""What cannot be asked for together with the others, as the same words of the schema change."""
TOGETHER = tuple(name for name in AFTER if name not in ALONE)
SAMPLE = ("rename", "retype", "merge", "split", "not null", "foreign key", "unique", "enum value", "drop", "enlarge",
          "index", "rename table", "trigger", "view", "drop check", "count")  # fmt: skip
"""What is hammered at every run of the tests; the others besides with ONEPLAN_PROVE=1."""
OLD: dict[str, object] = {
    "goal": "g",
    "size": 7,
    "first": "A",
    "last": "B",
    "state": "s",
    "owner": 1,
    "feeling": "calm",
    "label": "l",
    "full_name": "Ann Lee",
}
GONE = {"rename": ("goal",), "merge": ("first", "last"), "drop": ("legacy",), "split": ("full_name",)}


@dataclass
class Code:
    """A version of the application: which columns it writes, on fresh and on old rows in turn."""

    columns: dict[str, object]
    first: int
    logs: str = "logs"

    def __call__(self, turn: int) -> Statement:
        names = list(self.columns)
        row = self.first + turn
        if turn % 7 == 6:
            return f"INSERT INTO {self.logs} VALUES (%s, 'x')", (row,)
        if turn % 3 == 0:
            marks = ", ".join(["%s"] * (len(names) + 2))
            listed = ", ".join([*names, "id", "code"])
            return f"INSERT INTO t ({listed}) VALUES ({marks})", (*self.columns.values(), row, f"c{row}")
        sets = ", ".join(f"{name} = %s" for name in names)
        values = [f"{value}{turn}" if name in ("goal", "purpose", "first") else value
                  for name, value in self.columns.items()]  # fmt: skip
        return f"UPDATE t SET {sets} WHERE id = %s", (*values, 1 + turn * 37 % ROWS)


def test_the_writers_notice_nothing_of_all_operations_at_once(postgres_server: str, tmp_path: Path) -> None:
    _hammered(postgres_server, tmp_path, SAMPLE if "ONEPLAN_PROVE" not in os.environ else TOGETHER)


@pytest.mark.skipif("ONEPLAN_PROVE" not in os.environ, reason="each operation by itself: set ONEPLAN_PROVE=1")
@pytest.mark.parametrize("operation", AFTER)
def test_the_writers_notice_nothing(operation: str, postgres_server: str, tmp_path: Path) -> None:
    _hammered(postgres_server, tmp_path, (operation,))


def _hammered(server: str, folder: Path, operations: tuple[str, ...]) -> None:
    with scratch_database(server, "hammer") as url:
        plan, desk = _prepared(url, operations), Desk(folder / "home")
        new, logs = _new_code(operations), "entries" if "rename table" in operations else "logs"
        with (
            Writer(url, Code(OLD, 100_000)) as first,
            Writer(url, Code(OLD, 200_000)) as second,
            desk.migration(plan, url) as migration,
        ):
            for step in migration.pending():
                if step.operation == "deploy_code":
                    second.switch(Code(new, 300_000, logs))
                if step.operation == "sign_off":
                    first.switch(Code(new, 400_000, logs))
                migration.execute(step, desk.approve(migration.action(step)))
        assert (first.errors, second.errors) == ([], [])
        assert min(first.turns, second.turns) > 20
        waited = max(first, second, key=lambda writer: writer.longest)
        print(f"\n{', '.join(operations)}: longest wait of a writer {waited.longest * 1000:.0f} ms ({waited.slowest})")
        assert waited.longest <= Timeouts().lock
        _nothing_differs(url, operations)


OFFLINE = {
    "create_check": "an exclusion constraint: Postgres builds it under its lock and has no other way",
    "change_check": "the same",
    "change_keys": "the key's index is built under its lock",
    "change_default": "beside a type that is changed in place",
    "create_extension": "the embedded server has none that the writers could meet",
    "create_partition": "no writer of these meets a table with partitions; test_partitions.py sees what is locked",
    "hold_default_partition": "the same",
    "hold_partition": "the same",
    "move_partition": "the same",
    "detach_partition": "the same",
}
"""Operations of the fixtures that are not online, beside those that write the table anew: and why."""


def test_every_online_operation_is_hammered() -> None:
    """What the fixtures of all operations show to be done on Postgres, but for what locks out by its hazards."""
    hammered: set[str] = set()
    for operations in (TOGETHER, *((name,) for name in ALONE)):
        before, after, answers = _asked(operations)
        current = read_ddl(before, "postgres")
        plan = build_plan(current, read_ddl(after, "postgres"), answers, _as_large(current))
        hammered |= {step.operation for step in plan.steps}
    done: dict[str, set[str]] = {}
    for folder in FIXTURES.iterdir():
        steps = yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))["steps"].get("postgres", [])
        for told in (line.split() for step in steps for line in step.values()):
            done.setdefault(told[0], set()).update(told[1:] or ["none"])
    offline = {name for name, hazards in done.items() if "TABLE_REWRITE" in hazards and name != "add_column"}
    assert set(done) - hammered - offline <= set(OFFLINE)


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
    _, wanted, answers = _asked(operations)
    current = read_schema(url)
    plan = build_plan(current, read_ddl(wanted, "postgres"), answers, _as_large(current))
    assert not plan.held_back
    assert not plan.questions
    return plan


def _as_large(current: Schema) -> Facts:
    """The tables taken to be so large that what goes is set aside beforehand."""
    return {key: replace(found, rows=LONG_ROWS) for key, found in facts_of(current).items()}


def _asked(operations: tuple[str, ...]) -> tuple[str, str, Answers]:
    """The schema before, the one with all these operations, and what a person answers."""
    wanted, told = BEFORE, dict[str, object]({"none": True})
    for operation in operations:
        assert AFTER[operation][0] in wanted
        wanted = wanted.replace(*AFTER[operation], 1)
        told |= ANSWERS.get(operation, {})
    return BEFORE, wanted, answers_from(told)


def _prepare(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BEFORE)
        connection.execute("INSERT INTO owners VALUES (1)")
        connection.execute("INSERT INTO logs SELECT n, 'l' FROM generate_series(1, %s) AS n", (ROWS,))
        connection.execute(
            "INSERT INTO t SELECT n, 'g' || n, n, 'A' || n, 'B', CASE WHEN mod(n, 5) > 0 THEN 's' END, 1, 'calm',"
            " 'old', 'l', 'o' || n, 'Ann Lee' FROM generate_series(1, %s) AS n", (ROWS,),
        )  # fmt: skip


def _new_code(operations: tuple[str, ...]) -> dict[str, object]:
    gone = {name for operation in operations for name in GONE.get(operation, ())}
    more: dict[str, dict[str, object]] = {
        "rename": {"purpose": "p"}, "merge": {"whole": "W"}, "split": {"given": "Ann", "family": "Lee"},
    }  # fmt: skip
    columns = {name: value for name, value in OLD.items() if name not in gone}
    return columns | {name: value for one in operations for name, value in more.get(one, {}).items()}


def _nothing_differs(url: str, operations: tuple[str, ...]) -> None:
    """No row that was there or came is lost, and none has lost its value."""
    asked = {
        "rename": "purpose IS NULL", "retype": "size IS NULL", "merge": "whole IS NULL", "not null": "state IS NULL",
        "add": "rank IS NULL", "count": "nr IS NULL OR tally IS NULL", "split": "given IS NULL OR family IS NULL",
    }  # fmt: skip
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM t WHERE id <= %s", (ROWS,)).fetchone() == (ROWS,)
        assert connection.execute("SELECT count(*) > %s FROM t", (ROWS,)).fetchone() == (True,)
        logs = "entries" if "rename table" in operations else "logs"
        assert connection.execute(f"SELECT count(*) FROM {logs} WHERE id <= %s", (ROWS,)).fetchone() == (ROWS,)
        for condition in (asked[one] for one in operations if one in asked):
            sql = f"SELECT count(*) FROM t WHERE {condition}"
            assert connection.execute(sql).fetchone() == (0,), condition
