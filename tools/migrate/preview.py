"""Merges and splits tried on real rows: what the new column would hold. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tools.errors import DatabaseError, Refused, UsageError
from tools.location import Dialect
from tools.migrate.open import open_backend
from tools.plan.walls import expression_breaches
from tools.schema.model import Answers, Merge
from tools.schema.render import qualified, quote

ROWS = 5


@dataclass(frozen=True)
class Preview:
    """rows: the first few, by column: the old columns, then the new one. empty: rows that would get NULL."""

    table: str
    column: str
    sql: str
    rows: tuple[dict[str, Any], ...]
    empty: int

    def as_json(self) -> dict[str, Any]:
        rows = [{name: _plain(value) for name, value in row.items()} for row in self.rows]
        return {"table": self.table, "column": self.column, "sql": self.sql, "rows": rows, "empty": self.empty}


def preview(database: str, answers: Answers, merges: Iterable[Merge] | None = None) -> tuple[Preview, ...]:
    """Every merge of the answers (or those given) on the database's rows. UsageError where an expression fails, Refused
    where it is more than one: nobody has approved it, and a function may reach further than a read-only transaction."""
    wanted = answers.merges if merges is None else tuple(merges)
    old_names = {new: old for old, new in answers.tables}
    if not wanted:
        return ()
    with closing(open_backend(database, read_only=True)) as backend:
        found: list[Preview] = []
        for merge in wanted:
            _stays_an_expression(merge, backend.dialect)
            place = qualified(old_names.get(merge.table, merge.table))
            columns = ", ".join(quote(source) for source in merge.sources)
            try:
                rows = backend.sample(f"SELECT {columns}, {merge.sql} AS {quote(merge.column)} FROM {place}", ROWS)
                empty = backend.sample(f"SELECT count(*) AS n FROM {place} WHERE ({merge.sql}) IS NULL", 1)
            except DatabaseError as error:
                raise UsageError(f"{merge.table}.{merge.column} as {merge.sql}: {error}") from error
            found.append(Preview(merge.table, merge.column, merge.sql, tuple(rows), int(empty[0]["n"])))
    return tuple(found)


def _stays_an_expression(merge: Merge, dialect: Dialect) -> None:
    for what in expression_breaches(merge.sql, dialect):
        raise Refused(f"{merge.table}.{merge.column}: the merge {what}; it is not tried")


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
