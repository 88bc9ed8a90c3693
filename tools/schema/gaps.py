"""The gap analysis: what lies between a current and a desired schema.

Names in a gap are the desired schema's, except for what is removed and for the old side of a rename. `table_added` and
`table_removed` stand for a table's columns, constraints and indexes too, `table_removed` also for its triggers.
`before` and `after` hold the model's own values; the current side is taken after the answered renames, but for
`table_renamed` and `column_renamed` themselves, whose `before` is what it is called today.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tools.location import Dialect
from tools.schema import normal, wording
from tools.schema.difference import differ
from tools.schema.gaps_table import compare_tables, place
from tools.schema.grounded import grounded
from tools.schema.kinds import aligned
from tools.schema.model import (
    Answers,
    Enum,
    Gap,
    NotUnderstood,
    Schema,
    SchemaObject,
    Sequence,
    Span,
    Table,
    Trigger,
    View,
)
from tools.schema.normal import fold
from tools.schema.renaming import renamed

T = TypeVar("T", View, Trigger, Sequence)


def compare(current: Schema, desired: Schema, answers: Answers | None = None) -> tuple[Gap, ...]:
    """All gaps, in an order that depends on the two schemas alone; none where their digests are equal.

    A desired schema of another dialect is lowered to the current one's first: what that backend cannot hold is no gap.
    `answers` name the renames; without them a rename shows as a removal and an addition.
    """
    told = answers or Answers()
    desired, current = grounded(desired, renamed(current, told)), grounded(current, desired)
    said = desired
    if desired.dialect != current.dialect:
        from tools.schema.lower import lower

        desired = lower(desired, current.dialect, like=current, answers=told)
    dialect = current.dialect
    today = renamed(current, told)
    desired = aligned(today, desired, said)
    return (
        *_renames(current, desired, told, dialect),
        *_enums(today, desired, dialect),
        *_named("sequence", today.sequences, desired.sequences, dialect),
        *_tables(today, desired, dialect),
        *_views(today, desired, dialect),
        *_triggers(today, desired, dialect),
        *_objects(today, desired, dialect),
        *_not_understood(today, desired, dialect),
    )


def _renames(current: Schema, desired: Schema, answers: Answers, dialect: Dialect) -> list[Gap]:
    gaps: list[Gap] = []
    for old, new in answers.tables:
        before, after = _find(current, old, dialect), _find(desired, new, dialect)
        if before and after:
            gaps.append(Gap(
                "table_renamed", before.key, from_=before.key, to=after.key, source=place(after.span), before=before,
                after=after, sentence=f"{before.key} is to be called {after.key}",
            ))  # fmt: skip
    for table, old, new in answers.indexes:
        owner = _find(desired, table, dialect)
        index = next((index for index in owner.indexes if index.name == new), None) if owner else None
        if owner and index:
            gaps.append(Gap(
                "index_changed", owner.key, name=new, from_=old, to=new, source=place(index.span), after=index,
                sentence=f"{owner.key}: index {old} is to be called {new}",
            ))  # fmt: skip
    tables = {fold(old, dialect): new for old, new in answers.tables}
    for table, old, new in answers.columns:
        before, after = _find(current, table, dialect), _find(desired, tables.get(fold(table, dialect), table), dialect)
        was, becomes = before and _column(before, old, dialect), after and _column(after, new, dialect)
        if after and was and becomes:
            gaps.append(Gap(
                "column_renamed", after.key, was.name, from_=was.name, to=becomes.name, source=place(becomes.span),
                before=was, after=becomes, sentence=f"{after.key}.{was.name} is to be called {becomes.name}",
            ))  # fmt: skip
    return gaps


def _find(schema: Schema, key: str, dialect: Dialect) -> Table | None:
    return next((table for table in schema.tables if fold(table.key, dialect) == fold(key, dialect)), None)


def _column(table: Table, name: str, dialect: Dialect):
    return next((column for column in table.columns if fold(column.name, dialect) == fold(name, dialect)), None)


def _tables(current: Schema, desired: Schema, dialect: Dialect) -> list[Gap]:
    found = differ(current.tables, desired.tables, lambda table: fold(table.key, dialect), lambda _: None)
    gaps = [
        Gap("table_added", table.key, to=wording.table(table), after=table, source=place(table.span),
            sentence=f"table {table.key} is to be added, with {_columns(table)}")
        for table in found.added
    ]  # fmt: skip
    for before, after in found.same:
        gaps += compare_tables(before, after, dialect)
    return gaps + [
        Gap("table_removed", table.key, from_=wording.table(table), before=table, source=place(table.span),
            sentence=f"table {table.key} is to go, with {_columns(table)}")
        for table in found.removed
    ]  # fmt: skip


def _enums(current: Schema, desired: Schema, dialect: Dialect) -> list[Gap]:
    found = differ(current.enums, desired.enums, lambda enum: fold(enum.key, dialect), lambda enum: enum.values)
    gaps = [_enum_gap("enum_added", enum, None, ", ".join(enum.values), "is to be added") for enum in found.added]
    for old, new in found.modified:
        gaps += _enum_values(old, new)
    return gaps + [_enum_gap("enum_removed", enum, ", ".join(enum.values), None, "is to go") for enum in found.removed]


def _enum_values(old: Enum, new: Enum) -> list[Gap]:
    added = [value for value in new.values if value not in old.values]
    removed = [value for value in old.values if value not in new.values]
    if not added and not removed:
        return [Gap(
            "not_understood", "", name=new.key, from_=", ".join(old.values), to=", ".join(new.values),
            sentence=f"enum {new.key}: its values are in another order, which oneplan does not change",
            source=place(new.span), before=old, after=new,
        )]  # fmt: skip
    gaps = [_enum_gap("enum_value_added", new, None, value, f"is to take the value {value!r}", old) for value in added]
    return gaps + [
        _enum_gap("enum_value_removed", new, value, None, f"is to lose the value {value!r}", old) for value in removed
    ]


def _enum_gap(kind: str, enum: Enum, was: str | None, becomes: str | None, what: str, old: Enum | None = None) -> Gap:
    removed = kind == "enum_removed"
    return Gap(
        kind, "", name=enum.key, from_=was, to=becomes, sentence=f"enum {enum.key} {what}", source=place(enum.span),
        before=enum if removed else old, after=None if removed else enum,
    )  # fmt: skip


def _views(current: Schema, desired: Schema, dialect: Dialect) -> list[Gap]:
    gaps: list[Gap] = []
    for noun, materialized in (("view", False), ("materialized_view", True)):
        old, new = (
            tuple(view for view in schema.views if view.materialized == materialized) for schema in (current, desired)
        )
        gaps += _named(noun, old, new, dialect)
    return gaps


def _triggers(current: Schema, desired: Schema, dialect: Dialect) -> list[Gap]:
    kept = {fold(table.key, dialect) for table in desired.tables} | {fold(view.key, dialect) for view in desired.views}
    old = tuple(trigger for trigger in current.triggers if fold(trigger.table, dialect) in kept)
    return _named("trigger", old, desired.triggers, dialect)


def _objects(current: Schema, desired: Schema, dialect: Dialect) -> list[Gap]:
    """Functions, domains, policies, comments, …; those of a table that goes go with it."""
    unsaid = {*current.unsaid, *desired.unsaid}
    unsaid |= {"check"} if "checks" in unsaid else set()
    there = {fold(thing.key, dialect) for thing in (*desired.tables, *desired.views)}
    before = tuple(o for o in current.objects if o.kind not in unsaid and (
        not o.table or o.kind in ("comment", "partition") or fold(o.table, dialect) in there))  # fmt: skip
    gone = {fold(thing.key, dialect) for thing in (*current.tables, *current.views)} - there
    before = tuple(o for o in before if fold(o.table, dialect) not in gone)
    after = tuple(o for o in desired.objects if o.kind not in unsaid)
    found = differ(before, after, partial(_object_identity, dialect=dialect), partial(_object_form, dialect=dialect))
    gaps = [_object_gap("added", None, thing) for thing in found.added]
    for was, thing in found.modified:
        # A rule has no identity but what it says, as with other checks.
        apart = thing.kind == "check"
        gaps += [_object_gap("added", None, thing)] if apart else [_object_gap("changed", was, thing)]
        gaps += [_object_gap("removed", was, None)] if apart else []
    return gaps + [_object_gap("removed", thing, None) for thing in found.removed]


def _object_identity(thing: SchemaObject, dialect: Dialect) -> tuple[str, ...]:
    return thing.kind, fold(thing.table, dialect) if thing.kind in ("policy", "check") else "", fold(thing.key, dialect)


def _object_form(thing: SchemaObject, dialect: Dialect) -> str:
    return normal.normal_object(thing, dialect).form


def _object_gap(end: str, old: SchemaObject | None, new: SchemaObject | None) -> Gap:
    thing = new or old
    assert thing is not None, "one of the two sides has it"
    what = {"added": "is to be added", "changed": "is to be another", "removed": "is to go"}[end]
    place_of = f"{thing.table}: " if thing.kind in ("policy", "check") else ""
    said = f"check {thing.form}" if thing.kind == "check" else f"{thing.kind} {thing.key}"
    if thing.kind in ("comment", "privilege"):
        on = thing.name.removeprefix("ON ")
        said = f"comment on {on}" if thing.kind == "comment" else f"privilege {thing.form} on {on}"
    return Gap(
        f"{thing.kind}_{end}", thing.table, name=thing.key, from_=old and old.form, to=new and new.form,
        sentence=f"{place_of}{said} {what}", source=place(thing.span), before=old, after=new,
    )  # fmt: skip


def _named(noun: str, old: tuple[T, ...], new: tuple[T, ...], dialect: Dialect) -> list[Gap]:
    """Gaps between things that are known by a name and are there, not there, or another."""
    found = differ(old, new, partial(_identity, dialect=dialect), partial(_form, dialect=dialect))
    gaps = [_thing(f"{noun}_added", None, thing, "is to be added") for thing in found.added]
    gaps += [_thing(f"{noun}_changed", was, thing, "is to be another") for was, thing in found.modified]
    return gaps + [_thing(f"{noun}_removed", thing, None, "is to go") for thing in found.removed]


def _identity(thing: View | Trigger | Sequence, dialect: Dialect) -> tuple[str, ...]:
    if isinstance(thing, Trigger):
        return fold(thing.table, dialect), fold(thing.name, dialect)
    return (fold(thing.key, dialect),)


def _form(thing: View | Trigger | Sequence, dialect: Dialect) -> object:
    if isinstance(thing, View):
        return normal.normal_view(thing, dialect)
    if isinstance(thing, Trigger):
        return normal.normal_trigger(thing, dialect)
    return normal.normal_sequence(thing, dialect)


def _thing(kind: str, old: T | None, new: T | None, what: str) -> Gap:
    thing = new or old
    assert thing is not None, "one of the two sides has it"
    noun = kind.rpartition("_")[0].replace("_", " ")
    if isinstance(thing, Trigger):
        table, name, sentence = thing.table, thing.name, f"{thing.table}: trigger {thing.name} {what}"
        if isinstance(old, Trigger) and isinstance(new, Trigger) and old.firing != new.firing:
            sentence += f" ({wording.firing(old)} becomes {wording.firing(new)})"
    else:
        table = thing.key if isinstance(thing, View) else ""
        name, sentence = thing.key, f"{noun} {thing.key} {what}"
    return Gap(
        kind, table, name=name, from_=old and _text(old), to=new and _text(new), sentence=sentence,
        source=place(thing.span), before=old, after=new,
    )  # fmt: skip


def _text(thing: View | Trigger | Sequence) -> str:
    if isinstance(thing, View):
        return thing.sql
    if isinstance(thing, Trigger):
        return f"{thing.definition} ({wording.firing(thing)})" if thing.firing else thing.definition
    return wording.sequence(thing)


def _not_understood(current: Schema, desired: Schema, dialect: Dialect) -> list[Gap]:
    form: Callable[[NotUnderstood], NotUnderstood] = partial(normal.normal_not_understood, dialect=dialect)
    old = {form(item): item for item in current.not_understood if item.compared}
    new = {form(item): item for item in desired.not_understood if item.compared}
    added = [_one_sided(item, "to", "desired", item.span) for key, item in new.items() if key not in old]
    return added + [_one_sided(item, "from", "current", item.span) for key, item in old.items() if key not in new]


def _one_sided(item: NotUnderstood, side: str, which: str, span: Span | None) -> Gap:
    first = " ".join(item.text.split())[:80]
    sentence = f"{item.reason or 'something'} that oneplan does not handle is in the {which} schema only: {first}"
    return Gap(
        "not_understood", "", from_=item.text if side == "from" else None, to=item.text if side == "to" else None,
        sentence=sentence, source=place(span), before=item if side == "from" else None,
        after=item if side == "to" else None,
    )  # fmt: skip


def _columns(table: Table) -> str:
    return "1 column" if len(table.columns) == 1 else f"{len(table.columns)} columns"
