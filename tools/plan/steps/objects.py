"""What one statement makes: extensions, domains, composite types, functions, policies, row security, comments,
privileges, exclusion constraints, and the partitions of a new table.

New ones that nobody is disturbed by come in the expand phase; what changes how rows are read or written, and what goes,
waits for the contract phase. A domain or a composite type that changes stays as it is, and so do the partitions of
a table that is there: the plan says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step
from tools.plan.pairs import Way
from tools.schema.model import Schema, SchemaObject
from tools.schema.normal import normal_object, normal_view
from tools.schema.tokens import tokenize

_FIRST = ("extension", "domain", "type")
_UNCHANGED = ("domain", "type", "extension", "partition")
_TEXTS = {"comment": "A comment is read by people alone.", "policy": "Which rows a role sees changes from here on.",
          "function": "What it does changes for whoever calls it.",
          "check": "No two rows may be at odds from here on; building it keeps writers out.",
          "privilege": "Who has the right loses or keeps it at once."}  # fmt: skip


def before_tables(draft: Draft) -> None:
    """Extensions, domains, types, and the functions that read no table that is still to come."""
    _make(draft, (o for o in _added(draft) if o.kind in _FIRST), Phase.EXPAND)
    _make(draft, (o for o in _added(draft) if o.kind == "function" and not _waits(draft, o)), Phase.EXPAND)


def after_tables(draft: Draft) -> None:
    there = {table.key for table in draft.origin.tables}
    _make(draft, (o for o in _added(draft) if o.kind == "partition" and _root(draft, o) not in there), Phase.EXPAND)
    _make(draft, (o for o in _added(draft) if o.kind == "function"), Phase.EXPAND)
    _make(draft, (o for o in _added(draft) if o.kind == "privilege" and _grantable(draft, o)), Phase.EXPAND)


def contract(draft: Draft) -> None:
    """What goes of comments, policies and privileges, before what they are on changes; comments may come back."""
    _drop(draft, (o for o in _removed(draft) if o.kind in ("comment", "policy", "privilege", "check")))
    _drop(draft, _lost(draft))


def finish(draft: Draft) -> None:
    """All that belongs to the final form, and then what nothing of it uses any more."""
    for old, new in _changed(draft):
        _change(draft, old, new)
    _make(draft, (o for o in _added(draft) if o.kind != "partition"), Phase.CONTRACT)
    for kind in ("function", "domain", "type", "extension"):
        _drop(draft, (o for o in _removed(draft) if o.kind == kind))


def _root(draft: Draft, partition: SchemaObject) -> str:
    """The table that a partition, of a partition maybe, is in the end a part of."""
    parents = {o.name: o.table for o in draft.target.objects if o.kind == "partition"}
    key = partition.table
    while key in parents:
        key = parents[key]
    return key


def _grantable(draft: Draft, privilege: SchemaObject) -> bool:
    """Whether what the right is on is there; columns and functions may still come or change."""
    whole = "(" not in privilege.name
    return whole and bool(not privilege.table or draft.state.table(privilege.table))


def _identity(thing: SchemaObject) -> tuple[str, str, str]:
    return thing.kind, thing.table if thing.kind in ("policy", "check") else "", thing.key


def _added(draft: Draft) -> list[SchemaObject]:
    there = {_identity(o) for o in draft.state.objects}
    return [o for o in draft.target.objects if _identity(o) not in there and o.kind not in draft.target.unsaid]


def _removed(draft: Draft) -> list[SchemaObject]:
    """What goes by itself: what is on a table that goes, goes with the table."""
    wanted = {_identity(o) for o in draft.target.objects}
    gone = {o.key for o in (*draft.origin.tables, *draft.origin.views)} - {
        o.key for o in (*draft.target.tables, *draft.target.views, *(p.before for p in draft.pairs))
    }
    there = [o for o in draft.state.objects if _identity(o) not in wanted and o.table not in gone]
    return [o for o in there if o.kind not in draft.target.unsaid]


def _changed(draft: Draft) -> list[tuple[SchemaObject, SchemaObject]]:
    there = {_identity(o): o for o in draft.state.objects}
    return [
        (there[_identity(o)], o)
        for o in draft.target.objects
        if _identity(o) in there and o.kind not in _UNCHANGED and _form(draft, there[_identity(o)]) != _form(draft, o)
    ]


def _form(draft: Draft, thing: SchemaObject) -> str:
    return normal_object(thing, draft.dialect).form


def _waits(draft: Draft, function: SchemaObject) -> bool:
    """Whether a function names a table or a view that is not there yet."""
    there = {o.name for o in (*draft.state.tables, *draft.state.views)}
    coming = {o.name for o in (*draft.target.tables, *draft.target.views)} - there
    body = function.form.replace("$", " ")
    return any(token.name in coming for token in tokenize(body, "postgres") if token.is_name)


def _make(draft: Draft, things: Iterable[SchemaObject], phase: Phase) -> None:
    for thing in things:
        hazards = (Hazard.BREAKS_OLD_CODE,) if thing.kind in ("policy", "check") else ()
        _step(draft, phase, "create", thing, (thing.create,), (thing.drop,), hazards, _with(draft.state, thing))


def _change(draft: Draft, old: SchemaObject, new: SchemaObject) -> None:
    """A function is replaced in place, and a comment; policies and privileges go and come in one transaction."""
    again = new.kind in ("policy", "privilege", "check")
    sql = (old.drop, new.create) if again else (new.create,)
    undo = (new.drop, old.create) if again else (old.create,)
    hazards = () if new.kind == "comment" else (Hazard.BREAKS_OLD_CODE,)
    _step(draft, Phase.CONTRACT, "change", new, sql, undo, hazards, _with(_without(draft.state, old), new))


def _drop(draft: Draft, things: Iterable[SchemaObject]) -> None:
    for thing in things:
        hazards = () if thing.kind == "comment" else (Hazard.BREAKS_OLD_CODE,)
        left = _without(draft.state, thing)
        _step(draft, Phase.CONTRACT, "drop", thing, (thing.drop,), (thing.create,), hazards, left)


def _lost(draft: Draft) -> list[SchemaObject]:
    """Comments and exclusion constraints of columns that are swapped for others, comments of views that are made again:
    they go with them."""
    swapped = {
        f"COLUMN {pair.after.key}.{move.new.name}" for pair in draft.pairs for move in pair.of(Way.RETYPED, Way.DERIVED)
    }
    views = {view.key: normal_view(view, draft.dialect) for view in draft.target.views}
    made = {v.key for v in draft.state.views if views.get(v.key) != normal_view(v, draft.dialect)}
    anew = {v.key for v in draft.state.views} if made or swapped else set[str]()
    return [
        o for o in draft.state.objects
        if (o.kind == "comment" and (o.name.replace('"', "") in swapped or o.table in anew))
        or (o.kind == "check" and any(f"COLUMN {o.table}.{name}" in swapped for name in _named(o)))
    ]  # fmt: skip


def _named(thing: SchemaObject) -> set[str]:
    return {token.name for token in tokenize(thing.form, "postgres") if token.is_name}


def _step(
    draft: Draft, phase: Phase, verb: str, thing: SchemaObject, sql: tuple[str, ...], undo: tuple[str, ...],
    hazards: tuple[Hazard, ...], state: Schema,
) -> None:  # fmt: skip
    operation = f"{verb}_{thing.kind}"
    name = f"{thing.kind} {thing.key}"
    if thing.kind in ("comment", "privilege"):
        on = thing.name.removeprefix("ON ")
        name = f"comment on {on}" if thing.kind == "comment" else f"privilege {thing.form} on {on}"
    where = f" on {thing.table}" if thing.kind in ("policy", "check") else ""
    closes = tuple(
        gap.sentence for gap in draft.gaps
        if gap.kind.startswith(f"{thing.kind}_") and gap.name == thing.key and gap.table == thing.table
    )  # fmt: skip
    quiet = "A new one disturbs nobody."
    draft.add(
        Step(
            draft.step_id(phase, thing.key, operation), phase, operation, f"{verb.capitalize()} {name}{where}",
            (thing.key,), sql, undo, hazards=hazards, closes=closes,
            depends_on=_signed(draft) if phase is Phase.CONTRACT else (),
            reason=_TEXTS.get(thing.kind, quiet) if phase is Phase.CONTRACT else quiet,
        ),
        state,
        (thing.key, *((thing.table,) if thing.table else ())),
    )  # fmt: skip


def _signed(draft: Draft) -> tuple[str, ...]:
    return tuple(step.id for step in draft.steps if step.operation == "sign_off")


def _with(schema: Schema, thing: SchemaObject) -> Schema:
    return replace(schema, objects=(*schema.objects, thing))


def _without(schema: Schema, thing: SchemaObject) -> Schema:
    return replace(schema, objects=tuple(o for o in schema.objects if _identity(o) != _identity(thing)))
