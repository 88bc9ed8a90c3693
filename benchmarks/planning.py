"""How planning grows with the number of gaps: 1,000 gaps may take at most 12 times as long as 100.

On made-up Postgres schemas, no server needed. Prints seconds and the ratio. `make bench` runs it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.location import Dialect
from tools.plan.build import build_plan
from tools.plan.statement import effects
from tools.schema.gaps import compare
from tools.schema.model import Answers, Column, Index, PrimaryKey, Schema, Table

PER_TABLE = 5
"""Gaps of every table: a column, an index, a type, a rename, and a column that goes."""
AT_MOST = 12.0


def schemas(gaps: int, dialect: Dialect = "postgres") -> tuple[Schema, Schema, Answers]:
    """Two schemas so many gaps apart, and the answers to all questions."""
    tables = [f"t{number}" for number in range(gaps // PER_TABLE)]
    before = Schema(dialect, tuple(_table(name, old=True) for name in tables))
    after = Schema(dialect, tuple(_table(name, old=False) for name in tables))
    return before, after, Answers(none=True, columns=tuple((name, "goal", "purpose") for name in tables))


def _table(name: str, *, old: bool) -> Table:
    kept = (Column("id", "integer", nullable=False), Column("name", "text"))
    own = (
        (Column("goal", "text"), Column("size", "integer"), Column("legacy", "text")) if old
        else (Column("purpose", "text"), Column("size", "text"), Column("rank", "integer"))
    )  # fmt: skip
    indexes = () if old else (Index(f"{name}_name", name, ("name",)),)
    return Table(name, (*kept, *own), primary_key=PrimaryKey(("id",), f"{name}_pkey"), indexes=indexes)


def seconds(gaps: int, rounds: int = 3) -> float:
    """The median time to plan so many gaps."""
    before, after, answers = schemas(gaps)
    assert len(compare(before, after, answers)) == gaps
    taken: list[float] = []
    for _ in range(rounds):
        effects.cache_clear()  # else the second round is told what the first found out
        start = time.perf_counter()
        build_plan(before, after, answers)
        taken.append(time.perf_counter() - start)
    return median(taken)


def main() -> int:
    seconds(20, 1)  # what is imported on first use is no part of it
    few, many = seconds(100), seconds(1000, 1)
    print(f"planning: 100 gaps {few:.2f} s, 1,000 gaps {many:.2f} s: {many / few:.1f} times (at most {AT_MOST:g})")
    return 0 if many / few <= AT_MOST else 1


if __name__ == "__main__":
    sys.exit(main())
