"""The baseline: every table's rows counted and fingerprinted before anything is touched."""

from __future__ import annotations

from tools.plan.draft import Draft
from tools.plan.model import Phase, Step


def analyse(draft: Draft) -> None:
    keys = tuple(table.key for table in draft.origin.tables)
    draft.add(
        Step(
            draft.step_id(Phase.ANALYSE, "baseline"),
            Phase.ANALYSE,
            "baseline",
            f"Count and fingerprint the rows of {len(keys)} table{'s' if len(keys) != 1 else ''}",
            keys,
            reason="The proof at the end is held against what is there now. Nothing is written to your tables.",
        )
    )
