"""Which columns hold values of a domain or a composite type, by way of other types too."""

from __future__ import annotations

from dataclasses import dataclass

from tools.schema.entries import plain
from tools.schema.model import Schema, SchemaObject
from tools.schema.render import qualified, quote
from tools.schema.tokens import tokenize


@dataclass(frozen=True)
class Use:
    """A column that holds a type. `straight`: its values are of that type, not arrays or rows with it inside."""

    table: str
    column: str
    straight: bool

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


def uses(schema: Schema, key: str) -> tuple[Use, ...]:
    """The columns of tables whose values are, or have in them, values of the type of this key."""
    straight, inside = _names(schema, key)
    return tuple(
        Use(table.key, column.name, column.type in straight)
        for table in schema.tables
        for column in table.columns
        if column.type in straight or column.type.removesuffix("[]") in straight | inside
    )


def _names(schema: Schema, key: str) -> tuple[set[str], set[str]]:
    """What columns of the type are said to be of: the type's own names and those of domains over it; and the names of
    what has it inside."""
    straight, inside = spellings(key), set[str]()
    types = [o for o in schema.objects if o.kind in ("domain", "type")]
    while True:
        before = len(straight) + len(inside)
        for thing in types:
            held = {part.removesuffix("[]") for part in _parts(thing)}
            if thing.kind == "domain" and _parts(thing)[0] in straight:
                straight |= spellings(thing.key)
            elif held & (straight | inside) and thing.key != key:
                inside |= spellings(thing.key)
        if len(straight) + len(inside) == before:
            return straight, inside - straight


def spellings(key: str) -> set[str]:
    """How a type may be written where it is used."""
    return {key, quote(key), qualified(key), ".".join(plain(part) for part in key.split(".", 1))}


def _parts(thing: SchemaObject) -> tuple[str, ...]:
    from tools.plan.domains import domain_of

    if thing.kind == "domain":
        return (domain_of(thing).base,)
    return tuple(type_ for _, type_ in attributes(thing))


def attributes(thing: SchemaObject) -> tuple[tuple[str, str], ...]:
    """(quoted name, type) of each attribute of a composite type, in their order."""
    found: list[tuple[str, str]] = []
    depth, start, name = 0, 0, ""
    for token in tokenize(thing.form, "postgres"):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if not name:
            name, start = quote(token.name), token.end
        elif token.text == "," and not depth:
            found.append((name, thing.form[start : token.start].strip()))
            name = ""
    return (*found, (name, thing.form[start:].strip())) if name else tuple(found)
