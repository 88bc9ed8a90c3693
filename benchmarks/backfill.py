"""What batches cost: a batched backfill against one single UPDATE of the same rows, on each engine.

Run: python benchmarks/backfill.py [ROWS] [--engine sqlite,duckdb,postgres] [--size ROWS_A_BATCH] [--rounds N]

The two are measured in turn in one process, on tables of their own with the same rows. Printed are the ratio of their
rates (1.0: batches are as fast as one statement), and how the last tenth of the rows went against the first. Batches
are the shipped ones: ranges of the key whose size follows the clock, the cursor in each batch's own transaction. The
key is what is usual for the engine: on SQLite an INTEGER PRIMARY KEY, which is the row's place; `--key BIGINT` makes it
one by an index, which each batch has to go through and a single UPDATE has not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.embedded import scratch_database, server
from tools.location import DIALECTS
from tools.migrate.backend import Backend, Key
from tools.migrate.backfill import run_batches
from tools.migrate.open import open_backend
from tools.migrate.pace import Pace
from tools.plan.model import Backfill

KEYS = {"sqlite": "INTEGER", "duckdb": "BIGINT", "postgres": "BIGINT"}
NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n",
    "duckdb": "SELECT i FROM range(1, {rows} + 1) AS n(i)",
    "postgres": "SELECT i FROM generate_series(1, {rows}) AS n(i)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--engine", default=",".join(DIALECTS))
    parser.add_argument("--size", type=int, default=None, help="rows a batch; else as many as take 0.1 s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--key", default=None, help="type of the key; else the engine's usual one")
    chosen = parser.parse_args()
    print(
        f"{'engine':<10}{'rows':>10}{'batches':>9}{'one UPDATE':>13}{'batched':>13}{'ratio':>8}{'last/first tenth':>18}"
    )
    for engine in chosen.engine.split(","):
        pace = Pace(least=chosen.size, most=chosen.size)
        print(measured(engine, chosen.rows, pace, chosen.rounds, chosen.key), flush=True)


@dataclass(frozen=True)
class Measured:
    """Rows a second, medians. tenths: the rate of the last tenth of the rows by that of the first."""

    engine: str
    rows: int
    batches: int
    single: float
    batched: float
    tenths: float

    @property
    def ratio(self) -> float:
        return self.batched / self.single

    def __str__(self) -> str:
        return (
            f"{self.engine:<10}{self.rows:>10,}{self.batches:>9}{self.single:>11,.0f}/s{self.batched:>11,.0f}/s"
            f"{self.ratio:>8.2f}{self.tenths:>18.2f}"
        )


def measured(engine: str, rows: int, pace: Pace, rounds: int, key: str | None = None) -> Measured:
    """The two ways in turn, so that what slows the machine down slows both."""
    single: list[float] = []
    batched: list[list[tuple[int, float]]] = []
    with (
        tempfile.TemporaryDirectory(prefix="oneplan-bench-") as folder,
        database(engine, Path(folder)) as location,
        closing(open_backend(location)) as backend,
    ):
        for _ in range(rounds):
            single.append(timed_single(backend, rows, key))
            batched.append(timed_batches(backend, rows, pace, key))
    tenths = median(_rate(steps, 0.9, 1.0) / _rate(steps, 0.0, 0.1) for steps in batched)
    times = [steps[-1][1] for steps in batched]
    return Measured(engine, rows, len(batched[-1]), rows / median(single), rows / median(times), tenths)


def _rate(steps: list[tuple[int, float]], begin: float, end: float) -> float:
    """Rows a second between two shares of the way; a batch may be larger than a tenth."""
    rows, known = steps[-1][0], [(0, 0.0), *steps]
    return rows * (end - begin) / (_time_at(known, rows * end) - _time_at(known, rows * begin))


def _time_at(known: list[tuple[int, float]], rows: float) -> float:
    for (done, at), (next_done, next_at) in zip(known, known[1:], strict=False):
        if rows <= next_done:
            return at + (next_at - at) * (rows - done) / (next_done - done)
    return known[-1][1]


def timed_single(backend: Backend, rows: int, key: str | None = None) -> float:
    backfill = fresh_table(backend, rows, key)
    started = time.perf_counter()
    with backend.transaction():
        written = backend.execute(backfill.statement())
    assert written == rows
    return time.perf_counter() - started


def timed_batches(backend: Backend, rows: int, pace: Pace, key: str | None = None) -> list[tuple[int, float]]:
    """After each batch, the rows done and the seconds since the first began."""
    backfill = fresh_table(backend, rows, key)
    written, steps = 0, list[tuple[int, float]]()

    def commit(_after: Key | None, upto: Key, _done: int, count: int, _seconds: float) -> None:
        nonlocal written
        written += count
        backend.execute(f'UPDATE "cursors" SET "upto" = {backend.mark(1)}', [str(upto[0])])

    started = time.perf_counter()
    last = backend.last_key(backfill.table, backfill.key)
    assert last is not None
    run_batches(
        backend, backfill, after=None, last=last, done=0, total=rows, commit=commit, asked=lambda: False, pace=pace,
        progress=lambda done, _total: steps.append((done, time.perf_counter() - started)),
    )  # fmt: skip
    assert written == rows
    return steps


def fresh_table(backend: Backend, rows: int, key: str | None = None) -> Backfill:
    for table in ("t", "cursors"):
        backend.execute(f'DROP TABLE IF EXISTS "{table}"')
    kind = key or KEYS[backend.dialect]
    backend.execute(f'CREATE TABLE "t" ("id" {kind} PRIMARY KEY, "name" TEXT NOT NULL, "nick" TEXT)')
    backend.execute('CREATE TABLE "cursors" ("upto" TEXT)')
    backend.execute("INSERT INTO \"cursors\" VALUES ('')")
    numbers = NUMBERS[backend.dialect].format(rows=rows)
    backend.execute(f"INSERT INTO \"t\" SELECT i, 'Name ' || i, NULL FROM ({numbers}) AS numbers")
    if backend.dialect == "postgres":
        backend.execute('VACUUM ANALYZE "t"')
    return Backfill("t", '"t"', ('"id"',), (('"nick"', 'lower("name")'),), '"nick" IS NULL')


@contextmanager
def database(engine: str, folder: Path) -> Generator[str]:
    with ExitStack() as exits:
        if engine == "postgres":
            yield exits.enter_context(scratch_database(exits.enter_context(server())))
        elif engine == "duckdb":
            import duckdb

            duckdb.connect(str(folder / "bench.duckdb")).close()
            yield f"duckdb:///{folder / 'bench.duckdb'}"
        else:
            (folder / "bench.db").touch()
            yield f"sqlite:///{folder / 'bench.db'}"


if __name__ == "__main__":
    main()
