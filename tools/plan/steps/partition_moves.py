"""Partitions that go, and partitions that get other bounds, once all else of their table has its final form.

One that goes is detached with its rows in it and set aside whole: no row is copied, and undoing attaches it again. One
that gets other bounds keeps its rows, and so all of them must fit: a validated CHECK says so before anything is locked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step, StepCheck
from tools.plan.partitions import clauses, is_default, key_of, own_name, root
from tools.plan.shape import references, with_object
from tools.plan.sql import violations
from tools.plan.steps.partitions import additions, attach, keep_out, kept_out, moves, out_name
from tools.schema.model import SchemaObject
from tools.schema.render import qualified, quote

Move = tuple[SchemaObject, SchemaObject]


def contract(draft: Draft) -> None:
    found = moves(draft)
    for old, new in found:
        if new is None:
            _detach(draft, old)
    for table in dict.fromkeys(old.table for old, new in found if new):
        _rebound(draft, table, [(old, new) for old, new in found if new and old.table == table])
    for thing in additions(draft):
        attach(draft, thing, Phase.CONTRACT)


def _detach(draft: Draft, thing: SchemaObject) -> None:
    key, name = root(draft.state, thing), key_of(thing)
    step_id = draft.step_id(Phase.CONTRACT, thing.table, f"detach_{name}")
    aside = draft.kept(step_id)
    space, _, bare = name.rpartition(".")
    kept, moved = aside.name.rpartition(".")[2], f'"oneplan".{quote(bare)}'
    parent = qualified(thing.table)
    draft.set_aside[name] = aside.name
    draft.add(
        Step(
            step_id, Phase.CONTRACT, "detach_partition",
            f"Detach {name} from {thing.table} and set it aside, rows and all", (key,),
            ('CREATE SCHEMA IF NOT EXISTS "oneplan"', f"ALTER TABLE {parent} DETACH PARTITION {thing.name}",
             f'ALTER TABLE {thing.name} SET SCHEMA "oneplan"', f"ALTER TABLE {moved} RENAME TO {kept}"),
            (f"ALTER TABLE {aside.name} RENAME TO {quote(bare)}",
             f"ALTER TABLE {moved} SET SCHEMA {quote(space or 'public')}",
             f"ALTER TABLE {parent} ATTACH PARTITION {thing.name} {clauses(thing)[0]}"),
            checks=tuple(_pointed_to(draft, key, thing)),
            undo_checks=tuple(_elsewhere(draft, thing)),
            hazards=(Hazard.DELETES_DATA, Hazard.ACCESS_EXCLUSIVE_LOCK, Hazard.BREAKS_OLD_CODE), writes_data=True,
            closes=tuple(g.sentence for g in draft.gaps if g.kind == "partition_removed" and g.name == thing.key),
            depends_on=draft.sign_offs,
            reason="Only the catalog changes, under a moment's lock and in one transaction with the journal, which "
            "DETACH … CONCURRENTLY allows in none. No row is copied or dropped.",
        ),
        replace(draft.state, objects=tuple(o for o in draft.state.objects if o != thing)),
        (key, thing.key),
    )  # fmt: skip


def _pointed_to(draft: Draft, key: str, thing: SchemaObject) -> Iterator[StepCheck]:
    """Rows of other tables that point into the partition: Postgres does not detach it, not even for a moment."""
    for child, foreign in references(draft.state, key):
        pairs = zip(foreign.columns, foreign.ref_columns, strict=True)
        match = " AND ".join(f"p.{quote(r)} = t.{quote(c)}" for c, r in pairs)
        sql = (
            f"SELECT t.* FROM {qualified(child.key)} AS t WHERE EXISTS (SELECT 1 FROM {thing.name} AS p WHERE {match})"
        )
        yield StepCheck(f"no row of {child.key} points to a row of {key_of(thing)}", sql)


def _elsewhere(draft: Draft, thing: SchemaObject) -> Iterator[StepCheck]:
    """Rows written since that the default partition took, and that belong where the old bounds are."""
    for default in _defaults(draft, thing):
        sentence = f"no row of {key_of(default)} belongs into {key_of(thing)} as it was"
        yield StepCheck(sentence, f"SELECT * FROM {default.name} WHERE {thing.rule}")


def _defaults(draft: Draft, thing: SchemaObject) -> list[SchemaObject]:
    there = [o for o in draft.state.objects if o.kind == "partition" and o.table == thing.table and is_default(o)]
    return [o for o in there if o.name != thing.name]


def _rebound(draft: Draft, table: str, found: list[Move]) -> None:
    """All of a table's in one step: what one gives up another may take."""
    key, parent = root(draft.state, found[0][0]), qualified(table)
    for old, new in found:
        _hold(draft, key, old, new)
        for default in _defaults(draft, new):
            keep_out(draft, new, default, Phase.CONTRACT)
    out = tuple(f"ALTER TABLE {parent} DETACH PARTITION {old.name}" for old, _ in found)
    sql = [*out, *(_attached(parent, new) for _, new in found), *(_loose(old, _fits(new)) for old, new in found)]
    undo = [*out, *(_attached(parent, old) for old, _ in found), *(_fitting(new) for _, new in found)]
    for _, new in found:
        sql += [_loose(default, out_name(new)) for default in _defaults(draft, new)]
        undo += [kept_out(new, default) for default in _defaults(draft, new)]
    listed, state = ", ".join(key_of(old) for old, _ in found), draft.state
    for _, new in found:
        state = with_object(state, new)
    back = [StepCheck(f"every row of {key_of(old)} fits its old bounds", violations(key_of(old), old.rule))
            for old, _ in found]  # fmt: skip
    pointed = tuple(c for old, _ in found for c in _pointed_to(draft, key, old))
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, table, "bounds"), Phase.CONTRACT, "move_partition",
            f"Give {listed} of {table} other bounds", (key,), tuple(sql), tuple(undo),
            checks=pointed, hazards=(Hazard.ACCESS_EXCLUSIVE_LOCK, Hazard.BREAKS_OLD_CODE),
            closes=tuple(g.sentence for g in draft.gaps
                         if g.kind == "partition_changed" and g.name in {old.key for old, _ in found}),
            depends_on=draft.sign_offs,
            undo_checks=(*back, *pointed, *(c for old, _ in found for c in _elsewhere(draft, old))),
            reason="Detached and attached in one transaction: only the catalog changes, since CHECKs say that all fit.",
        ),
        state, (key, *(old.key for old, _ in found)),
    )  # fmt: skip


def _hold(draft: Draft, key: str, old: SchemaObject, new: SchemaObject) -> None:
    """A validated CHECK on the partition, so that attaching does not read it under a lock."""
    name = key_of(old)
    fits = StepCheck(f"every row of {name} fits its new bounds (else move it first)", violations(name, new.rule))
    drop, add, part = _loose(old, _fits(new)), _fitting(new), _fits(new)
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, key, f"hold_{name}"), Phase.CONTRACT, "hold_partition",
            f"Hold new rows of {name} to its new bounds", (key,), (add,), (drop,),
            checks=(fits, *_pointed_to(draft, key, old)),
            hazards=(Hazard.BREAKS_OLD_CODE,), depends_on=draft.sign_offs,
            reason="Rows that belong elsewhere from here on are refused until the bounds are moved.",
        ),
        None, (key, old.key),
    )  # fmt: skip
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, key, f"validate_{part}"), Phase.CONTRACT, "validate",
            f"Show that all rows of {name} fit its new bounds", (key,),
            (f"ALTER TABLE {old.name} VALIDATE CONSTRAINT {quote(part)}",), (drop, add), depends_on=draft.sign_offs,
            reason="Reads the whole partition, beside running writes.",
        ),
        None, (key, old.key),
    )  # fmt: skip


def _fits(new: SchemaObject) -> str:
    return own_name(new, "fits__oneplan")


def _fitting(new: SchemaObject) -> str:
    return f"ALTER TABLE {new.name} ADD CONSTRAINT {quote(_fits(new))} CHECK ({new.rule}) NOT VALID"


def _loose(partition: SchemaObject, constraint: str) -> str:
    return f"ALTER TABLE {partition.name} DROP CONSTRAINT {quote(constraint)}"


def _attached(parent: str, thing: SchemaObject) -> str:
    return f"ALTER TABLE {parent} ATTACH PARTITION {thing.name} {clauses(thing)[0]}"
