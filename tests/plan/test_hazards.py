"""Hazards and lint: computed from the statement, with its line; what only looks dangerous is not called so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.location import Dialect
from tools.plan.build import build_plan
from tools.plan.facts import TableFacts, read_facts
from tools.plan.hazards import hazards_of, lint, lint_plan, with_hazards
from tools.plan.impact import impacts
from tools.plan.lint import RULES
from tools.plan.model import Hazard, Phase, Step, StepCheck
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers

ACCESS, SHARE = "ACCESS_EXCLUSIVE_LOCK", "SHARE_LOCK"


def _hazards(sql: str, dialect: Dialect = "postgres") -> set[str]:
    return {f.rule for f in lint(sql, dialect, "x.sql") if f.hazard}


@pytest.mark.parametrize(
    ("sql", "hazards"),
    [
        ("DROP TABLE a", {"DELETES_DATA", "BREAKS_OLD_CODE", ACCESS}),
        ("ALTER TABLE a DROP COLUMN b", {"DELETES_DATA", "BREAKS_OLD_CODE", ACCESS}),
        ("DELETE FROM a WHERE id = 1", {"DELETES_DATA"}),
        ("TRUNCATE a", {"DELETES_DATA", ACCESS}),
        ("WITH d AS (DELETE FROM a RETURNING *) SELECT * FROM d", {"DELETES_DATA"}),
        ("DO $$ BEGIN DELETE FROM a; END $$", {"DELETES_DATA"}),
        ("DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'a'; END $$", {"DELETES_DATA"}),
        ("DO $$ BEGIN RAISE NOTICE 'we delete nothing'; END $$", set()),
        ("DROP SCHEMA s CASCADE", {"DELETES_DATA", "BREAKS_OLD_CODE"}),
        ("ALTER TABLE a RENAME TO b", {"BREAKS_OLD_CODE", ACCESS}),
        ("ALTER TABLE a RENAME COLUMN b TO c", {"BREAKS_OLD_CODE", ACCESS}),
        ("ALTER TABLE a ALTER COLUMN b SET NOT NULL", {"BREAKS_OLD_CODE", ACCESS}),
        ("ALTER TABLE a ALTER COLUMN b TYPE bigint", {"BREAKS_OLD_CODE", ACCESS, "TABLE_REWRITE"}),
        ("ALTER TABLE a ADD COLUMN b uuid DEFAULT gen_random_uuid()", {ACCESS, "TABLE_REWRITE"}),
        ("ALTER TABLE a ADD COLUMN b int DEFAULT 5", {ACCESS}),
        ("CREATE INDEX i ON a (b)", {SHARE}),
        ("CREATE INDEX CONCURRENTLY i ON a (b)", set()),
        ("ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES p (id)", {SHARE}),
        ("ALTER TABLE a VALIDATE CONSTRAINT f", set()),
        ("VACUUM FULL a", {ACCESS, "TABLE_REWRITE"}),
        ("ALTER TABLE a SET LOGGED", {ACCESS, "TABLE_REWRITE"}),
        ("ALTER TABLE a SET TABLESPACE quick", {ACCESS, "TABLE_REWRITE"}),
        ("ALTER TABLE a SET (fillfactor = 70)", {ACCESS}),
        ("ALTER TABLE a DETACH PARTITION b", {ACCESS}),
        ("ALTER TABLE a ATTACH PARTITION b FOR VALUES IN ('x')", {ACCESS}),  # on b, and on a default partition
        ("CREATE TABLE b PARTITION OF a FOR VALUES IN ('x')", {ACCESS}),
        ("CREATE TABLE a (x int) PARTITION BY LIST (x); CREATE TABLE b PARTITION OF a DEFAULT", set()),
        ("ALTER TABLE a DETACH PARTITION b CONCURRENTLY", set()),
        ("REINDEX TABLE a", {ACCESS, "TABLE_REWRITE"}),
        ("REINDEX TABLE CONCURRENTLY a", set()),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY a", set()),
        ("SELECT 'DROP TABLE a'", set()),
        ("INSERT INTO a VALUES (1, 'DELETE FROM b')", set()),
        ("-- DROP TABLE a\nSELECT 1", set()),
        ("CREATE TABLE n (id int); CREATE INDEX i ON n (id); DROP TABLE n", set()),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM a $$", set()),
    ],
)  # fmt: skip
def test_postgres_statements(sql: str, hazards: set[str]) -> None:
    assert _hazards(sql) == hazards


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
def test_other_engines_take_no_table_locks(dialect: Dialect) -> None:
    assert _hazards("ALTER TABLE a DROP COLUMN b", dialect) == {"DELETES_DATA", "BREAKS_OLD_CODE"}
    assert _hazards("CREATE INDEX i ON a (b)", dialect) == set()
    assert _hazards("DROP TABLE a", dialect) == {"DELETES_DATA", "BREAKS_OLD_CODE"}


def test_findings_have_lines_and_squawk_speaks_beside() -> None:
    text = "SELECT 1;\n\nDROP TABLE a;\nALTER TABLE b ADD COLUMN c int NOT NULL;\n"
    findings = lint(text, "postgres", "x.sql")
    assert [(f.line, f.rule) for f in findings if f.rule == "DELETES_DATA"] == [(3, "DELETES_DATA")]
    assert any(f.line == 4 and f.rule == "squawk:adding-required-field" and not f.hazard for f in findings)
    assert str(findings[0]).startswith("x.sql:3: ")
    assert findings[0].as_json()["line"] == 3


def test_what_is_attached_locks_its_parent_for_nobody() -> None:
    attach = "ALTER TABLE a ATTACH PARTITION b FOR VALUES IN ('x')"
    (finding,) = (f for f in lint(attach, "postgres", "x.sql") if f.hazard)
    assert "readers and writers of the attached table, and of a default partition" in finding.sentence
    step = Step("s", Phase.EXPAND, "create_partition", "", sql=(attach,))
    assert {i.table: i.lock for i in impacts(step, "postgres")} == {
        "a": "SHARE UPDATE EXCLUSIVE", "b": "ACCESS EXCLUSIVE",
    }  # fmt: skip
    moved = replace(step, sql=("ALTER TABLE a DETACH PARTITION b", attach))
    assert {i.table: i.lock for i in impacts(moved, "postgres")}["a"] == "ACCESS EXCLUSIVE"
    (of,) = impacts(replace(step, sql=("CREATE TABLE b PARTITION OF a DEFAULT",)), "postgres")
    assert (of.table, of.lock) == ("a", "ACCESS EXCLUSIVE")


def test_what_code_does_is_said_to_be_unknown() -> None:
    for sql in ("DO $$ BEGIN PERFORM tidy(); END $$", "CALL tidy()"):
        told = [f.sentence for f in lint(sql, "postgres", "x.sql") if f.rule == "not_understood"]
        assert told == ["runs code, which oneplan does not follow: what it would do is yours to judge"]


def test_squawks_findings_are_told_in_our_words() -> None:
    text = """
        ALTER TYPE e ADD VALUE 'z'; REINDEX TABLE t; TRUNCATE t CASCADE; DROP SCHEMA x; DROP SEQUENCE s;
        ALTER TABLE t ADD COLUMN c char(3), ADD COLUMN d smallint, ADD COLUMN e timestamp; DROP DATABASE d;
        ALTER TABLE p DETACH PARTITION q; ALTER TABLE t SET SCHEMA u; DROP EXTENSION y;
    """
    told = {f.rule.removeprefix("squawk:") for f in lint(text, "postgres", "x.sql") if f.rule.startswith("squawk:")}
    assert {"require-concurrent-reindex", "require-enum-value-ordering", "ban-char-field"} <= told
    assert told <= RULES.keys()


def test_a_not_null_that_a_validated_check_holds_reads_no_row() -> None:
    before = read_ddl("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER);", "postgres")
    after = read_ddl("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);", "postgres")
    large = {"t": TableFacts(rows=5_000_000, bytes=1 << 34)}
    plan = build_plan(before, after, Answers(fills=(("t", "n", "0"),)), large)
    step = plan.step("contract.t.not_null_n")
    assert step is not None
    assert step.hazards == (Hazard.ACCESS_EXCLUSIVE_LOCK, Hazard.BREAKS_OLD_CODE)
    assert [(one.table, one.scans) for one in impacts(step, "postgres", large)] == [("t", False)]
    bare = hazards_of(replace(step, checks=()), "postgres", large)
    assert Hazard.LONG_RUNNING in bare, "without the check nothing shows that the rows are not read"


def _step(sql: str, *checks: StepCheck) -> Step:
    return Step("contract.a.x", Phase.CONTRACT, "edited", "x", ("a",), (sql,), ("SELECT 1",), checks=checks)


def test_a_dropped_column_that_a_check_proves_a_copy_is_no_loss() -> None:
    proof = StepCheck("equal", 'SELECT * FROM "a" WHERE "new" IS DISTINCT FROM "old"')
    drop = 'ALTER TABLE "a" DROP COLUMN "old"'
    assert Hazard.DELETES_DATA not in hazards_of(_step(drop, proof), "postgres", {})
    assert Hazard.DELETES_DATA in hazards_of(_step(drop), "postgres", {})
    other = StepCheck("equal", 'SELECT * FROM "b" WHERE "new" IS DISTINCT FROM "old"')
    assert Hazard.DELETES_DATA in hazards_of(_step(drop, other), "postgres", {})
    beside = StepCheck("equal", 'SELECT * FROM "a" WHERE "new" IS DISTINCT FROM "third"')
    assert Hazard.DELETES_DATA in hazards_of(_step(drop, beside), "postgres", {})
    partly = StepCheck("equal", 'SELECT * FROM "a" WHERE "new" IS DISTINCT FROM "old" AND FALSE')
    assert Hazard.DELETES_DATA in hazards_of(_step(drop, partly), "postgres", {})


def test_a_file_can_only_add() -> None:
    current = read_ddl("CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER);", "postgres")
    plan = build_plan(current, read_ddl("CREATE TABLE a (id INTEGER PRIMARY KEY);", "postgres"), Answers(none=True))
    bare = replace(plan, steps=tuple(replace(s, hazards=()) for s in plan.steps))
    again = with_hazards(bare, {})
    found = next(s for s in again.steps if s.operation == "drop_column")
    assert {Hazard.DELETES_DATA, Hazard.ACCESS_EXCLUSIVE_LOCK, Hazard.BREAKS_OLD_CODE} <= set(found.hazards)
    more = replace(plan, steps=tuple(replace(s, hazards=(Hazard.LONG_RUNNING,)) for s in plan.steps))
    assert all(Hazard.LONG_RUNNING in s.hazards for s in with_hazards(more, {}).steps)
    assert {f.rule for f in lint_plan(plan)} >= {"DELETES_DATA", "BREAKS_OLD_CODE"}


def test_facts_are_read_of_a_live_schema() -> None:
    import sqlite3
    from contextlib import closing

    from tools.schema.sqlite import read_sqlite

    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            "CREATE TABLE p (id INTEGER PRIMARY KEY);"
            "CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id));"
            "INSERT INTO p VALUES (1), (2); CREATE VIEW v AS SELECT id FROM p;"
            "CREATE TRIGGER t AFTER INSERT ON p BEGIN SELECT 1; END;"
        )
        facts = read_facts(read_sqlite(connection), lambda sql: connection.execute(sql).fetchall())
    assert facts["p"] == TableFacts(2, facts["p"].bytes, ("t",), ("c", "v"))
    assert facts["c"] == TableFacts(0, facts["c"].bytes, (), ())
    assert facts["p"].bytes > 0


@pytest.mark.parametrize(
    ("old", "new", "in_place"),
    [
        ("varchar(10)", "varchar(40)", True), ("varchar(10)", "text", True), ("numeric(8,2)", "numeric(12,2)", True),
        ("numeric(8,2)", "numeric", True),
        ("varchar(10)", "varchar(5)", False), ("numeric(8,2)", "numeric(9,3)", False),
        ("integer", "bigint", False), ("char(3)", "varchar(9)", False), ("varchar(4)[]", "varchar(9)[]", False),
    ],
)  # fmt: skip
def test_only_what_postgres_changes_in_its_catalog_needs_no_second_column(
    postgres_url: str, old: str, new: str, in_place: bool
) -> None:
    import psycopg

    table = "CREATE TABLE t (id integer PRIMARY KEY, c {})"
    plan = build_plan(read_ddl(table.format(old) + ";", "postgres"), read_ddl(table.format(new) + ";", "postgres"))
    steps = [step for step in plan.steps if step.operation == "enlarge_column"]
    assert bool(steps) is in_place
    if not in_place:
        return
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(table.format(old))
        connection.execute("INSERT INTO t VALUES (1, '1')")
        asked = "SELECT pg_relation_filenode('t')"
        before = connection.execute(asked).fetchone()
        assert connection.execute(steps[0].checks[0].sql).fetchall() == []
        connection.execute(steps[0].sql[0])
        assert connection.execute(asked).fetchone() == before


def test_a_change_of_type_counts_as_a_rewrite_unless_its_own_check_stands_beside_it() -> None:
    table = "CREATE TABLE t (id integer PRIMARY KEY, c varchar({}));"
    plan = build_plan(read_ddl(table.format(5), "postgres"), read_ddl(table.format(9), "postgres"))
    step = next(step for step in plan.steps if step.operation == "enlarge_column")
    assert hazards_of(replace(step, hazards=()), "postgres", {}) == (Hazard.ACCESS_EXCLUSIVE_LOCK,)
    for other in (replace(step, checks=()), replace(step, sql=(step.sql[0].replace("(9)", "(3)"),))):
        assert Hazard.TABLE_REWRITE in hazards_of(replace(other, hazards=()), "postgres", {})


def test_lint_of_a_plan_shows_squawk_beside_the_hazards_of_the_step() -> None:
    before = read_ddl("CREATE TABLE t (id integer PRIMARY KEY, c text); CREATE INDEX t_c ON t (c);", "postgres")
    plan = build_plan(before, read_ddl("CREATE TABLE t (id integer PRIMARY KEY, c text);", "postgres"))
    found = [(f.source, f.rule, f.sentence) for f in lint_plan(plan) if not f.hazard]
    assert found == [
        ("contract.t.drop_index_t_c", "squawk:require-concurrent-index-deletion",
         "DROP INDEX CONCURRENTLY lets readers and writers go on")
    ]  # fmt: skip
