"""The users' own triggers: new ones at the end of the contract phase, old ones away at its beginning. A table that
SQLite makes anew takes its triggers along."""

from __future__ import annotations

from tools.plan.draft import Draft
from tools.plan.facts import is_own_trigger
from tools.plan.model import Hazard, Phase, Step
from tools.plan.shape import with_trigger, without_trigger
from tools.schema.model import Trigger
from tools.schema.normal import normal_trigger
from tools.schema.render import qualified, quote


def contract(draft: Draft) -> None:
    for trigger in draft.state.triggers:
        wanted = _wanted(draft, trigger)
        on_kept = any(t.key == trigger.table for t in draft.target.tables)
        if not _own(trigger) and on_kept and (wanted is None or _normal(draft, wanted) != _normal(draft, trigger)):
            _step(draft, trigger, make=False)


def finish(draft: Draft) -> None:
    there = {(t.table, t.name) for t in draft.state.triggers}
    for trigger in draft.target.triggers:
        if (trigger.table, trigger.name) not in there:
            _step(draft, trigger, make=True)


def _step(draft: Draft, trigger: Trigger, *, make: bool) -> None:
    where = f" ON {qualified(trigger.table)}" if draft.dialect == "postgres" else ""
    drop = f"DROP TRIGGER {quote(trigger.name)}{where}"
    state = with_trigger(draft.state, trigger) if make else without_trigger(draft.state, trigger.table, trigger.name)
    operation = "create_trigger" if make else "drop_trigger"
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, trigger.table, f"{operation}_{trigger.name}"),
            Phase.CONTRACT,
            operation,
            f"{'Create' if make else 'Drop'} trigger {trigger.name} on {trigger.table}",
            (trigger.table,),
            (trigger.definition,) if make else (drop,),
            (drop,) if make else (trigger.definition,),
            hazards=(Hazard.BREAKS_OLD_CODE,),
            closes=tuple(
                g.sentence
                for g in draft.gaps
                if g.name == trigger.name and g.kind.startswith("trigger_") and g.sentence
            ),
            reason="What happens on each write changes from here on.",
            depends_on=tuple(s.id for s in draft.steps if s.operation == "sign_off"),
        ),
        state,
        (trigger.table,),
    )


def _wanted(draft: Draft, trigger: Trigger) -> Trigger | None:
    return next((t for t in draft.target.triggers if (t.table, t.name) == (trigger.table, trigger.name)), None)


def _normal(draft: Draft, trigger: Trigger) -> Trigger:
    return normal_trigger(trigger, draft.dialect)


def _own(trigger: Trigger) -> bool:
    return is_own_trigger(trigger.name)
