"""The Prisma reader, held against the SQL that Prisma's own schema engine makes of the same files."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commandline import Oneplan
from tools.errors import SourceError, UsageError
from tools.schema.ddl import read_ddl
from tools.schema.digest import schema_digest
from tools.schema.gaps import compare
from tools.schema.model import Column, Schema, Table
from tools.schema.prisma import read_prisma
from tools.schema.source import read_schema

FIXTURES = Path(__file__).parents[1] / "fixtures" / "prisma"
CASES = sorted(path.parent.name for path in FIXTURES.glob("*/expected.sql"))
HEAD = 'datasource db {\n  provider = "postgresql"\n}\n'


def read(text: str, *, head: str = HEAD) -> Schema:
    return read_prisma([(head + text, "schema.prisma")])


def table(schema: Schema, key: str) -> Table:
    found = schema.table(key)
    assert found, key
    return found


def column(schema: Schema, key: str, name: str) -> Column:
    found = table(schema, key).column(name)
    assert found, name
    return found


@pytest.mark.parametrize("name", CASES)
def test_what_is_read_is_what_prisma_makes(name: str) -> None:
    mine, theirs = read_schema(str(FIXTURES / name)), read_schema(str(FIXTURES / name / "expected.sql"))
    assert mine.origin == "prisma"
    assert mine.dialect == "postgres"
    for gaps in (compare(mine, theirs), compare(theirs, mine)):
        assert not gaps, "\n".join(gap.sentence for gap in gaps)
    assert schema_digest(mine) == schema_digest(theirs)


def test_notes_and_places() -> None:
    schema = read_schema(str(FIXTURES / "shop" / "schema.prisma"))
    path = str(FIXTURES / "shop" / "schema.prisma")
    customers = table(schema, "customers")
    assert customers.note == "Somebody who buys. One row a person."
    assert str(customers.span) == f"{path}:13"
    notes = {name: found.note for name in customers.column_names if (found := customers.column(name)) and found.note}
    assert notes == {
        "legacy_id": "deprecated: use id",
        "notes": "deprecated, nobody reads it",
        "updatedAt": "kept up to date by Prisma's client (@updatedAt)",
    }
    assert str(column(schema, "customers", "email").span) == f"{path}:15"
    order = table(schema, "Order")
    assert [str(index.span) for index in order.indexes] == [f"{path}:50", f"{path}:51"]
    assert str(order.foreign_keys[0].span) == f"{path}:46"
    assert str(schema.enums[0].span) == f"{path}:63"
    assert column(schema, "Order", "id").note == "filled in by Prisma's client (@default(uuid()))"


def test_what_a_prisma_schema_does_not_say_is_no_gap() -> None:
    schema = read_schema(str(FIXTURES / "shop"))
    assert {"checks", "views", "triggers", "function", "policy"} <= set(schema.unsaid)
    assert "indexes" not in schema.unsaid


def test_several_files_are_one_schema() -> None:
    schema = read_schema(str(FIXTURES / "several"))
    note = table(schema, "Note")
    assert str(note.span).endswith("models/notes.prisma:3")
    assert schema.table("auth.accounts")
    assert column(schema, "Note", "old").note == "kept for the old client; left out of Prisma's client (@ignore)"
    leftover = table(schema, "Leftover")
    assert leftover.note == "left out of Prisma's client (@@ignore)"
    listed = [(item.text, item.reason, str(item.span).rpartition("/")[2]) for item in schema.not_understood]
    assert listed == [("view Recent", "a view, whose query a Prisma schema does not hold", "notes.prisma:22")]


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("model A {\n  id Int @id\n  b B\n}", "'B' is no type, enum or model that is declared here"),
        ("model A {\n  id Int @id @db.Nothing\n}", "a native type of A.id that is not known here"),
        ("model A {\n  id Int @id @shiny\n}", "an attribute of A.id that is not known here"),
        ("model A {\n  id Int @id\n  @@shiny\n}", "an attribute that is not known here"),
        ("model A {\n  id Int @id @default(magic())\n}", "a default of A.id that is not known here"),
        ("model A {\n  a Int\n  @@index([a(length: 3)])\n}", "an index of the beginning of a value (length)"),
        ("model A {\n  a Int\n  @@index([a], where: { a: 1 })\n}", None),
        ("enum E {\n  A\n  @@shiny\n}", "an attribute that is not known here"),
    ],
)
def test_what_is_not_understood_is_listed_with_its_place(text: str, listed: str | None) -> None:
    if listed is None:
        with pytest.raises(SourceError, match=r"schema\.prisma:6: a value is expected, not '\{'"):
            read(text)
        return
    found = read(text).not_understood
    assert [item.reason for item in found if listed in item.reason], found
    assert all(item.span and item.span.line > 3 for item in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model A {\n  id\n}", r":5: the type of the field 'id' is missing"),
        ("model A {\n  id Int @id", r":4: the block 'A', opened here, is not closed by \}"),
        ("model A {\n  id Int @default(\n}", r":6: a value is expected, not '\}'"),
        ('model A {\n  id String @default("x)\n}', r":5: a string is not closed on its line"),
        ("model A {\n  id Int ;\n}", r":5: ';' is nothing that a Prisma schema can hold here"),
        ("table A {\n}", r":4: a block cannot begin with 'table': Prisma knows model"),
        ("model A {\n id Int\n}\nenum A {\n B\n}", r":7: 'A' is declared a second time \(first at schema\.prisma:4\)"),
        ("model A {\n  id Int @id\n /* x", r":6: a comment is not closed"),
        ("model A {\n  x Unsupported(3)\n}", r":5: Unsupported takes the database's type as a string, not '3'"),
        (
            "model A {\n  i Int\n  b B @relation(fields: [i], references: [x, y])\n}\nmodel B {\n x Int\n y Int\n}",
            r":6: the relation A\.b has 1 fields and 2 references",
        ),
        ("model A {\n  id Int @default(" + "[" * 60 + "\n}", r":5: values are nested more than 40 deep"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_line(text: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read(text)


def test_relations_that_prisma_keeps_itself_are_no_foreign_keys() -> None:
    head = 'datasource db {\n  provider = "mysql"\n  relationMode = "prisma"\n}\n'
    relation = "a A @relation(fields: [aId], references: [id])"
    text = f"model A {{\n id Int @id\n bs B[]\n}}\nmodel B {{\n id Int @id\n aId Int\n {relation}\n}}"
    assert table(read(text, head=head), "B").foreign_keys == ()
    assert [key.ref_table for key in table(read(text), "B").foreign_keys] == ["A"]


def test_composite_types_of_mongodb_are_json() -> None:
    head = 'datasource db {\n  provider = "mongodb"\n}\n'
    text = (
        'type Address {\n  street String\n}\nmodel A {\n  id String @id @default(auto()) @map("_id") @db.ObjectId\n'
        "  home Address\n  others Address[]\n  @@index([home.street])\n}"
    )
    found = table(read(text, head=head), "A")
    assert [(c.name, c.type) for c in found.columns] == [
        ("_id", "text"), ("home", "jsonb"), ("others", "jsonb[]"),
    ]  # fmt: skip


def test_native_types_of_other_databases_in_postgres_words() -> None:
    head = 'datasource db {\n  provider = "mysql"\n}\n'
    fields = {
        "Int @db.UnsignedInt": "bigint", "Int @db.TinyInt": "smallint", "BigInt @db.UnsignedBigInt": "numeric(20,0)",
        "Boolean @db.TinyInt(1)": "boolean", "Boolean @db.Bit(1)": "boolean", "String @db.LongText": "text",
        "DateTime @db.DateTime(6)": "timestamp(6) without time zone", "Bytes @db.LongBlob": "bytea",
        "String @db.NVarChar(Max)": "character varying", "String @db.UniqueIdentifier": "uuid",
        "DateTime @db.DateTimeOffset": "timestamp with time zone", "Bytes @db.Bit(8)": "bytea",
    }  # fmt: skip
    text = "model A {\n" + "".join(f"  f{n} {field}\n" for n, field in enumerate(fields)) + "}"
    found = table(read(text, head=head), "A")
    assert [each.type for each in found.columns] == list(fields.values())


OLD = """
model A {
  id    Int     @id @default(autoincrement())
  name  String  @default("x")
  kind  Kind    @default(ONE)
  gone  String?
  b     B?      @relation(fields: [bId], references: [id])
  bId   Int?
  @@index([name])
}
model B {
  id Int @id
  as A[]
}
model C {
  id Int @id
}
enum Kind {
  ONE
  TWO
}
enum Old {
  X
}
"""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("  gone  String?\n", "", {"column_removed"}),
        ("  gone  String?\n", "  gone  String?\n  come Json?\n", {"column_added"}),
        ("gone  String?", "gone  Int?", {"type_changed"}),
        ("gone  String?", "gone  String", {"nullability_changed"}),
        ('@default("x")', '@default("y")', {"default_changed"}),
        ("  @@index([name])\n", "", {"index_removed"}),
        ("  @@index([name])\n", "  @@index([name])\n  @@unique([gone])\n", {"index_added"}),
        ("@@index([name])", "@@index([name], type: Hash)", {"index_changed"}),
        ("references: [id])", "references: [id], onDelete: Cascade)", {"foreign_key_changed"}),
        ("  b     B?      @relation(fields: [bId], references: [id])\n", "", {"foreign_key_removed"}),
        ("model C {\n  id Int @id\n}\n", "", {"table_removed"}),
        ("model C {", "model D {\n  id Int @id\n}\nmodel C {", {"table_added"}),
        ("model C {\n  id Int @id\n", "model C {\n  id Int\n  x Int @id\n", {"column_added", "primary_key_changed"}),
        ("  TWO\n", "  TWO\n  THREE\n", {"enum_value_added"}),
        ("  TWO\n", "", {"enum_value_removed"}),
        ("enum Old {\n  X\n}\n", "", {"enum_removed"}),
        ("enum Old {", "enum New {\n  Y\n}\nenum Old {", {"enum_added"}),
        ("model C {", "/// a word\nmodel C { // another", set()),
    ],
)
def test_an_edit_is_exactly_its_gap(before: str, after: str, expected: set[str]) -> None:
    assert before in OLD
    old, new = read(OLD), read(OLD.replace(before, after, 1))
    gaps = compare(old, new)
    assert {gap.kind for gap in gaps} == expected
    places = [gap.source for gap in gaps]
    assert all(place and place.startswith("schema.prisma:") for place in places), places


def cut(text: str, dice: random.Random) -> str:
    return text[: dice.randrange(len(text))]


def mutate(text: str, dice: random.Random) -> str:
    letters = list(text)
    for _ in range(dice.randint(1, 8)):
        at = dice.randrange(len(letters))
        letters[at] = dice.choice(
            ["", "{", "}", "(", ")", "[", "]", "@", '"', "\n", "\\", ",", ":", "é", "\0", "/*", "9"]
        )
    return "".join(letters)


@pytest.mark.parametrize("harm", [cut, mutate])
def test_damaged_files_end_in_a_schema_or_one_sentence(harm: Callable[[str, random.Random], str]) -> None:
    dice = random.Random(7)
    texts = [path.read_text() for path in sorted(FIXTURES.glob("*/**/*.prisma"))]
    refused: list[SourceError] = []
    for _ in range(400):
        try:
            read(harm(dice.choice(texts), dice), head="")
        except SourceError as error:
            refused.append(error)
    assert len(refused) > 100
    assert all(error.line and str(error).startswith("schema.prisma:") for error in refused)


def test_two_thousand_models_are_read_at_once() -> None:
    body = "".join(f"  f{n} String? @db.VarChar({n + 1})\n" for n in range(20))
    text = "".join(f"model M{n} {{\n  id Int @id\n{body}  @@index([f1, f2])\n}}\n" for n in range(2000))
    begun = time.process_time()
    assert len(read(text).tables) == 2000
    assert time.process_time() - begun < 6


def test_on_the_command_line(oneplan: Oneplan, workspace: Path) -> None:
    (workspace / "schema.prisma").write_text(HEAD + OLD)
    (workspace / "wanted.sql").write_text(
        "CREATE TABLE a_new (id integer PRIMARY KEY); "
        'CREATE TABLE "C" (id integer, CONSTRAINT "C_pkey" PRIMARY KEY (id))'
    )
    shown = oneplan("inspect", "schema.prisma", "--json")
    assert shown.code == 0
    assert [table["name"] for table in shown.data["tables"]] == ["A", "B", "C"]
    assert shown.data["tables"][0]["columns"][1]["source"] == "schema.prisma:7"
    found = oneplan("gap", "schema.prisma", "wanted.sql", "--renames", "none", "--dialect", "postgres", "--json")
    assert found.code == 2
    kinds = sorted({(gap["kind"], gap["table"]) for gap in found.data["gaps"] if gap["table"]})
    assert kinds == [("table_added", "a_new"), ("table_removed", "A"), ("table_removed", "B")]
    refused = oneplan("plan", "schema.prisma", "wanted.sql", "--dialect", "postgres")
    assert refused.code == 64
    assert "schema.prisma" in refused.err
    assert "a database" in refused.err


def test_a_sqlite_database_towards_a_prisma_schema(oneplan: Oneplan, workspace: Path) -> None:
    import sqlite3
    from contextlib import closing

    head = 'datasource db {\n  provider = "sqlite"\n}\n'
    text = (
        "model A {\n  id Int @id @default(autoincrement())\n  name String @unique\n  at DateTime @default(now())\n"
        "  price Decimal?\n  big BigInt?\n  data Bytes?\n  ok Boolean @default(true)\n  rate Float?\n}\n"
    )
    (workspace / "schema.prisma").write_text(head + text)
    sql = (
        'CREATE TABLE "A" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "name" TEXT NOT NULL, '
        '"at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "price" DECIMAL, "big" BIGINT, "data" BLOB, '
        '"ok" BOOLEAN NOT NULL DEFAULT true, "rate" REAL)'
    )
    with closing(sqlite3.connect("shop.db")) as connection:
        connection.execute(sql)
        connection.execute('CREATE UNIQUE INDEX "A_name_key" ON "A"("name")')
    assert compare(read_schema("shop.db"), read_schema("schema.prisma")) == ()
    (workspace / "schema.prisma").write_text(head + text.replace("  rate", "  note String?\n  rate"))
    planned = oneplan("plan", "shop.db", "schema.prisma", "--json")
    assert planned.code == 0
    steps = [step for phase in planned.data["phases"] for step in phase["steps"]]
    assert any("note" in sql for step in steps for sql in step["sql"])


def test_a_plan_starts_from_a_database() -> None:
    from tools.plan.build import build_plan

    prisma, sql = read(OLD), read_ddl("CREATE TABLE a (x integer)", "postgres")
    with pytest.raises(UsageError, match="a plan starts from a database"):
        build_plan(prisma, sql)
    assert build_plan(sql, prisma).phases
