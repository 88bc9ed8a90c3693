"""Which tables and columns a piece of SQL reads, by its tokens: names that stand outside strings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tools.location import Dialect
from tools.schema.reserved import may_name
from tools.schema.tokens import Token, tokenize


def columns_in(expression: str, names: Sequence[str], dialect: Dialect) -> tuple[str, ...]:
    """Those of `names` that the expression names, in their own order."""
    used = _names(tokenize(expression, dialect), dialect)
    return tuple(name for name in names if _fold(name, dialect) in used)


def reads_of(query: str, keys: Iterable[str], dialect: Dialect) -> tuple[str, ...]:
    """Those of the tables' and views' `keys` that the query names; a key with a namespace only where it is written."""
    tokens = tokenize(query, dialect)
    used = _names(tokens, dialect)
    dotted = {
        f"{_fold(a.name, dialect)}.{_fold(b.name, dialect)}"
        for a, dot, b in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if a.is_name and dot.text == "." and b.is_name
    }
    return tuple(sorted(key for key in set(keys) if _fold(key, dialect) in (dotted if "." in key else used)))


def _names(tokens: Sequence[Token], dialect: Dialect) -> set[str]:
    return {_fold(token.name, dialect) for token in tokens if may_name(token)}


def _fold(name: str, dialect: Dialect) -> str:
    return name if dialect == "postgres" else name.lower()
