"""What batches cost: a batched backfill against one single UPDATE of the same rows, on each engine.

Run: python benchmarks/backfill.py [ROWS] [--engine sqlite,duckdb,postgres] [--size ROWS_A_BATCH] [--rounds N]

The two are measured in turn in one process, on tables of their own with the same rows, and the ratio of their rates is
printed (1.0: batches are as fast as one statement). The batches are the shipped ones: ranges of the key, the cursor
written in each batch's own transaction.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.embedded import scratch_database, server
from tools.location import DIALECTS
from tools.migrate.backend import Backend, Key
from tools.migrate.backfill import BATCH_ROWS, run_batches
from tools.migrate.open import open_backend
from tools.plan.model import Backfill

NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n",
    "duckdb": "SELECT i FROM range(1, {rows} + 1) AS n(i)",
    "postgres": "SELECT i FROM generate_series(1, {rows}) AS n(i)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows", nargs="?", type=int, default=200_000)
    parser.add_argument("--engine", default=",".join(DIALECTS))
    parser.add_argument("--size", type=int, default=None, help="rows a batch; else the shipped size")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(f"{'engine':<10}{'rows':>10}{'a batch':>10}{'one UPDATE':>13}{'batched':>13}{'ratio':>8}")
    with tempfile.TemporaryDirectory(prefix="oneplan-bench-") as folder:
        for engine in chosen.engine.split(","):
            with database(engine, Path(folder)) as location, closing(open_backend(location)) as backend:
                report(backend, chosen.rows, chosen.size or BATCH_ROWS[backend.dialect], chosen.rounds)


def report(backend: Backend, rows: int, size: int, rounds: int) -> None:
    single: list[float] = []
    batched: list[float] = []
    for _ in range(rounds):
        single.append(timed_single(backend, rows))
        batched.append(timed_batches(backend, rows, size))
    one, many = rows / median(single), rows / median(batched)
    print(f"{backend.dialect:<10}{rows:>10,}{size:>10,}{one:>11,.0f}/s{many:>11,.0f}/s{many / one:>8.2f}", flush=True)


def timed_single(backend: Backend, rows: int) -> float:
    backfill = fresh_table(backend, rows)
    started = time.perf_counter()
    with backend.transaction():
        written = backend.execute(backfill.statement())
    assert written == rows
    return time.perf_counter() - started


def timed_batches(backend: Backend, rows: int, size: int) -> float:
    backfill = fresh_table(backend, rows)
    written = 0

    def commit(upto: Key, _done: int, count: int, _seconds: float) -> None:
        nonlocal written
        written += count
        backend.execute(f'UPDATE "cursors" SET "upto" = {backend.mark(1)}', [str(upto[0])])

    started = time.perf_counter()
    last = backend.last_key(backfill.table, backfill.key)
    assert last is not None
    run_batches(backend, backfill, after=None, last=last, done=0, total=rows, commit=commit, size=size)
    assert written == rows
    return time.perf_counter() - started


def fresh_table(backend: Backend, rows: int) -> Backfill:
    for table in ("t", "cursors"):
        backend.execute(f'DROP TABLE IF EXISTS "{table}"')
    backend.execute('CREATE TABLE "t" ("id" BIGINT PRIMARY KEY, "name" TEXT NOT NULL, "nick" TEXT)')
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
