"""A long plan over many rows while an application goes on writing: does it end, is every write kept, does the memory
grow with the rows? By the command line, in processes of their own, as a user runs it."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.migrate.kit import Target, opened
from tests.places import target_of
from tests.prove.pages import Part, table
from tools.embedded import server
from tools.location import Dialect

ROOT = Path(__file__).parents[2]
STEPS = 200
STEPS_A_TABLE: dict[Dialect, int] = {"postgres": 7, "sqlite": 5, "duckdb": 5}
AROUND: dict[Dialect, int] = {"postgres": 4, "sqlite": 4, "duckdb": 4}
"""Steps of a plan that stand for all its tables: baseline, code, sign-off, proof."""
ROWS = (100_000, 1_000_000)
GROWTH = 1.2
"""How much more memory a run may take for ten times the rows."""
ALLOW = "DELETES_DATA"
PAUSE = 0.002
"""Seconds between two writes of the application."""
MEASURED = """
import sys
from pathlib import Path
from assistant.cli import run
code = run(sys.argv[1:])
lines = Path("/proc/self/status").read_text().splitlines()
Path("peak").write_text(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
sys.exit(code)
"""
"""The command line, and the most KiB that its process ever held. (A limit by rusage would count its parent's too.)"""


@dataclass(frozen=True)
class Soaked:
    """steps: of the plan. peak: MiB of the process that applied it. longest: seconds that a write of the application
    waited. amiss: what is not as it must be."""

    dialect: Dialect
    rows: int
    steps: int
    seconds: float
    peak: float
    writes: int
    longest: float
    amiss: tuple[str, ...]


@dataclass
class Written:
    """What the application wrote last to each row of each table, and how that went."""

    values: dict[tuple[int, int], int] = field(default_factory=dict)
    writes: int = 0
    longest: float = 0.0
    errors: list[str] = field(default_factory=list)


def part() -> Part:
    """Both sizes on the engines where another process can write meanwhile."""
    found: list[Soaked] = []
    with ExitStack() as exits:
        url = exits.enter_context(server())
        for dialect in ("sqlite", "postgres"):
            for rows in ROWS:
                folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="oneplan-soak-")))
                with target_of(dialect, folder, lambda: url) as target:
                    found.append(soak(target, folder, rows))
                print(f"soak: {found[-1]}", flush=True)
    grown = {few.dialect: many.peak / few.peak for few, many in zip(found[::2], found[1::2], strict=True)}
    failures = [f"{one.dialect}, {one.rows:,} rows: {sentence}" for one in found for sentence in one.amiss]
    failures += [f"{name}: the peak grows {times:.2f} times" for name, times in grown.items() if times > GROWTH]
    rows = [
        (one.dialect, f"{one.rows:,}", one.steps, f"{one.seconds:,.0f}", f"{one.peak:.0f}", f"{one.writes:,}",
         f"{one.longest:.1f}") for one in found
    ]  # fmt: skip
    text = f"""\
A plan that changes the type of a column in every table, half of all rows in one of them, applied by the command line
while another process updates and inserts rows without a second try. In the end every row has the value that was
written to it last, and no write met an error.

{table(("engine", "rows", "steps", "seconds", "peak, MiB", "writes meanwhile", "longest wait, s"), rows)}

Memory for ten times the rows: {", ".join(f"{times:.2f} times on {name}" for name, times in grown.items())} (wanted: at
most {GROWTH}). SQLite lets one writer in at a time, and makes the tables anew in one transaction each: the longest wait
there is the copy of the largest table. DuckDB's file belongs to one process, so nobody else can write to it."""
    return Part("Two hundred steps under a writer", text, tuple(failures))


def tables_for(dialect: Dialect, steps: int = STEPS) -> int:
    return -(-(steps - AROUND[dialect]) // STEPS_A_TABLE[dialect])


def soak(target: Target, folder: Path, rows: int, steps: int = STEPS) -> Soaked:
    """Change a column's type in every table of a database with so many rows, half of them in one table. DuckDB's file
    belongs to one process, so nobody else writes there."""
    tables = tables_for(target.dialect, steps)
    counts = [rows - (tables - 1) * (rows // 2 // (tables - 1)), *[rows // 2 // (tables - 1)] * (tables - 1)]
    _build(target, counts)
    (folder / "oneplan.toml").write_text("")
    (folder / "desired.sql").write_text(_ddl(target.dialect, tables, "INTEGER", ", \"nick\" TEXT NOT NULL DEFAULT ''"))
    told, _ = _oneplan(folder, "plan", target.location, "desired.sql", "-o", "plan.yaml", "--renames", "none", "--json")
    planned = sum(len(phase["steps"]) for phase in told["phases"])
    _oneplan(folder, "rehearse", "plan.yaml", "--database", target.location, "--json")
    started = time.perf_counter()
    with _Application(target, counts) as application:
        done, peak = _oneplan(
            folder, "apply", "plan.yaml", "--database", target.location, "--yes", "--allow", ALLOW, "--json"
        )
    seconds = time.perf_counter() - started
    amiss = [f"step {step['id']} is {step['status']}" for step in done["steps"] if step["status"] != "done"]
    amiss += [*application.written.errors[:3], *_lost(target, counts, application.written)]
    if planned < steps:
        amiss.append(f"the plan has {planned} steps only")
    return Soaked(
        target.dialect, rows, planned, seconds, peak, application.written.writes, application.written.longest,
        tuple(amiss),
    )  # fmt: skip


def _oneplan(folder: Path, *words: str) -> tuple[Any, float]:
    """The data of its answer, and the most MiB that it held at once. Raises AssertionError where it fails."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", MEASURED, *words], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"oneplan {words[0]} ended with {done.returncode}: {done.stderr[-2000:]}"
    return json.loads(done.stdout)["data"], int((folder / "peak").read_text()) / 1024


def _ddl(dialect: Dialect, tables: int, amount: str, more: str = "") -> str:
    made = (
        f'CREATE TABLE "t{number:02}" ("id" BIGINT PRIMARY KEY, "amount" {amount} NOT NULL, "name" TEXT{more});'
        for number in range(tables)
    )
    return "\n".join((f"-- dialect: {dialect}", *made)) + "\n"


def _build(target: Target, counts: list[int]) -> None:
    numbers = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0}) SELECT i FROM n",
        "duckdb": "SELECT i FROM range(1, {0} + 1) AS n(i)",
        "postgres": "SELECT i FROM generate_series(1, {0}) AS n(i)",
    }[target.dialect]
    with opened(target.location) as backend:
        for line in _ddl(target.dialect, len(counts), "TEXT").splitlines()[1:]:
            backend.execute(line)
        for number, count in enumerate(counts):
            backend.execute(
                f"INSERT INTO \"t{number:02}\" SELECT i, CAST(i % 1000 AS TEXT), 'Name ' || i "
                f"FROM ({numbers.format(count)}) AS numbers"
            )


class _Application:
    """Another process that updates and adds rows, one at a time, without a second try, until its context ends."""

    def __init__(self, target: Target, counts: list[int]) -> None:
        self._target, self._counts, self.written = target, counts, Written()

    def __enter__(self) -> _Application:
        if self._target.dialect != "duckdb":
            spawned = multiprocessing.get_context("spawn")
            self._stop, (self._pipe, theirs) = spawned.Event(), spawned.Pipe()
            place = self._target.location
            self._process = spawned.Process(target=_write_on, args=(place, self._counts, self._stop, theirs))
            self._process.start()
            assert self._pipe.poll(30), "the application has not begun to write"
            self._pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        if self._target.dialect != "duckdb":
            self._stop.set()
            self.written = self._pipe.recv()
            self._process.join()


def _write_on(location: str, counts: list[int], stop: Any, pipe: Any) -> None:
    chance, written, added = random.Random(1), Written(), list(counts)
    with closing(_connect(location)) as connection:
        mark = "?" if location.startswith("sqlite") else "%s"
        while not stop.is_set():
            table, value = chance.randrange(len(counts)), chance.randrange(1_000_000)
            if chance.random() < 0.1:
                added[table] += 1
                row, sql = added[table], f'INSERT INTO "t{table:02}" ("amount", "id") VALUES ({mark}, {mark})'
            else:
                row = chance.randint(1, added[table])
                sql = f'UPDATE "t{table:02}" SET "amount" = {mark} WHERE "id" = {mark}'
            started = time.perf_counter()
            try:
                connection.execute(sql, (str(value), row))
                written.values[table, row] = value
            except Exception as error:
                written.errors.append(f"the application: {type(error).__name__}: {error}")
            written.longest = max(written.longest, time.perf_counter() - started)
            written.writes += 1
            if written.writes == 1:
                pipe.send("writing")
            time.sleep(PAUSE)
    pipe.send(written)


def _connect(location: str) -> Any:
    if location.startswith("sqlite"):
        return sqlite3.connect(location.removeprefix("sqlite:///"), timeout=60, isolation_level=None)
    import psycopg

    # Values are put into the statement here: a type that a server once worked out for a parameter is no more the
    # column's after the change.
    return psycopg.connect(location, autocommit=True, cursor_factory=psycopg.ClientCursor)


def _lost(target: Target, counts: list[int], written: Written) -> Iterator[str]:
    """A sentence for each table whose rows are not those of the beginning with what was written since."""
    with opened(target.location) as backend:
        for number, count in enumerate(counts):
            expected = {row: row % 1000 for row in range(1, count + 1)}
            expected |= {row: value for (table, row), value in written.values.items() if table == number}
            found = {row: int(amount) for row, amount in backend.query(f'SELECT "id", "amount" FROM "t{number:02}"')}
            if found != expected:
                wrong = sum(found.get(row) != value for row, value in expected.items())
                yield f"t{number:02}: {wrong} of {len(expected)} rows are not as they were written"
