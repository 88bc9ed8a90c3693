"""Values that DuckDB writes by deleting the row and inserting it again.

It does so for columns with an index or a UNIQUE on them, and for lists, arrays, maps, unions and variants. A row that
foreign keys point to cannot be deleted, so such an UPDATE is refused: the table is made anew with the values instead,
and those that lean on it with it.
"""

from __future__ import annotations

from dataclasses import replace

from tools.plan.draft import Draft
from tools.plan.model import Hazard, Step
from tools.plan.rebuild import cluster, rewritten
from tools.plan.shape import columns_of_index, references
from tools.schema.model import Schema, Table
from tools.schema.render import quote
from tools.schema.tokens import tokenize
from tools.schema.tokens import unquote as unquoted

_WRITTEN_ANEW = ("MAP", "UNION", "VARIANT", "LIST", "ARRAY")
_IN_BATCHES = "In batches, only rows that still differ. "
_WHY = "DuckDB would delete rows to write this column, and foreign keys point to them: the table is made anew instead."


def refused(schema: Schema, key: str, column: str) -> bool:
    """Whether an UPDATE of the column fails where foreign keys point to the row."""
    table = schema.table(key)
    if schema.dialect != "duckdb" or table is None or not references(schema, key):
        return False
    return _is_indexed(table, column) or _is_nested(table, column)


def _is_indexed(table: Table, column: str) -> bool:
    indexed = {name for index in table.indexes for name in columns_of_index(index, table, "duckdb")}
    return column in indexed or any(column in unique.columns for unique in table.uniques)


def _is_nested(table: Table, column: str) -> bool:
    found = table.column(column)
    tokens = tokenize(found.type, "duckdb") if found else ()
    return any(token.text == "[" or token.text.upper() in _WRITTEN_ANEW for token in tokens)


def as_taken(draft: Draft, step: Step) -> Step:
    """The step as DuckDB takes it: a backfill whose UPDATE it would refuse becomes a table made anew."""
    backfill = step.backfill
    if backfill is None:
        return step
    key = backfill.table_key
    values = {
        column: f"CASE WHEN {backfill.where} THEN {value} ELSE t.{quote(column)} END"
        for column, value in ((unquoted(name), value) for name, value in backfill.assignments)
    }
    if not any(refused(draft.state, key, column) for column in values):
        return step
    return replace(
        step, objects=cluster(draft.state, draft.state, {key: None}), backfill=None, rebuild=True,
        sql=(*step.sql, *rewritten(draft.state, key, values)), hazards=(*step.hazards, Hazard.TABLE_REWRITE),
        reason=f"{step.reason.removeprefix(_IN_BATCHES)} {_WHY}",
    )  # fmt: skip
