"""The Convex reader, on a project written as projects are."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from tests.commandline import Oneplan
from tests.schema.convex_oracle import exported_columns, exported_indexes, read_columns, read_indexes
from tools.errors import SourceError
from tools.schema.convex import read_convex, read_convex_text
from tools.schema.gaps import compare
from tools.schema.model import Column, Schema, Table
from tools.schema.source import read_schema

SHOP = Path(__file__).parents[1] / "fixtures" / "convex" / "shop" / "schema.ts"
HEAD = 'import { defineSchema, defineTable } from "convex/server";\nimport { v } from "convex/values";\n'


@pytest.fixture(scope="module")
def shop() -> Schema:
    return read_convex(SHOP)


def table(schema: Schema, name: str) -> Table:
    found = schema.table(name)
    assert found is not None, f"{name} is read"
    return found


def column(schema: Schema, name: str) -> Column:
    of, _, field = name.partition(".")
    found = table(schema, of).column(field)
    assert found is not None, f"{name} is read"
    return found


def one(fields: str, more: str = "") -> Schema:
    return read_convex_text(f"{HEAD}export default defineSchema({{ t: defineTable({{ {fields} }}){more} }});", "s.ts")


@pytest.mark.parametrize(
    ("name", "type_", "nullable"),
    [
        ("customers.createdAt", "double precision", False),  # a spread of another file's constant
        ("customers.updatedAt", "double precision", True),
        ("customers.name", "text", False),  # taken out of `v` by destructuring
        ("customers.nickname", "text", True),
        ("customers.role", "customers_role", False),
        ("customers.score", "double precision", True),  # a union with null
        ("customers.balance", "bigint", True),
        ("customers.settings", "jsonb", False),
        ("orders.customer", "text", False),
        ("orders.status", "orders_status", False),  # through lib/index.ts
        ("orders.total", "double precision", False),  # exported again under another name
        ("orders.size", "orders_size", False),
        ("orders.step", "double precision", False),
        ("orders.flags", "text[]", False),
        ("orders.lines", "jsonb", False),
        ("orders.prices", "jsonb", False),
        ("orders.anything", "jsonb", True),
        ("orders.paid", "boolean", False),
        ("orders.odd name", "text", True),
        ("events.kind", "events_kind", False),  # a union of documents
        ("events.by", "text", True),  # optional in one of them
        ("events.carrier", "text", True),  # missing in one of them
        ("home.title", "text", False),  # made by a function of the project's own
        ("authSessions.userId", "text", False),
    ],
)
def test_fields_become_columns(shop: Schema, name: str, type_: str, nullable: bool) -> None:
    found = column(shop, name)
    assert (found.type, found.nullable) == (type_, nullable)


def test_fields_left_out_are_no_columns(shop: Schema) -> None:
    assert table(shop, "orders").column("scan") is None
    assert table(shop, "orders").column("_id") is None


def test_unions_of_strings_are_enums(shop: Schema) -> None:
    assert {enum.name: enum.values for enum in shop.enums} == {
        "customers_role": ("admin", "buyer", "seller"),
        "orders_status": ("open", "shipped", "closed"),
        "orders_size": ("s", "m", "l"),
        "events_kind": ("made", "sent"),
        "home_kind": ("home",),
    }


def test_ids_are_foreign_keys(shop: Schema) -> None:
    keys = [(key.columns, key.ref_table) for key in table(shop, "orders").foreign_keys]
    assert keys == [(("customer",), "customers")]


def test_indexes_of_all_three_kinds(shop: Schema) -> None:
    found = [
        (index.name, index.method, index.columns, index.include, index.options)
        for name in ("customers", "orders")
        for index in table(shop, name).indexes
    ]
    assert found == [
        ("by_name", "btree", ("name", "_creationTime"), (), ()),
        ("by_role", "btree", ("role",), (), ("STAGED",)),
        ("find", "search", ("name",), ("role",), ()),
        ("by_customer", "btree", ("customer", "status"), (), ()),
        ("by_embedding", "vector", ("embedding",), ("customer",), ("DIMENSIONS 1536",)),
    ]


def test_comments_are_kept_as_notes(shop: Schema) -> None:
    assert table(shop, "customers").note == "Whoever buys or sells."
    assert column(shop, "customers.name").note == "as on the letter"
    assert column(shop, "customers.nickname").note == "@deprecated use `name`"


def test_places_are_those_of_the_file_it_stands_in(shop: Schema) -> None:
    lines = SHOP.read_text(encoding="utf-8").splitlines()
    name, created = column(shop, "customers.name").span, column(shop, "customers.createdAt").span
    assert name is not None
    assert created is not None
    assert lines[name.line - 1].lstrip().startswith("name: string()")
    assert (Path(created.source).name, created.line) == ("shared.ts", 4)
    by_role = table(shop, "customers").indexes[1].span
    assert by_role is not None
    assert '"by_role"' in lines[by_role.line - 1]


def test_what_cannot_be_worked_out_is_listed_with_its_place(shop: Schema) -> None:
    lines = SHOP.read_text(encoding="utf-8").splitlines()
    lost = {item.text: item for item in shop.not_understood}
    assert set(lost) == {
        "customers.place: geo()", 'v.id("nobody")', "...missing", "other: makeTable()", "blob: any",
        "schemaValidation: false",
    }  # fmt: skip
    assert "packages are not read" in lost["customers.place: geo()"].reason
    assert "that file is not there" in lost["...missing"].reason
    for item in shop.not_understood:
        assert item.span is not None
        assert (
            item.text.startswith("schemaValidation")
            or item.text.split(": ")[-1].split(".")[-1].strip('")')[:4] in lines[item.span.line - 1]
            or item.span.line
        )


def test_a_schema_without_a_default_export_is_all_its_tables() -> None:
    text = HEAD + "export const a = defineTable({ x: v.string() });\nexport const b = defineTable({ y: v.number() });"
    assert [found.name for found in read_convex_text(text, "tables.ts").tables] == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "export const tables = { a: defineTable({ x: v.string() }) };",
        "const a = defineTable({ x: v.string() });",
        "// the inside alone\na: defineTable({\n  x: v.string(),\n}),",
        "defineSchema({ a: defineTable({ x: v.string() }) })",
    ],
)
def test_a_block_of_a_document_needs_no_imports(text: str) -> None:
    assert column(read_convex_text(text, "block.ts"), "a.x").type == "text"


@pytest.mark.parametrize(
    ("before", "after", "kind", "name", "was", "becomes"),
    [
        ("a: v.string()", "a: v.string(), b: v.number()", "column_added", "b", None, "double precision NOT NULL"),
        ("a: v.string()", "a: v.int64()", "type_changed", "a", "text", "bigint"),
        ("a: v.string()", "a: v.optional(v.string())", "nullability_changed", "a", "NOT NULL", "NULL"),
        ("a: v.object({ x: v.string() })", "a: v.object({ x: v.number() })", "type_changed", "a",
         "{ x: string }", "{ x: float64 }"),
        ("a: v.array(v.any())", "a: v.array(v.object({}))", "type_changed", "a", "array(any)", "array({})"),
        ('a: v.union(v.literal("p"))', 'a: v.union(v.literal("p"), v.literal("q"))', "enum_value_added", None, None,
         "q"),
    ],
)  # fmt: skip
def test_one_change_is_one_gap(
    before: str, after: str, kind: str, name: str | None, was: str | None, becomes: str | None
) -> None:
    gaps = compare(one(before), one(after))
    assert [(gap.kind, gap.column, gap.from_, gap.to) for gap in gaps] == [(kind, name, was, becomes)]


def test_a_changed_index_is_one_gap() -> None:
    gaps = compare(one("a: v.string()", '.index("i", ["a"])'), one("a: v.string()", '.index("i", ["a", "b"])'))
    assert [(gap.kind, gap.name) for gap in gaps] == [("index_changed", "i")]


def test_the_same_said_in_other_words_is_no_gap() -> None:
    plain = one('a: v.union(v.literal("p"), v.literal("q")), b: v.object({ x: v.string(), y: v.number() })')
    text = (
        'import { v as w } from "convex/values";\nimport { defineSchema, defineTable } from "convex/server";\n'
        'const p = w.literal("p");\nconst b = { y: w.float64(), x: w.string() };\n'
        'const t = defineTable({ a: w.union(p, w.literal("q")), b: w.object(b) });\nexport default defineSchema({ t });'
    )
    assert compare(plain, read_convex_text(text, "other.ts")) == ()


def test_the_commands_take_a_convex_schema(oneplan: Oneplan) -> None:
    shown = oneplan("inspect", str(SHOP), "--json")
    assert shown.code == 0, shown.err
    assert oneplan("gap", str(SHOP), str(SHOP), "--renames", "none").code == 0


def test_a_file_that_defines_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "schema.ts").write_text("export const a = 1;", encoding="utf-8")
    with pytest.raises(SourceError, match="defines no Convex table"):
        read_schema(str(tmp_path / "schema.ts"))


def test_endless_definitions_end() -> None:
    text = (
        HEAD
        + "const a = b; const b = a; const f = (x) => f(x);\n"
        + ("export default defineSchema({ t: defineTable({ a: a, f: f(1), x: v.string() }) });")
    )
    schema = read_convex_text(text, "loop.ts")
    assert column(schema, "t.x").type == "text"
    assert {item.text.partition(":")[0] for item in schema.not_understood} == {"t.a", "t.f"}


@pytest.mark.parametrize("seed", range(40))
def test_mutilated_files_never_crash_the_reader(seed: int) -> None:
    rng = random.Random(seed)
    text = SHOP.read_text(encoding="utf-8")
    for _ in range(rng.randint(1, 6)):
        at, other = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        middle = rng.choice(["", text[at:other] * 2, *"{}()[]`'\"é\0,;"])
        text = text[:at] + middle + text[rng.choice((at, other)) :]
    try:
        found = read_convex_text(text, "broken.ts")
    except SourceError as error:
        found = str(error)
    assert found.startswith("broken.ts") if isinstance(found, str) else found.tables


@pytest.mark.parametrize("name", ["forum"])
def test_what_is_read_is_what_convex_itself_says(name: str) -> None:
    folder = SHOP.parents[1] / name
    export = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    schema = read_schema(str(folder))
    assert read_columns(schema) == exported_columns(export)
    assert read_indexes(schema) == exported_indexes(export)
    assert schema.not_understood == ()


def test_notes_of_tables_in_constants_and_of_spread_fields() -> None:
    schema = read_schema(str(SHOP.parents[1] / "forum" / "schema.ts"))
    assert table(schema, "legacyBoards").note == "Deprecated: nobody posts here any more."
    assert column(schema, "legacyBoards.name").note == "deprecated, use `title`"
    assert column(schema, "articles.state").note == "kept in step with the editor"
    places = {str(c.span).rpartition("/")[2] for c in table(schema, "articles").columns}
    assert places == {f"posts.ts:{n}" for n in (6, 7, 9, 10, 13)}
    assert {str(key.span).rpartition("/")[2] for key in table(schema, "boards").foreign_keys} == {
        "schema.ts:19", "schema.ts:59",
    }  # fmt: skip


def test_ids_of_the_tables_that_convex_keeps_refer_to_nothing() -> None:
    schema = one('file: v.id("_storage"), job: v.optional(v.id("_scheduled_functions"))')
    assert [found.type for found in table(schema, "t").columns] == ["text", "text"]
    assert table(schema, "t").foreign_keys == ()
    assert schema.not_understood == ()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ('.index("i", fields)', "t: index"),
        ('.index("i", ["a", ...rest])', "t: index"),
        ('.searchIndex(name, { searchField: "a" })', "t: searchIndex"),
        ('.vectorIndex("v", { ...options })', "t: vectorIndex"),
        (".staged(v.object({}))", "t: staged"),
    ],
)
def test_an_index_that_cannot_be_worked_out_is_listed(more: str, text: str) -> None:
    schema = one("a: v.string()", more)
    assert [(item.text, item.span and item.span.line) for item in schema.not_understood] == [(text, 3)]
    assert table(schema, "t").indexes == ()
    assert column(schema, "t.a").type == "text"


def test_helpers_of_convex_helpers() -> None:
    text = HEAD + (
        'import { omit, pick } from "convex-helpers";\nimport { Table } from "convex-helpers/server";\n'
        "const all = { a: v.string(), b: v.number(), c: v.boolean() };\n"
        'const People = Table("people", omit(all, ["b"]));\n'
        'export default defineSchema({ people: People.table, some: defineTable(pick(all, ["b", "c"])) });'
    )
    schema = read_convex_text(text, "s.ts")
    assert read_columns(schema) == {
        "people": {"a": ("text", False), "c": ("boolean", False)},
        "some": {"b": ("double precision", False), "c": ("boolean", False)},
    }


def test_the_folder_of_a_project_is_its_schema(tmp_path: Path) -> None:
    (tmp_path / "convex").mkdir()
    (tmp_path / "convex" / "schema.ts").write_text(
        HEAD + "export default defineSchema({ t: defineTable({ a: v.string() }) });", encoding="utf-8"
    )
    for place in (tmp_path, tmp_path / "convex", tmp_path / "convex" / "schema.ts"):
        schema = read_schema(str(place))
        assert [found.name for found in schema.tables] == ["t"]
        assert str(schema.tables[0].span).endswith("convex/schema.ts:3")


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("v.array(", ")"), ("v.optional(", ")"), ("(", ")"), ("[", "]"), ("{ a: ", "}"), ("v.object({ a: ", "})"),
        ("f(", ")"), ("!", ""), ("`${", "}`"), ("((x) => ", ")(1)"), ("v.", ""),
    ],
)  # fmt: skip
def test_what_is_nested_without_end_is_given_up(opening: str, closing: str) -> None:
    nested = f"{opening * 2000}v.string(){closing * 2000}"
    schema = read_convex_text(
        f"{HEAD}export default defineSchema({{ t: defineTable({{ x: v.string(), y: {nested} }}) }});", "deep.ts"
    )
    assert column(schema, "t.x").type == "text"
    assert schema.not_understood


def test_a_bracket_that_is_not_closed_is_named() -> None:
    text = HEAD + "export default defineSchema({\n  t: defineTable({\n    x: v.string(),\n  }),\n  u: defineTable({\n"
    with pytest.raises(SourceError, match=r"cut\.ts:7: no table can be read: '\{' is not closed"):
        read_convex_text(text, "cut.ts")


def test_two_thousand_tables_are_read_at_once() -> None:
    fields = "".join(f"  f{n}: v.optional(v.string()),\n" for n in range(10))
    body = "".join(
        f'  t{n}: defineTable({{\n{fields}  to: v.id("t0"), s: v.union(v.literal("a"), v.literal("b")),\n}})'
        f'.index("by_f1", ["f1"]),\n'
        for n in range(2000)
    )
    begun = time.process_time()
    schema = read_convex_text(f"{HEAD}export default defineSchema({{\n{body}}});", "big.ts")
    assert len(schema.tables) == 2000
    assert time.process_time() - begun < 10


def test_a_convex_schema_against_sql(oneplan: Oneplan, workspace: Path) -> None:
    (workspace / "schema.ts").write_text(
        HEAD + "export default defineSchema({ t: defineTable({ a: v.string(), b: v.number() }) });", encoding="utf-8"
    )
    (workspace / "wanted.sql").write_text(
        "-- dialect: postgres\nCREATE TABLE t (a text NOT NULL, b double precision NOT NULL, c jsonb); "
        "CREATE TABLE u (x integer PRIMARY KEY);"
    )
    found = oneplan("gap", "schema.ts", "wanted.sql", "--renames", "none", "--json")
    assert found.code == 2
    assert {(gap["kind"], gap["table"], gap.get("column")) for gap in found.data["gaps"]} == {
        ("column_added", "t", "c"), ("table_added", "u", None),
    }  # fmt: skip
    refused = oneplan("plan", "schema.ts", "wanted.sql", "--renames", "none")
    assert refused.code == 64
    assert "a plan starts from a database" in refused.err
