"""Tables before and after, side by side, and the way of each column between them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

from tools.location import Dialect
from tools.plan import casts
from tools.plan.enlarge import bound, enlarges
from tools.plan.sql import is_steady
from tools.schema.model import Answers, Column, Schema, Table
from tools.schema.normal import normal_type
from tools.schema.reads import columns_in
from tools.schema.render import default_sql, quote
from tools.schema.types import family, widens

SHADOW = "__oneplan"
"""What the name of a shadow column, index or constraint ends in while the old one still stands."""
LONGEST = 63
"""Postgres cuts longer names off, without a word."""


def shadow(name: str) -> str:
    """The name of what stands beside `name` until the contract phase."""
    return fitted(name, LONGEST - len(SHADOW)) + SHADOW


def fitted(name: str, room: int = LONGEST) -> str:
    """The name cut to `room` bytes, and told apart from others that begin like it."""
    if len(name.encode()) <= room:
        return name
    return name.encode()[: room - 7].decode(errors="ignore") + "_" + hashlib.sha256(name.encode()).hexdigest()[:6]


class Way(StrEnum):
    KEPT = "kept"  # the same column; its nullability or default may change, its type be enlarged in place
    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"  # answered: a new column beside the old one, written both ways
    RETYPED = "retyped"  # a shadow column beside the old one, which takes its name in the end
    DERIVED = "derived"  # becomes a generated column: its values are computed, its old ones removed


@dataclass(frozen=True)
class Move:
    """One column's way. `carrier` is the name under which the new values live until the contract phase.

    conversion: a person's word for how the new value comes of the old row. fallback: the new default, for rows whose
    old value gives none, where the old type could not hold it.
    """

    way: Way
    before: Column | None
    after: Column | None
    carrier: str
    dialect: Dialect
    conversion: str | None = None
    fallback: str | None = None

    @property
    def copied(self) -> bool:
        return self.way in (Way.RENAMED, Way.RETYPED)

    @property
    def old(self) -> Column:
        assert self.before is not None
        return self.before

    @property
    def new(self) -> Column:
        assert self.after is not None
        return self.after

    @property
    def both_ways(self) -> bool:
        """Whether code may write the new column before the old one goes: not where the old one is computed."""
        return self.way is Way.RENAMED and self.old.generated is None

    @property
    def recast(self) -> bool:
        """Whether values change their type (or, by a person's word, their form) on the way."""
        return self.conversion is not None or (
            self.before is not None
            and self.after is not None
            and normal_type(self.before.type, self.dialect) != normal_type(self.after.type, self.dialect)
        )

    def forward(self, source: str = "") -> str:
        """The new value as an expression over a row that has the old one."""
        value = source or quote(self.old.name)
        if self.conversion is not None:
            value = f"({self.conversion})"
            if self.dialect != "sqlite":  # there the column's affinity does the work when the value is stored
                value = f"CAST({value} AS {self.new.type})"
        elif self.recast:
            value = casts.cast(value, self.old.type, self.new.type, self.dialect)
        if self._collated_anew:  # else Postgres knows no order to compare the two in
            order = self.new.collation or '"default"'
            value = f"({value}) COLLATE {order}"
        return value if self.fallback is None else f"COALESCE({value}, {self.fallback})"

    @property
    def _collated_anew(self) -> bool:
        words = self.dialect == "postgres" and family(self.new.type, "postgres").name in ("text", "varchar", "char")
        return words and self.old.collation != self.new.collation

    def backward(self, value: str) -> str:
        """The old value from a new one, where nothing was set aside for the row."""
        if not self.recast or self.way is Way.KEPT:  # one that is enlarged in place has its new type by then
            return value
        return casts.cast(value, self.new.type, self.old.type, self.dialect)


@dataclass(frozen=True)
class Pair:
    """A table before and after. Both may bear different names: then the rename was answered."""

    before: Table
    after: Table
    moves: tuple[Move, ...]

    @property
    def renamed(self) -> bool:
        return self.before.key != self.after.key

    def of(self, *ways: Way) -> tuple[Move, ...]:
        return tuple(move for move in self.moves if move.way in ways)

    def move_to(self, column: str) -> Move | None:
        """The move that ends in this column of the desired table."""
        return next((m for m in self.moves if m.after and m.after.name == column), None)

    def move_from(self, column: str) -> Move | None:
        return next((m for m in self.moves if m.before and m.before.name == column), None)

    def carrier(self, column: str) -> str:
        """Under which name a column of the desired table lives in the expanded shape."""
        move = self.move_to(column)
        return move.carrier if move else column

    def untouched(self, columns: tuple[str, ...]) -> bool:
        """Whether all these columns of the desired table are there from the start, and stay the same columns."""
        return all((m := self.move_to(c)) is not None and m.way is Way.KEPT for c in columns)

    def stable_key(self) -> tuple[tuple[str, str], ...]:
        """(carrier in the expanded shape, name afterwards) of columns that tell a row for certain; empty where none do.

        The desired primary key where its values are there before the contract phase, else a unique key without NULLs,
        else the old primary key as far as it survives.
        """
        keys = [self.after.primary_key.columns] if self.after.primary_key else []
        keys += [u.columns for u in self.after.uniques if all(not self._nullable(c) for c in u.columns)]
        if self.before.primary_key:
            ends = [m.new.name for c in self.before.primary_key.columns if (m := self.move_from(c)) and m.after]
            keys += [tuple(ends)] if len(ends) == len(self.before.primary_key.columns) else []
        for columns in keys:
            if all(self._tells(c) for c in columns):
                return tuple((self.carrier(c), c) for c in columns)
        return ()

    def _tells(self, column: str) -> bool:
        """Whether a column of the desired table has its values from the start, none of them filled on the way."""
        move = self.move_to(column)
        if move is None or move.way not in (Way.KEPT, Way.RENAMED, Way.RETYPED):
            return False
        key = self.before.primary_key
        return not move.old.nullable or bool(key and move.old.name in key.columns)

    def _nullable(self, column: str) -> bool:
        found = self.after.column(column)
        return found is None or found.nullable


def pair_up(current: Schema, target: Schema, answers: Answers) -> tuple[Pair, ...]:
    """Every table of the current schema that the target keeps, under its old name or an answered new one."""
    renamed = {
        new: old for old, new in answers.tables
        if current.table(old) and not current.table(new) and target.table(new) and not target.table(old)
    }  # fmt: skip
    pairs: list[Pair] = []
    for after in target.tables:
        before = current.table(renamed.get(after.key, after.key)) or current.table(after.key)
        if before is not None:
            moves = _moves(before, after, answers, current.dialect)
            pairs.append(Pair(before, after, tuple(_in_place(move, before, current) for move in moves)))
    return tuple(pairs)


def _in_place(move: Move, table: Table, current: Schema) -> Move:
    """A type that Postgres enlarges in its catalog needs no second column."""
    if move.dialect != "postgres" or move.way is not Way.RETYPED or move.conversion or move.fallback:
        return move
    same = move.old.collation == move.new.collation and enlarges(move.old.type, move.new.type)
    if not same or bound(move.old, table, current.triggers, current.objects):
        return move
    return replace(move, way=Way.KEPT, carrier=move.new.name)


def _moves(before: Table, after: Table, answers: Answers, dialect: Dialect) -> tuple[Move, ...]:
    renames = {
        new: old
        for table, old, new in answers.columns
        if table == before.key
        and before.column(old)
        and after.column(new)
        and not before.column(new)
        and not after.column(old)
    }
    retyped = tuple(
        c.name
        for c in after.columns
        if c.generated is None
        and (old := before.column(c.name))
        and normal_type(old.type, dialect) != normal_type(c.type, dialect)
    )
    moves = [_move(before.column(renames.get(c.name, c.name)), c, after, answers, dialect) for c in after.columns]
    gone = [c for c in before.columns if after.column(c.name) is None and c.name not in renames.values()]
    moves = [_with_fallback(_recomputed(move, retyped), after, answers) for move in moves]
    return (*moves, *(Move(Way.REMOVED, c, None, c.name, dialect) for c in gone))


def _recomputed(move: Move, retyped: tuple[str, ...]) -> Move:
    """A generated column of Postgres that reads a retyped one must go and come again with it."""
    if move.dialect == "postgres" and move.way is Way.KEPT and reads_any(move.new.generated, retyped):
        return replace(move, way=Way.DERIVED)
    return move


def _with_fallback(move: Move, table: Table, answers: Answers) -> Move:
    """A value that the old column need not be able to hold goes into the new one, with the converted values: a
    person's, else the new default."""
    if not move.copied or not move.recast or not move.old.nullable:
        return move
    lossless = move.conversion is None and widens(move.old.type, move.new.type, move.dialect)
    said = answers.fill(table.key, move.new.name) if move.conversion is None else None
    value = said if said is not None else move.new.default
    if value is None or not _tight(move.new, table) or lossless or not is_steady(value, move.dialect):
        return move
    return replace(move, fallback=f"({said})" if said is not None else default_sql(value, move.dialect))


def _tight(column: Column, table: Table) -> bool:
    """Whether the column must have a value in every row of the desired table."""
    key = table.primary_key
    return not column.nullable or bool(key and column.name in key.columns)


def reads_any(expression: str | None, columns: tuple[str, ...]) -> bool:
    return expression is not None and bool(columns_in(expression, columns, "postgres"))


def _move(old: Column | None, new: Column, table: Table, answers: Answers, dialect: Dialect) -> Move:
    if old is None:
        return Move(Way.ADDED, None, new, new.name, dialect)
    if new.generated is not None:
        return _to_generated(old, new, dialect)
    retyped = normal_type(old.type, dialect) != normal_type(new.type, dialect) or old.collation != new.collation
    conversion = answers.fill(table.key, new.name) if retyped else None
    if conversion is not None and _for_missing(conversion, old, new, table, dialect):
        conversion = None
    if old.generated is not None and (old.name != new.name or (dialect == "postgres" and (retyped or not old.stored))):
        # A trigger sees no computed value, and Postgres lets only a stored one go on as it is: both columns compute.
        way = Way.RETYPED if old.name == new.name else Way.RENAMED
        carrier = shadow(new.name) if old.name == new.name else new.name
        return Move(way, old, new, carrier, dialect, conversion or old.generated)
    if old.name != new.name:
        return Move(Way.RENAMED, old, new, new.name, dialect, conversion)
    if not retyped:
        return Move(Way.KEPT, old, new, new.name, dialect)
    return Move(Way.RETYPED, old, new, shadow(new.name), dialect, conversion)


def _for_missing(value: str, old: Column, new: Column, table: Table, dialect: Dialect) -> bool:
    """Whether a person's value is for the rows that have none, and says nothing of how the others are converted: taken
    for a conversion, one that does not read the old column would write over every value there is."""
    if not old.nullable or not _tight(new, table) or not casts.castable(old.type, new.type, dialect):
        return False
    return not columns_in(value, (old.name, table.name), dialect)


def _to_generated(old: Column, new: Column, dialect: Dialect) -> Move:
    same = (
        old.generated == new.generated
        and normal_type(old.type, dialect) == normal_type(new.type, dialect)
        and old.stored == new.stored
    )
    if same and old.name == new.name:
        return Move(Way.KEPT, old, new, new.name, dialect)
    return Move(Way.DERIVED, old, new, new.name, dialect)
