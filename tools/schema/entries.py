"""Entries of an index as text: `name`, `"odd name"` or `(expression)`, each with its order and collation behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.location import Dialect
from tools.schema.body import group
from tools.schema.model import Enum, Index
from tools.schema.tokens import Token, tokenize, unquote

_PLAIN = re.compile(r"[^\W\d][\w$]*")
_ENTRY = re.compile(r'(?P<quoted>"(?:[^"]|"")*")|(?P<bare>[^\W\d][\w$]*)')


def entry(tokens: Sequence[Token], text: str) -> str:
    """One entry of a CREATE INDEX in the model's form; the order that is the default is left out."""
    core, order = _peel_order(tokens)
    if core[0].is_name and (len(core) == 1 or core[1].is_name):
        return " ".join([plain(core[0].name), *_suffix(core[1:]), *order])
    length = _expression_length(core)
    expression = text[core[0].start : core[length - 1].end]
    if not (core[0].text == "(" and len(group(core, 0)) + 2 == length):
        expression = f"({expression})"
    return " ".join([expression, *_suffix(core[length:]), *order])


def plain(name: str) -> str:
    """A column's name as an entry: bare, or in double quotes where a bare one could be taken for something else."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def type_name(enum: Enum) -> str:
    """An enum as a column's type names it: its key, each part in quotes where it needs them."""
    return ".".join(plain(part) for part in (enum.namespace, enum.name) if part)


def type_key(type_: str, dialect: Dialect) -> tuple[str, ...]:
    """The name that a type's text gives, part by part and without quotes, as the engine compares it."""
    parts: list[str] = []
    for token in tokenize(type_, dialect):
        if token.is_name:
            exact = token.kind == "quoted" and dialect == "postgres"
            parts.append(token.name if exact else token.name.lower())
    return tuple(parts)


def enums_by_type(enums: Sequence[Enum], dialect: Dialect) -> dict[tuple[str, ...], Enum]:
    """Enums by what `type_key` gives for a column of their type."""
    exact = dialect == "postgres"
    named = {tuple(part for part in (enum.namespace, enum.name) if part): enum for enum in enums}
    return {key if exact else tuple(part.lower() for part in key): enum for key, enum in named.items()}


def split_entry(text: str) -> tuple[str | None, str, str]:
    """An entry as (column name or None, expression in its parentheses or "", suffix with order and collation)."""
    match = _ENTRY.match(text)
    if match:
        return unquote(match.group()), "", text[match.end() :].strip()
    end = _closing(text)
    return None, text[:end], text[end:].strip()


def index_columns(index: Index) -> tuple[str, ...]:
    """The plain columns of an index, in order; expressions are left out."""
    return tuple(name for name, _, _ in map(split_entry, index.columns) if name is not None)


def _peel_order(tokens: Sequence[Token]) -> tuple[list[Token], list[str]]:
    core, order = list(tokens), []
    nulls = ""
    if len(core) > 2 and core[-2].is_word("NULLS"):
        nulls, core = core[-1].value, core[:-2]
    if len(core) > 1 and core[-1].is_word("ASC", "DESC"):
        order, core = ([] if core[-1].is_word("ASC") else ["DESC"]), core[:-1]
    default = "FIRST" if order else "LAST"  # Postgres's default: NULLs count as the greatest values
    return core, order + ([f"NULLS {nulls}"] if nulls and nulls != default else [])


def _suffix(tokens: Sequence[Token]) -> list[str]:
    return ["".join(token.text for token in tokens[i : i + 1]) for i in range(len(tokens))]


def _expression_length(core: Sequence[Token]) -> int:
    """How many tokens the expression takes; a collation or operator class may stand behind it."""
    if core[0].text == "(":
        return len(group(core, 0)) + 2
    if core[0].is_name and len(core) > 1 and core[1].text == "(":
        end = len(group(core, 1)) + 3
        if all(token.is_name or token.text == "." for token in core[end:]):
            return end
    return len(core)


def _closing(text: str) -> int:
    """Where the parentheses that open an entry close; quotes inside are passed over."""
    depth, quote = 0, ""
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if not depth:
                return at + 1
    return len(text)
