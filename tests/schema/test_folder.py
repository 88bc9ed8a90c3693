"""A folder as a location: all schema files in it together, each thing with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commandline import Oneplan
from tools.errors import LocationError, SourceError, UsageError
from tools.schema.gaps import compare
from tools.schema.source import read_schema

FIRST = "-- dialect: postgres\nCREATE TABLE a (id integer PRIMARY KEY);\n"


def write(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return str(folder)


def test_migrations_of_one_folder_are_one_schema_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    where = write(tmp_path / "m", {
        "1_first.sql": FIRST,
        "2_more.sql": "CREATE TABLE b (id integer PRIMARY KEY,\n  a integer REFERENCES a (id))",
        "10_last.sql": "ALTER TABLE b ADD COLUMN late text;\nCREATE INDEX by_late ON b (late);",
        "10_last.down.sql": "DROP TABLE b;",
        "node_modules/x/other.sql": "CREATE TABLE other (id integer);",
    })  # fmt: skip
    schema = read_schema(where)
    assert [t.key for t in schema.tables] == ["a", "b"]
    b = schema.table("b")
    assert b is not None
    assert [(c.name, str(c.span)) for c in b.columns[:2]] == [
        ("id", f"{where}/2_more.sql:1"), ("a", f"{where}/2_more.sql:2"),
    ]  # fmt: skip
    assert b.columns[2].name == "late"
    assert [str(index.span) for index in b.indexes] == [f"{where}/10_last.sql:2"]


def test_an_error_is_told_in_the_file_it_stands_in(tmp_path: Path) -> None:
    where = write(tmp_path / "m", {"1.sql": FIRST, "2.sql": "\nCREATE TABLE b (id integer,, x text);"})
    with pytest.raises(SourceError, match=r"2\.sql:2"):
        read_schema(where)


def test_prisma_and_documents_beside_each_other_are_merged(tmp_path: Path) -> None:
    where = write(tmp_path / "s", {
        "users.prisma": "model users {\n  id Int @id\n  name String?\n}\n",
        "notes.md": "# Schema\n\n## notes\n\n| Field | Type |\n| --- | --- |\n| id | integer |\n| body | text |\n",
        "README.md": "# Nothing here\n\nJust words.\n",
    })  # fmt: skip
    schema = read_schema(where)
    assert {t.key for t in schema.tables} == {"users", "notes"}
    assert [item.text for item in schema.not_understood if "left out" in item.reason] == [f"{where}/README.md"]
    assert compare(schema, read_schema(where)) == ()


def test_files_of_unlike_dialects_do_not_go_together(tmp_path: Path) -> None:
    both = write(tmp_path / "m", {"1.sql": FIRST, "2.sql": "-- dialect: sqlite\nCREATE TABLE b (id integer);"})
    with pytest.raises(SourceError, match=r"unlike dialects: .*1\.sql \(postgres\), .*2\.sql \(sqlite\)"):
        read_schema(both)
    document = "## users\n\n| Field | Type |\n| --- | --- |\n| id | integer |\n"
    mixed = write(tmp_path / "x", {"1.sql": "-- dialect: sqlite\nCREATE TABLE b (id integer);", "a.md": document})
    with pytest.raises(SourceError, match="unlike dialects"):
        read_schema(mixed)


def test_a_folder_of_nothing_and_one_of_no_known_dialect_are_said(tmp_path: Path) -> None:
    with pytest.raises(LocationError, match="without schema files"):
        read_schema(write(tmp_path / "empty", {"x.txt": "x"}))
    with pytest.raises(UsageError, match="--dialect"):
        read_schema(write(tmp_path / "m", {"1.sql": "CREATE TABLE a (id integer);"}))


def test_a_folder_and_a_named_database_on_the_command_line(oneplan: Oneplan, tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect("app.db")) as connection:
        connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    Path("oneplan.toml").write_text('[databases]\nlive = "sqlite:///app.db"\n', encoding="utf-8")
    write(tmp_path / "m", {"1.sql": "CREATE TABLE a (id INTEGER PRIMARY KEY);", "2.sql": "ALTER TABLE a ADD b TEXT;"})
    done = oneplan("gap", "db:live", "m", "--json")
    assert done.code == 2
    assert [(g["kind"], g["column"], g["source"]) for g in done.data["gaps"]] == [("column_added", "b", "m/2.sql:1")]
    assert oneplan("inspect", "db:live", "--json").data["tables"][0]["name"] == "a"
    wrong = oneplan("inspect", "db:other")
    assert wrong.code in (1, 64)
    assert "live" in wrong.err
