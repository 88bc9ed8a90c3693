"""Views, functions, policies and triggers: made in the order in which they hold on to each other.

A new view or function comes as soon as it can. When the contract phase opens, what changes takes over at once where the
expanded shape bears its new form, and what does not change stays, made again around it where it must be. What must
wait for the final form makes way, with all that holds on to it, and comes back at the end of the phase.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from tools.plan.dependents import (
    Definition,
    between,
    definitions,
    dependents,
    drop,
    found,
    in_order,
    make,
    name_of,
    with_,
    without,
)
from tools.plan.draft import Draft
from tools.plan.facts import is_own_trigger
from tools.plan.model import Hazard, Phase, Step
from tools.plan.pairs import Way
from tools.plan.standing import called_by_rules, can_stand, in_place, is_function, is_said, late_bound, same
from tools.schema.model import Schema, SchemaObject, Trigger, View
from tools.schema.render import firing_sql

_CHANGES = (Way.RETYPED, Way.DERIVED)
_UNREAD = "SET LOCAL check_function_bodies = off"
"""Else Postgres reads the body of a function that comes back, which may name columns that come back after it."""


def before_tables(draft: Draft) -> None:
    """The functions that need nothing that is still to come: a table's rules may call them."""
    for thing in _missing(draft):
        if is_function(thing) and can_stand(draft, thing):
            _make(draft, thing, Phase.EXPAND)


def expand(draft: Draft) -> None:
    """New views and functions, as far as the expanded shape bears them."""
    for thing in _missing(draft):
        if (isinstance(thing, View) or is_function(thing)) and can_stand(draft, thing):
            _make(draft, thing, Phase.EXPAND)


def contract(draft: Draft) -> None:
    wanted = {name_of(t): t for t in definitions(draft.target)}
    there = [t for t in in_order(definitions(draft.state)) if _counts(draft, t)]
    away = _makes_way(draft, there, wanted)
    for thing in reversed([t for t in there if name_of(t) in away]):
        _drop(draft, thing, comes_back=name_of(thing) in wanted)
    for thing in in_order(tuple(wanted.values())):
        before = found(draft.state, name_of(thing))
        changes = before is not None and not same(draft, before, thing) and can_stand(draft, thing)
        if before and changes and not called_by_rules(draft, before, thing):
            _replace(draft, before, thing)
    for thing in reversed([t for t in there if name_of(t) not in wanted and found(draft.state, name_of(t))]):
        if not _may_wait(thing):
            _drop(draft, thing, comes_back=False)


def finish(draft: Draft) -> None:
    """What belongs to the final form, and then the functions that nothing of it uses any more."""
    for thing in in_order(definitions(draft.target)):
        before = found(draft.state, name_of(thing))
        if before is None and is_said(draft, thing):
            _make(draft, thing, Phase.CONTRACT)
        elif before is not None and not same(draft, before, thing) and not called_by_rules(draft, before, thing):
            _replace(draft, before, thing, last=True)
    wanted = {name_of(t) for t in definitions(draft.target)}
    for thing in reversed(in_order(definitions(draft.state))):
        if is_function(thing) and name_of(thing) not in wanted and is_said(draft, thing):
            _drop(draft, thing, comes_back=False, last=True)


def _makes_way(draft: Draft, there: list[Definition], wanted: dict[str, Definition]) -> set[str]:
    """The names of what goes before the columns change: what goes for good, what cannot stand yet in its new form, and
    whatever holds on to these. What else goes for good is left until what may still use it has changed."""
    changing = {n: t for t in there if (n := name_of(t)) in wanted and not same(draft, t, wanted[n])}
    gone = [t for t in there if name_of(t) not in wanted and not _may_wait(t)]
    stays = {n for n, t in changing.items() if late_bound(wanted[n]) or _only_fires_otherwise(t, wanted[n])}
    away = {n for n in changing if not can_stand(draft, wanted[n]) and n not in stays}
    away |= {name_of(t) for t in gone if any(name_of(t) in _above(draft, n) for n in changing)}
    going = {f"{p.after.key}#{m.old.name}" for p in draft.pairs for m in p.of(Way.REMOVED, Way.RENAMED, *_CHANGES)}
    going |= {t.key for t in draft.state.tables if draft.target.table(t.key) is None}
    away |= {name_of(t) for t in there if is_function(t) and name_of(t) not in wanted and going & set(t.depends_on)}
    return away | {name for head in away for name in _above(draft, head)}


def _only_fires_otherwise(before: Definition, after: Definition) -> bool:
    return isinstance(after, Trigger) and in_place(before, after)


def _above(draft: Draft, name: str) -> set[str]:
    return {name_of(thing) for thing in dependents(draft.state, [name])}


def _may_wait(thing: Definition) -> bool:
    """Whether it may stay until nothing uses it any more: a function disturbs nobody."""
    return is_function(thing)


def _counts(draft: Draft, thing: Definition) -> bool:
    """Whether a thing is planned by itself: what is on a table that goes, goes with it, and so do oneplan's own."""
    if isinstance(thing, Trigger) and is_own_trigger(thing.name):
        return False
    table = thing.table if isinstance(thing, (Trigger, SchemaObject)) else ""
    return (not table or bool(draft.target.table(table) or draft.state.view(table))) and is_said(draft, thing)


def _missing(draft: Draft) -> tuple[Definition, ...]:
    there = {name_of(thing) for thing in definitions(draft.state)}
    return tuple(t for t in in_order(definitions(draft.target)) if name_of(t) not in there and is_said(draft, t))


def _replace(draft: Draft, before: Definition, after: Definition, *, last: bool = False) -> None:
    """In place where the engine can; else the old one goes, the new one comes, and what holds on to it comes again.

    last: at the end of the phase, so that undoing comes before that of the columns.
    """
    state = with_(without(draft.state, before), after)
    if in_place(before, after):
        sql, undo = (_said_anew(after, draft.state),), (_said_anew(before, draft.state),)
    else:
        postgres = draft.dialect == "postgres"
        held = dependents(draft.state, [name_of(before)]) if postgres else _triggers_of(draft, before)
        new = (drop(before, draft.state), *make(after, draft.state))
        old = (drop(after, draft.state), *make(before, draft.state))
        sql, undo = between(draft.state, held, new), between(draft.state, held, old)
        for thing in held:
            state = with_(state, thing)
    verb = "Replace" if isinstance(after, View) else "Change"
    _step(draft, Phase.CONTRACT, "change", after, verb, sql, _unread(before, undo, last), state)


def _unread(thing: Definition, undo: tuple[str, ...], last: bool) -> tuple[str, ...]:
    return (_UNREAD, *undo) if last and is_function(thing) and late_bound(thing) else undo


def _said_anew(thing: Definition, schema: Schema) -> str:
    return firing_sql(thing) if isinstance(thing, Trigger) else make(thing, schema)[0]


def _triggers_of(draft: Draft, thing: Definition) -> tuple[Definition, ...]:
    """SQLite drops a view's triggers with it."""
    return tuple(t for t in draft.state.triggers if isinstance(thing, View) and t.table == thing.key)


def _drop(draft: Draft, thing: Definition, *, comes_back: bool, last: bool = False) -> None:
    undo = (*make(thing, draft.state), *(sql for t in _triggers_of(draft, thing) for sql in make(t, draft.state)))
    sql = (drop(thing, draft.state),)
    undo = _unread(thing, undo, last)
    _step(draft, Phase.CONTRACT, "drop", thing, "Drop", sql, undo, without(draft.state, thing), comes_back)


def _make(draft: Draft, thing: Definition, phase: Phase) -> None:
    sql = make(thing, draft.state)
    _step(draft, phase, "create", thing, "Create", sql, (drop(thing, draft.state),), with_(draft.state, thing))


def _step(
    draft: Draft, phase: Phase, verb: str, thing: Definition, word: str, sql: Iterable[str], undo: Iterable[str],
    state: Schema, comes_back: bool = False,
) -> None:  # fmt: skip
    kind, on = _kind(thing), "" if isinstance(thing, View) else thing.table
    operation = f"{verb}_{kind}"
    said = "replace_view" if operation == "change_view" else operation
    parts = (thing.table, f"{operation}_{thing.name}") if isinstance(thing, Trigger) else (thing.key, said)
    felt = verb != "create" or kind in ("policy", "trigger")
    reads = tuple(n for n in thing.depends_on if draft.state.table(n) or draft.state.view(n))
    objects = (on,) if isinstance(thing, Trigger) else (thing.key, *(reads if isinstance(thing, View) else ()))
    subjects = {name_of(thing): None, **dict.fromkeys(objects), **dict.fromkeys((on,) if on else ())}
    draft.add(
        Step(
            draft.step_id(phase, *parts), phase, operation,
            f"{word} {kind} {thing.name if isinstance(thing, Trigger) else thing.key}" + (f" on {on}" if on else ""),
            objects, tuple(sql), tuple(undo), hazards=(Hazard.BREAKS_OLD_CODE,) if felt else (),
            closes=_gaps(draft, thing), reason=_reason(kind, verb, comes_back),
            depends_on=draft.sign_offs if phase is Phase.CONTRACT else (),
        ),
        state,
        (*subjects, *(need for need in thing.depends_on if "#" not in need)),
    )  # fmt: skip


def _kind(thing: Definition) -> str:
    return thing.kind if isinstance(thing, SchemaObject) else type(thing).__name__.lower()


def _reason(kind: str, verb: str, comes_back: bool) -> str:
    if comes_back:
        closed = " With no policy a role sees no row of its table." if kind == "policy" else ""
        return "It comes back at the end of the phase, when what it reads has its final form; until then it is not " \
               f"there.{closed}"  # fmt: skip
    if verb == "create" and kind in ("view", "function"):
        return "A view holds no rows of its own." if kind == "view" else "A new one disturbs nobody."
    return {
        "view": "A view holds no rows of its own: undoing makes it again.",
        "function": "What it does changes for whoever calls it.",
        "policy": "Which rows a role sees changes from here on.",
    }.get(kind, "What happens on each write changes from here on.")


def _gaps(draft: Draft, thing: Definition) -> tuple[str, ...]:
    kind = _kind(thing)
    ours: Callable[[str], bool] = partial(_speaks_of, kind)
    on = None if isinstance(thing, View) or kind == "function" else thing.table
    name = thing.name if isinstance(thing, Trigger) else thing.key
    return tuple(
        g.sentence for g in draft.gaps
        if g.sentence and ours(g.kind) and g.name == name and (on is None or g.table == on)
    )  # fmt: skip


def _speaks_of(kind: str, gap: str) -> bool:
    return gap.rpartition("_")[0] in ((kind, "materialized_view") if kind == "view" else (kind,))
