"""What the monitor phase measures: how long queries take, which fail, and what the server itself counts. Reads only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

from tools.errors import DatabaseError, SourceError
from tools.location import Dialect
from tools.migrate.backend import Backend
from tools.plan.model import Plan
from tools.schema.model import Schema, Table
from tools.schema.render import name_of, quote

REPEATS = 5
ROWS = 100
COUNTED = 1_000_000
"""A table with more rows is not counted by a probe."""
SOURCES = {"commits": "pg_stat_database", "calls": "pg_stat_statements"}
"""A counter of each view of the server's that is asked."""
Side = Literal["before", "after"]


@dataclass(frozen=True)
class Probe:
    """One query. Its name stays the same when the plan renames what it reads."""

    name: str
    sql: str


@dataclass(frozen=True)
class Sample:
    """One measurement. latency: milliseconds (the median of a few tries) by probe; errors: sentences by probe;
    counters: what the server has counted since its start, as far as it tells."""

    latency: dict[str, float] = field(default_factory=dict[str, float])
    errors: dict[str, str] = field(default_factory=dict[str, str])
    counters: dict[str, float] = field(default_factory=dict[str, float])
    at: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(backend: Backend, probes: Sequence[Probe], at: str) -> Sample:
    """Run every probe a few times. What fails is part of the measurement, and raises nothing."""
    latency: dict[str, float] = {}
    errors: dict[str, str] = {}
    for probe in probes:
        try:
            latency[probe.name] = round(median(_tries(backend, probe)), 3)
        except DatabaseError as error:
            errors[probe.name] = str(error)
    return Sample(latency, errors, counters(backend), at)


def _tries(backend: Backend, probe: Probe) -> Iterator[float]:
    for _ in range(REPEATS):
        started = time.perf_counter()
        backend.sample(probe.sql, ROWS)
        yield (time.perf_counter() - started) * 1000


def table_probes(plan: Plan, schema: Schema, side: Side, rows: dict[str, int]) -> tuple[Probe, ...]:
    """A page, one row by its key, and the count of each table whose rows the plan accounts for. rows: by table key."""
    named = {name_of(table): table for table in schema.tables}
    found: list[Probe] = []
    for entry in plan.accounting:
        table = named.get(entry.table_before if side == "before" else entry.table_after or "")
        if table is not None:
            found += _of_table(entry.table, table, rows.get(table.key, 0))
    return tuple(found)


def _of_table(name: str, table: Table, rows: int) -> Iterator[Probe]:
    place = name_of(table)
    yield Probe(f"a page of {name}", f"SELECT * FROM {place} LIMIT {ROWS}")
    key = table.primary_key.columns if table.primary_key else ()
    if len(key) == 1:
        column = quote(key[0])
        yield Probe(
            f"one row of {name} by its key",
            f"SELECT * FROM {place} WHERE {column} = (SELECT max({column}) FROM {place})",
        )
    if rows <= COUNTED:
        yield Probe(f"the count of {name}", f"SELECT count(*) AS counted FROM {place}")


def read_queries(path: Path, dialect: Dialect) -> tuple[Probe, ...]:
    """The SELECTs of a file, as the application runs them. SourceError for a file that cannot be read."""
    from tools.schema.tokens import split

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot be read: {error}", source=str(path)) from error
    statements = [statement.text for statement in split(text, dialect, str(path))]
    return tuple(Probe(f"query {n}: {_short(sql)}", sql) for n, sql in enumerate(statements, 1))


def _short(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 60 else line[:59] + "…"


def counters(backend: Backend) -> dict[str, float]:
    """Transactions, rollbacks and deadlocks of a Postgres database; calls and milliseconds where pg_stat_statements
    is installed and open to us. Empty for an engine that counts nothing."""
    if backend.dialect != "postgres":
        return {}
    found = _row(
        backend,
        "SELECT xact_commit AS commits, xact_rollback AS rollbacks, deadlocks AS deadlocks FROM pg_stat_database "
        "WHERE datname = current_database()",
    )
    if backend.query("SELECT 1 FROM pg_extension WHERE extname = 'pg_stat_statements'"):
        found |= _row(
            backend,
            "SELECT sum(calls) AS calls, sum(total_exec_time) AS milliseconds FROM pg_stat_statements "
            "WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
    return found


def _row(backend: Backend, sql: str) -> dict[str, float]:
    try:
        found = backend.sample(sql, 1)
    except DatabaseError:  # the role may not look, or the library is not loaded: then nothing is counted
        return {}
    return {name: float(value) for name, value in found[0].items() if value is not None} if found else {}
