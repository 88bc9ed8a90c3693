"""NOT NULL that Postgres takes from a validated CHECK, without a look at the rows.

That there is such a CHECK is asked of the catalog by a check of the step, in the same transaction; only beside that
very check does SET NOT NULL count as a change of the catalog alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.plan.model import StepCheck
from tools.plan.sql import literal
from tools.schema.render import qualified, quote


def set_not_null(table: str, column: str) -> str:
    return f"ALTER TABLE {qualified(table)} ALTER COLUMN {quote(column)} SET NOT NULL"


def check(table: str, column: str) -> StepCheck:
    spelled = "pg_catalog.format('CHECK ((%I IS NOT NULL))', a.attname)"
    held = (
        "SELECT 1 FROM pg_catalog.pg_constraint AS c WHERE c.conrelid = a.attrelid AND c.contype = 'c'"
        f" AND c.convalidated AND pg_catalog.pg_get_constraintdef(c.oid) = {spelled}"
    )
    sql = (
        f"SELECT a.attname FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = {literal(qualified(table))}::regclass"
        f" AND a.attname = {literal(column)} AND NOT EXISTS ({held})"
    )
    return StepCheck(f"a validated CHECK holds {table}.{column} to a value", sql)


def proven(statement: str, table: str, column: str, checks: Sequence[StepCheck]) -> bool:
    """Whether SET NOT NULL stands beside the check that shows that no row is read for it."""
    wanted = check(table, column).sql
    return statement == set_not_null(table, column) and any(one.sql == wanted for one in checks)
