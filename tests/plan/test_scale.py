"""Planning grows with the number of gaps, and not with its square: counted in calls, which no busy machine changes."""

from __future__ import annotations

import cProfile
import pstats

from benchmarks.planning import AT_MOST, schemas
from tools.plan.build import build_plan
from tools.plan.statement import effects


def calls(gaps: int) -> int:
    before, after, answers = schemas(gaps)
    effects.cache_clear()  # else each is told what the one before found out
    profile = cProfile.Profile()
    profile.enable()
    build_plan(before, after, answers)
    profile.disable()
    return pstats.Stats(profile).total_calls  # type: ignore[attr-defined]


def test_ten_times_the_gaps_take_at_most_twelve_times_the_work() -> None:
    calls(10)  # what is imported or made on first use
    few, many = calls(50), calls(500)
    assert many <= AT_MOST * few, f"{many / few:.1f} times the work"
