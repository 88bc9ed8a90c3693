"""A column made of others, by a person's expression: several into one, or one into several.

The column comes with triggers that compute it as old code writes the old columns; what new code writes into it stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from tools.plan.casts import comparable
from tools.plan.draft import Draft
from tools.plan.dual_write import COLUMNS_FIRST, DualWrite, row_id, sqlite_trigger
from tools.plan.model import Phase, Step, StepCheck
from tools.plan.pairs import Move, Pair, Way, fitted
from tools.plan.shape import edit_table, with_column, without_trigger
from tools.plan.sql import distinct, is_constant
from tools.schema.model import Merge, Table, Trigger
from tools.schema.render import default_sql, qualified, quote


def merges(draft: Draft, pair: Pair) -> Iterator[tuple[Move, Merge]]:
    for move in pair.of(Way.ADDED):
        merge = draft.answers.merge(pair.after.key, move.new.name)
        if merge is not None:
            yield move, merge


def follow(table: Table, move: Move, merge: Merge, draft: Draft) -> DualWrite:
    """The triggers of one merge, for the table with its new column; none on DuckDB."""
    value = value_of(move, merge, draft)
    if draft.dialect == "postgres":
        return _postgres(table, merge, value)
    return _sqlite(table, merge, value) if draft.dialect == "sqlite" else DualWrite()


def value_of(move: Move, merge: Merge, draft: Draft) -> str:
    """The expression; where it gives nothing, a constant default of the new column."""
    default = move.new.default
    if default is None or not is_constant(default, draft.dialect):
        return f"({merge.sql})"
    return f"COALESCE(({merge.sql}), {default_sql(default, draft.dialect)})"


def contract(draft: Draft) -> None:
    """The triggers go before the columns that they read."""
    for pair in draft.pairs:
        for move, merge in merges(draft, pair):
            _stop(draft, pair, move, merge)


def filled(draft: Draft, pair: Pair) -> Iterator[StepCheck]:
    """Rows whose new column has no value though the expression gives one."""
    for _, merge in merges(draft, pair):
        column = quote(merge.column)
        yield StepCheck(
            f"every row of {pair.after.key} has in {merge.column} what {', '.join(merge.sources)} say",
            f"SELECT * FROM {qualified(pair.after.key)} WHERE {column} IS NULL AND ({merge.sql}) IS NOT NULL",
        )


def _stop(draft: Draft, pair: Pair, move: Move, merge: Merge) -> None:
    key = pair.after.key
    dual = follow(draft.table(key), move, merge, draft)
    if not dual.make:
        return
    state = draft.state
    for trigger in dual.triggers:
        state = without_trigger(state, trigger.table, trigger.name)
    sql, undo = dual.drop, dual.make
    if draft.dialect == "postgres" and move.new.default is not None:
        alter = f"ALTER TABLE {qualified(key)} ALTER COLUMN {quote(move.new.name)}"
        sql = (*sql, f"{alter} SET DEFAULT {default_sql(move.new.default, 'postgres')}")
        undo = (f"{alter} DROP DEFAULT", *undo)
        column = replace(draft.table(key).column(move.new.name) or move.new, default=move.new.default)
        state = edit_table(state, key, lambda t: with_column(t, column))
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, key, f"stop_computing_{move.new.name}"),
            Phase.CONTRACT,
            "stop_dual_write",
            f"Stop computing {key}.{move.new.name} of {', '.join(merge.sources)}",
            (key,),
            sql,
            undo,
            depends_on=draft.sign_offs,
            reason="From here on only what code writes into the new column counts.",
        ),
        state,
        (f"{key}#{move.new.name}", *(f"{key}#{source}" for source in merge.sources)),
    )


def _postgres(table: Table, merge: Merge, expression: str) -> DualWrite:
    name = fitted(f"zz_oneplan_{merge.column}")
    digest = hashlib.sha256(f"{table.key}.{merge.column}.merge".encode()).hexdigest()[:10]
    function = f'"oneplan".{quote(f"merge_{digest}")}'
    kinds = {column.name: column.type for column in table.columns}

    def differs(a: str, b: str, column: str) -> str:
        kind = kinds.get(column, "text")
        return distinct(comparable(a, kind, "postgres"), comparable(b, kind, "postgres"), "postgres")

    new, old = f"NEW.{quote(merge.column)}", f"OLD.{quote(merge.column)}"
    value = f"(SELECT {expression} FROM (SELECT NEW.*) AS {quote(table.name)})"
    changed = " OR ".join(differs(f"NEW.{quote(c)}", f"OLD.{quote(c)}", c) for c in merge.sources)
    body = (
        f"{COLUMNS_FIRST}BEGIN\n"
        f"  IF TG_OP = 'INSERT' THEN\n    IF {new} IS NULL THEN\n      {new} := {value};\n    END IF;\n"
        f"  ELSIF ({changed}) AND NOT ({differs(new, old, merge.column)}) THEN\n    {new} := {value};\n"
        "  END IF;\n  RETURN NEW;\nEND"
    )
    definition = (
        f"CREATE TRIGGER {quote(name)} BEFORE INSERT OR UPDATE ON {qualified(table.key)}"
        f" FOR EACH ROW EXECUTE FUNCTION {function}()"
    )
    make = (
        'CREATE SCHEMA IF NOT EXISTS "oneplan"',
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $oneplan$\n{body}\n$oneplan$",
        definition,
    )
    drop = (f"DROP TRIGGER {quote(name)} ON {qualified(table.key)}", f"DROP FUNCTION {function}()")
    return DualWrite(make, drop, (Trigger(name, table.key, definition),))


def _sqlite(table: Table, merge: Merge, expression: str) -> DualWrite:
    where = " AND ".join(f"{column} = NEW.{column}" for column in row_id(table))
    column, name = quote(merge.column), qualified(table.key)
    write = f"UPDATE {name} SET {column} = {expression} WHERE {where} AND {column} IS NOT {expression}"
    sources = ", ".join(map(quote, merge.sources))
    unchanged = f" WHEN NEW.{column} IS OLD.{column}"
    start = f"_oneplan_{table.name}_{merge.column}"
    triggers = (
        sqlite_trigger(f"{start}_insert", table.key, "AFTER INSERT", f" WHEN NEW.{column} IS NULL", (write,)),
        sqlite_trigger(f"{start}_update", table.key, f"AFTER UPDATE OF {sources}", unchanged, (write,)),
    )
    return DualWrite(
        tuple(t.definition for t in triggers), tuple(f"DROP TRIGGER {quote(t.name)}" for t in triggers), triggers
    )
