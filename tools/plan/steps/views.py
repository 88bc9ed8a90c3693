"""Views. One that changes or goes is dropped when the contract phase opens and made again when what it reads has its
final form; one that is new comes as soon as it can."""

from __future__ import annotations

from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step
from tools.plan.pairs import Way
from tools.plan.shape import readers, with_view, without_view
from tools.plan.steps.common import made_again
from tools.schema.model import View
from tools.schema.normal import normal_view
from tools.schema.render import in_reading_order, make_view, qualified


def expand(draft: Draft) -> None:
    for view in in_reading_order(draft.target.views):
        if draft.state.view(view.key) is None and _can_stand(draft, view):
            _make(draft, view, Phase.EXPAND)


def contract(draft: Draft) -> None:
    """Old definitions make way; a new one that the expanded shape can bear takes over at once."""
    gone = [v for v in in_reading_order(draft.state.views) if _changed(draft, v)]
    for view in reversed(gone):
        wanted = draft.target.view(view.key)
        above = [v for v in readers(draft.state, view.key) if not _changed(draft, v)]
        _replace(draft, view, wanted if wanted and _can_stand(draft, wanted) else None, above)


def finish(draft: Draft) -> None:
    for view in in_reading_order(draft.target.views):
        if draft.state.view(view.key) is None:
            _make(draft, view, Phase.CONTRACT)


def _changed(draft: Draft, view: View) -> bool:
    wanted = draft.target.view(view.key)
    return wanted is None or normal_view(wanted, draft.dialect) != normal_view(view, draft.dialect)


def _can_stand(draft: Draft, view: View) -> bool:
    """Whether all that the view reads is there under its final name and type."""
    for key in view.depends_on:
        pair = next((p for p in draft.pairs if p.after.key == key), None)
        if pair is not None:
            table = draft.table(key)
            if pair.of(Way.RETYPED, Way.DIRECT, Way.DERIVED) or not all(
                table.column(c) for c in pair.after.column_names
            ):
                return False
        elif (
            draft.state.table(key) is None
            and draft.state.view(key) is None
            or draft.target.view(key) is not None
            and _changed(draft, draft.state.view(key) or view)
        ):
            return False
    return True


def _make(draft: Draft, view: View, phase: Phase) -> None:
    draft.add(
        Step(
            draft.step_id(phase, view.key, "create_view"),
            phase,
            "create_view",
            f"Create view {view.key}",
            (view.key, *(k for k in view.depends_on if k != view.key)),
            tuple(_made(draft, view)),
            (_drop(view),),
            closes=_gaps(draft, view),
            reason="A view holds no rows of its own.",
        ),
        with_view(draft.state, view),
    )


def _replace(draft: Draft, old: View, new: View | None, above: list[View]) -> None:
    state = without_view(draft.state, old.key)
    sql, undo = (
        [_drop(old)],
        [*_made(draft, old), *(t.definition for t in draft.state.triggers if t.table == old.key)],
    )
    if new is not None:
        sql += _made(draft, new)
        undo.insert(0, _drop(new))
        state = with_view(state, new)
    if draft.dialect == "postgres" and above:
        make = [statement for v in above for statement in made_again(draft.state, v)]
        drop = [_drop(v) for v in reversed(above)]
        sql, undo = [*drop, *sql, *make], [*drop, *undo, *make]
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, old.key, "replace_view" if new else "drop_view"),
            Phase.CONTRACT,
            "change_view" if new else "drop_view",
            f"{'Replace' if new else 'Drop'} view {old.key}",
            (old.key,),
            tuple(sql),
            tuple(undo),
            hazards=(Hazard.BREAKS_OLD_CODE,),
            closes=_gaps(draft, old),
            reason=_reason(draft, old, new),
            depends_on=tuple(s.id for s in draft.steps if s.operation == "sign_off"),
        ),
        state,
        (old.key, *old.depends_on),
    )


def _reason(draft: Draft, old: View, new: View | None) -> str:
    if new is None and draft.target.view(old.key) is not None:
        return (
            "It comes back at the end of the phase, when what it reads has its final form; until then it is not there."
        )
    return "A view holds no rows of its own: undoing makes it again."


def _made(draft: Draft, view: View) -> list[str]:
    """A view that was there before comes back with its privileges."""
    return made_again(draft.state, view) if draft.dialect == "postgres" else list(make_view(view, draft.dialect))


def _drop(view: View) -> str:
    return f"DROP {'MATERIALIZED ' if view.materialized else ''}VIEW {qualified(view.key)}"


def _gaps(draft: Draft, view: View) -> tuple[str, ...]:
    return tuple(g.sentence for g in draft.gaps if "view" in g.kind and view.key in (g.name, g.table) and g.sentence)
