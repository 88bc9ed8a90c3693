"""What random schemas (test_properties.py) once found, as small as it gets: there and back, or told with a reason."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.plan.conftest import Opener
from tests.plan.harness import there_and_back
from tools.location import Dialect
from tools.plan.build import build_plan
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers, Merge


@dataclass(frozen=True)
class Found:
    """dialects: all on which it runs. held: parts of sentences under `held_back`, notes: of the notes."""

    name: str
    dialects: tuple[Dialect, ...]
    before: str
    after: str
    answers: Answers = field(default_factory=lambda: Answers(none=True))
    held: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


LONG = "a_name_of_nearly_sixty_three_letters_that_begins_as_others_do"
FOUND = (
    Found(
        "a table that is called as what is set aside once was", ("sqlite", "duckdb", "postgres"),
        "CREATE TABLE k (id INTEGER PRIMARY KEY, code INTEGER); INSERT INTO k VALUES (1, NULL), (2, 7);",
        "CREATE TABLE k (id INTEGER PRIMARY KEY, code INTEGER NOT NULL);",
        Answers(none=True, fills=(("k", "code", "1"),)),
    ),
    Found(
        "a table that goes points to a key that goes", ("sqlite", "duckdb", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code INTEGER NOT NULL UNIQUE);"
        "CREATE TABLE gone (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (code));"
        "CREATE TABLE far (id INTEGER PRIMARY KEY, g INTEGER REFERENCES gone (id));"
        "INSERT INTO t VALUES (1, 7); INSERT INTO gone VALUES (1, 7); INSERT INTO far VALUES (3, 1);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code INTEGER NOT NULL);",
    ),
    Found(
        "what is new points to a key that is new", ("sqlite", "duckdb", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code VARCHAR(9) NOT NULL); INSERT INTO t VALUES (1, '7');",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code INTEGER NOT NULL UNIQUE, up INTEGER REFERENCES t (code));"
        "CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (code));"
        "CREATE TABLE d (id INTEGER PRIMARY KEY, c INTEGER REFERENCES c (id)); CREATE VIEW v AS SELECT t FROM c;",
    ),
    Found(
        "what is computed of a column that is new too", ("sqlite", "duckdb", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, b INTEGER GENERATED ALWAYS AS (a % 7), a INTEGER);",
    ),
    Found(
        "a key goes together with the foreign key to it", ("sqlite", "duckdb", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code INTEGER NOT NULL UNIQUE);"
        "CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (code));"
        "INSERT INTO t VALUES (1, 7); INSERT INTO c VALUES (1, 7);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code INTEGER NOT NULL);"
        "CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER);",
    ),
    Found(
        "a renamed table is called as a word of SQL", ("sqlite", "duckdb", "postgres"),
        'CREATE TABLE "select" (id INTEGER PRIMARY KEY, n INTEGER); CREATE TABLE o (id INTEGER PRIMARY KEY);'
        'CREATE VIEW seen AS SELECT s.n, o.id FROM "select" AS s, o; INSERT INTO "select" VALUES (1, 2);',
        'CREATE TABLE calls (id INTEGER PRIMARY KEY, n INTEGER); CREATE TABLE o (id INTEGER PRIMARY KEY);',
        Answers(none=True, tables=(("select", "calls"),)),
    ),
    Found(
        "a view of a renamed table with capitals goes", ("sqlite", "duckdb", "postgres"),
        'CREATE TABLE "Order" (id INTEGER PRIMARY KEY, n INTEGER); CREATE TABLE o (id INTEGER PRIMARY KEY);'
        'CREATE VIEW seen AS SELECT s.n, o.id FROM o, "Order" AS s; INSERT INTO "Order" VALUES (1, 2);',
        'CREATE TABLE calls (id INTEGER PRIMARY KEY, n INTEGER); CREATE TABLE o (id INTEGER PRIMARY KEY);',
        Answers(none=True, tables=(("Order", "calls"),)),
    ),
    Found(
        "a trigger's rows are no column called new", ("sqlite",),
        'CREATE TABLE t (id INTEGER PRIMARY KEY, "new" INTEGER); CREATE TABLE log (id INTEGER);'
        'CREATE TRIGGER noted AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END;'
        "INSERT INTO t VALUES (1, 2);",
        'CREATE TABLE t (id INTEGER PRIMARY KEY, fresh INTEGER); CREATE TABLE log (id INTEGER);'
        'CREATE TRIGGER noted AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END;',
        Answers(none=True, columns=(("t", "new", "fresh"),)),
    ),
    Found(
        "quotes in the names of what counts", ("postgres",),
        'CREATE TABLE "it\'s" ("o\'n" INTEGER PRIMARY KEY, "m\'n" INTEGER NOT NULL);'
        'CREATE TABLE "that\'s" ("o\'n" SERIAL PRIMARY KEY);'
        'INSERT INTO "it\'s" VALUES (4, 5); INSERT INTO "that\'s" DEFAULT VALUES;',
        'CREATE TABLE "it\'s" ("o\'n" SERIAL PRIMARY KEY, "m\'n" INTEGER GENERATED BY DEFAULT AS IDENTITY);',
    ),
    Found(
        "long names that begin alike", ("postgres",),
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, {LONG}_1 INTEGER, {LONG}_2 INTEGER, {LONG}_3 TEXT, {LONG}_4 TEXT);"
        "INSERT INTO t VALUES (1, 2, 3, '4', '5');",
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, {LONG}_1 INTEGER NOT NULL, {LONG}_2 INTEGER NOT NULL,"
        f" {LONG}_3 INTEGER, {LONG}_4 INTEGER);",
    ),
    Found(
        "a type that no cast leads to", ("postgres",),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at TIMESTAMPTZ); INSERT INTO t VALUES (1, '2024-01-01');",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTERVAL DEFAULT '1 day' CHECK (at > '1 hour'));"
        "CREATE INDEX i ON t (at);",
        held=("no cast from timestamp with time zone to interval: say in the answers", "waits for the type of t.at"),
    ),
    Found(
        "what was computed is to be NOT NULL", ("sqlite", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER GENERATED ALWAYS AS (a % 7) STORED);"
        "INSERT INTO t (id, a) VALUES (1, 9);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER NOT NULL DEFAULT 0);",
        Answers(none=True, fills=(("t", "b", "1"),)),
        notes=("t.b is computed today and becomes NOT NULL",),
    ),
    Found(
        "a value is kept in its column's own type", ("duckdb", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u UUID); INSERT INTO t VALUES (1, NULL);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u UUID NOT NULL);",
        Answers(none=True, fills=(("t", "u", "'00000001-0000-4000-8000-ffffffffffff'"),)),
    ),
    Found(
        "an index on an expression over what changes in place", ("postgres",),
        "CREATE TABLE t (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, CHECK (id % 7 <> 6));"
        "CREATE INDEX i ON t ((id % 7)); INSERT INTO t VALUES (1);",
        "CREATE TABLE t (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, CHECK (id % 7 <> 6));"
        "CREATE INDEX i ON t ((id % 7));",
    ),
    Found(
        "what is computed when it is read becomes a column to write", ("postgres",),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER GENERATED ALWAYS AS (a % 7) VIRTUAL);"
        "CREATE VIEW v AS SELECT b FROM t; INSERT INTO t (id, a) VALUES (1, 9);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, b INTEGER); CREATE VIEW v AS SELECT b FROM t;",
    ),
    Found(
        "what was computed of a column that changes is written", ("sqlite", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER GENERATED ALWAYS AS (a % 7) STORED);"
        "CREATE VIEW v AS SELECT b FROM t; INSERT INTO t (id, a) VALUES (1, 9);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a DOUBLE PRECISION, b INTEGER); CREATE VIEW v AS SELECT b FROM t;",
    ),
    Found(
        "a key that changes its type, whose rows are asked before the way back", ("sqlite", "duckdb", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);",
        "CREATE TABLE t (id SMALLINT PRIMARY KEY);",
    ),
    Found(
        "a comment on a column with a quote in its name", ("postgres",),
        """CREATE TABLE t (id INTEGER PRIMARY KEY, "q""t" INTEGER); COMMENT ON COLUMN t."q""t" IS 'so';""",
        """CREATE TABLE t (id INTEGER PRIMARY KEY, "q""t" TEXT); COMMENT ON COLUMN t."q""t" IS 'so';""",
    ),
    Found(
        "what is computed gets another name and is written", ("sqlite", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER GENERATED ALWAYS AS (a % 7) STORED);"
        "INSERT INTO t (id, a) VALUES (1, 9);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, c TEXT);",
        Answers(none=True, columns=(("t", "b", "c"),)),
    ),
    Found(
        "a key over odd names", ("sqlite", "duckdb", "postgres"),
        'CREATE TABLE t ("Mixed Case" INTEGER NOT NULL, "it\'s" INTEGER NOT NULL, "a""b" INTEGER, n VARCHAR(9));'
        "INSERT INTO t VALUES (1, 2, 3, '4');",
        'CREATE TABLE t ("Mixed Case" INTEGER NOT NULL, "it\'s" INTEGER NOT NULL, "a""b" INTEGER, n INTEGER,'
        ' PRIMARY KEY ("Mixed Case", "it\'s"), UNIQUE ("it\'s", "a""b"));',
    ),
    Found(
        "a primary key of columns that were nullable, beside a column that changes its type", ("duckdb", "postgres"),
        "CREATE TABLE t (id INTEGER, n VARCHAR(9), k INTEGER NOT NULL UNIQUE); INSERT INTO t VALUES (1, '4', 2);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, k INTEGER NOT NULL UNIQUE);",
    ),
    Found(
        "what counts gets another name", ("postgres",),
        "CREATE TABLE s (id SERIAL PRIMARY KEY); CREATE TABLE i (id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY);"
        "INSERT INTO s DEFAULT VALUES; INSERT INTO i DEFAULT VALUES;",
        "CREATE TABLE s (nr SERIAL PRIMARY KEY); CREATE TABLE i (nr INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY);",
        Answers(none=True, columns=(("s", "id", "nr"), ("i", "id", "nr"))),
    ),
    Found(
        "a unique index under a name that stays", ("sqlite", "duckdb", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, w INTEGER); CREATE UNIQUE INDEX i ON t (n);"
        "CREATE UNIQUE INDEX j ON t (w); INSERT INTO t VALUES (1, 2, 3), (2, 3, 4);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, w BIGINT); CREATE INDEX i ON t (n);"
        "CREATE UNIQUE INDEX j ON t (w);",
    ),
    Found(
        "one unique index for another", ("sqlite", "duckdb", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, w INTEGER); CREATE UNIQUE INDEX i ON t (n);"
        "INSERT INTO t VALUES (1, 2, 3), (2, 3, 4);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, w INTEGER); CREATE UNIQUE INDEX i ON t (w);",
    ),
    Found(
        "a column goes that is called like one of a table set aside", ("sqlite", "duckdb", "postgres"),
        "CREATE TABLE k (id INTEGER PRIMARY KEY, key_1 INTEGER NOT NULL, became_n TEXT, n TEXT);"
        "INSERT INTO k VALUES (1, 0, 'x', '5'), (2, 7, 'y', '6');",
        "CREATE TABLE k (id INTEGER PRIMARY KEY, n INTEGER);",
    ),
    Found(
        "zeros below zero are filled in", ("sqlite", "duckdb", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, p DOUBLE PRECISION); INSERT INTO t VALUES (1, 0.5), (2, NULL);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, p DOUBLE PRECISION NOT NULL);",
        Answers(none=True, fills=(("t", "p", "-0.0"),)),
    ),
    Found(
        "what is computed of a column that is filled", ("sqlite", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT GENERATED ALWAYS AS (lower(a)) STORED);"
        "INSERT INTO t (id, a) VALUES (1, 'X'), (2, NULL);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT GENERATED ALWAYS AS (lower(a)) STORED);",
        Answers(none=True, fills=(("t", "a", "'Q'"),)),
    ),
    Found(
        "a key loses a column that cannot change its type", ("postgres",),
        'CREATE TABLE t (id INTEGER, "Mixed Case" REAL, PRIMARY KEY ("Mixed Case", id)); INSERT INTO t VALUES (1, 2);',
        'CREATE TABLE t (id INTEGER PRIMARY KEY, "Mixed Case" JSONB);',
        held=("primary key (Mixed Case, id) becomes (id): it waits for the type of t.Mixed Case",),
    ),
    Found(
        "functions whose bodies name columns that go", ("postgres",),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, w TEXT); INSERT INTO t VALUES (1, 2, 'x');"
        "CREATE FUNCTION named(p BIGINT) RETURNS TEXT LANGUAGE sql STABLE AS 'SELECT w FROM t WHERE id = p';"
        "CREATE FUNCTION size_of(p BIGINT) RETURNS INTEGER LANGUAGE sql STABLE AS 'SELECT n FROM t WHERE id = p';"
        "CREATE FUNCTION gone(p BIGINT) RETURNS TEXT LANGUAGE sql STABLE AS 'SELECT w FROM t WHERE id = p';",
        "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT, word TEXT);"
        "CREATE FUNCTION named(p BIGINT) RETURNS TEXT LANGUAGE sql STABLE AS 'SELECT word FROM t WHERE id = p';"
        "CREATE FUNCTION size_of(p BIGINT) RETURNS BIGINT LANGUAGE sql STABLE AS 'SELECT n FROM t WHERE id = p';",
        Answers(none=True, columns=(("t", "w", "word"),)),
    ),
    Found(
        "the primary key moves to a new column, and others point to the old one", ("postgres",),
        "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE c (t INTEGER REFERENCES t (id));"
        "INSERT INTO t VALUES (1), (2); INSERT INTO c VALUES (1);",
        "CREATE TABLE t (id INTEGER NOT NULL UNIQUE, nr BIGINT PRIMARY KEY);"
        "CREATE TABLE c (t INTEGER REFERENCES t (id));",
        Answers(none=True, fills=(("t", "nr", "id"),)),
    ),
    Found(
        "the sequence of a column that comes to count would have another's name", ("postgres",),
        "CREATE SEQUENCE t_nr_seq; CREATE TABLE t (id INTEGER PRIMARY KEY, nr INTEGER NOT NULL);"
        "INSERT INTO t VALUES (1, 5);",
        "CREATE SEQUENCE t_nr_seq; CREATE TABLE t (id INTEGER PRIMARY KEY); ALTER TABLE t ADD nr SERIAL;",
    ),
    Found(
        "columns called as a trigger calls its rows", ("sqlite", "postgres"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, \"new\" INTEGER, \"old\" INTEGER, a TEXT, b TEXT);"
        "INSERT INTO t VALUES (1, 2, 3, '4', '5');",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, \"new\" TEXT, was INTEGER, whole TEXT);",
        Answers(
            none=True, columns=(("t", "old", "was"),),
            merges=(Merge("t", ("a", "b", "new"), "whole", "a || b || CAST(\"new\" AS TEXT)"),),
        ),
    ),
    Found(
        "a column that was nullable becomes an identity", ("postgres",),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, nr INTEGER); INSERT INTO t VALUES (1, 5), (2, NULL);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, nr INTEGER GENERATED ALWAYS AS IDENTITY);",
        Answers(none=True, fills=(("t", "nr", "id * 100"),)),
    ),
)  # fmt: skip


def _cases() -> list[object]:
    return [pytest.param(one, d, id=f"{one.name}-{d}") for one in FOUND for d in one.dialects]


@pytest.mark.parametrize(("found", "dialect"), _cases())
def test_found(found: Found, dialect: Dialect, open_database: Opener) -> None:
    database = open_database(dialect)
    database.script(found.before)
    desired = read_ddl(found.after, dialect, "desired.sql")
    plan = build_plan(database.schema(), desired, found.answers)
    for part in found.held:
        assert any(part in sentence for sentence in plan.held_back), plan.held_back
    assert bool(found.held) or not plan.held_back
    for part in found.notes:
        assert any(part in note for note in plan.notes), plan.notes
    there_and_back(database, plan, desired)
