"""What one statement makes and nothing is made around: extensions, domains, composite types, comments, privileges,
exclusion constraints, and the partitions of a new table.

New ones that nobody is disturbed by come in the expand phase; what changes how rows are read or written, and what goes,
waits for the contract phase. Domains, composite types and the partitions of a table that is there change by
operations of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tools.plan import comments
from tools.plan.dependents import KINDS, owned
from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step
from tools.plan.pairs import Way
from tools.plan.partitions import root
from tools.schema.model import Schema, SchemaObject
from tools.schema.normal import normal_object
from tools.schema.tokens import tokenize

_FIRST = ("extension", "domain", "type")
_UNCHANGED = ("domain", "type", "extension", "partition")
_TEXTS = {"comment": "A comment is read by people alone.",
          "check": "No two rows may be at odds from here on; building it keeps writers out.",
          "privilege": "Who has the right loses or keeps it at once."}  # fmt: skip


def before_tables(draft: Draft) -> None:
    _make(draft, (o for o in _added(draft) if o.kind in _FIRST), Phase.EXPAND)


def after_tables(draft: Draft) -> None:
    there = {table.key for table in draft.origin.tables}
    new = [o for o in _added(draft) if o.kind == "partition" and root(draft.target, o) not in there]
    _make(draft, new, Phase.EXPAND)
    _make(draft, (o for o in _added(draft) if o.kind == "privilege" and _grantable(draft, o)), Phase.EXPAND)


def contract(draft: Draft) -> None:
    """What goes of comments and privileges, before what they are on changes; comments may come back."""
    _drop(draft, (o for o in _removed(draft) if o.kind in ("comment", "privilege", "check")))
    _drop(draft, _lost(draft))


def finish(draft: Draft) -> None:
    """All that belongs to the final form, and then what nothing of it uses any more."""
    for old, new in _changed(draft):
        _change(draft, old, new)
    new = [o for o in _added(draft) if o.kind != "partition" and comments.has_its_thing(draft, o)]
    _make(draft, new, Phase.CONTRACT)
    for kind in ("domain", "type", "extension"):
        _drop(draft, (o for o in _removed(draft) if o.kind == kind))


def _grantable(draft: Draft, privilege: SchemaObject) -> bool:
    """Whether what the right is on is there; columns and functions may still come or change."""
    whole = "(" not in privilege.name
    return whole and bool(not privilege.table or draft.state.table(privilege.table))


def _identity(thing: SchemaObject) -> tuple[str, str, str]:
    return thing.kind, thing.table if thing.kind == "check" else "", thing.key


def _added(draft: Draft) -> list[SchemaObject]:
    there = {_identity(o) for o in draft.state.objects}
    return [o for o in _ours(draft, draft.target) if _identity(o) not in there]


def _removed(draft: Draft) -> list[SchemaObject]:
    """What goes by itself: what is on a table that goes, goes with the table."""
    wanted = {_identity(o) for o in draft.target.objects}
    gone = {o.key for o in (*draft.origin.tables, *draft.origin.views)} - {
        o.key for o in (*draft.target.tables, *draft.target.views, *(p.before for p in draft.pairs))
    }
    return [o for o in _ours(draft, draft.state) if _identity(o) not in wanted and o.table not in gone]


def _ours(draft: Draft, schema: Schema) -> list[SchemaObject]:
    """Functions and policies are made in an order of their own: see definitions."""
    return [o for o in schema.objects if o.kind not in KINDS and o.kind not in draft.target.unsaid]


def _changed(draft: Draft) -> list[tuple[SchemaObject, SchemaObject]]:
    there = {_identity(o): o for o in draft.state.objects}
    return [
        (there[_identity(o)], o)
        for o in _ours(draft, draft.target)
        if _identity(o) in there and o.kind not in _UNCHANGED and _form(draft, there[_identity(o)]) != _form(draft, o)
    ]


def _form(draft: Draft, thing: SchemaObject) -> str:
    return normal_object(thing, draft.dialect).form


def _make(draft: Draft, things: Iterable[SchemaObject], phase: Phase) -> None:
    for thing in things:
        hazards = (Hazard.BREAKS_OLD_CODE,) if thing.kind == "check" else ()
        _step(draft, phase, "create", thing, (thing.create,), (thing.drop,), hazards, _with(draft.state, thing))


def _change(draft: Draft, old: SchemaObject, new: SchemaObject) -> None:
    """A comment is replaced in place; privileges and rules go and come in one transaction."""
    again = new.kind in ("privilege", "check")
    sql = (old.drop, new.create) if again else (new.create,)
    undo = (new.drop, old.create) if again else (old.create,)
    hazards = () if new.kind == "comment" else (Hazard.BREAKS_OLD_CODE,)
    _step(draft, Phase.CONTRACT, "change", new, sql, undo, hazards, _with(_without(draft.state, old), new))


def _drop(draft: Draft, things: Iterable[SchemaObject]) -> None:
    for thing in things:
        hazards = () if thing.kind == "comment" else (Hazard.BREAKS_OLD_CODE,)
        left = _without(draft.state, thing)
        said = thing.drop.removeprefix("DROP ")
        given = owned(draft.state, "type", thing.key, said) if thing.kind in ("domain", "type") else ()
        _step(draft, Phase.CONTRACT, "drop", thing, (thing.drop,), (thing.create, *given), hazards, left)


def _lost(draft: Draft) -> list[SchemaObject]:
    """Comments and exclusion constraints of columns that are swapped for others, and comments on rules that are made
    anew: they go with them. DuckDB's tables are made anew with what is written on them."""
    if draft.dialect == "duckdb":
        return []
    swapped = {
        f"COLUMN {pair.after.key}.{move.new.name}" for pair in draft.pairs for move in pair.of(Way.RETYPED, Way.DERIVED)
    }
    anew = comments.on_rules_made_anew(draft)
    return [
        o for o in draft.state.objects
        if o in anew
        or (o.kind == "comment" and _bare(o.name) in swapped)
        or (o.kind == "check" and any(f"COLUMN {o.table}.{name}" in swapped for name in _named(o)))
    ]  # fmt: skip


def _bare(name: str) -> str:
    """`COLUMN t.a"b` for `COLUMN t."a""b"`."""
    kind, *parts = (token.name for token in tokenize(name, "postgres") if token.is_name)
    return f"{kind} {'.'.join(parts)}"


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
    where = f" on {thing.table}" if thing.kind == "check" else ""
    closes = tuple(
        gap.sentence for gap in draft.gaps
        if gap.kind.startswith(f"{thing.kind}_") and gap.name == thing.key and gap.table == thing.table
    )  # fmt: skip
    quiet = "A new one disturbs nobody."
    draft.add(
        Step(
            draft.step_id(phase, thing.key, operation), phase, operation, f"{verb.capitalize()} {name}{where}",
            (thing.key,), sql, undo, hazards=hazards, closes=closes,
            depends_on=draft.sign_offs if phase is Phase.CONTRACT else (),
            reason=_TEXTS.get(thing.kind, quiet) if phase is Phase.CONTRACT else quiet,
        ),
        state,
        (thing.key, *((thing.table,) if thing.table else ()), *(thing.depends_on if thing.kind == "comment" else ())),
    )  # fmt: skip


def _with(schema: Schema, thing: SchemaObject) -> Schema:
    return replace(schema, objects=(*schema.objects, thing))


def _without(schema: Schema, thing: SchemaObject) -> Schema:
    return replace(schema, objects=tuple(o for o in schema.objects if _identity(o) != _identity(thing)))
