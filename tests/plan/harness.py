"""A plain runner for plans on real databases: no journal, no approvals, only what the steps say, in order.

It keeps the contract of tools/plan/model.py: checks, then SQL in one transaction (or each statement by itself), then
the backfill; undo in one transaction; SQLite's settings around steps that make tables anew.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.location import Dialect
from tools.plan.model import Plan, Step
from tools.schema.digest import schema_digest
from tools.schema.gaps import compare
from tools.schema.model import Schema
from tools.schema.render import qualified, quote

IN_BACKFILL = "its other statements have run"
"""What is noted on an error of a step's backfill: the step is to be undone too."""


class CheckFailed(AssertionError):
    """A check of a step found rows that offend."""


class Database:
    """One open database of a dialect, with the few verbs that a plan needs."""

    def __init__(self, dialect: Dialect, address: str) -> None:
        self.dialect = dialect
        if dialect == "sqlite":
            self.raw: Any = sqlite3.connect(address, isolation_level=None)
            self.raw.text_factory = lambda raw: raw.decode(errors="surrogateescape")  # SQLite keeps any bytes as text
        elif dialect == "duckdb":
            import duckdb

            self.raw = duckdb.connect(address)
        else:
            import psycopg

            self.raw = psycopg.connect(address, autocommit=True)

    def close(self) -> None:
        self.raw.close()

    def execute(self, sql: str) -> None:
        self.raw.execute(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.raw.execute(sql).fetchall()]

    def script(self, text: str) -> None:
        if self.dialect == "sqlite":
            self.raw.executescript(text)
        else:
            self.raw.execute(text)

    def schema(self) -> Schema:
        if self.dialect == "sqlite":
            from tools.schema.sqlite import read_sqlite as read
        elif self.dialect == "duckdb":
            from tools.schema.duckdb import read_duckdb as read
        else:
            from tools.schema.postgres import read_postgres as read
        return read(self.raw)

    def text(self, expression: str) -> str:
        """The value as text, which holds it exactly: Python has no date before Christ, and tells not 0.0 from 0.00."""
        if self.dialect == "sqlite":
            return expression
        return f"CAST({expression} AS {'text' if self.dialect == 'postgres' else 'VARCHAR'})"

    def rows(self) -> dict[str, Counter[tuple[Any, ...]]]:
        """All rows of all tables, as multisets of (column, value) pairs: the order of columns takes no part."""
        found: dict[str, Counter[tuple[Any, ...]]] = {}
        for table in self.schema().tables:
            columns = sorted(table.column_names)
            listed = ", ".join(map(self.text, map(quote, columns))) or "1"
            rows = self.query(f"SELECT {listed} FROM {qualified(table.key)}")
            found[table.key] = Counter(tuple(zip(columns, map(repr, row), strict=True)) for row in rows)
        return found

    @contextmanager
    def transaction(self, rebuild: bool) -> Iterator[None]:
        if self.dialect == "sqlite":
            self.execute(f"PRAGMA foreign_keys={'OFF' if rebuild else 'ON'}")
            self.execute(f"PRAGMA legacy_alter_table={'ON' if rebuild else 'OFF'}")
        self.execute("BEGIN")
        try:
            yield
            if self.dialect == "sqlite" and rebuild:
                assert not self.query("PRAGMA foreign_key_check")
            self.execute("COMMIT")
        except BaseException:
            self.execute("ROLLBACK")
            raise


def run_step(database: Database, step: Step) -> None:
    if step.manual:
        assert not step.statements()
        return
    if not step.transactional:
        check(database, step)
        for sql in step.sql:
            database.execute(sql)
        return
    with database.transaction(step.rebuild):
        check(database, step)
        _all(database, step.sql, step)
    if step.backfill:
        try:
            with database.transaction(step.rebuild):
                _all(database, step.backfill.whole(), step)
        except Exception as error:
            error.add_note(IN_BACKFILL)
            raise


def undo_step(database: Database, step: Step) -> None:
    for condition in step.undo_checks:
        assert not database.query(condition.sql), f"{step.id}: {condition.sentence}"
    if not step.undo_transactional:
        for sql in step.undo:
            database.execute(sql)
        return
    with database.transaction(step.rebuild):
        _all(database, step.undo, step)


def check(database: Database, step: Step) -> None:
    for condition in step.checks:
        sql = condition.sql
        if database.dialect == "duckdb":  # no Python value of a time with a zone without pytz
            sql = f"SELECT COLUMNS(*)::VARCHAR FROM ({sql})"
        found = database.query(sql)
        if found:
            raise CheckFailed(f"{step.id}: {condition.sentence}: {found[:3]}")


def _all(database: Database, statements: Sequence[str], step: Step) -> None:
    for sql in statements:
        try:
            database.execute(sql)
        except Exception as error:
            error.add_note(f"in {step.id}: {sql}")
            raise


def forward(database: Database, plan: Plan, after: Callable[[Step], None] | None = None) -> None:
    for step in plan.steps:
        run_step(database, step)
        if after:
            after(step)


def backward(database: Database, plan: Plan, steps: Sequence[Step] | None = None) -> bool:
    """As far as SQL goes: whether it went all the way, or ended at a step that only a backup brings back."""
    for step in reversed(plan.steps if steps is None else steps):
        if not step.reversible:
            return False
        undo_step(database, step)
    return True


def there_and_back(
    database: Database, plan: Plan, desired: Schema, between: Callable[[], None] | None = None,
    after_step: Callable[[Step], None] | None = None, whole: bool = True,
) -> None:  # fmt: skip
    """The plan's two promises: forward ends in the target with every row accounted for, backward in the origin.

    whole: the way back must be whole; else it may end at a step that only a backup brings back.
    """
    origin, rows = database.schema(), database.rows()
    for step in plan.steps[:1]:
        check(database, step)  # values that cannot be converted cannot be counted either
    before = {a.table: _values(database, a.table_before, [e for e, _ in a.columns]) for a in plan.accounting}
    assert schema_digest(origin) == plan.origin
    forward(database, plan, after_step)
    after = database.schema()
    left = [gap.sentence for gap in compare(after, desired)]
    assert len(left) == len(plan.held_back), (left, plan.held_back)
    assert schema_digest(after) == plan.target, left
    for entry in plan.accounting:
        if entry.table_after is not None:
            assert _values(database, entry.table_after, [e for _, e in entry.columns]) == before[entry.table], (
                entry.table
            )
    if between:
        between()
    if not backward(database, plan):
        assert not whole, "only a backup brings back what a step removes"
        return
    back = database.schema()
    assert schema_digest(back) == plan.origin, [gap.sentence for gap in compare(back, origin)]
    assert database.rows() == rows
    assert leftovers(database) == []


def leftovers(database: Database) -> list[str]:
    """Tables of oneplan's own that nothing has dropped."""
    if database.dialect == "sqlite":
        return [
            row[0]
            for row in database.query("SELECT name FROM sqlite_schema WHERE name LIKE '\\_oneplan\\_%' ESCAPE '\\'")
        ]
    return [
        row[0]
        for row in database.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'oneplan'")
    ]


def _values(database: Database, table: str, expressions: list[str]) -> Counter[str]:
    listed = ", ".join(map(database.text, expressions)) or "1"
    return Counter(repr(row) for row in database.query(f"SELECT {listed} FROM {table}"))


def address_of(dialect: Dialect, folder: Path, postgres_url: Callable[[], str]) -> str:
    return postgres_url() if dialect == "postgres" else str(folder / f"x.{dialect}")
