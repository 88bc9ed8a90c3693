"""DDL by a parser alone: MySQL's, and Postgres's where no embedded server is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commandline import Oneplan
from tools.errors import SourceError
from tools.location import LocationError, parse_written
from tools.schema import ddl
from tools.schema.ddl import header_dialect, read_ddl
from tools.schema.gaps import compare
from tools.schema.model import ForeignKey, Schema, Unique
from tools.schema.mysql import read_mysql
from tools.schema.parsed import read_parsed

FIXTURES = Path(__file__).parents[1] / "fixtures" / "mysql"
GAPS = Path(__file__).parents[1] / "fixtures" / "gaps"


def columns(schema: Schema, table: str) -> dict[str, tuple[str, bool, str | None]]:
    found = schema.table(table)
    assert found is not None
    return {c.name: (c.type, c.nullable, c.default) for c in found.columns}


def test_a_dump_of_mysql_is_read_in_postgres_words() -> None:
    text = (FIXTURES / "shop.sql").read_text()
    assert header_dialect(text) == "mysql"
    schema = read_mysql(text, "shop.sql")
    assert (schema.dialect, schema.origin) == ("postgres", "mysql")
    assert columns(schema, "customers") == {
        "id": ("bigint", False, None),
        "email": ("character varying(120)", False, None),
        "level": ("customers_level", False, "'basic'"),
        "active": ("boolean", False, "true"),
        "notes": ("text", True, None),
        "tags": ("text[]", True, None),
        "settings": ("jsonb", True, None),
        "joined": ("timestamp(6) without time zone", False, "now()"),
        "score": ("smallint", True, "0"),
        "born": ("smallint", True, None),
        "shout": ("character varying(120)", True, None),
    }
    customers, orders = schema.table("customers"), schema.table("orders")
    assert customers is not None
    assert orders is not None
    assert [c.identity for c in customers.columns if c.identity] == ["BY DEFAULT"]
    assert next(c for c in customers.columns if c.name == "shout").generated == 'UPPER("email")'
    assert (customers.note, customers.column_names[1], customers.columns[1].note) == ("who buys", "email", "lower case")
    assert customers.uniques == (Unique(("email",), "customers_email"),)
    assert [(i.name, i.columns) for i in customers.indexes] == [
        ("by_level", ("level", "joined DESC")), ("by_start", ("(left(notes, 20))",)),
    ]  # fmt: skip
    assert orders.foreign_keys == (ForeignKey(("customer_id",), "customers", ("id",), "CASCADE", name="orders_owner"),)
    assert [check.expression for check in orders.checks] == ['("total" >= 0)']
    assert [(e.name, e.values) for e in schema.enums] == [("customers_level", ("basic", "gold"))]
    assert [view.name for view in schema.views] == ["gold"]
    assert columns(schema, "orders")["note"] == ("text", True, None), "what ALTER TABLE adds"
    assert str(customers.columns[1].span) == "shop.sql:7"
    listed = {item.text.split("\n")[0][:40]: item.reason for item in schema.not_understood}
    assert "CREATE TRIGGER touched BEFORE UPDATE ON" in " ".join(listed)
    assert any("FULLTEXT" in text for text in listed)
    assert any("ON UPDATE" in text for text in listed)
    assert not any(item.compared for item in schema.not_understood)


def test_mysql_against_what_was_made_of_it_in_postgres_shows_what_was_forgotten() -> None:
    mysql = read_mysql((FIXTURES / "shop.sql").read_text(), "shop.sql")
    postgres = read_ddl((FIXTURES / "shop.postgres.sql").read_text(), "postgres", "shop.postgres.sql")
    assert [(g.kind, g.table, g.column or g.name) for g in compare(mysql, postgres)] == [
        ("column_added", "orders", "paid_at"), ("column_removed", "orders", "note"),
    ]  # fmt: skip
    assert {g.kind for g in compare(postgres, mysql)} == {"column_added", "column_removed"}


def test_mysql_on_the_command_line(oneplan: Oneplan, tmp_path: Path) -> None:
    (tmp_path / "plain.sql").write_text("CREATE TABLE `a` (`id` int NOT NULL AUTO_INCREMENT, PRIMARY KEY (`id`));")
    done = oneplan("inspect", "plain.sql", "--dialect", "mysql", "--json")
    assert done.code == 0
    assert [t["name"] for t in done.data["tables"]] == ["a"]
    refused = oneplan("inspect", "plain.sql", "--dialect", "oracle")
    assert refused.code in (1, 64)
    assert "mysql" in refused.err
    with pytest.raises(LocationError, match="oracle"):
        parse_written("oracle")


@pytest.mark.parametrize("text", ["CREATE TABLE a (id int", "CREATE TABLE a (\n  id int\n  b int\n);"])
def test_a_table_that_does_not_parse_is_an_error_with_its_line(text: str) -> None:
    with pytest.raises(SourceError, match=r"f\.sql:[123]: does not parse"):
        read_mysql(text, "f.sql")


def test_an_open_quote_is_an_error() -> None:
    with pytest.raises(SourceError, match="does not parse"):
        read_mysql("CREATE TABLE a (b varchar(3) DEFAULT 'x);", "f.sql")


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ddl, "is_installed", lambda: False)


PLAIN_CASES = ("columns", "foreign_keys", "foreign_key_actions", "enums", "primary_keys", "nullability_and_defaults",
               "tables", "types", "namespaces", "sequences", "partial_indexes", "indexes", "views")  # fmt: skip


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize("side", ["current", "desired"])
@pytest.mark.parametrize("name", PLAIN_CASES)
def test_postgres_by_a_parser_has_no_gap_to_the_same_by_its_own_engine(
    name: str, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (GAPS / name / f"{side}.sql").read_text()
    parsed = read_ddl(text, "postgres", "f.sql")
    assert parsed.origin == "parsed"
    assert "is not installed" in parsed.not_understood[0].reason
    monkeypatch.setattr(ddl, "is_installed", lambda: True)
    exact = read_ddl(text, "postgres", "f.sql")
    assert [gap.sentence for gap in compare(exact, parsed)] == []
    assert [gap.sentence for gap in compare(parsed, exact)] == []


@pytest.mark.usefixtures("no_server")
def test_what_the_parser_does_not_understand_is_listed_and_no_gap() -> None:
    text = (
        "CREATE TABLE a (id serial PRIMARY KEY, EXCLUDE USING gist (id WITH =));\n"
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;\n"
        "CREATE POLICY p ON a USING (true);\nALTER TABLE a ENABLE ROW LEVEL SECURITY;\nINSERT INTO a VALUES (1);"
    )
    schema = read_ddl(text, "postgres", "f.sql")
    assert len(schema.not_understood) == 6
    assert columns(schema, "a") == {"id": ("integer", False, "serial")}
    assert compare(schema, read_parsed("CREATE TABLE a (id serial PRIMARY KEY);", "postgres")) == ()
