"""The last step: the rows of the baseline accounted for."""

from __future__ import annotations

from tools.plan.draft import Draft
from tools.plan.model import Phase, Step


def monitor(draft: Draft) -> None:
    keys = tuple(table.key for table in draft.origin.tables)
    draft.add(
        Step(
            draft.step_id(Phase.MONITOR, "proof"),
            Phase.MONITOR,
            "proof",
            "Account for every row of the baseline",
            keys,
            depends_on=tuple(step.id for step in draft.steps[-1:]),
            reason="Counts and fingerprints of what survives must equal the baseline's; the removed lies aside.",
        )
    )
