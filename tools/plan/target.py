"""What the plan will end in: the desired schema, with everything that an open question holds back still in it."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.shape import check_columns, columns_of_index, with_column, with_table
from tools.schema.further_questions import listed
from tools.schema.model import Answers, Question, Schema, Table
from tools.schema.normal import fold
from tools.schema.renaming import renamed


def held_target(current: Schema, desired: Schema, questions: tuple[Question, ...], answers: Answers) -> Schema:
    """The desired schema plus every table and column that may be the old side of a rename nobody has answered yet."""
    target = desired
    for question in questions:
        table = question.table or ""
        if question.kind == "table":
            target = _keep_table(current, target, question.before)
        elif question.kind == "enum_value":
            target = _keep_value(current, target, table, question.before)
        elif question.kind == "index":
            target = _keep_index(current, target, table, question.before, answers)
        else:
            for column in listed(question.before):
                target = _keep_column(current, target, table, column, answers)
    return target


def _keep_value(current: Schema, target: Schema, key: str, value: str) -> Schema:
    """The enum with a value of today in its old place."""
    before, after = current.enum(key), target.enum(key)
    if before is None or after is None or value in after.values:
        return target
    earlier = before.values[: before.values.index(value)]
    at = max((after.values.index(v) + 1 for v in earlier if v in after.values), default=0)
    held = replace(after, values=(*after.values[:at], value, *after.values[at:]))
    return replace(target, enums=tuple(held if e.key == key else e for e in target.enums))


def _keep_index(current: Schema, target: Schema, key: str, name: str, answers: Answers) -> Schema:
    before = current.table(next((old for old, new in answers.tables if new == key), key))
    after = target.table(key)
    index = next((i for i in before.indexes if i.name == name), None) if before else None
    if after is None or index is None or any(i.name == name for i in after.indexes):
        return target
    if not set(columns_of_index(index, before or after, current.dialect)) <= set(after.column_names):
        return target
    return with_table(target, replace(after, indexes=(*after.indexes, replace(index, table=key))))


def _keep_table(current: Schema, target: Schema, key: str) -> Schema:
    table = current.table(key)
    if table is None or target.table(key) is not None:
        return target
    kept = with_table(target, table)
    triggers = tuple(t for t in current.triggers if t.table == key)
    enums = tuple(
        e for e in current.enums if target.enum(e.key) is None and any(uses_type(c.type, e.name) for c in table.columns)
    )
    return replace(kept, triggers=(*kept.triggers, *triggers), enums=(*kept.enums, *enums))


def uses_type(type_: str, enum: str) -> bool:
    return enum in type_.replace('"', "").replace("[]", "").split(".")


def _keep_column(current: Schema, target: Schema, key: str, column: str, answers: Answers) -> Schema:
    # A question names the table as it will be called.
    before = current.table(next((old for old, new in answers.tables if new == key), key))
    after = target.table(key)
    found = before.column(column) if before else None
    if before is None or after is None or found is None or after.column(column) is not None:
        return target
    enums = tuple(e for e in current.enums if target.enum(e.key) is None and uses_type(found.type, e.name))
    return replace(with_table(target, with_held(before, after, column, current)), enums=(*target.enums, *enums))


def with_held(before: Table, after: Table, column: str, current: Schema) -> Table:
    """The desired table with an old column, and with what the current table has on that column."""
    found = before.column(column)
    assert found is not None
    wide = with_column(after, found)
    names = {i.name for i in after.indexes}
    here = set(wide.column_names)
    dialect = current.dialect

    def stands(columns: tuple[str, ...]) -> bool:
        return column in columns and set(columns) <= here

    key = before.primary_key
    return replace(
        wide,
        primary_key=key if key and stands(key.columns) else wide.primary_key,
        uniques=wide.uniques + tuple(u for u in before.uniques if stands(u.columns)),
        foreign_keys=wide.foreign_keys + tuple(f for f in before.foreign_keys if stands(f.columns)),
        checks=wide.checks + tuple(c for c in before.checks if stands(check_columns(c, before, dialect))),
        indexes=wide.indexes
        + tuple(
            replace(i, table=after.key)
            for i in before.indexes
            if i.name not in names and stands(columns_of_index(i, before, dialect))
        ),
    )


def respelled(current: Schema, desired: Schema) -> Schema:
    """The desired schema with names in the current one's case, where the engine takes no notice of case."""
    if current.dialect == "postgres":
        return desired
    known = {fold(table.key, current.dialect): table for table in current.tables}
    columns: list[tuple[str, str, str]] = []
    for table in desired.tables:
        old = known.get(fold(table.key, current.dialect))
        names = {fold(column.name, current.dialect): column.name for column in old.columns} if old else {}
        for column in table.columns:
            name = names.get(fold(column.name, current.dialect), column.name)
            columns += [(table.key, column.name, name)] if name != column.name else []
    return _with_keys(renamed(desired, Answers(columns=tuple(columns))), known)


def _with_keys(schema: Schema, known: dict[str, Table]) -> Schema:
    """The schema with its tables under the keys of `known`, wherever they are named."""

    def key(name: str) -> str:
        return known[folded].key if (folded := fold(name, schema.dialect)) in known else name

    def table(value: Table) -> Table:
        old = known.get(fold(value.key, schema.dialect), value)
        return replace(
            value,
            name=old.name,
            namespace=old.namespace,
            foreign_keys=tuple(replace(f, ref_table=key(f.ref_table)) for f in value.foreign_keys),
            indexes=tuple(replace(i, table=key(i.table)) for i in value.indexes),
        )

    return replace(
        schema,
        tables=tuple(map(table, schema.tables)),
        triggers=tuple(replace(t, table=key(t.table)) for t in schema.triggers),
        views=tuple(replace(v, depends_on=tuple(map(key, v.depends_on))) for v in schema.views),
    )
