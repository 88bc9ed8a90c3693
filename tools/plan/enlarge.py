"""Types that Postgres enlarges in its catalog alone: no row is read or written, whatever the table's size.

That it is so is asked of the catalog by a check of the step, in the same transaction; only beside that very check does
a change of type count as none that rewrites the table.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.plan.model import StepCheck
from tools.plan.sql import literal
from tools.schema.model import Column, SchemaObject, Table, Trigger
from tools.schema.reads import columns_in
from tools.schema.render import qualified, quote
from tools.schema.types import family


def enlarges(old: str, new: str) -> bool:
    """Whether Postgres changes the type in place: varchar to a longer one or to text, numeric to more digits before
    the point."""
    if _form(old) is None or _form(new) is None or old == new:
        return False
    before, after = family(old, "postgres"), family(new, "postgres")
    if before.name == "varchar":
        longer = not after.arguments or (bool(before.arguments) and after.arguments[0] >= before.arguments[0])
        return after.name == "text" or (after.name == "varchar" and longer)
    if before.name != "decimal" or after.name != "decimal" or not before.arguments:
        return False
    (p, s), (q, t) = (*before.arguments, 0)[:2], (*after.arguments, 0, 0)[:2]
    return not after.arguments or (s == t and q >= p)


def bound(column: Column, table: Table, triggers: Sequence[Trigger], objects: Sequence[SchemaObject]) -> bool:
    """Whether something of the table holds on to the column's type: Postgres would refuse, or read every row."""
    texts = [check.expression for check in table.checks]
    texts += [c.generated for c in table.columns if c.generated is not None]
    texts += [index.where for index in table.indexes if index.where]
    texts += [entry for index in table.indexes for entry in index.columns if "(" in entry]
    texts += [trigger.definition for trigger in triggers if trigger.table == table.key]
    texts += [thing.create for thing in objects if thing.kind == "policy" and thing.table == table.key]
    return any(columns_in(text, (column.name,), "postgres") for text in texts)


def alter(table: str, column: str, type_: str) -> str:
    return f"ALTER TABLE {qualified(table)} ALTER COLUMN {quote(column)} TYPE {type_}"


def check(table: str, column: str, type_: str) -> StepCheck | None:
    """What shows that the statement of `alter` rewrites nothing; None for a type that it does for."""
    fits = _form(type_)
    if fits is None:
        return None
    sql = (
        f"SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = {literal(qualified(table))}::regclass"
        f" AND attname = {literal(column)} AND NOT ({fits})"
    )
    return StepCheck(f"{table}.{column} becomes {type_} without a row being written", sql)


def proven(statement: str, table: str, column: str, checks: Sequence[StepCheck]) -> bool:
    """Whether a change of type stands beside the check that shows it to be harmless."""
    start = alter(table, column, "")
    wanted = check(table, column, statement.removeprefix(start)) if statement.startswith(start) else None
    return wanted is not None and any(one.sql == wanted.sql for one in checks)


def _form(type_: str) -> str | None:
    """The condition on a column's present type; None for a type spelled otherwise than Postgres prints it."""
    found = family(type_, "postgres")
    size = f"({','.join(map(str, found.arguments))})" if found.arguments else ""
    text, varchar = "'text'::regtype", "'character varying'::regtype"
    if type_ in ("text", "character varying"):
        return f"atttypid IN ({text}, {varchar})"
    if type_ == f"character varying{size}" and size:
        return f"atttypid = {varchar} AND atttypmod BETWEEN 5 AND {found.arguments[0] + 4}"
    if type_ == "numeric":
        return "atttypid = 'numeric'::regtype"
    if type_ == f"numeric{size}" and len(found.arguments) == 2:
        precision, scale = found.arguments
        kept = f"(((atttypmod - 4) >> 16) & 65535) <= {precision} AND ((atttypmod - 4) & 2047) = {scale}"
        return f"atttypid = 'numeric'::regtype AND atttypmod > 4 AND {kept}"
    return None
