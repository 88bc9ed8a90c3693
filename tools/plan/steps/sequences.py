"""Sequences that no column owns."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step
from tools.schema.model import Sequence
from tools.schema.render import create_sequence, qualified


def expand(draft: Draft) -> None:
    there = {s.key for s in draft.state.sequences}
    for sequence in draft.target.sequences:
        if sequence.key not in there:
            _step(draft, sequence, make=True)


def contract(draft: Draft) -> None:
    wanted = {s.key for s in draft.target.sequences}
    for sequence in draft.state.sequences:
        if sequence.key not in wanted:
            _step(draft, sequence, make=False)


def _step(draft: Draft, sequence: Sequence, *, make: bool) -> None:
    phase = Phase.EXPAND if make else Phase.CONTRACT
    create, drop = create_sequence(sequence), f"DROP SEQUENCE {qualified(sequence.key)}"
    left = tuple(s for s in draft.state.sequences if s.key != sequence.key)
    operation = "create_sequence" if make else "drop_sequence"
    draft.add(
        Step(
            draft.step_id(phase, sequence.key, operation),
            phase,
            operation,
            f"{'Create' if make else 'Drop'} sequence {sequence.key}",
            (sequence.key,),
            (create,) if make else (drop,),
            (drop,) if make else (create,),
            hazards=() if make else (Hazard.BREAKS_OLD_CODE,),
            closes=tuple(
                g.sentence for g in draft.gaps if g.kind.startswith("sequence_") and sequence.key in (g.name, g.table)
            ),
            reason="A new sequence disturbs nobody." if make else "Undoing makes it again, counting from its start.",
        ),
        replace(draft.state, sequences=(*left, sequence) if make else left),
    )
