"""Parentheses that change nothing, taken out of an expression's tokens.

SQLite keeps expressions as they were written, so `(a > 0) AND b` and `a > 0 AND b` must be told to be the same here;
Postgres and DuckDB print every expression in a form of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.schema.tokens import Token

_BINDING = {
    "OR": 1, "AND": 2, "NOT": 3,
    **dict.fromkeys(("=", "==", "<>", "!=", "IS", "IN", "LIKE", "GLOB", "MATCH", "REGEXP", "BETWEEN", "ISNULL",
                     "NOTNULL", "ESCAPE"), 4),
    **dict.fromkeys(("<", "<=", ">", ">="), 5),
    **dict.fromkeys(("&", "|", "<<", ">>"), 6),
    **dict.fromkeys(("+", "-"), 7),
    **dict.fromkeys(("*", "/", "%"), 8),
    **dict.fromkeys(("||", "->", "->>"), 9),
    "COLLATE": 10,
}  # fmt: skip
"""How tightly an operator of SQLite binds; the tightest last."""

_NEUTRAL = frozenset({"WHEN", "THEN", "ELSE", "END", "CASE", ",", "(", ")"})
_ATOM = 99


def without_redundant(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The tokens without parentheses around the whole, around a single operand, or around what binds tighter anyway."""
    found = list(tokens)
    at = 0
    while at < len(found):
        if found[at].text == "(" and _groups(found, at):
            end = _closing(found, at)
            if end is not None and _is_redundant(found, at, end):
                del found[end], found[at]
                at = 0
                continue
        at += 1
    return tuple(found)


def _groups(tokens: Sequence[Token], at: int) -> bool:
    """Whether these parentheses group; otherwise they hold a call's arguments or a list."""
    if at == 0:
        return True
    before = tokens[at - 1]
    if before.value == "IN" or before.kind in ("quoted", "string", "number") or before.text == ")":
        return False
    return before.kind == "op" or before.value in _BINDING or before.value in _NEUTRAL


def _closing(tokens: Sequence[Token], at: int) -> int | None:
    depth = 0
    for i in range(at, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[i].text, 0)
        if not depth:
            return i
    return None


def _is_redundant(tokens: Sequence[Token], at: int, end: int) -> bool:
    inside = _top_level(tokens[at + 1 : end])
    if not inside or any(token.text == "," or token.is_word("SELECT", "WITH", "VALUES") for token in inside):
        return False
    binding = min((_BINDING[token.value] for token in inside if token.value in _BINDING), default=_ATOM)
    beside = [_beside(tokens, at - 1), _beside(tokens, end + 1)]
    if all(binding > other for other in beside):
        return True
    # AND and OR may be chained in any grouping.
    return binding in (1, 2) and all(other <= binding for other in beside) and _is_chain(inside, binding)


def _beside(tokens: Sequence[Token], at: int) -> int:
    """How tightly the operator beside the parentheses binds; 0 for none."""
    if not 0 <= at < len(tokens) or tokens[at].value in _NEUTRAL:
        return 0
    return _BINDING.get(tokens[at].value, _ATOM)


def _is_chain(inside: Sequence[Token], binding: int) -> bool:
    between = any(token.is_word("BETWEEN", "CASE") for token in inside)
    return not between and binding in {_BINDING.get(token.value) for token in inside}


def _top_level(tokens: Sequence[Token]) -> list[Token]:
    found: list[Token] = []
    depth = 0
    for token in tokens:
        depth -= token.text == ")"
        if not depth:
            found.append(token)
        depth += token.text == "("
    return found


def encloses(tokens: Sequence[Token]) -> bool:
    """Whether the parenthesis that the tokens begin with is closed by their last one."""
    depth = 0
    for i, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if not depth:
            return i == len(tokens) - 1
    return False
