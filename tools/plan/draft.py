"""A plan in the making: the shape reached so far, and the steps that led there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from tools.errors import OneplanError
from tools.location import Dialect
from tools.plan.dependents import Definition, definitions, name_of
from tools.plan.facts import Facts
from tools.plan.kept import Kept, kept, short_name
from tools.plan.model import Phase, Step
from tools.plan.pairs import SHADOW, Pair
from tools.plan.target import uses_type
from tools.schema.model import Answers, Column, Gap, Schema, Table

_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")


@dataclass
class Draft:
    """origin and target are fixed; `state` moves with each step. `gaps` are those that this plan closes.

    fingerprint: what tells this pair of schemas from any other, for the names of kept tables.
    """

    origin: Schema
    target: Schema
    answers: Answers
    facts: Facts
    gaps: tuple[Gap, ...]
    pairs: tuple[Pair, ...]
    state: Schema
    steps: list[Step] = field(default_factory=list[Step])
    _signed: list[str] = field(default_factory=list[str], init=False)
    fingerprint: str = ""
    notes: list[str] = field(default_factory=list[str])
    usages: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    prepared: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """(table, key's name) of keys whose partitions have their unique indexes already."""
    set_aside: dict[str, str] = field(default_factory=dict[str, str])
    """Under what quoted name the partitions that went are kept, by their keys."""
    _latest: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    _places: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def dialect(self) -> Dialect:
        return self.origin.dialect

    def table(self, key: str) -> Table:
        """The table as it stands after the steps so far."""
        table = self.state.table(key)
        if table is None:
            raise OneplanError(f"the plan lost the table {key!r} on its way; please report this schema pair")
        return table

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def kept(self, step_id: str) -> Kept:
        """The table in which a step sets aside what it removes; no other plan's step has the same."""
        return kept(self.dialect, step_id, self.fingerprint)

    def own(self, step_id: str, prefix: str) -> Kept:
        """Another table that a step has for a while, of a name as much its own."""
        return kept(self.dialect, step_id, self.fingerprint, prefix=prefix)

    def counted(self, step_id: str) -> Kept:
        """The table in which a step keeps for a moment how far a column has counted."""
        return self.own(step_id, "counted")

    def short(self, step_id: str) -> str:
        """What the names of all these tables end in."""
        return short_name(step_id, self.fingerprint)

    def aside(self, column: Column, value: str) -> str:
        """A value as it is set aside: an enum as text, since a kept table must not hold on to a type that changes."""
        return f"CAST({value} AS text)" if self._is_enum(column) else value

    def restored(self, column: Column, value: str) -> str:
        """A value that was set aside, in the column's own type."""
        return f"CAST({value} AS {column.type})" if self._is_enum(column) else value

    def _is_enum(self, column: Column) -> bool:
        enums = (*self.origin.enums, *self.target.enums)
        return self.dialect == "postgres" and any(uses_type(column.type, enum.name) for enum in enums)

    def step_id(self, phase: Phase, *parts: str) -> str:
        """A readable id, unique in the plan, that needs no quoting in a shell."""
        plain = (_UNSAFE.sub("_", part.replace(SHADOW, "")).strip("_") or "x" for part in parts)
        base = ".".join([phase.value, *plain])
        number, name = 2, base
        while name in self._places:
            name, number = f"{base}_{number}", number + 1
        return name

    @property
    def sign_offs(self) -> tuple[str, ...]:
        """The steps by which people sign the contract phase: what is behind them waits for them."""
        return tuple(self._signed)

    def add(self, step: Step, state: Schema | None = None, subjects: Iterable[str] = ()) -> None:
        """Take a step into the plan, and the state behind it.

        subjects: what it acts on (`agents`, `agents#goal`), by default its objects; it depends on the last step of
        each.
        """
        subjects = tuple(subjects) or step.objects
        before = {step_id for subject in subjects for step_id in self._relatives(subject)} | set(step.depends_on)
        order = sorted((step_id for step_id in before if step_id in self._places), key=self._places.__getitem__)
        self.steps.append(replace(step, depends_on=tuple(order)))
        self._places[step.id] = len(self._places)
        if step.operation == "sign_off":
            self._signed.append(step.id)
        for subject in subjects:
            self._latest.setdefault(_base(subject), {})[subject] = step.id
        if state is not None:
            self.state = state

    def _relatives(self, subject: str) -> list[str]:
        """The last steps on the subject itself, on the table of a column, on the columns of a table."""
        return [
            step_id
            for known, step_id in self._latest.get(_base(subject), {}).items()
            if known == subject or known.startswith(subject + "#") or subject.startswith(known + "#")
        ]

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """What the target has of views, functions, policies and triggers, by the names under which they are held."""
        return {name_of(thing): thing for thing in definitions(self.target)}

    def gaps_of(self, table: str) -> tuple[Gap, ...]:
        """The gaps of one table, in their order."""
        return self._gaps_by_table.get(table, ())

    @cached_property
    def _gaps_by_table(self) -> dict[str, tuple[Gap, ...]]:
        found: dict[str, list[Gap]] = {}
        for gap in self.gaps:
            found.setdefault(gap.table, []).append(gap)
        return {table: tuple(gaps) for table, gaps in found.items()}

    def gap_sentences(self, table: str, *columns: str, kinds: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The sentences of the gaps of a table (and of some columns or kinds) that a step closes."""
        return tuple(
            gap.sentence or f"{gap.kind} {gap.table}"
            for gap in self.gaps_of(table)
            if (not columns or gap.column in columns) and (not kinds or gap.kind in kinds)
        )


def _base(subject: str) -> str:
    """The table of `agents#goal`: subjects of different ones have nothing to do with each other."""
    return subject.partition("#")[0]
