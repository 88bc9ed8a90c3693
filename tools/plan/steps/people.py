"""What only people can do: deploy the code for the new names, and say that the old ones may go."""

from __future__ import annotations

from collections.abc import Sequence

from tools.plan.draft import Draft
from tools.plan.model import Phase, Step
from tools.plan.pairs import Move, Pair, Way
from tools.plan.steps.fill import must_hold

_MOST = 20
"""So many places of one name are listed; the usage scan gives the rest."""


def refactor(draft: Draft) -> None:
    """One manual step that lists every name that code must take up, or let go."""
    lines = [line for pair in draft.pairs for line in _code_changes(draft, pair)]
    lines += [f"stop using {key}" for key in _gone_tables(draft)]
    lines += [
        f"start using {t.key} where it is needed"
        for t in draft.target.tables
        if t.key not in {p.after.key for p in draft.pairs}
    ]
    if not lines:
        return
    flagged = _add_flag(draft)
    _ask(
        draft,
        Phase.REFACTOR,
        "deploy_code",
        "Deploy code that reads and writes the new names: " + "; ".join(lines),
        tuple(sorted({p.after.key for p in draft.pairs if _code_changes(draft, p)} | set(_gone_tables(draft)))),
        needs=(*(s.id for s in draft.steps if s.phase is Phase.EXPAND), *flagged),
        reason="Old and new names both work from here until the contract phase." + _used(draft),
    )


def switch(draft: Draft) -> None:
    """The flag goes on when every row has proven equal under both names, and before anything is removed."""
    if not _risky(draft):
        return
    _ask(
        draft,
        Phase.VERIFY,
        "switch_flag",
        "Switch the feature flag on, for few at first: the code reads " + "; ".join(_risky(draft)),
        needs=tuple(s.id for s in draft.steps if s.phase in (Phase.REFACTOR, Phase.VERIFY)),
        reason="Old and new names hold the same values: switching back is safe until the contract phase.",
    )


def finish(draft: Draft) -> None:
    """Behind the last removal the flag decides nothing any more."""
    if not _risky(draft):
        return
    _ask(
        draft,
        Phase.CONTRACT,
        "remove_flag",
        "Remove the feature flag from the code, and what stood behind its off side",
        needs=tuple(s.id for s in draft.steps if s.phase is Phase.CONTRACT),
        reason="The old names are gone: only one side of the flag can still run.",
    )


def contract(draft: Draft) -> None:
    """The sign-off that opens the contract phase."""
    _ask(
        draft,
        Phase.CONTRACT,
        "sign_off",
        "Sign off: nothing reads or writes the old names any more, and the checks of the verify phase hold",
        needs=tuple(s.id for s in draft.steps if s.phase in (Phase.REFACTOR, Phase.VERIFY)),
        reason="What follows removes old names. What is removed is set aside, but code that still uses it fails."
        + _used(draft),
    )


def _ask(
    draft: Draft, phase: Phase, operation: str, summary: str, objects: tuple[str, ...] = (), *, needs: tuple[str, ...],
    reason: str,
) -> None:  # fmt: skip
    """Add a step for people."""
    draft.add(Step(
        draft.step_id(phase, operation), phase, operation, summary, objects, manual=True, depends_on=needs,
        reason=reason,
    ))  # fmt: skip


def _risky(draft: Draft) -> list[str]:
    """What the code was seen to use, and must use under another name or in another form: `a.b in place of c`."""
    return [
        line
        for pair in draft.pairs
        for move in pair.moves
        if any(f"{pair.before.key}.{name}" in draft.usages for name in _read_by(draft, pair, move))
        for line in _of_move(draft, pair, move)
    ]


def _read_by(draft: Draft, pair: Pair, move: Move) -> tuple[str, ...]:
    if move.way in (Way.RENAMED, Way.RETYPED):
        return (move.old.name,)
    merge = draft.answers.merge(pair.after.key, move.new.name) if move.way is Way.ADDED else None
    return merge.sources if merge else ()


def _of_move(draft: Draft, pair: Pair, move: Move) -> list[str]:
    key = pair.after.key
    if move.way is Way.RETYPED:
        return [f"{key}.{move.new.name} as {move.new.type}"]
    old = ", ".join(_read_by(draft, pair, move))
    return [f"{key}.{move.new.name} in place of {old}"]


def _add_flag(draft: Draft) -> tuple[str, ...]:
    risky = _risky(draft)
    if not risky:
        return ()
    _ask(
        draft,
        Phase.REFACTOR,
        "add_flag",
        "Add a feature flag, switched off, that decides which the code reads: " + "; ".join(risky),
        needs=tuple(s.id for s in draft.steps if s.phase is Phase.EXPAND),
        reason="Code in use changes: with a flag it can be tried on few, and taken back without a deployment.",
    )
    return (draft.steps[-1].id,)


def _used(draft: Draft) -> str:
    """Where the code used what goes or changes, when the plan was made; "" where no code was looked at."""
    names = [key for key in _gone_tables(draft) if key in draft.usages]
    for pair in draft.pairs:
        names += [pair.before.key] if pair.renamed else []
        for move in pair.of(Way.RENAMED, Way.RETYPED, Way.REMOVED):
            names.append(f"{pair.before.key}.{move.old.name}")
    told = [f"{name} in {_places(draft.usages[name])}" for name in names if name in draft.usages]
    return " Used by the code when this plan was made: " + "; ".join(told) + "." if told else ""


def _places(places: Sequence[str]) -> str:
    more = f" and {len(places) - _MOST} more" if len(places) > _MOST else ""
    return ", ".join(places[:_MOST]) + more


def _gone_tables(draft: Draft) -> list[str]:
    kept = {pair.before.key for pair in draft.pairs}
    return [table.key for table in draft.origin.tables if table.key not in kept]


def _code_changes(draft: Draft, pair: Pair) -> list[str]:
    key = pair.after.key
    lines = [f"use {key} in place of {pair.before.key}"] if pair.renamed else []
    for move in pair.moves:
        if move.way is Way.RENAMED:
            lines.append(f"use {key}.{move.new.name} in place of {move.old.name}")
        elif move.way is Way.RETYPED or (move.way is Way.KEPT and move.recast):
            lines.append(f"be ready for {key}.{move.new.name} as {move.new.type}")
        elif move.way is Way.REMOVED:
            lines.append(f"stop using {key}.{move.old.name}")
        elif merge := draft.answers.merge(key, move.new.name) if move.way is Way.ADDED else None:
            lines.append(f"use {key}.{move.new.name} in place of {', '.join(merge.sources)}")
        elif move.way is Way.ADDED and must_hold(pair, move) and move.new.default is None and _written(move):
            lines.append(f"always write {key}.{move.new.name}")
        elif move.way is Way.KEPT and move.old.nullable and must_hold(pair, move):
            lines.append(f"write no NULL into {key}.{move.new.name}")
    return lines


def _written(move: Move) -> bool:
    return move.new.generated is None and not move.new.identity and not move.new.serial
