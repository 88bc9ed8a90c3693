"""The baseline: every table's rows counted and fingerprinted before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator

from tools.plan.draft import Draft
from tools.plan.model import Phase, Step, StepCheck
from tools.plan.pairs import Way
from tools.plan.steps.copy_column import convertible
from tools.plan.target import uses_type


def analyse(draft: Draft) -> None:
    keys = tuple(table.key for table in draft.origin.tables)
    draft.add(
        Step(
            draft.step_id(Phase.ANALYSE, "baseline"),
            Phase.ANALYSE,
            "baseline",
            f"Count and fingerprint the rows of {len(keys)} table{'s' if len(keys) != 1 else ''}",
            keys,
            checks=tuple(_convertible(draft)),
            reason="The proof at the end is held against what is there now. Nothing is written to your tables.",
        )
    )


def _convertible(draft: Draft) -> Iterator[StepCheck]:
    """Asked before anything else: the fingerprints are taken of the converted values too. Of a new enum nothing can be
    asked yet."""
    for pair in draft.pairs:
        for move in pair.of(Way.RENAMED, Way.RETYPED):
            there = not any(uses_type(move.new.type, enum.name) for enum in draft.target.enums)
            check = convertible(pair.before.key, move, draft.origin.version)
            if check and there:
                yield check
