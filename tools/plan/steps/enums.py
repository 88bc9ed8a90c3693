"""Enum types. New ones come in the expand phase, unused ones go in the contract phase; on Postgres a value is added in
place, and one that goes means a new type under the old name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tools.plan.dependents import around, comments_on, comments_on_type, owned
from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step, StepCheck
from tools.plan.pairs import LONGEST, fitted
from tools.plan.rebuild import Reshape, rebuild, unchanged
from tools.plan.shape import check_columns, edit_table, references, with_column, with_enum, without_enum
from tools.plan.sql import literal
from tools.schema.entries import plain
from tools.schema.model import Column, Enum, Schema, Table
from tools.schema.reads import columns_in
from tools.schema.render import (
    add_constraint,
    check_sql,
    create_enum,
    create_index,
    create_namespace,
    default_sql,
    qualified,
    quote,
)

_REWRITTEN = "The columns that use it are rewritten under a lock that keeps all others out."
_OTHERWISE = (
    " Where that takes too long, give the type another name in the desired schema: its columns then change online, as"
    " from any type to another."
)


def expand(draft: Draft) -> None:
    for enum in draft.target.enums:
        there = draft.state.enum(enum.key)
        if there is None:
            _create(draft, enum)
        elif draft.dialect == "postgres":
            wide = _with_old_values(there, enum)
            if _only_adds(there, wide):
                _add_values(draft, there, wide)


def contract(draft: Draft) -> None:
    for enum in draft.target.enums:
        there = draft.state.enum(enum.key)
        if there is not None and there.values != enum.values:
            _remake(draft, there, enum)
    for enum in draft.state.enums:
        if draft.target.enum(enum.key) is None and not _users(draft.state, enum):
            _drop(draft, enum)


def _create(draft: Draft, enum: Enum) -> None:
    namespace = [create_namespace(enum.namespace)] if enum.namespace else []
    draft.add(
        Step(
            draft.step_id(Phase.EXPAND, enum.key, "create_enum"),
            Phase.EXPAND,
            "create_enum",
            f"Create the enum {enum.key}",
            (enum.key,),
            (*namespace, create_enum(enum)),
            (f"DROP TYPE {qualified(enum.key)}",),
            closes=_gaps(draft, enum),
            reason="A new type disturbs nobody.",
        ),
        with_enum(draft.state, enum),
    )


def _drop(draft: Draft, enum: Enum) -> None:
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, enum.key, "drop_enum"),
            Phase.CONTRACT,
            "drop_enum",
            f"Drop the enum {enum.key}",
            (enum.key,),
            (f"DROP TYPE {qualified(enum.key)}",),
            (create_enum(enum), *owned(draft.state, "type", enum.key, f"TYPE {qualified(enum.key)}")),
            hazards=(Hazard.BREAKS_OLD_CODE,),
            closes=_gaps(draft, enum),
            reason="No column uses it any more.",
            depends_on=draft.sign_offs,
        ),
        without_enum(draft.state, enum.key),
    )


def _with_old_values(there: Enum, wanted: Enum) -> Enum:
    """The wanted enum with the values that go still in it: new ones are for writing before old ones go."""
    values = list(wanted.values)
    for at, value in enumerate(there.values):
        if value not in values:
            before = [v for v in there.values[:at] if v in values]
            values.insert(values.index(before[-1]) + 1 if before else 0, value)
    return replace(wanted, values=tuple(values))


def _renamed(draft: Draft, enum: Enum) -> dict[str, str]:
    """What a person has said of the values that go: what each is called from now on."""
    return {old: new for key, old, new in draft.answers.values if key == enum.key and new in enum.values}


def _only_adds(there: Enum, wanted: Enum) -> bool:
    """Whether the old values stand in the new ones, in the same order."""
    return there.values != wanted.values and [v for v in wanted.values if v in there.values] == list(there.values)


def _add_values(draft: Draft, there: Enum, wanted: Enum) -> None:
    sql: list[str] = []
    for n, value in enumerate(wanted.values):
        if value not in there.values:
            place = f" AFTER {literal(wanted.values[n - 1])}" if n else f" BEFORE {literal(there.values[0])}"
            sql.append(f"ALTER TYPE {qualified(wanted.key)} ADD VALUE {literal(value)}{place}")
    added = ", ".join(v for v in wanted.values if v not in there.values)
    after = with_enum(draft.state, wanted)
    draft.add(
        Step(
            draft.step_id(Phase.EXPAND, wanted.key, "add_values"),
            Phase.EXPAND,
            "add_enum_value",
            f"Let {wanted.key} be {added} too",
            (wanted.key, *sorted({t.key for t, _ in _users(draft.state, wanted)})),
            tuple(sql),
            _swap(after, wanted, there),
            closes=_gaps(draft, wanted),
            reason="Postgres cannot take a value away: undoing makes the type anew, and begins only if no row uses it.",
            undo_checks=_unused(draft, _users(after, wanted), [v for v in wanted.values if v not in there.values]),
        ),
        after,
    )


def _remake(draft: Draft, there: Enum, wanted: Enum) -> None:
    moved = _renamed(draft, wanted)
    gone = [v for v in there.values if v not in wanted.values and v not in moved]
    users = _users(draft.state, there)
    new = [v for v in wanted.values if v not in there.values and v not in moved.values()]
    after = with_enum(draft.state, wanted)
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, wanted.key, "remake_enum"),
            Phase.CONTRACT,
            "change_enum",
            f"Make {wanted.key} anew as {', '.join(wanted.values)}"
            + "".join(f", {old} now {new}" for old, new in moved.items()),
            (wanted.key, *sorted({t.key for t, _ in users})),
            _swap(draft.state, there, wanted, moved),
            _swap(after, wanted, there, {new: old for old, new in moved.items()}),
            checks=_unused(draft, users, gone),
            undo_checks=_unused(draft, users, new),
            hazards=(Hazard.TABLE_REWRITE, Hazard.ACCESS_EXCLUSIVE_LOCK, Hazard.BREAKS_OLD_CODE),
            closes=_gaps(draft, wanted),
            reason=_REWRITTEN + (_OTHERWISE if draft.dialect == "postgres" else ""),
            depends_on=draft.sign_offs,
        ),
        after,
        (wanted.key, *(t.key for t, _ in users)),
    )


def _unused(draft: Draft, users: list[tuple[Table, Column]], values: list[str]) -> tuple[StepCheck, ...]:
    """No row of these columns has one of the values, nor in an array of them."""
    listed, text = ", ".join(map(literal, values)), "text" if draft.dialect == "postgres" else "VARCHAR"

    def query(table: Table, column: Column) -> str:
        name = quote(column.name)
        has = f"CAST({name} AS {text}) IN ({listed})"
        if column.type.endswith("[]"):
            has = " OR ".join(f"{literal(v)} = ANY(CAST({name} AS {text}[]))" for v in values)
        return f"SELECT * FROM {qualified(table.key)} WHERE {has}"

    said = " or ".join(values)
    return tuple(StepCheck(f"no row of {t.key} has {said} in {c.name}", query(t, c)) for t, c in users if values)


def _swap(state: Schema, there: Enum, wanted: Enum, moved: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The type made anew under its own name, with every column that uses it. `moved`: values under other names."""
    users = _users(state, there)
    moved = moved or {}
    if state.dialect == "duckdb":
        held = any(t.indexes or t.foreign_keys or references(state, t.key) for t, _ in users)
        made = _remade_duckdb(state, users, wanted, moved) if held else _swap_duckdb(users, wanted, moved)
        return (*made, *comments_on_type(state, there.key))
    old = f"{fitted(there.name, LONGEST - 5)}__old"
    sql = [f"ALTER TYPE {qualified(there.key)} RENAME TO {quote(old)}", create_enum(wanted)]
    sql += owned(state, "type", there.key, f"TYPE {qualified(there.key)}")
    sql += comments_on_type(state, there.key)
    for table, column in users:
        alter = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(column.name)}"
        default = [f"{alter} SET DEFAULT {default_sql(column.default, 'postgres')}"] if column.default else []
        suffix = "[]" if column.type.endswith("[]") else ""
        text = f"{quote(column.name)}::text{suffix}"
        for old_value, new_value in moved.items():
            text = f"array_replace({text}, {literal(old_value)}, {literal(new_value)})" if suffix else text
        using = f"USING {text if suffix else under_new_names(text, moved)}::{qualified(wanted.key)}{suffix}"
        sql += [f"{alter} DROP DEFAULT"] if default else []
        sql += [f"{alter} TYPE {qualified(wanted.key)}{suffix} {using}", *default]
    namespace = f"{quote(there.namespace)}." if there.namespace else ""
    sql.append(f"DROP TYPE {namespace}{quote(old)}")
    away, again = _bound(state, users)
    held = [there.key, *(f"{table.key}#{column.name}" for table, column in users)]
    return around(state, held, [*away, *sql, *again])


def under_new_names(text: str, moved: Mapping[str, str]) -> str:
    """An expression of text with some of its values replaced by others."""
    if not moved:
        return text
    cases = " ".join(f"WHEN {literal(old)} THEN {literal(new)}" for old, new in moved.items())
    return f"(CASE {text} {cases} ELSE {text} END)"


def _bound(state: Schema, users: list[tuple[Table, Column]]) -> tuple[list[str], list[str]]:
    """Indexes and CHECKs whose expressions compare a column with values of the old type: away, and again."""
    away: list[str] = []
    again: list[str] = []
    for table in {t.key: t for t, _ in users}.values():
        columns = tuple(c.name for t, c in users if t.key == table.key)
        for index in table.indexes:
            expressions = [*(e for e in index.columns if "(" in e), index.where or ""]
            if any(columns_in(text, columns, "postgres") for text in expressions if text):
                space = f"{quote(table.namespace)}." if table.namespace else ""
                away.append(f"DROP INDEX {space}{quote(index.name)}")
                again.append(create_index(index, "postgres"))
                again += comments_on(f"INDEX {_plain_space(table)}{plain(index.name)}", state, table.key)
        for check in table.checks:
            if set(check_columns(check, table, "postgres")) & set(columns):
                away.append(f"ALTER TABLE {qualified(table.key)} DROP CONSTRAINT {quote(check.name or '')}")
                again.append(add_constraint(table, check_sql(check)))
                again += comments_on(f"CONSTRAINT {plain(check.name or '')} ON", state, table.key)
    return away, again


def _plain_space(table: Table) -> str:
    return f"{plain(table.namespace)}." if table.namespace else ""


def _swap_duckdb(users: list[tuple[Table, Column]], wanted: Enum, moved: Mapping[str, str]) -> tuple[str, ...]:
    alters = [(f"ALTER TABLE {qualified(t.key)} ALTER COLUMN {quote(c.name)} TYPE", c) for t, c in users]
    # DuckDB writes no rows of a table in a transaction that has altered it: the values change with the type.
    to_text = [f"{alter} VARCHAR{_using(quote(c.name), moved)}" for alter, c in alters]
    return (
        *to_text,
        f"DROP TYPE {qualified(wanted.key)}",
        create_enum(wanted),
        # Rows that are deleted are converted too; of those that are there the step's checks say that each can be.
        *(
            f"{alter} {(name := qualified(wanted.key))} USING TRY_CAST({quote(c.name)} AS {name})"
            for alter, c in alters
        ),
    )


def _remade_duckdb(
    state: Schema, users: list[tuple[Table, Column]], wanted: Enum, moved: Mapping[str, str]
) -> tuple[str, ...]:
    """DuckDB alters no table with an index, nor one that foreign keys lead from or to: such tables are made anew, with
    text in the columns while the type is exchanged."""
    loose, tight = (_typed(state, users, type_) for type_ in ("VARCHAR", qualified(wanted.key)))
    keys = {table.key: table for table, _ in users}
    names = {(table.key, column.name) for table, column in users}
    out = {
        key: Reshape(key, tuple(
            (c, under_new_names(f"CAST({v} AS VARCHAR)", moved) if (key, c) in names else v)
            for c, v in unchanged(table).values
        ))
        for key, table in keys.items()
    }  # fmt: skip
    back = {key: unchanged(table) for key, table in keys.items()}
    type_ = (f"DROP TYPE {qualified(wanted.key)}", create_enum(wanted))
    return (*rebuild(state, loose, out), *type_, *rebuild(loose, tight, back))


def _typed(state: Schema, users: list[tuple[Table, Column]], type_: str) -> Schema:
    """The schema with these columns of another type; a default would be of the old one and comes back at the end."""
    for table, column in users:
        default = None if type_ == "VARCHAR" else column.default
        typed = replace(column, type=type_, default=default)
        state = edit_table(state, table.key, lambda t, c=typed: with_column(t, c))
    return state


def _using(column: str, moved: Mapping[str, str]) -> str:
    return f" USING {under_new_names(f'CAST({column} AS VARCHAR)', moved)}" if moved else ""


def _users(state: Schema, enum: Enum) -> list[tuple[Table, Column]]:
    """The columns of this type. A type is written bare or quoted, with its namespace or without."""
    names = {enum.key, enum.name, quote(enum.name), qualified(enum.key)}
    inline = "ENUM(" + ", ".join(map(literal, enum.values)) + ")"
    return [(t, c) for t in state.tables for c in t.columns if c.type.removesuffix("[]") in names or c.type == inline]


def _gaps(draft: Draft, enum: Enum) -> tuple[str, ...]:
    return tuple(
        g.sentence for g in draft.gaps if g.kind.startswith("enum_") and enum.key in (g.name, g.table) and g.sentence
    )
