"""Sequences that no column owns."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.dependents import owned
from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step
from tools.schema.model import Sequence
from tools.schema.normal import normal_sequence
from tools.schema.render import create_sequence, qualified


def expand(draft: Draft) -> None:
    there = {s.key: s for s in draft.state.sequences}
    for sequence in draft.target.sequences:
        before = there.get(sequence.key)
        if before is None:
            _step(draft, sequence, make=True)
        elif draft.dialect == "postgres" and normal_sequence(before, "postgres") != normal_sequence(
            sequence, "postgres"
        ):
            _alter(draft, before, sequence)


def contract(draft: Draft) -> None:
    wanted = {s.key for s in draft.target.sequences}
    for sequence in draft.state.sequences:
        if sequence.key not in wanted:
            _step(draft, sequence, make=False)


def _alter(draft: Draft, old: Sequence, new: Sequence) -> None:
    """What it counts by changes in place; where it stands does not."""
    draft.add(
        Step(
            draft.step_id(Phase.EXPAND, new.key, "change_sequence"),
            Phase.EXPAND,
            "change_sequence",
            f"Change how sequence {new.key} counts",
            (new.key,),
            (_counting(new),),
            (_counting(old),),
            closes=tuple(g.sentence for g in draft.gaps if g.kind == "sequence_changed" and g.name == new.key),
            reason="It goes on from where it stands. Undoing fails where it stands beyond its old bounds by then.",
        ),
        replace(draft.state, sequences=tuple(new if s.key == new.key else s for s in draft.state.sequences)),
    )


def _counting(sequence: Sequence) -> str:
    lowest = "NO MINVALUE" if sequence.minimum is None else f"MINVALUE {sequence.minimum}"
    highest = "NO MAXVALUE" if sequence.maximum is None else f"MAXVALUE {sequence.maximum}"
    cycle = "CYCLE" if sequence.cycle else "NO CYCLE"
    start = f"INCREMENT BY {sequence.increment} {lowest} {highest} START WITH {sequence.start}"
    return f"ALTER SEQUENCE {qualified(sequence.key)} {start} {cycle}"


def _step(draft: Draft, sequence: Sequence, *, make: bool) -> None:
    phase = Phase.EXPAND if make else Phase.CONTRACT
    create, drop = create_sequence(sequence), f"DROP SEQUENCE {qualified(sequence.key)}"
    sql, undo = ((create,), (drop,)) if make else _without(draft, sequence, create, drop)
    left = tuple(s for s in draft.state.sequences if s.key != sequence.key)
    operation = "create_sequence" if make else "drop_sequence"
    draft.add(
        Step(
            draft.step_id(phase, sequence.key, operation),
            phase,
            operation,
            f"{'Create' if make else 'Drop'} sequence {sequence.key}",
            (sequence.key,),
            sql,
            undo,
            reversible=bool(undo),
            hazards=() if make else (Hazard.BREAKS_OLD_CODE,),
            closes=tuple(
                g.sentence for g in draft.gaps if g.kind.startswith("sequence_") and sequence.key in (g.name, g.table)
            ),
            reason="A new sequence disturbs nobody." if make else _reason(draft),
        ),
        replace(draft.state, sequences=(*left, sequence) if make else left),
    )


def _without(draft: Draft, sequence: Sequence, create: str, drop: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The sequence dropped, and made again where it stood. DuckDB sets no sequence to a value."""
    if draft.dialect != "postgres":
        return (drop,), ()
    aside = draft.kept(f"drop {sequence.key}")
    where = f"SELECT last_value, is_called FROM {qualified(sequence.key)}"
    name = qualified(sequence.key).replace("'", "''")
    back = f"SELECT setval('{name}', last_value, is_called) FROM {aside.name}"
    given = owned(draft.state, "sequence", sequence.key, f"SEQUENCE {qualified(sequence.key)}")
    return (*aside.make(where), drop), (create, *given, back, aside.drop())


def _reason(draft: Draft) -> str:
    if draft.dialect == "postgres":
        return "Where it stood is set aside; undoing goes on counting from there."
    return "DuckDB sets no sequence to a value: one made again would count from its start, over numbers that are used."
