"""Schemas of unlike kinds side by side: what one of them cannot say is no gap, and a plan keeps it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from tests.commandline import Oneplan
from tools.plan.build import build_plan
from tools.schema.convex import read_convex_text
from tools.schema.ddl import read_ddl
from tools.schema.gaps import compare
from tools.schema.markdown import read_markdown_text
from tools.schema.model import Answers, Schema
from tools.schema.prisma import read_prisma

HEAD = 'import { defineSchema, defineTable } from "convex/server";\nimport { v } from "convex/values";\n'
CONVEX = """
users: defineTable({
  name: v.string(),
  role: v.union(v.literal("a"), v.literal("b")),
  age: v.optional(v.number()),
  settings: v.object({ theme: v.string() }),
  tags: v.array(v.string()),
}).index("users_name", ["name"]).searchIndex("find", { searchField: "name" }),
posts: defineTable({ author: v.id("users"), title: v.string() }).index("by_author", ["author", "_creationTime"]),
"""
SQL = """
CREATE TYPE users_role AS ENUM ('a', 'b');
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name varchar(80) NOT NULL DEFAULT 'x' CHECK (name <> ''),
    role users_role NOT NULL,
    age smallint,
    settings jsonb NOT NULL DEFAULT '{}',
    tags text[] NOT NULL
);
CREATE UNIQUE INDEX users_name ON users (name);
CREATE UNIQUE INDEX users_once ON users (name, age);
CREATE TABLE posts (
    id uuid PRIMARY KEY,
    author bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title text NOT NULL UNIQUE
);
CREATE INDEX by_author ON posts (author);
CREATE VIEW named AS SELECT name FROM users;
"""


def convex(tables: str) -> Schema:
    return read_convex_text(f"{HEAD}export default defineSchema({{ {tables} }});", "schema.ts")


def test_the_same_said_in_convex_and_in_sql_is_no_gap() -> None:
    sql, ts = read_ddl(SQL, "postgres"), convex(CONVEX)
    assert compare(sql, ts) == ()
    assert compare(ts, sql) == ()


def test_what_both_can_say_is_a_gap() -> None:
    sql = read_ddl(SQL, "postgres")
    other = CONVEX.replace("age: v.optional(v.number())", "age: v.string(), extra: v.boolean()")
    found = {(gap.kind, gap.table, gap.column) for gap in compare(sql, convex(other))}
    assert found == {
        ("type_changed", "users", "age"), ("nullability_changed", "users", "age"), ("column_added", "users", "extra"),
    }  # fmt: skip
    renamed = CONVEX.replace('v.literal("b")', 'v.literal("c")')
    kinds = [gap.kind for gap in compare(sql, convex(renamed))]
    assert sorted(kinds) == ["enum_value_added", "enum_value_removed"]


def test_a_plan_towards_a_convex_schema_is_run(postgres_url: str) -> None:
    """What the plan does to a real database is exactly what was missing, and all that Convex cannot say is kept."""
    from tools.plan.explain import script
    from tools.schema.source import read_schema

    wanted = convex(
        CONVEX.replace("name: v.string(),", "name: v.string(), motto: v.optional(v.string()),")
        + 'likes: defineTable({ of: v.id("posts"), by: v.id("users"), at: v.id("likes") }).index("by_of", ["of"]),'
    )
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(SQL)
        before = read_schema(postgres_url)
        plan = build_plan(before, wanted, Answers(none=True))
        assert plan.questions == ()
        text = script(plan)
        for step in plan.steps:
            for sql in step.sql:
                connection.execute(sql)  # type: ignore[arg-type]
    after = read_schema(postgres_url)
    assert compare(after, wanted) == (), text
    added = {(gap.kind, gap.table, gap.column) for gap in compare(before, after)}
    assert added == {("column_added", "users", "motto"), ("table_added", "likes", None)}
    likes = after.table("likes")
    assert likes
    assert {column.name: column.type for column in likes.columns} == {
        "_id": "text", "of": "uuid", "by": "bigint", "at": "text", "_creationTime": "double precision",
    }  # fmt: skip


def test_sqlite_towards_convex(workspace: Path, oneplan: Oneplan) -> None:
    with closing(sqlite3.connect("app.db")) as connection:
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'x')")
        connection.execute(
            "CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES users (id), title TEXT)"
        )
    text = 'users: defineTable({ name: v.string() }), posts: defineTable({ author: v.id("users"), title: v.any() })'
    (workspace / "schema.ts").write_text(
        f"{HEAD}export default defineSchema({{ {text.replace('any', 'optional(v.string)')} }});".replace(
            "v.optional(v.string)()", "v.optional(v.string())"
        ),
        encoding="utf-8",
    )
    found = oneplan("gap", "app.db", "schema.ts", "--json")
    assert (found.code, found.data["gaps"]) == (0, [])


def test_prisma_says_nothing_of_checks_and_views() -> None:
    sql = read_ddl(
        "CREATE TABLE \"A\" (id serial PRIMARY KEY, n text NOT NULL, CHECK (n <> '')); "
        'CREATE VIEW w AS SELECT n FROM "A"; CREATE SEQUENCE free;',
        "postgres",
    )
    prisma = read_prisma([("model A {\n  id Int @id @default(autoincrement())\n  n String\n}\n", "a.prisma")])
    assert compare(sql, prisma) == ()
    assert compare(prisma, sql) == ()
    plan = build_plan(sql, prisma)
    assert plan.steps == ()


def test_the_key_of_a_table_is_no_gap_beside_a_schema_that_cannot_name_it(oneplan: Oneplan, tmp_path: Path) -> None:
    database, wanted = tmp_path / "app.db", tmp_path / "schema.ts"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            "CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT NOT NULL); INSERT INTO users VALUES ('a', 'b')"
        )
    wanted.write_text(
        'import { defineSchema, defineTable } from "convex/server";\nimport { v } from "convex/values";\n'
        "export default defineSchema({ users: defineTable({ name: v.string(), bio: v.optional(v.string()) }) });\n",
        encoding="utf-8",
    )
    done = oneplan("gap", f"sqlite:///{database}", wanted, "--renames", "none", "--json")
    assert [(gap["kind"], gap["column"]) for gap in done.data["gaps"]] == [("column_added", "bio")]
    made = oneplan("plan", f"sqlite:///{database}", wanted, "--renames", "none", "--json")
    operations = [step["operation"] for phase in made.data["phases"] for step in phase["steps"]]
    assert "rebuild_table" not in operations
    assert oneplan("plan", f"sqlite:///{database}", wanted, "--renames", "none", "-o", tmp_path / "p.yaml").code == 0
    assert oneplan("rehearse", tmp_path / "p.yaml", "--database", f"sqlite:///{database}").code == 0


LISTED = """
CREATE TABLE users (
    id bigint PRIMARY KEY, name text NOT NULL, role text NOT NULL CHECK (role IN ('a', 'b')), age integer,
    settings jsonb NOT NULL, tags text[] NOT NULL
);
CREATE INDEX users_name ON users (name);
CREATE TABLE posts (id bigint PRIMARY KEY, author bigint NOT NULL REFERENCES users (id), title text NOT NULL);
CREATE INDEX by_author ON posts (author);
"""


def test_text_that_a_check_binds_to_values_is_an_enumeration_too() -> None:
    sql, ts = read_ddl(LISTED, "postgres"), convex(CONVEX)
    assert compare(sql, ts) == ()
    assert compare(ts, sql) == ()
    more = convex(CONVEX.replace('v.literal("b")', 'v.literal("b"), v.literal("c")'))
    assert [(g.kind, g.table, g.to or g.from_) for g in compare(sql, more)] == [
        ("check_added", "users", "(role = ANY (ARRAY['a'::text, 'b'::text, 'c'::text]))"),
        ("check_removed", "users", "(role = ANY (ARRAY['a'::text, 'b'::text]))"),
    ]
    assert [(g.kind, g.name, g.from_) for g in compare(more, sql)] == [("enum_value_removed", "users_role", "c")]


DOCUMENT = """
## users

| Field | Type | Required |
| --- | --- | --- |
| id | bigint | yes |
| name | text | yes |

## posts

| Field | Type | Notes |
| --- | --- | --- |
| id | bigint | primary key |
| author | bigint | FK to `users.id` |
| editor | Id<"users"> | |
"""


def test_a_document_says_of_each_table_what_it_says(tmp_path: Path) -> None:
    document = read_markdown_text(DOCUMENT, "doc.md")
    users, posts = document.table("users"), document.table("posts")
    assert users is not None
    assert posts is not None
    assert "foreign_keys" in users.unsaid
    assert "foreign_keys" not in posts.unsaid
    assert [(key.columns, key.ref_table, key.ref_columns) for key in posts.foreign_keys] == [
        (("author",), "users", ("id",)), (("editor",), "users", ()),
    ]  # fmt: skip
    sql = read_ddl(
        "CREATE TABLE teams (id bigint PRIMARY KEY);"
        "CREATE TABLE users (id bigint PRIMARY KEY, name text, team bigint REFERENCES teams (id));"
        "CREATE TABLE posts (id bigint PRIMARY KEY, author bigint NOT NULL DEFAULT 1, editor text);",
        "postgres",
    )
    assert [(g.kind, g.table, g.column or g.to) for g in compare(sql, document)] == [
        ("column_removed", "users", "team"),
        ("nullability_changed", "users", "name"),
        ("foreign_key_added", "posts", "(author) REFERENCES users (id)"),
        ("foreign_key_added", "posts", "(editor) REFERENCES users (id)"),
        ("table_removed", "teams", None),
    ]
