"""DuckDB's limits, one by one: what the installed DuckDB refuses, and what a plan makes of it.

Each case shows that the plain statement is refused (`alone`), and then that the plan either reaches the desired schema
and comes back, rows kept, or holds the gap back with a sentence of what, why and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from tests.plan.conftest import Opener
from tests.plan.harness import there_and_back
from tools.errors import SourceError
from tools.plan.build import build_plan
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers

A = "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER, t VARCHAR);\n"
ROWS = "INSERT INTO a VALUES (1, 10, 'x'), (2, 20, 'y'), (3, NULL, NULL);\n"
B = "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id));\n"
LOOSE = "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER);\n"
ROWS_OF_B = "INSERT INTO b VALUES (1, 1), (2, 2), (3, 3);\n"
INDEX = "CREATE INDEX a_n ON a (n);\n"
DOUBLED = ", g INTEGER GENERATED ALWAYS AS (n * 2) VIRTUAL)"
MOOD = "CREATE TYPE mood AS ENUM ('good', 'bad');\nCREATE TABLE e (id INTEGER PRIMARY KEY, m mood);\n"
MOODS = "INSERT INTO e VALUES (1, 'good'), (2, 'bad'), (3, NULL);\n"
LISTS = "CREATE TABLE a (id INTEGER PRIMARY KEY, l INTEGER[]);\n" + B
LISTED = "INSERT INTO a VALUES (1, [1, 2]), (2, NULL), (3, []);\n" + ROWS_OF_B


@dataclass(frozen=True)
class Case:
    current: str
    rows: str
    desired: str
    alone: str
    says: str
    """What DuckDB says to it."""
    answers: Answers = Answers()


REMADE = {
    "type with an index on the table": Case(
        A + INDEX, ROWS, A.replace("n INTEGER", "n BIGINT") + INDEX, "ALTER TABLE a ALTER n TYPE BIGINT",
        "an index depends on it"),
    "type of a parent": Case(
        A + B, ROWS + ROWS_OF_B, A.replace("n INTEGER", "n BIGINT") + B, "ALTER TABLE a ALTER n TYPE BIGINT",
        "depend on it"),
    "type of a parent's key": Case(
        A + B, ROWS + ROWS_OF_B, A.replace("id INTEGER", "id BIGINT") + B.replace("a_id INTEGER", "a_id BIGINT"),
        "ALTER TABLE a ALTER id TYPE BIGINT", "PRIMARY KEY"),
    "column gone with an index on the table": Case(
        A + INDEX, ROWS, A.replace(", t VARCHAR", "") + INDEX, "ALTER TABLE a DROP COLUMN n", "an index depends on it"),
    "column gone from a parent": Case(
        A + B, ROWS + ROWS_OF_B, A.replace(", t VARCHAR", "") + B, "ALTER TABLE a DROP COLUMN t", "depend on it"),
    "column renamed with an index on the table": Case(
        A + INDEX, ROWS, A.replace("n INTEGER", "num INTEGER") + INDEX.replace("(n)", "(num)"),
        "ALTER TABLE a RENAME n TO num", "depend on it", Answers(columns=(("a", "n", "num"),))),
    "column of a parent's key renamed": Case(
        A + B, ROWS + ROWS_OF_B, A.replace("id INTEGER", "ident INTEGER") + B.replace("a (id)", "a (ident)"),
        "ALTER TABLE a RENAME id TO ident", "foreign key", Answers(columns=(("a", "id", "ident"),))),
    "parent renamed": Case(
        A + B, ROWS + ROWS_OF_B, A.replace("TABLE a", "TABLE c") + B.replace("REFERENCES a", "REFERENCES c"),
        "ALTER TABLE a RENAME TO c", "depend on it", Answers(tables=(("a", "c"),))),
    "parent gone": Case(A + B, ROWS + ROWS_OF_B, LOOSE, "DROP TABLE a", "main key table"),
    "table into another schema": Case(
        A, ROWS, "CREATE SCHEMA z;\n" + A.replace("TABLE a", "TABLE z.a"), "ALTER TABLE a SET SCHEMA z",
        "Not implemented",
        Answers(tables=(("a", "z.a"),))),
    "NOT NULL with an index on the table": Case(
        A + INDEX, "INSERT INTO a VALUES (1, 10, 'x');", A.replace("t VARCHAR", "t VARCHAR NOT NULL") + INDEX,
        "ALTER TABLE a ALTER t SET NOT NULL", "depend on it"),
    "check added": Case(
        A, ROWS, A.replace("n INTEGER", "n INTEGER CHECK (n > 0)"), "ALTER TABLE a ADD CHECK (n > 0)", "No support"),
    "check gone": Case(
        A.replace("n INTEGER", "n INTEGER CONSTRAINT c CHECK (n > 0)"), ROWS, A, "ALTER TABLE a DROP CONSTRAINT c",
        "No support"),
    "unique added": Case(
        A, ROWS, A.replace("n INTEGER", "n INTEGER UNIQUE"), "ALTER TABLE a ADD UNIQUE (n)", "No support"),
    "unique gone": Case(
        A.replace("n INTEGER", "n INTEGER UNIQUE"), ROWS, A, "ALTER TABLE a DROP CONSTRAINT a_n_key", "No support"),
    "foreign key added": Case(
        A + LOOSE, ROWS + ROWS_OF_B, A + B, "ALTER TABLE b ADD FOREIGN KEY (a_id) REFERENCES a (id)", "No support"),
    "foreign key gone": Case(
        A + B, ROWS + ROWS_OF_B, A + LOOSE, "ALTER TABLE b DROP CONSTRAINT b_a_id_fkey", "No support"),
    "foreign key to the table itself": Case(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, up INTEGER);", "INSERT INTO a VALUES (3, 2), (2, 1), (1, NULL);",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, up INTEGER REFERENCES a (id));",
        "ALTER TABLE a ADD FOREIGN KEY (up) REFERENCES a (id)", "No support"),
    "primary key of other columns": Case(
        A, ROWS.replace("(3, NULL, NULL)", "(3, 30, 'z')"),
        A.replace("id INTEGER PRIMARY KEY", "id INTEGER").replace("n INTEGER", "n INTEGER PRIMARY KEY"),
        "ALTER TABLE a ADD PRIMARY KEY (n)", "only one primary key"),
    "primary key gone": Case(
        A, ROWS, A.replace("INTEGER PRIMARY KEY", "INTEGER NOT NULL"), "ALTER TABLE a DROP CONSTRAINT a_pkey",
        "No support"),
    "column with a check": Case(
        A, ROWS, A.replace("t VARCHAR", "t VARCHAR, u INTEGER DEFAULT 3 CHECK (u > 0)"),
        "ALTER TABLE a ADD COLUMN u INTEGER DEFAULT 3 CHECK (u > 0)", "constraints not yet supported"),
    "generated column added": Case(
        A, ROWS, A.replace("VARCHAR)", "VARCHAR" + DOUBLED),
        "ALTER TABLE a ADD COLUMN g INTEGER GENERATED ALWAYS AS (n * 2)", "not supported"),
    "generated column of another expression": Case(
        A.replace("VARCHAR)", "VARCHAR" + DOUBLED), "INSERT INTO a (id, n, t) VALUES (1, 2, 'x');",
        A.replace("VARCHAR)", "VARCHAR" + DOUBLED.replace("* 2", "* 3")),
        "ALTER TABLE a ALTER g SET EXPRESSION AS (n * 3)", "syntax error"),
    "what a generated column reads": Case(
        A.replace("VARCHAR)", "VARCHAR" + DOUBLED), "INSERT INTO a (id, n, t) VALUES (1, 2, 'x');",
        A.replace("n INTEGER", "n BIGINT").replace("VARCHAR)", "VARCHAR" + DOUBLED),
        "ALTER TABLE a ALTER n TYPE BIGINT", "generated"),
    "enum with one value more": Case(
        MOOD, MOODS, MOOD.replace("'bad'", "'bad', 'fine'"), "ALTER TYPE mood ADD VALUE 'fine'", "syntax error"),
    "enum with one value fewer": Case(
        MOOD.replace("'bad'", "'bad', 'fine'"), MOODS, MOOD, "ALTER TYPE mood DROP VALUE 'fine'", "syntax error"),
    "enum under an index": Case(
        MOOD + "CREATE INDEX e_m ON e (m);", MOODS,
        MOOD.replace("'bad'", "'bad', 'fine'") + "CREATE INDEX e_m ON e (m);", "ALTER TABLE e ALTER m TYPE VARCHAR",
        "an index depends on it"),
    "list in a table that foreign keys point to": Case(
        LISTS, LISTED, LISTS.replace("INTEGER[]", "BIGINT[]"), "UPDATE a SET l = [3]", "still referenced"),
    "NULLs of a list in a parent": Case(
        LISTS, LISTED, LISTS.replace("INTEGER[]", "INTEGER[] NOT NULL"), "UPDATE a SET l = [] WHERE l IS NULL",
        "still referenced", Answers(fills=(("a", "l", "[]"),))),
    "NULLs under an index of a parent": Case(
        A + INDEX + B, ROWS + ROWS_OF_B, A.replace("n INTEGER", "n INTEGER NOT NULL") + INDEX + B,
        "UPDATE a SET n = 0 WHERE n IS NULL", "still referenced", Answers(fills=(("a", "n", "0"),))),
    "NULLs under a unique of a parent": Case(
        A.replace("VARCHAR", "VARCHAR UNIQUE") + B, ROWS + ROWS_OF_B,
        A.replace("VARCHAR", "VARCHAR UNIQUE NOT NULL") + B,
        "UPDATE a SET t = 'none' WHERE t IS NULL", "still referenced", Answers(fills=(("a", "t", "'none'"),))),
    "new list in a parent": Case(
        A + B, ROWS + ROWS_OF_B, A.replace("t VARCHAR", "t VARCHAR, l INTEGER[]") + B,
        "ALTER TABLE a ADD COLUMN l INTEGER[] DEFAULT [1]; UPDATE a SET l = [id]", "still referenced",
        Answers(fills=(("a", "l", "[id]"),))),
    "field of a struct gone": Case(
        "CREATE TABLE s (id INTEGER PRIMARY KEY, j STRUCT(a INTEGER, b VARCHAR)); CREATE INDEX s_i ON s (id);",
        "INSERT INTO s VALUES (1, {'a': 1, 'b': 'x'}), (2, NULL);",
        "CREATE TABLE s (id INTEGER PRIMARY KEY, j STRUCT(a INTEGER)); CREATE INDEX s_i ON s (id);",
        "ALTER TABLE s ALTER j TYPE STRUCT(a INTEGER)", "depend on it"),
    "comments on what is made anew": Case(
        A + B + "COMMENT ON TABLE a IS 'it''s'; COMMENT ON COLUMN a.n IS 'num'; COMMENT ON COLUMN b.a_id IS 'up';",
        ROWS + ROWS_OF_B,
        A.replace("n INTEGER", "n INTEGER CHECK (n > 0)").replace("t VARCHAR", "u VARCHAR") + B
        + "COMMENT ON TABLE a IS 'it''s'; COMMENT ON COLUMN a.n IS 'number'; COMMENT ON COLUMN a.u IS 'new';"
        + "COMMENT ON COLUMN b.a_id IS 'up';",
        "ALTER TABLE a ADD CHECK (n > 0)", "No support", Answers(columns=(("a", "t", "u"),))),
    "comments on a table that is renamed, and on one that goes": Case(
        A + LOOSE + "COMMENT ON TABLE a IS 'x'; COMMENT ON COLUMN a.n IS 'n'; COMMENT ON TABLE b IS 'y';",
        ROWS + ROWS_OF_B,
        A.replace("TABLE a", "TABLE c") + "COMMENT ON TABLE c IS 'x'; COMMENT ON COLUMN c.n IS 'n';",
        "DROP INDEX nothing", "does not exist", Answers(tables=(("a", "c"),))),
}  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in REMADE.items()])
def test_what_duckdb_refuses_is_done_by_a_table_made_anew(case: Case, open_database: Opener) -> None:
    database = open_database("duckdb")
    database.script(case.current + case.rows)
    with duckdb.connect() as scratch:
        scratch.execute(case.current + case.rows)
        with pytest.raises(duckdb.Error, match=case.says):
            scratch.execute(case.alone)
    desired = read_ddl(case.desired, "duckdb", "desired.sql")
    plan = build_plan(database.schema(), desired, case.answers)
    assert plan.held_back == ()
    assert all(step.reversible for step in plan.steps)
    there_and_back(database, plan, desired)


HELD = {
    "sequence that counts otherwise": (
        "CREATE SEQUENCE s; CREATE TABLE a (id INTEGER DEFAULT nextval('s'), n INTEGER);",
        "CREATE SEQUENCE s INCREMENT BY 5; CREATE TABLE a (id INTEGER DEFAULT nextval('s'), n INTEGER);",
        "ALTER SEQUENCE s INCREMENT BY 5",
        "sequence s is to be another: DuckDB changes no sequence, and one made anew would count over numbers that are "
        "used: ask for a sequence of another name that starts above them, and let the defaults draw from it",
    ),
    "macro added": (
        A, A + "CREATE MACRO more(x) AS x + 1;", "",
        "a macro that oneplan does not handle is in the desired schema only: MACRO more(x) AS (x + 1): DuckDB's "
        "catalog does not tell what uses it: run CREATE OR REPLACE MACRO by hand",
    ),
    "macro gone": (
        A + "CREATE MACRO more(x) AS x + 1;", A, "",
        "a macro that oneplan does not handle is in the current schema only: MACRO more(x) AS (x + 1): DuckDB's "
        "catalog does not tell what uses it: run DROP MACRO by hand, unless one of its name is to come",
    ),
    "alias of a type": (
        A, A + "CREATE TYPE money AS DECIMAL(10, 2);", "",
        "an alias of a type that oneplan does not handle is in the desired schema only: TYPE money AS DECIMAL: "
        "DuckDB's catalog does not tell what uses it: run CREATE TYPE by hand",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("current", "desired", "alone", "held"), HELD.values(), ids=HELD)
def test_what_no_plan_does_on_duckdb_is_held_back_with_what_to_do(
    current: str, desired: str, alone: str, held: str, open_database: Opener
) -> None:
    database = open_database("duckdb")
    database.script(current)
    if alone:
        with pytest.raises(duckdb.Error, match="not supported"):
            database.script(alone)
    wanted = read_ddl(desired, "duckdb", "desired.sql")
    plan = build_plan(database.schema(), wanted)
    assert plan.held_back == (held,)
    there_and_back(database, plan, wanted)


def test_a_sequence_that_goes_says_why_it_does_not_come_back(open_database: Opener) -> None:
    database = open_database("duckdb")
    database.script("CREATE SEQUENCE s;\n" + A)
    plan = build_plan(database.schema(), read_ddl(A, "duckdb"))
    (step,) = [step for step in plan.steps if step.operation == "drop_sequence"]
    assert not step.reversible
    assert step.reason.startswith("DuckDB sets no sequence to a value: one made again would count from its start")


SAID_BY_THE_FILE = {
    "partial index": (A + "CREATE INDEX i ON a (n) WHERE n > 0", "leave the condition out"),
    "action of a foreign key": (A + B.replace("a (id)", "a (id) ON DELETE CASCADE"), "let code delete"),
    "stored generated column": (A.replace("VARCHAR)", "VARCHAR, g INTEGER AS (n * 2) STORED)"), "write VIRTUAL"),
    "trigger": (A + "CREATE TRIGGER w AFTER INSERT ON a BEGIN SELECT 1; END", "DuckDB has no triggers: let code"),
    "constraint added": (A + "ALTER TABLE a ADD CHECK (n > 0)", "write constraints and keys into CREATE TABLE"),
    "sequence changed": ("CREATE SEQUENCE s; ALTER SEQUENCE s INCREMENT 5", "into CREATE SEQUENCE"),
    "enum changed": (MOOD + "ALTER TYPE mood ADD VALUE 'fine'", "into CREATE TYPE … AS ENUM"),
    "foreign key across schemas": (
        A + "CREATE SCHEMA z; CREATE TABLE z.c (id INTEGER REFERENCES a (id))", "leave the foreign key out"),
    "identity": ("CREATE TABLE a (id INTEGER GENERATED ALWAYS AS IDENTITY)", "take a sequence and DEFAULT nextval"),
    "materialized view": ("CREATE MATERIALIZED VIEW v AS SELECT 1", "make it a view, or a table that code fills"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "advice"), SAID_BY_THE_FILE.values(), ids=SAID_BY_THE_FILE)
def test_a_file_that_asks_for_what_duckdb_has_not_is_told_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(SourceError, match=r"desired\.sql:\d+: .+: ") as told:
        read_ddl(text, "duckdb", "desired.sql")
    assert advice in str(told.value)


def test_what_duckdb_cannot_hold_of_another_dialects_schema_is_noted(open_database: Opener) -> None:
    database = open_database("duckdb")
    database.script("CREATE TABLE a (id BIGINT PRIMARY KEY, n INTEGER)")
    text = """
        CREATE TABLE a (id bigint PRIMARY KEY, n integer, j jsonb, g integer GENERATED ALWAYS AS (n * 2) STORED);
        CREATE TABLE b (id integer PRIMARY KEY, a_id bigint REFERENCES a (id) ON DELETE CASCADE);
        CREATE INDEX a_some ON a (n) WHERE n > 0;
        CREATE UNIQUE INDEX a_one ON a (n) WHERE n > 5;
        CREATE INDEX a_gin ON a USING gin (j);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
        CREATE TRIGGER w BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();
        CREATE MATERIALIZED VIEW m AS SELECT id FROM a;
        COMMENT ON TABLE a IS 'agents';
    """
    desired = read_ddl(text, "postgres")
    plan = build_plan(database.schema(), desired)
    assert plan.notes == (
        "DuckDB has no actions of foreign keys: ON DELETE CASCADE of b (a_id) is left out; let code delete or change "
        "the rows that point there",
        "DuckDB has no indexes with a condition: the condition of a_some is left out; the index holds all rows and "
        "serves the same queries",
        "DuckDB has no indexes of that kind: a_gin, a_one are left out; see what queries need them, and let code keep "
        "what must be unique so",
        "DuckDB has no stored generated columns: what is stored of a.g is left out; the value is computed when it is "
        "read",
        "DuckDB has no materialized views: what is materialized of m is left out; a plain view stands for it, and asks "
        "its query each time",
        "DuckDB has no triggers: w is left out; let code do their work",
        "DuckDB has no functions: f() is left out; keep their work in code",
        "DuckDB takes no comments from a file of another dialect: TABLE a is left out; write them there by hand",
    )
    there_and_back(database, plan, desired)


def test_rows_that_point_in_a_circle_are_told_before_anything_is_written(open_database: Opener, tmp_path: Path) -> None:
    from tools.migrate.rehearse import rehearse

    database = open_database("duckdb")
    database.script("CREATE TABLE a (id INTEGER PRIMARY KEY, up INTEGER); INSERT INTO a VALUES (1, 2), (2, 1);")
    desired = read_ddl("CREATE TABLE a (id INTEGER PRIMARY KEY, up INTEGER REFERENCES a (id));", "duckdb")
    plan = build_plan(database.schema(), desired)
    database.close()
    told = rehearse(plan, f"duckdb:///{tmp_path / '0.duckdb'}", home=tmp_path / "home")
    assert (told.ok, told.failed_step) == (False, "contract.a.rebuild")
    assert "a (up): rows point to each other in a circle" in told.sentence
    assert "leave this foreign key out, or put NULL into up of these rows first" in told.sentence
