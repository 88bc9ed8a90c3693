"""Whether queries got slower, or fail more, than before the plan: the rules of the monitor phase."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from tools.migrate.probes import Sample

SLOWER = 2.0
"""Times the baseline that a query may take."""
FLOOR = 5.0
"""Milliseconds that a query may take longer whatever the factor says: short ones jump."""
ENOUGH = 3
"""Samples in a row that must be slow: one may have met a vacuum or a backup."""
SHARE = 0.01
TRANSACTIONS = 100
"""Below so many transactions (or calls) a share says nothing."""


def fallen_off(baseline: Sample, samples: Sequence[Sample]) -> tuple[str, ...]:
    """A sentence for everything that fell off since the baseline; `samples` are in the order of time."""
    if not samples:
        return ()
    return (*_failing(baseline, samples[-1]), *_slower(baseline, samples), *_counted(baseline, samples))


def _failing(baseline: Sample, latest: Sample) -> Iterator[str]:
    for name, error in latest.errors.items():
        if name not in baseline.errors:
            yield f"{name} fails now, and did not before: {error}"


def _slower(baseline: Sample, samples: Sequence[Sample]) -> Iterator[str]:
    recent = samples[-ENOUGH:]
    if len(recent) < ENOUGH:
        return
    for name, before in baseline.latency.items():
        times = [sample.latency[name] for sample in recent if name in sample.latency]
        if len(times) == ENOUGH and min(times) > max(before * SLOWER, before + FLOOR):
            yield f"{name} takes {median(times):.1f} ms, and took {before:.1f} ms before"


def _counted(baseline: Sample, samples: Sequence[Sample]) -> Iterator[str]:
    first, last = samples[0].counters, samples[-1].counters
    grown = {name: last[name] - first[name] for name in last.keys() & first.keys()}
    done = grown.get("commits", 0) + grown.get("rollbacks", 0)
    for name, what in (("rollbacks", "transactions that were rolled back"), ("deadlocks", "deadlocks")):
        before = _share(baseline.counters, name)
        now = grown.get(name, 0) / done if done >= TRANSACTIONS else 0.0
        if now > before * SLOWER + SHARE:
            yield f"{what}: {now:.1%} of all transactions, and {before:.1%} before"
    calls = grown.get("calls", 0)
    if calls >= TRANSACTIONS and baseline.counters.get("calls"):
        mean, was = grown["milliseconds"] / calls, baseline.counters["milliseconds"] / baseline.counters["calls"]
        if mean > max(was * SLOWER, was + FLOOR):
            yield f"all statements together take {mean:.1f} ms each, and took {was:.1f} ms before"


def _share(counted: dict[str, float], name: str) -> float:
    all_ = counted.get("commits", 0) + counted.get("rollbacks", 0)
    return counted.get(name, 0) / all_ if all_ else 0.0
