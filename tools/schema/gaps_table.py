"""Comparing one table with the same table of the other side."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tools.location import Dialect
from tools.schema import normal, wording
from tools.schema.difference import differ
from tools.schema.model import Check, Column, ForeignKey, Gap, Span, Table, Unique
from tools.schema.normal import fold

T = TypeVar("T", Unique, Check)


def compare_tables(before: Table, after: Table, dialect: Dialect) -> list[Gap]:
    """The gaps between two tables of one name: columns, keys, checks, indexes, options."""
    if before == after:
        return []
    return [
        *_columns(before, after, dialect),
        *_primary_key(before, after, dialect),
        *_set_of(before.uniques, after.uniques, after, partial(normal.normal_unique, dialect=dialect), _unique_gap),
        *_set_of(before.checks, after.checks, after, partial(normal.normal_check, dialect=dialect), _check_gap),
        *_foreign_keys(before, after, dialect),
        *_indexes(before, after, dialect),
        *_options(before, after),
    ]


def _columns(before: Table, after: Table, dialect: Dialect) -> list[Gap]:
    found = differ(before.columns, after.columns, lambda column: fold(column.name, dialect), lambda _: None)
    gaps = [
        Gap("column_added", after.key, column.name, to=wording.column(column), after=column, source=place(column.span),
            sentence=f"{after.key}.{column.name} is to be added: {wording.column(column)}")
        for column in found.added
    ]  # fmt: skip
    gaps += [
        Gap("column_removed", after.key, column.name, from_=wording.column(column), before=column,
            source=place(column.span), sentence=f"{after.key}.{column.name} is to go: {wording.column(column)}")
        for column in found.removed
    ]  # fmt: skip
    for old, new in found.same:
        gaps += _column(before, old, after, new, dialect)
    return gaps


def _column(before: Table, old: Column, after: Table, new: Column, dialect: Dialect) -> list[Gap]:
    a, b = normal.normal_column(old, before, dialect), normal.normal_column(new, after, dialect)
    aspects = (
        ("type_changed", wording.type_of, (a.type, a.collation, a.storage) != (b.type, b.collation, b.storage), "type"),
        ("nullability_changed", wording.nullability, a.nullable != b.nullable, "nullability"),
        ("default_changed", wording.value_of, _source(a) != _source(b), "default"),
    )
    gaps: list[Gap] = []
    if aspects[0][2] is False and None not in (a.shape, b.shape) and a.shape != b.shape:
        aspects = (("type_changed", _shape, True, "type"), *aspects[1:])
    for kind, text, differs, noun in aspects:
        if differs:
            was, becomes = text(old), text(new)
            sentence = f"{after.key}.{new.name}: {noun} {was or 'none'} becomes {becomes or 'none'}"
            gaps.append(Gap(
                kind, after.key, new.name, from_=was, to=becomes, sentence=sentence, source=place(new.span),
                before=old, after=new,
            ))  # fmt: skip
    return gaps


def _shape(column: Column) -> str | None:
    return column.shape


def _source(column: Column) -> tuple[object, ...]:
    return column.default, column.identity, column.serial, column.generated, column.stored


def _primary_key(before: Table, after: Table, dialect: Dialect) -> list[Gap]:
    old, new = before.primary_key, after.primary_key
    if normal.normal_primary_key(old, dialect) == normal.normal_primary_key(new, dialect):
        return []
    was, becomes = wording.primary_key(old), wording.primary_key(new)
    sentence = f"{after.key}: primary key {was or 'none'} becomes {becomes or 'none'}"
    span = new.span if new else after.span
    return [Gap(
        "primary_key_changed", after.key, from_=was, to=becomes, sentence=sentence, source=place(span), before=old,
        after=new,
    )]  # fmt: skip


def _set_of(
    before: tuple[T, ...], after: tuple[T, ...], table: Table, form: Callable[[T], object],
    gap: Callable[[Table, T | None, T | None], Gap],
) -> list[Gap]:  # fmt: skip
    """Constraints have no identity but what they say, so they are there or not."""
    old, new = {form(value): value for value in before}, {form(value): value for value in after}
    added = [gap(table, None, value) for key, value in new.items() if key not in old]
    return added + [gap(table, value, None) for key, value in old.items() if key not in new]


def _unique_gap(table: Table, old: Unique | None, new: Unique | None) -> Gap:
    value = new or old
    assert value is not None, "one of the two sides has it"
    return _constraint_gap("unique", table, wording.unique(value), value.name, old, new, value.span)


def _check_gap(table: Table, old: Check | None, new: Check | None) -> Gap:
    value = new or old
    assert value is not None, "one of the two sides has it"
    return _constraint_gap("check", table, wording.check(value), value.name, old, new, value.span)


def _constraint_gap(
    noun: str, table: Table, text: str, name: str | None, old: object, new: object, span: Span | None
) -> Gap:
    if new is not None:
        sentence = f"{table.key}: {noun.replace('_', ' ')} {text} is to be added"
        return Gap(f"{noun}_added", table.key, name=name, to=text, sentence=sentence, source=place(span), after=new)
    sentence = f"{table.key}: {noun.replace('_', ' ')} {text} is to go"
    return Gap(f"{noun}_removed", table.key, name=name, from_=text, sentence=sentence, source=place(span), before=old)


def _foreign_keys(before: Table, after: Table, dialect: Dialect) -> list[Gap]:
    form = partial(normal.normal_foreign_key, dialect=dialect)
    old, new = {form(key): key for key in before.foreign_keys}, {form(key): key for key in after.foreign_keys}
    gone = [(form_, key) for form_, key in old.items() if form_ not in new]
    come = [(form_, key) for form_, key in new.items() if form_ not in old]
    gaps: list[Gap] = []
    for normal_form, key in come:
        pair = _partner(normal_form, [form_ for form_, _ in gone])
        if pair is None:
            gaps.append(_constraint_gap("foreign_key", after, wording.foreign_key(key), key.name, None, key, key.span))
        else:
            gaps.append(_foreign_key_changed(after, old[pair], key))
            gone = [(form_, other) for form_, other in gone if form_ != pair]
    return gaps + [
        _constraint_gap("foreign_key", after, wording.foreign_key(key), key.name, key, None, key.span)
        for _, key in gone
    ]  # fmt: skip


def _partner(key: ForeignKey, others: list[ForeignKey]) -> ForeignKey | None:
    """The foreign key that this one takes the place of: of the same columns, best to the same parent."""
    same = [other for other in others if other.columns == key.columns]
    return next((other for other in same if other.ref_table == key.ref_table), same[0] if same else None)


def _foreign_key_changed(table: Table, old: ForeignKey, new: ForeignKey) -> Gap:
    was, becomes = wording.foreign_key(old), wording.foreign_key(new)
    return Gap(
        "foreign_key_changed", table.key, name=new.name or old.name, from_=was, to=becomes, before=old, after=new,
        sentence=f"{table.key}: foreign key {was} becomes {becomes}", source=place(new.span),
    )  # fmt: skip


def _indexes(before: Table, after: Table, dialect: Dialect) -> list[Gap]:
    form = partial(normal.normal_index, dialect=dialect)
    found = differ(before.indexes, after.indexes, lambda index: fold(index.name, dialect), form)
    gaps: list[Gap] = []
    for kind, pairs in (
        ("index_added", [(None, index) for index in found.added]),
        ("index_removed", [(index, None) for index in found.removed]),
        ("index_changed", list(found.modified)),
    ):
        for old, new in pairs:
            index = new or old
            assert index is not None, "one of the two sides has it"
            was, becomes = old and wording.index(old), new and wording.index(new)
            ends = {
                "index_added": f"is to be added: {becomes}", "index_removed": f"is to go: {was}",
                "index_changed": f"{was} becomes {becomes}",
            }  # fmt: skip
            gaps.append(Gap(
                kind, after.key, name=index.name, from_=was, to=becomes, before=old, after=new,
                sentence=f"{after.key}: index {index.name} {ends[kind]}", source=place(index.span),
            ))  # fmt: skip
    return gaps


def _options(before: Table, after: Table) -> list[Gap]:
    old, new = sorted(set(before.options)), sorted(set(after.options))
    if old == new:
        return []
    was, becomes = ", ".join(old) or "none", ", ".join(new) or "none"
    return [Gap(
        "not_understood", after.key, from_=was, to=becomes, source=place(after.span),
        sentence=f"{after.key}: table options {was} against {becomes}",
    )]  # fmt: skip


def place(span: Span | None) -> str | None:
    """A span as a gap shows it."""
    return str(span) if span and str(span) else None
