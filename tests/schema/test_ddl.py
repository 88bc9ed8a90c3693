"""Schema files: run in a scratch engine, read with lines, and unable to reach anything outside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.errors import SourceError
from tools.location import DIALECTS, Dialect
from tools.schema.ddl import header_dialect, read_ddl
from tools.schema.gaps import compare
from tools.schema.model import Schema
from tools.schema.render import script

TEXT = """CREATE TABLE parent (
  id integer PRIMARY KEY,
  name varchar(20) NOT NULL DEFAULT 'x',
  CONSTRAINT longer
    CHECK (length(name) > 2)
);
CREATE TABLE child (id integer PRIMARY KEY,
  parent integer
    REFERENCES parent (id),
  UNIQUE (parent, id));
CREATE INDEX by_parent
  ON child (parent);
CREATE VIEW seen AS
  SELECT id FROM child;
"""


def spans(schema: Schema) -> dict[str, int]:
    found: dict[str, int] = {}
    for table in schema.tables:
        named = [table, *table.columns, *table.indexes]
        found |= {thing.name: thing.span.line for thing in named if thing.span}
        for kind in (table.uniques, table.foreign_keys, table.checks):
            found |= {type(thing).__name__: thing.span.line for thing in kind if thing.span}
    return found | {view.name: view.span.line for view in schema.views if view.span}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_everything_knows_its_line(dialect: Dialect) -> None:
    schema = read_ddl(TEXT, dialect, "schema.sql")
    assert spans(schema) == {
        "parent": 8, "id": 7, "name": 3, "Check": 5, "child": 7, "ForeignKey": 9, "Unique": 10, "by_parent": 11,
        "seen": 13,
    }  # fmt: skip
    assert str(schema.tables[0].span).startswith("schema.sql:")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("CREATE TABLE a (\n  x int\n  y int)", 3, "y"),
        ("CREATE TABLE a (x int);\n\nCREAT TABLE b (y int);", 3, "CREAT"),
        ("CREATE TABLE a (x int)\nCREATE TABLE b (y int);", 2, "CREATE"),
        ("CREATE TABLE a (x int);\nINSERT INTO a VALEUS (1);", 2, "VALEUS"),
        ("\nCREATE TABLE a (x text DEFAULT 'open);", 2, "never closed"),
        ("CREATE TABLE a (x int);\nCREATE INDEX i ON missing (x);", 2, "missing"),
        ("\n\nhello world", 3, "hello"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_line(dialect: Dialect, text: str, line: int, what: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_ddl(text, dialect, "f.sql")
    assert str(caught.value).startswith(f"f.sql:{line}: ")
    assert what.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


def test_rows_owners_and_settings_are_listed_and_not_run() -> None:
    schema = read_ddl(
        "SET lock_timeout = 0;\nBEGIN;\nCREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\n"
        "ALTER TABLE a OWNER TO somebody;\nGRANT somebody TO another;\nCREATE ROLE root SUPERUSER;\nCOMMIT;",
        "postgres", "f.sql",
    )  # fmt: skip
    assert [(item.span.line, item.compared) for item in schema.not_understood if item.span] == [
        (1, False), (4, False), (5, False), (6, False), (7, False),
    ]  # fmt: skip
    assert [table.key for table in schema.tables] == ["a"]


def test_an_extension_that_is_not_here_is_listed_and_named_where_it_is_missed() -> None:
    schema = read_ddl("CREATE EXTENSION IF NOT EXISTS citext;\nCREATE TABLE a (x int);", "postgres", "f.sql")
    assert [(thing.kind, thing.name, str(thing.span)) for thing in schema.objects] == [
        ("extension", "citext", "f.sql:1")
    ]
    with pytest.raises(SourceError, match=r"f\.sql:2: type .*citext.* does not exist .*extension citext"):
        read_ddl("CREATE EXTENSION citext;\nCREATE TABLE a (x citext);", "postgres", "f.sql")


def test_an_extension_that_is_here_serves_one_file_only() -> None:
    text = "CREATE EXTENSION vector;\nCREATE TABLE a (x vector(3));\nCREATE INDEX i ON a USING hnsw (x vector_l2_ops);"
    schema = read_ddl(text, "postgres")
    assert schema.tables[0].columns[0].type == "vector(3)"
    assert schema.tables[0].indexes[0].columns == ("x vector_l2_ops",)
    assert not read_ddl("CREATE TABLE b (y int);", "postgres").objects


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("sqlite", "ATTACH '{0}' AS other"),
        ("sqlite", "CREATE TABLE a AS SELECT load_extension('x') AS b"),
        ("sqlite", "PRAGMA writable_schema = on"),
        ("duckdb", "CREATE TABLE a AS SELECT * FROM read_text('{1}')"),
        ("duckdb", "CREATE VIEW a AS SELECT * FROM '{1}'"),
        ("duckdb", "COPY (SELECT 1) TO '{0}'"),
        ("duckdb", "ATTACH '{0}' AS other"),
        ("duckdb", "INSTALL fts"),
        ("postgres", "COPY (SELECT 1) TO '{0}'"),
        ("postgres", "DO $$BEGIN COPY (SELECT 1) TO '{0}'; END$$"),
        ("postgres", "DO $$BEGIN COPY (SELECT 1) TO PROGRAM 'touch {0}'; END$$"),
        ("postgres", "CREATE TABLE a AS SELECT pg_read_file('{1}') AS b"),
        ("postgres", "CREATE DATABASE other"),
        ("postgres", "DO $$BEGIN EXECUTE 'ALTER ROLE postgres PASSWORD ''x'''; END$$"),
    ],
)
def test_a_schema_file_reaches_nothing_outside_its_scratch(dialect: Dialect, text: str, tmp_path: Path) -> None:
    written, secret = tmp_path / "written", tmp_path / "secret.txt"
    secret.write_text("secret")
    try:
        schema = read_ddl(text.format(written, secret), dialect, "f.sql")
    except SourceError:
        pass  # refused, which is as good as not run
    else:
        assert schema.tables == ()
        assert len(schema.not_understood) == 1
    assert not written.exists()


def test_an_index_made_concurrently_is_read_like_any_other() -> None:
    schema = read_ddl("CREATE TABLE a (x int); CREATE UNIQUE INDEX CONCURRENTLY i ON a (x);", "postgres")
    assert schema.tables[0].indexes[0].valid


@pytest.mark.parametrize(
    ("line", "dialect"),
    [
        ("-- dialect: postgres", "postgres"), ("-- Dialect=PostgreSQL", "postgres"), ("--dialect : 'sqlite'", "sqlite"),
        ("-- oneplan: dialect=duckdb", "duckdb"), ("/* dialect: sqlite3 */", "sqlite"), ("-- DIALECT: pg", "postgres"),
        ("-- dialect: oracle", None), ("-- the dialect of the north", None), ("CREATE TABLE dialect (a int)", None),
        ("SELECT 1;\n-- dialect: sqlite", None), ("-- a plan\n\n-- dialect: sqlite", "sqlite"), ("", None),
    ],
)  # fmt: skip
def test_the_header_comment_names_the_dialect(line: str, dialect: Dialect | None) -> None:
    assert header_dialect(line + "\nCREATE TABLE a (x int);") == dialect


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_lines_of_every_system_are_counted_alike(dialect: Dialect, end: str) -> None:
    with pytest.raises(SourceError, match=r"^f\.sql:4: "):
        read_ddl(
            end.join(["CREATE TABLE a (x int);", "", "CREATE TABLE b (", "  5 int,", " w int);"]),
            dialect,
            "f.sql",
        )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_temporary_is_listed(dialect: Dialect) -> None:
    schema = read_ddl("CREATE TEMPORARY TABLE a (x int); CREATE TABLE b (x int);", dialect, "f.sql")
    assert [table.key for table in schema.tables] == ["b"]
    assert [item.text for item in schema.not_understood] == ["CREATE TEMPORARY TABLE a (x int)"]


GRANTS = """CREATE TABLE a (x int, y int);
GRANT SELECT, INSERT ON a TO reader, "Odd One";
GRANT UPDATE (y) ON TABLE a TO reader WITH GRANT OPTION;
GRANT ALL ON a TO chief;
CREATE FUNCTION f(n int) RETURNS int LANGUAGE sql AS 'SELECT $1';
REVOKE EXECUTE ON FUNCTION f(int) FROM PUBLIC;
CREATE POLICY mine ON a FOR SELECT TO reader USING (x > 0);
"""


def test_privileges_of_a_file_are_read_with_roles_that_no_server_here_has() -> None:
    schema = read_ddl(GRANTS, "postgres", "f.sql")
    assert {(o.name, o.form, o.create) for o in schema.objects if o.kind == "privilege"} == {
        ("ON FUNCTION f(integer) FROM PUBLIC", "no EXECUTE", "REVOKE EXECUTE ON FUNCTION f(integer) FROM PUBLIC"),
        ('ON TABLE a TO "Odd One"', "INSERT, SELECT", 'GRANT INSERT, SELECT ON TABLE a TO "Odd One"'),
        ("ON TABLE a TO chief", "ALL", "GRANT ALL ON TABLE a TO chief"),
        ("ON TABLE a TO reader", "INSERT, SELECT", "GRANT INSERT, SELECT ON TABLE a TO reader"),
        ("ON TABLE a (y) TO reader WITH GRANT OPTION", "UPDATE",
         "GRANT UPDATE (y) ON TABLE a TO reader WITH GRANT OPTION"),
    }  # fmt: skip
    assert [o.form for o in schema.objects if o.kind == "policy"] == [" FOR SELECT TO reader USING ((x > 0))"]
    assert not schema.not_understood
    assert read_ddl(GRANTS, "postgres") == schema, "the roles of one reading are gone before the next"


def test_a_file_without_a_grant_wants_nobodys_rights_taken_away() -> None:
    bare = read_ddl(GRANTS.partition("GRANT")[0], "postgres")
    granted = read_ddl(GRANTS.partition("CREATE FUNCTION")[0], "postgres")
    assert compare(granted, bare) == ()
    assert compare(bare, granted) == ()
    one = read_ddl("CREATE TABLE a (x int, y int);\nGRANT SELECT ON a TO reader;", "postgres")
    assert {(g.kind, g.name, g.from_, g.to) for g in compare(granted, one)} == {
        ("privilege_changed", "ON TABLE a TO reader", "INSERT, SELECT", "SELECT"),
        ("privilege_removed", 'ON TABLE a TO "Odd One"', "INSERT, SELECT", None),
        ("privilege_removed", "ON TABLE a TO chief", "ALL", None),
        ("privilege_removed", "ON TABLE a (y) TO reader WITH GRANT OPTION", "UPDATE", None),
    }


def test_partitions_are_read_with_what_divides_them() -> None:
    schema = read_ddl(
        "CREATE TABLE e (at date, kind text) PARTITION BY RANGE (at);\n"
        "CREATE TABLE e_26 PARTITION OF e FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (kind);\n"
        "CREATE TABLE e_26_a PARTITION OF e_26 DEFAULT;",
        "postgres",
    )
    assert [(t.key, t.options) for t in schema.tables] == [("e", ("PARTITION BY RANGE (at)",))]
    assert [(o.kind, o.table, o.name) for o in schema.objects] == [
        ("partition", "e", "e_26"),
        ("partition", "e_26", "e_26_a"),
    ]
    assert schema.not_understood == ()
    assert read_ddl(script(schema), "postgres") == schema


def test_how_a_column_is_stored_is_read_where_it_is_not_the_types_own_way() -> None:
    plain = "CREATE TABLE a (x text, y text);"
    stored = read_ddl(plain + "ALTER TABLE a ALTER COLUMN x SET STORAGE EXTERNAL;", "postgres")
    assert [c.storage for c in stored.tables[0].columns] == ["EXTERNAL", None]
    assert [(g.kind, g.column, g.from_, g.to) for g in compare(read_ddl(plain, "postgres"), stored)] == [
        ("type_changed", "x", "text", "text STORAGE EXTERNAL"),
    ]
    assert compare(stored, read_ddl(script(stored), "postgres")) == ()
