"""Tools that look at the two schemas, and those that pin a person's answers about what lies between."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.errors import UsageError
from tools.schema import wording
from tools.schema.model import Question, Schema, Table
from tools.schema.render import make_trigger
from tools.toolbox.answers import with_fill
from tools.toolbox.desk import Desk, Outcome, at_most, page


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Paged(Arguments):
    offset: int = Field(default=0, ge=0, description="Where the page begins.")
    limit: int = Field(default=40, ge=1, le=100, description="How many entries.")


class InspectSchema(Paged):
    side: Literal["current", "desired"] = "current"
    table: str | None = Field(default=None, description="One table in full; without it, all tables in short.")
    part: Literal["columns", "indexes", "foreign_keys", "checks", "triggers"] | None = Field(
        default=None, description="Only this of the table."
    )


class ListGaps(Paged):
    table: str | None = Field(default=None, description="Only the gaps of this table.")


class AnswerRename(Arguments):
    before: str = Field(description="Column as `table.column`, or a table, in the current schema.")
    after: str = Field(description="The new column's or table's bare name in the desired schema.")


class MergeColumns(Arguments):
    table: str = Field(description="The table, as the desired schema calls it.")
    sources: list[str] = Field(description="The old columns that the expression reads.")
    column: str = Field(description="The new column.")
    sql: str = Field(description="The expression over the old columns, in the database's dialect.")


class SetFill(Arguments):
    table: str
    column: str
    sql: str = Field(description="SQL expression in the table's columns, for rows that have no value yet.")


def inspect_schema(desk: Desk, arguments: InspectSchema) -> Outcome:
    schema = desk.current_schema if arguments.side == "current" else desk.desired_schema
    head = {"side": arguments.side, "source": schema.source, "dialect": schema.dialect}
    if arguments.table:
        table = _table(schema, arguments.table)
        if arguments.part:
            return Outcome(head | _part(schema, table, arguments))
        return Outcome(head | {"table": whole_table(table)})
    tables = [_in_short(table) for table in schema.tables]
    others = {
        "views": len(schema.views), "enums": len(schema.enums), "triggers": len(schema.triggers),
        "not_understood": [f"{n.span or ''} {n.text[:80]}".strip() for n in schema.not_understood[:10]],
    }  # fmt: skip
    return Outcome(head | others | page(tables, arguments.offset, arguments.limit))


def _part(schema: Schema, table: Table, arguments: InspectSchema) -> dict[str, Any]:
    """One kind of a table's things, each as a sentence's worth of text."""
    lines: dict[str, list[str]] = {
        "columns": [f"{c.name} {wording.column(c)}" for c in table.columns],
        "indexes": [f"{i.name} {wording.index(i)}" for i in table.indexes],
        "foreign_keys": [wording.foreign_key(key) for key in table.foreign_keys],
        "checks": [wording.check(check) for check in table.checks],
        "triggers": ["; ".join(make_trigger(t)) for t in schema.triggers if t.table == table.key],
    }
    part = arguments.part or "columns"
    if part == "indexes":
        key = [f"primary key {wording.primary_key(table.primary_key)}"] if table.primary_key else []
        lines[part] = [*key, *(f"unique {wording.unique(unique)}" for unique in table.uniques), *lines[part]]
    return {"of": table.key, "part": part, **page(lines[part], arguments.offset, arguments.limit)}


def list_gaps(desk: Desk, arguments: ListGaps) -> Outcome:
    from tools.schema.gaps import compare
    from tools.schema.kinds import enumerations
    from tools.schema.renames import rename_questions
    from tools.schema.serial import gap_to_json

    current, desired = desk.current_schema, desk.desired_schema
    gaps = [
        gap_to_json(gap) | ({"sentence": gap.sentence} if gap.sentence else {})
        for gap in compare(current, desired, desk.answers)
        if arguments.table in (None, gap.table)
    ]
    questions = rename_questions(current, desired, desk.answers)
    counted = [] if arguments.table else [each.as_json() for each in enumerations(current, desired)]
    return Outcome({
        **({"enumerations": counted} if counted else {}),
        "current": current.source, "desired": desired.source,
        "counts": dict(Counter(gap["kind"] for gap in gaps)), "tables": len({gap["table"] for gap in gaps}),
        "questions": at_most(asked(question) for question in questions),
        **page(gaps, arguments.offset, arguments.limit),
    })  # fmt: skip


def ask_questions(desk: Desk, arguments: Arguments) -> Outcome:
    """Put every open question to the person, those left open before included."""
    from tools.migrate.overlap import with_overlap
    from tools.schema.renames import rename_questions

    pins = desk.pins.model_copy(update={"left_open": []})
    asked_for = rename_questions(desk.current_schema, desk.desired_schema, desk.answers)
    questions = with_overlap(asked_for, desk.current, desk.desired)
    fills = missing_values(desk)
    data: dict[str, Any] = {
        "questions": [asked(question) for question in questions],
        "missing_values": [".".join(fill) for fill in fills],
        "answers": {name: value for name, value in desk.pins.answers.items() if value},
    }
    if (questions or fills) and not desk.interactive:
        data["note"] = "only a person answers: with `oneplan chat`, or in the answers file that oneplan.toml names"
    # Those that the person chose just now to leave open are not asked a second time by the same call.
    left = desk.pins.left_open
    if left and all(_named(q) in left for q in questions) and all(f"fill {t}.{c}" in left for t, c in fills):
        return Outcome(data)
    return Outcome(data, pins=pins, questions=questions, fills=fills)


def answer_rename(desk: Desk, arguments: AnswerRename) -> Outcome:
    """Have one rename confirmed by the person. The model cannot answer it."""
    table, _, before = arguments.before.rpartition(".")
    question = Question("column" if table else "table", table or None, before, arguments.after)
    answers = desk.answers
    known = answers.columns if table else tuple(("", *pair) for pair in answers.tables)
    triple = (table, before, arguments.after)
    if triple in known:
        return Outcome({"renamed": f"{arguments.before} -> {arguments.after}"})
    if triple in answers.not_renames:
        return Outcome({"not_renamed": f"{arguments.before} -> {arguments.after}"})
    if not desk.interactive:
        raise UsageError("only a person answers a rename: with `oneplan chat`, or in the answers file")
    if _named(question) in desk.pins.left_open:
        return Outcome({"left_open": asked(question)})
    return Outcome({"asked": asked(question)}, questions=(question,))


def set_fill(desk: Desk, arguments: SetFill) -> Outcome:
    """Pin the value of one column's old rows. It shows in the plan's SQL, which a person approves."""
    column = _table(desk.desired_schema, arguments.table).column(arguments.column)
    if column is None:
        raise UsageError(f"table {arguments.table!r} has no column {arguments.column!r} in the desired schema")
    pins = desk.pins.with_answers(with_fill(desk.answers, arguments.table, arguments.column, arguments.sql))
    name = f"{arguments.table}.{arguments.column}"
    return Outcome({"fill": name, "sql": arguments.sql, "note": "make the plan anew for it to take effect"}, pins=pins)


def merge_columns(desk: Desk, arguments: MergeColumns) -> Outcome:
    """Pin a merge or a split, tried on the database's rows first."""
    from tools.location import parse_location
    from tools.migrate.preview import preview
    from tools.schema.answers import check_answers
    from tools.schema.model import Merge
    from tools.toolbox.answers import with_merge

    merge = Merge(arguments.table, tuple(arguments.sources), arguments.column, arguments.sql)
    answers = with_merge(desk.answers, merge)
    check_answers(answers, desk.current_schema, desk.desired_schema)
    data: dict[str, Any] = {"merge": f"{merge.table}.{merge.column}", "from": list(merge.sources), "sql": merge.sql}
    if parse_location(desk.current).live:
        tried = preview(desk.current, answers, [merge])[0].as_json()
        data["empty"] = tried["empty"]
        data |= {"preview": tried["rows"]} if desk.send_rows else {"note": "`oneplan plan` shows it on real rows"}
    return Outcome(data, pins=desk.pins.with_answers(answers))


def asked(question: Question) -> str:
    """A question as a sentence."""
    return wording.question(question)


def missing_values(desk: Desk) -> tuple[tuple[str, str], ...]:
    """(table, column) of what must get a value for old rows that no answer and no default gives."""
    from tools.schema.gaps import compare
    from tools.schema.model import Column

    found: list[tuple[str, str]] = []
    for gap in compare(desk.current_schema, desk.desired_schema, desk.answers):
        after = gap.after
        needs = gap.kind == "column_added" or (gap.kind == "nullability_changed")
        if not needs or not isinstance(after, Column) or after.nullable or not gap.column:
            continue
        if after.default is None and after.generated is None and after.identity is None:
            found.append((gap.table, gap.column))
    return tuple(pair for pair in found if desk.answers.fill(*pair) is None)


def whole_table(table: Table) -> dict[str, Any]:
    """One table with all that is known of it, as JSON without what is empty."""
    from tools.schema.serial import schema_to_json

    return schema_to_json(Schema("sqlite", (table,)))["tables"][0]


def _named(question: Question) -> str:
    return f"{question.kind} {question.table or ''} {question.before} -> {question.after}"


def _table(schema: Schema, key: str) -> Table:
    found = schema.table(key)
    if found is None:
        names = ", ".join(table.key for table in schema.tables[:20]) or "none"
        raise UsageError(f"no table {key!r} in {schema.source} (tables: {names})")
    return found


def _in_short(table: Table) -> dict[str, Any]:
    return {
        "table": table.key, "columns": len(table.columns), "indexes": len(table.indexes),
        "foreign_keys": [key.ref_table for key in table.foreign_keys],
        "primary_key": list(table.primary_key.columns) if table.primary_key else [],
    }  # fmt: skip
