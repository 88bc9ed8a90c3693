"""Composite types of Postgres that change: attribute by attribute, where no table holds values of them.

Their order counts, and a new attribute stands last: those behind the first difference go and come again.
"""

from __future__ import annotations

from tools.plan.dependents import around
from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step
from tools.plan.shape import with_object
from tools.plan.type_users import attributes, uses
from tools.schema.entries import plain
from tools.schema.model import Schema, SchemaObject
from tools.schema.normal import normal_type
from tools.schema.render import qualified
from tools.schema.tokens import unquote


def expand(draft: Draft) -> None:
    """Those that tables to come are made of."""
    for old, new in _changed(draft):
        if uses(draft.target, new.key):
            _change(draft, old, new, Phase.EXPAND)


def contract(draft: Draft) -> None:
    for old, new in _changed(draft):
        _change(draft, old, new, Phase.CONTRACT)


def _changed(draft: Draft) -> list[tuple[SchemaObject, SchemaObject]]:
    wanted = {o.key: o for o in draft.target.objects if o.kind == "type" and "type" not in draft.target.unsaid}
    there = [o for o in draft.state.objects if o.kind == "type" and o.key in wanted]
    return [(o, wanted[o.key]) for o in there if not _same(o.form, wanted[o.key].form)]


def _same(one: str, other: str) -> bool:
    return normal_type(one, "postgres") == normal_type(other, "postgres")


def _change(draft: Draft, old: SchemaObject, new: SchemaObject, phase: Phase) -> None:
    heads = [f"{old.key}#{name}" for name in sorted(_touched(old, new))]
    closes = tuple(g.sentence for g in draft.gaps if g.kind == "type_changed" and g.name == old.key and not g.column)
    draft.add(
        Step(
            draft.step_id(phase, old.key, "change_type_attributes"), phase, "change_composite",
            f"Change the composite type {old.key} to ({new.form})", (old.key,),
            around(draft.state, heads, _statements(draft.state, old, new)),
            around(draft.state, heads, _statements(draft.state, new, old)),
            hazards=(Hazard.BREAKS_OLD_CODE,), closes=closes,
            depends_on=draft.sign_offs if phase is Phase.CONTRACT else (),
            reason="No table holds values of it: only the catalog changes.",
        ),
        with_object(draft.state, new),
        (old.key,),
    )  # fmt: skip


def _touched(old: SchemaObject, new: SchemaObject) -> set[str]:
    kept = _kept(old, new)
    there, wanted = attributes(old), attributes(new)
    moved = {name for name, _ in (*there[kept:], *wanted[kept:])}
    moved |= {name for (name, was), (_, now) in zip(there[:kept], wanted[:kept], strict=True) if not _same(was, now)}
    return {unquote(name) for name in moved}


def _kept(old: SchemaObject, new: SchemaObject) -> int:
    """How many attributes at the beginning bear the same names."""
    pairs = zip(attributes(old), attributes(new), strict=False)
    return next(
        (n for n, ((a, _), (b, _)) in enumerate(pairs) if a != b), min(len(attributes(old)), len(attributes(new)))
    )


def _statements(state: Schema, old: SchemaObject, new: SchemaObject) -> tuple[str, ...]:
    kept, alter = _kept(old, new), f"ALTER TYPE {qualified(old.key)}"
    there, wanted = attributes(old), attributes(new)
    sql = [f"{alter} DROP ATTRIBUTE {name}" for name, _ in there[kept:]]
    for (name, was), (_, now) in zip(there[:kept], wanted[:kept], strict=True):
        sql += [] if _same(was, now) else [f"{alter} ALTER ATTRIBUTE {name} TYPE {now}"]
    sql += [f"{alter} ADD ATTRIBUTE {name} {type_}" for name, type_ in wanted[kept:]]
    again = {name for name, _ in there[kept:]} & {name for name, _ in wanted[kept:]}
    return (*sql, *_comments(state, old.key, again))


def _comments(state: Schema, key: str, names: set[str]) -> list[str]:
    """The comments on attributes that go and come again."""
    ends = tuple(f".{plain(unquote(name))}" for name in names)
    return [o.create for o in state.objects if o.kind == "comment" and o.table == key and o.name.endswith(ends)]
