"""Any location: what is there is read, to read only; what is not there is one clear sentence."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
import pytest

from tests.schema.engines import make_database
from tools.errors import Busy, LocationError, OneplanError, SourceError, UsageError
from tools.location import DIALECTS, Dialect
from tools.schema.source import read_schema

TABLES = (
    "CREATE TABLE agents (id INTEGER PRIMARY KEY); CREATE TABLE log_a (id INTEGER); CREATE TABLE log_b (id INTEGER);"
)


def keys(location: str, **options: object) -> list[str]:
    return [table.key for table in read_schema(location, **options).tables]  # type: ignore[arg-type]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_live_databases(dialect: Dialect, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres_url") if dialect == "postgres" else ""
    location = make_database(dialect, TABLES, tmp_path, url)
    schema = read_schema(location, exclude=["log_*"])
    assert schema.dialect == dialect
    assert [table.key for table in schema.tables] == ["agents"]
    assert "live" in schema.source or "postgresql" in schema.source
    assert str(schema.tables[0].span) == schema.source


def test_the_dialect_of_a_file_is_told_in_this_order(workspace: Path) -> None:
    (workspace / "with.sql").write_text("-- dialect: postgres\nCREATE TABLE a (x serial);")
    (workspace / "without.sql").write_text("CREATE TABLE a (x INTEGER);")
    assert read_schema("with.sql", fallback="sqlite").dialect == "postgres"
    assert read_schema("with.sql", dialect="sqlite").dialect == "sqlite"
    assert read_schema("without.sql", fallback="duckdb").dialect == "duckdb"
    with pytest.raises(UsageError, match=r"without\.sql: .*--dialect .*-- dialect: postgres"):
        read_schema("without.sql")


def test_a_dialect_that_does_not_fit_a_live_database(tmp_path: Path) -> None:
    location = make_database("sqlite", TABLES, tmp_path)
    with pytest.raises(UsageError, match="is a sqlite database"):
        read_schema(location, dialect="postgres")


def test_namespaces_and_patterns(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE SCHEMA sales; CREATE TABLE sales.a (x int); CREATE TABLE b (y int)")
    assert keys(postgres_url) == ["sales.a", "b"]
    assert keys(postgres_url, namespaces=["sales"]) == ["sales.a"]
    assert keys(postgres_url, namespaces=["public"]) == ["b"]
    assert keys(postgres_url, exclude=["sales.*"]) == ["b"]
    assert keys(postgres_url, exclude=["public.*"]) == ["sales.a"]


def test_bookkeeping_in_a_dump_is_left_out_like_in_the_database(workspace: Path) -> None:
    (workspace / "dump.sql").write_text("CREATE TABLE alembic_version (v TEXT); CREATE TABLE a (x INTEGER);")
    assert keys("dump.sql", dialect="sqlite") == ["a"]


def test_reading_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    for dialect in ("sqlite", "duckdb"):
        location = make_database(dialect, TABLES, tmp_path)
        path = Path(location.partition(":///")[2])
        before = path.read_bytes()
        read_schema(location)
        assert path.read_bytes() == before
        assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith(path.name)) == [path.name]


def test_odd_paths(workspace: Path) -> None:
    with closing(sqlite3.connect(workspace / "what? a #1 50%.db")) as connection:
        connection.execute("CREATE TABLE a (x INT)")
    assert keys("what? a #1 50%.db") == ["a"]
    assert keys("sqlite:///what? a #1 50%.db") == ["a"]


@pytest.mark.parametrize(
    ("location", "content", "error", "message"),
    [
        ("nowhere.sql", None, SourceError, r"^nowhere\.sql: no such file"),
        ("sqlite:///nowhere.db", None, SourceError, r"^nowhere\.db: no such file"),
        ("nowhere.db", None, SourceError, r"^nowhere\.db: no such database"),
        ("mysql://here/x", None, LocationError, "is of an unknown kind"),
        ("notes.txt", b"hello", LocationError, "is of an unknown kind"),
        ("sqlite:///text.db", b"hello, this is no database", SourceError, "is not a sqlite database"),
        ("duckdb:///text.db", b"hello, this is no database", SourceError, "is not a duckdb database"),
        (
            "sqlite:///broken.db",
            b"SQLite format 3\x00" + b"\xff" * 600,
            SourceError,
            "cannot be read as a SQLite database",
        ),
        ("duckdb:///empty.duckdb", b"", SourceError, "cannot be read as a DuckDB database"),
        ("binary.sql", b"\xff\xfe\x00\x01", SourceError, "is not a text file in UTF-8"),
        ("broken.sql", b"-- dialect: sqlite\nCREATE TABLE (", SourceError, r"^broken\.sql:2: "),
        ("postgresql://me:secret@127.0.0.1:1/x", None, SourceError, r"^postgresql://me:\*\*\*@127\.0\.0\.1:1/x: "),
        ("env:NOT_SET_ANYWHERE", None, LocationError, "is not set"),
        (".", None, LocationError, "is a folder"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    location: str, content: bytes | None, error: type[OneplanError], message: str, workspace: Path
) -> None:
    if content is not None:
        (workspace / location.rpartition("/")[2]).write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        read_schema(location)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_postgres_database_that_is_not_there(postgres_url: str) -> None:
    with pytest.raises(SourceError, match='database "nowhere" does not exist'):
        read_schema(postgres_url.replace("/test_", "/nowhere?x=").split("?x=")[0] + "?" + postgres_url.split("?")[1])


def test_a_duckdb_that_this_process_writes_to_is_busy(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        connection.execute("CREATE TABLE a (x INT)")
        with pytest.raises(Busy, match="another process or connection holds it"):
            read_schema(str(tmp_path / "x.duckdb"))


def test_a_duckdb_that_another_process_holds_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(Busy):
            read_schema(f"duckdb:///{path}")
        holder.communicate()


def test_a_sqlite_database_that_is_being_written_is_busy_after_a_bound(tmp_path: Path) -> None:
    location = make_database("sqlite", TABLES, tmp_path)
    with closing(sqlite3.connect(tmp_path / "live.db", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        with pytest.raises(Busy, match="another process is writing"):
            read_schema(location)
        assert time.monotonic() - begun < 10
