"""Markdown documents as a source, held against other kinds, and enumerations counted."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from tests.commandline import Oneplan
from tools.errors import OneplanError, SourceError
from tools.schema.gaps import compare
from tools.schema.kinds import enumerations
from tools.schema.markdown import read_markdown, read_markdown_text
from tools.schema.model import Column, Enum, Index, Schema, Table

SEEDS = Path(__file__).parents[2].parent / "shared" / "seeds"
DOCUMENT = """# Schema â€” ours

## agents
| Type | Field | Required | Description |
|---|---|---|---|
| string | name | yes | the name |
| "on" \\| "off" | status | no | |
| string | goal | no | deprecated: use prompt |

### `tags`
- `name` (string, required): it
- `color` (string, optional)

### Thing types (4)
- creator
- `user` - a user
- **Other:** course, lesson
"""


def kinds(current: Schema, desired: Schema) -> list[tuple[str, str | None]]:
    return [(gap.kind, gap.column or gap.name) for gap in compare(current, desired)]


def test_tables_bullets_and_enumerations_are_read_with_their_lines():
    schema = read_markdown_text(DOCUMENT, "schema.md")
    agents, tags = schema.tables
    assert [(c.name, c.type, c.nullable) for c in agents.columns] == [
        ("name", "text", False), ("status", "agents_status", True), ("goal", "text", True),
    ]  # fmt: skip
    assert (agents.columns[2].note, str(agents.columns[2].span)) == ("deprecated: use prompt", "schema.md:8")
    assert [(c.name, c.nullable, str(c.span)) for c in tags.columns] == [
        ("name", False, "schema.md:11"), ("color", True, "schema.md:12"),
    ]  # fmt: skip
    assert [(e.name, e.values) for e in schema.enums] == [
        ("agents_status", ("on", "off")), ("thing_types", ("creator", "user", "course", "lesson")),
    ]  # fmt: skip
    assert not schema.not_understood
    assert "indexes" in schema.unsaid
    assert "nullability" not in schema.unsaid


def test_a_table_told_twice_is_the_fuller_one_and_disagreements_are_listed():
    fields = "name: v.string(), goal: v.number(), more: v.string()"
    block = f"```ts\nagents: defineTable({{ {fields} }}).index('n', ['name']),\n```"
    text = f"## agents\n| Field | Type |\n|---|---|\n| name | string |\n| goal | string |\n\n{block}\n"
    schema = read_markdown_text(text, "s.md")
    assert [table.column_names for table in schema.tables] == [("name", "goal", "more")]
    assert [(i.text, i.compared) for i in schema.not_understood] == [("agents.goal", False)]
    assert "indexes" not in schema.unsaid


def test_what_a_document_says_nothing_of_is_no_gap():
    live = Schema("postgres", (
        Table("agents", (
            Column("name", "character varying(80)", False, default="'x'"), Column("status", "agent_status"),
            Column("goal", "text"),
        ), indexes=(Index("by_name", "agents", ("name",)),)),
        Table("tags", (Column("name", "text", False), Column("color", "text"))),
    ), (Enum("agent_status", ("off", "on")), Enum("thing_type", ("user", "creator", "course", "lesson"))))  # fmt: skip
    assert kinds(live, read_markdown_text(DOCUMENT)) == []
    wants = DOCUMENT.replace("| string | goal", "| boolean | goal").replace("- creator\n", "- creator\n- blog\n")
    desired = read_markdown_text(wants.replace("(4)", "(5)"))
    assert sorted(kinds(live, desired)) == [("enum_value_added", "thing_type"), ("type_changed", "goal")]
    assert [str(each) for each in enumerations(live, desired)] == ["agent status 2 of 2", "thing type 4 of 5"]
    assert enumerations(live, desired)[1].missing == ("blog",)


def test_a_wrong_count_is_listed():
    (item,) = read_markdown_text(DOCUMENT.replace("(4)", "(66)")).not_understood
    assert item.reason == "the heading counts 66, 4 are listed"
    assert not item.compared


@pytest.mark.parametrize("name", ["roadmap-and-checklist.md", "agent-consolidation.md", "master-coordination-plan.md"])
def test_plans_that_describe_no_table_make_none_up(name: str):
    if not (SEEDS / name).exists():
        pytest.skip("the seed documents are not here")
    with pytest.raises(SourceError, match="describes no table"):
        read_markdown(SEEDS / name)


def test_a_random_schema_written_as_markdown_reads_back_without_a_gap():
    chance = random.Random(7)
    types = {"string": "text", "number": "double precision", "boolean": "boolean", "string[]": "text[]", "uuid": "uuid"}
    for _ in range(20):
        tables: list[Table] = []
        text = ""
        for t in range(chance.randint(1, 5)):
            fields = [(f"f{i}", chance.choice(list(types)), chance.random() < 0.5) for i in range(chance.randint(1, 6))]
            tables.append(Table(f"t{t}", tuple(Column(n, types[k], not r) for n, k, r in fields)))
            rows = "".join(f"| {n} | {k} | {'yes' if r else 'no'} |\n" for n, k, r in fields)
            text += f"## t{t}\n\n| Field | Type | Required |\n|---|---|---|\n{rows}\n"
        assert compare(Schema("postgres", tuple(tables)), read_markdown_text(text)) == ()


def test_mutated_documents_never_crash():
    chance = random.Random(3)
    for _ in range(150):
        letters = list(DOCUMENT)
        for _ in range(chance.randint(1, 25)):
            letters[chance.randrange(len(letters))] = chance.choice(list("|`#-*\n()<>[]\"'\0é ?"))
        with suppress(OneplanError):  # a clear error is an answer too
            assert read_markdown_text("".join(letters)).origin == "markdown"


def test_the_command_counts_what_an_ontology_holds(oneplan: Oneplan, tmp_path: Path) -> None:
    have, want = tmp_path / "have.md", tmp_path / "want.md"
    have.write_text("## Thing types (2)\n\n- agent\n- user\n", encoding="utf-8")
    want.write_text("## Thing types (3)\n\n- agent\n- course\n- user\n", encoding="utf-8")
    done = oneplan("gap", have, want, "--renames", "none", "--json")
    assert done.code == 2, done.err
    (counted,) = done.data["enumerations"]
    assert (counted["have"], counted["want"], counted["missing"], counted["extra"]) == (2, 3, ["course"], [])
    assert [gap["kind"] for gap in done.data["gaps"]] == ["enum_value_added"]
    assert "2 of 3" in oneplan("gap", have, want, "--renames", "none").out


FENCED = """# Plan

Text â€“ with a dash.

```sql
CREATE TABLE teams (id integer PRIMARY KEY, title text NOT NULL);
CREATE INDEX by_title ON teams (title);
```

```prisma
model User {
  id Int @id
  naïve String?
}
```

```typescript
export default defineSchema({ notes: defineTable({ body: v.string() }).index("by_body", ["body"]) });
```

```sql
-- dialect: mysql
CREATE TABLE `legacy` (`id` int NOT NULL AUTO_INCREMENT, PRIMARY KEY (`id`)) ENGINE=InnoDB;
```

```sql
-- dialect: sqlite
CREATE TABLE odd (id INTEGER);
```
"""


def test_fenced_blocks_are_read_each_in_its_own_language_and_at_its_own_lines():
    schema = read_markdown_text(FENCED, "plan.md")
    assert [(t.key, str(t.span)) for t in schema.tables] == [
        ("teams", "plan.md:6"), ("User", "plan.md:11"), ("notes", "plan.md:18"), ("legacy", "plan.md:23"),
    ]  # fmt: skip
    assert [c.name for c in schema.tables[1].columns] == ["id", "naïve"]
    assert [i.name for t in schema.tables for i in t.indexes] == ["by_title", "by_body"]
    assert [str(item.span) for item in schema.not_understood if "sqlite" in item.reason] == ["plan.md:26"]


def test_text_that_was_decoded_wrongly_is_mended_before_it_is_read():
    right = "## notes\n\n| Field | Type | Description |\n|---|---|---|\n| state | string | who – naïve |\n"
    wrong = right.encode("utf-8").decode("cp1252")
    assert wrong != right
    schema = read_markdown_text(wrong, "x.md")
    assert [(c.name, c.note) for c in schema.tables[0].columns] == [("state", "who – naïve")]


def test_a_database_is_planned_towards_a_document(oneplan: Oneplan, tmp_path: Path):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect("app.db")) as connection:
        connection.executescript(
            "CREATE TABLE agents (name TEXT NOT NULL, status TEXT, goal TEXT);"
            "CREATE INDEX by_name ON agents (name); INSERT INTO agents VALUES ('a', 'on', 'g');"
        )
    (tmp_path / "schema.md").write_text(DOCUMENT.replace("| string | goal | no |", "| number | rank | no |"))
    done = oneplan("plan", "sqlite:///app.db", "schema.md", "--renames", "none", "-o", "plan.yaml", "--json")
    assert done.code == 0
    steps = {step["id"]: step for phase in done.data["phases"] for step in phase["steps"]}
    assert "expand.tags.create" in steps
    assert any("rank" in " ".join(step["sql"]) for step in steps.values())
    assert not any("by_name" in step["summary"] for step in steps.values()), (
        "a document without indexes wants none gone"
    )
    rehearsed = oneplan("rehearse", "plan.yaml", "--database", "sqlite:///app.db", "--json")
    assert rehearsed.code == 0, rehearsed.err
