"""Setting aside: what a step removes goes to a table of oneplan's own first, in the same transaction.

`oneplan.kept_<id>` on Postgres and DuckDB, `_oneplan_kept_<id>` on SQLite: the row's key, as the row will bear it
afterwards (`oneplan_key_1`, `oneplan_key_2`, …: names that no table has), and the removed values under their own names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tools.location import Dialect
from tools.plan.pairs import fitted
from tools.schema.render import quote


@dataclass(frozen=True)
class Kept:
    """One table of values set aside. `name` is quoted."""

    name: str
    dialect: Dialect

    def make(self, select: str) -> tuple[str, ...]:
        schema = () if self.dialect == "sqlite" else ('CREATE SCHEMA IF NOT EXISTS "oneplan"',)
        return (*schema, f"CREATE TABLE {self.name} AS {select}")

    def drop(self) -> str:
        return f"DROP TABLE {self.name}"


def kept(dialect: Dialect, *parts: str, prefix: str = "kept") -> Kept:
    """The kept table of a step, its name made of what is unique about it."""
    short = short_name(*parts)
    name = quote(f"_oneplan_{prefix}_{short}") if dialect == "sqlite" else f'"oneplan".{quote(f"{prefix}_{short}")}'
    return Kept(name, dialect)


def short_name(*parts: str) -> str:
    """What tells a step's own tables and triggers from those of all others."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]


def key_select(sources: Sequence[str]) -> str:
    """`a AS oneplan_key_1, b AS oneplan_key_2` for the expressions that make a row's key."""
    return ", ".join(f"{source} AS {key_name(n)}" for n, source in enumerate(sources, 1))


def key_name(number: int) -> str:
    """The quoted name of one column of the key, counted from 1."""
    return quote(f"oneplan_key_{number}")


def became(column: str) -> str:
    """The quoted name under which the value that took the place of a removed one is kept beside it."""
    return quote(fitted(f"oneplan_became_{column}"))


def key_match(columns: Sequence[str], kept_alias: str = "k", table_alias: str = "") -> str:
    """The condition that joins a table's quoted key columns with a kept table."""
    prefix = f"{table_alias}." if table_alias else ""
    return " AND ".join(f"{prefix}{column} = {kept_alias}.{key_name(n)}" for n, column in enumerate(columns, 1))
