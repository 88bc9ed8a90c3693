"""Triggers that keep an old column and its successor equal while old and new code run side by side.

A renamed column is written both ways; a shadow column only follows. Echoes end because a trigger writes only where the
other column does not correspond yet. DuckDB has no triggers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tools.plan.casts import comparable
from tools.plan.pairs import Move, fitted
from tools.plan.sql import distinct
from tools.schema.model import Table, Trigger
from tools.schema.reads import columns_in
from tools.schema.render import qualified, quote

COLUMNS_FIRST = "#variable_conflict use_column\n"
"""The first line of a function in PL/pgSQL: a name in an expression is a column's, may it be called `new`."""


@dataclass(frozen=True)
class DualWrite:
    """make and drop are statements in the order to run them; triggers are what the schema then holds."""

    make: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    triggers: tuple[Trigger, ...] = ()


def dual_write(table: Table, move: Move) -> DualWrite:
    """The triggers for one copied column of a table in its expanded shape."""
    if move.dialect == "postgres":
        return _postgres(table, move)
    return _sqlite(table, move) if move.dialect == "sqlite" else DualWrite()


def row_id(table: Table) -> tuple[str, ...]:
    """What tells a row of a SQLite table apart, quoted where it is a column of the table's own."""
    if "WITHOUT ROWID" in table.options and table.primary_key:
        return tuple(quote(c) for c in table.primary_key.columns)
    taken = {c.name.lower() for c in table.columns}
    return (next(name for name in ("rowid", "_rowid_", "oid") if name not in taken),)


def _postgres(table: Table, move: Move) -> DualWrite:
    name = fitted(f"zz_oneplan_{move.carrier}")
    function = f'"oneplan".{quote("dual_" + hashlib.sha256(f"{table.key}.{move.carrier}".encode()).hexdigest()[:10])}'
    definition = (
        f"CREATE TRIGGER {quote(name)} BEFORE INSERT OR UPDATE ON {qualified(table.key)}"
        f" FOR EACH ROW EXECUTE FUNCTION {function}()"
    )
    make = (
        'CREATE SCHEMA IF NOT EXISTS "oneplan"',
        # Whoever writes may look names up elsewhere, or nowhere (search_path = ''): the types and functions of `public`
        # stand without it here.
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SET search_path TO public, pg_temp"
        " AS $oneplan$\n"
        f"{COLUMNS_FIRST}{_plpgsql(table, move)}\n$oneplan$",
        definition,
    )
    drop = (f"DROP TRIGGER {quote(name)} ON {qualified(table.key)}", f"DROP FUNCTION {function}()")
    return DualWrite(make, drop, (Trigger(name, table.key, definition),))


def _plpgsql(table: Table, move: Move) -> str:
    # The expression is evaluated over the new row under the table's own name, so that it needs no rewriting.
    forward = f"(SELECT {move.forward()} FROM (SELECT NEW.*) AS {quote(table.name)})"
    new, old = f"NEW.{quote(move.carrier)}", f"NEW.{quote(move.old.name)}"
    if not move.both_ways:
        return f"BEGIN\n  {new} := {forward};\n  RETURN NEW;\nEND"
    kind = move.new.type
    differs = distinct(comparable(new, kind, "postgres"), comparable(forward, kind, "postgres"), "postgres")
    was = f"OLD.{quote(move.carrier)}"
    changed = distinct(comparable(new, kind, "postgres"), comparable(was, kind, "postgres"), "postgres")
    return (
        "BEGIN\n"
        f"  IF (TG_OP = 'INSERT' AND {new} IS NOT NULL) OR (TG_OP = 'UPDATE' AND {changed}) THEN\n"
        f"    IF {differs} THEN\n      {old} := {move.backward(new)};\n    END IF;\n"
        f"  ELSE\n    {new} := {forward};\n  END IF;\n  RETURN NEW;\nEND"
    )


def _sqlite(table: Table, move: Move) -> DualWrite:
    where = " AND ".join(f"{column} = NEW.{column}" for column in row_id(table))
    name, old, new = qualified(table.key), quote(move.old.name), quote(move.carrier)
    follow = f"UPDATE {name} SET {new} = {move.forward()} WHERE {where} AND {new} IS NOT {move.forward()}"
    lead = f"UPDATE {name} SET {old} = {move.backward(new)} WHERE {where} AND {new} IS NOT {move.forward()}"
    reads = columns_in(move.forward(), table.column_names, "sqlite") or (move.old.name,)
    of = ", ".join(quote(c) for c in reads if c != move.carrier)
    changed_new = f"NEW.{new} IS NOT OLD.{new}"
    if not move.both_ways:
        bodies = (("insert", "AFTER INSERT", "", (follow,)), ("update", f"AFTER UPDATE OF {of}", "", (follow,)))
    else:
        bodies = (
            ("insert", "AFTER INSERT", "", (f"{follow} AND NEW.{new} IS NULL", f"{lead} AND NEW.{new} IS NOT NULL")),
            ("old", f"AFTER UPDATE OF {of}", f" WHEN NOT ({changed_new})", (follow,)),
            ("new", f"AFTER UPDATE OF {new}", f" WHEN {changed_new}", (lead,)),
        )
    triggers = tuple(
        sqlite_trigger(f"_oneplan_{table.name}_{move.carrier}_{suffix}", table.key, event, when, body)
        for suffix, event, when, body in bodies
    )
    return DualWrite(
        tuple(t.definition for t in triggers), tuple(f"DROP TRIGGER {quote(t.name)}" for t in triggers), triggers
    )


def sqlite_trigger(name: str, table: str, event: str, when: str, body: tuple[str, ...]) -> Trigger:
    text = "".join(f"  {statement};\n" for statement in body)
    return Trigger(name, table, f"CREATE TRIGGER {quote(name)} {event} ON {qualified(table)}{when} BEGIN\n{text}END")
