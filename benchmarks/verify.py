"""What a proof costs: the fingerprint of a table against a `count(*)` and a hash over its rows, on each engine.

Run: python benchmarks/verify.py [ROWS] [--engine sqlite,duckdb,postgres] [--rounds N]

The fingerprint is one checksum a column and one over whole rows, the same on every machine and version. It is held
against the plainest scan that hashes every row: the row as text by the engine's own hash function, summed; on SQLite,
which has none, by a function of ours that is called for each row.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.backfill import database, fresh_table
from tools.location import DIALECTS
from tools.migrate.backend import Backend
from tools.migrate.open import open_backend
from tools.migrate.sqlite import SQLiteBackend

COLUMNS = ('"id"', '"name"', '"nick"')
HASHED = {
    "postgres": 'SELECT count(*), sum(hashtextextended("t"::text, 0)::numeric) FROM "t"',
    "sqlite": """SELECT count(*), sum(h("id" || '|' || "name" || '|' || "nick")) FROM "t\"""",
    "duckdb": 'SELECT count(*), sum(md5_number_lower("t"::VARCHAR)) FROM "t"',
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--engine", default=",".join(DIALECTS))
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(f"{'engine':<10}{'rows':>10}{'count + hash':>14}{'fingerprint':>13}{'ratio':>8}")
    for engine in chosen.engine.split(","):
        plain, whole = measured(engine, chosen.rows, chosen.rounds)
        print(f"{engine:<10}{chosen.rows:>10,}{plain:>12.2f} s{whole:>11.2f} s{whole / plain:>8.2f}", flush=True)


def measured(engine: str, rows: int, rounds: int) -> tuple[float, float]:
    """Seconds of the plain scan and of the fingerprint, in turn, medians."""
    plain: list[float] = []
    whole: list[float] = []
    with (
        tempfile.TemporaryDirectory(prefix="oneplan-bench-") as folder,
        database(engine, Path(folder)) as location,
        closing(open_backend(location)) as backend,
    ):
        fresh_table(backend, rows)
        backend.execute('UPDATE "t" SET "nick" = lower("name")')
        for _ in range(rounds):
            plain.append(_timed(lambda: _scan(backend)))
            whole.append(_timed(lambda: backend.fingerprint('"t"', COLUMNS)))
    return median(plain), median(whole)


def _scan(backend: Backend) -> None:
    backend.query('SELECT count(*) FROM "t"')
    if isinstance(backend, SQLiteBackend):
        backend.connection.create_function("h", 1, _hash, deterministic=True)
    backend.query(HASHED[backend.dialect])


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
