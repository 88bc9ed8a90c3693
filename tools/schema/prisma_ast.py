"""A Prisma schema file as it is written: blocks, fields, attributes and the values that they are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

BlockKind = Literal["model", "view", "enum", "type", "datasource", "generator"]
BLOCK_KINDS: tuple[BlockKind, ...] = ("model", "view", "enum", "type", "datasource", "generator")


@dataclass(frozen=True)
class Call:
    """`now()`, `env("URL")`, and in lists of fields `name(sort: Desc)`."""

    name: str
    arguments: tuple[Argument, ...] = ()

    def get(self, name: str, place: int | None = None) -> Value | None:
        return argument(self.arguments, name, place)


@dataclass(frozen=True)
class Word:
    """A bare word: a name of a field (`address.street`), a value of an enum, `true`."""

    text: str


@dataclass(frozen=True)
class Text:
    """A string in double quotes, its escapes undone."""

    value: str


@dataclass(frozen=True)
class Number:
    text: str


@dataclass(frozen=True)
class Items:
    values: tuple[Value, ...]


Value = Call | Word | Text | Number | Items


@dataclass(frozen=True)
class Argument:
    """`name` is "" where it is given by its place."""

    name: str
    value: Value


@dataclass(frozen=True)
class Attribute:
    """`@id`, `@db.VarChar(255)`, `@@index([a, b])`: the name without its at signs."""

    name: str
    arguments: tuple[Argument, ...]
    line: int
    text: str

    def get(self, name: str, place: int | None = None) -> Value | None:
        """The argument of this name, else the one that stands at this place without a name."""
        return argument(self.arguments, name, place)


@dataclass(frozen=True)
class Field:
    """A field of a model, or a value of an enum (whose `type` is ""). `unsupported` is the database's own type."""

    name: str
    type: str
    arity: Literal["one", "optional", "list"]
    attributes: tuple[Attribute, ...]
    line: int
    unsupported: str | None = None
    note: str | None = None

    def attribute(self, name: str) -> Attribute | None:
        return next((found for found in self.attributes if found.name == name), None)


@dataclass(frozen=True)
class Block:
    """One block. `settings` are the lines `key = value` of a datasource or a generator."""

    kind: BlockKind
    name: str
    line: int
    source: str
    fields: tuple[Field, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    settings: tuple[Argument, ...] = ()
    note: str | None = None
    text: str = field(default="", repr=False)

    def attribute(self, name: str) -> Attribute | None:
        return next((found for found in self.attributes if found.name == name), None)

    def field(self, name: str) -> Field | None:
        return next((found for found in self.fields if found.name == name), None)


def argument(arguments: tuple[Argument, ...], name: str, place: int | None = None) -> Value | None:
    named = next((given.value for given in arguments if given.name == name), None)
    if named is not None or place is None:
        return named
    unnamed = [given.value for given in arguments if not given.name]
    return unnamed[place] if place < len(unnamed) else None


def text_of(value: Value | None) -> str | None:
    """What a string says; None for anything else."""
    return value.value if isinstance(value, Text) else None


def word_of(value: Value | None) -> str | None:
    return value.text if isinstance(value, Word) else None


def items_of(value: Value | None) -> tuple[Value, ...]:
    """The items of a list; one value alone counts as a list of one, as Prisma has it."""
    if value is None:
        return ()
    return value.values if isinstance(value, Items) else (value,)
