"""The very last step: a window in which the system is watched. A run leaves it open, `oneplan monitor` works it off."""

from __future__ import annotations

from tools.plan.draft import Draft
from tools.plan.model import WATCH, Phase, Step


def monitor(draft: Draft) -> None:
    kept = tuple(pair.after.key for pair in draft.pairs)
    if not kept:
        return
    draft.add(
        Step(
            draft.step_id(Phase.MONITOR, WATCH),
            Phase.MONITOR,
            WATCH,
            "Watch the latency and the errors of queries against those before the run, for 48 hours unless told "
            "otherwise, and verify again; propose the way back when they fall off",
            kept,
            depends_on=tuple(step.id for step in draft.steps[-1:]),
            reason="Reads only. A run leaves it open: `oneplan monitor` works it off, can be left and goes on.",
        )
    )
