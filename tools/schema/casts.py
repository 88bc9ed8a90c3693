"""Casts and parentheses that Postgres adds when it prints an expression, taken out of its tokens.

What it prints of `x IN ('a', 'b')` is not what it prints once it has read that back: `(ARRAY['a'::character varying,
…])::text[]` becomes `ARRAY[('a'::character varying)::text, …]`. The same check, made again from its text, must be no
difference, so casts of texts to texts count for nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.schema.tokens import Token

_TEXTS = ("TEXT", "BPCHAR", "VARCHAR")
_BEFORE_GROUP = frozenset({"AND", "OR", "NOT", "WHEN", "THEN", "ELSE", "CASE", "IS", "LIKE", "ILIKE", "BETWEEN"})


def without_text_casts(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The tokens without casts of literals and arrays to texts, and without parentheses around one operand."""
    found = list(tokens)
    while True:
        shorter = _without_casts(found)
        shorter = _without_groups(shorter)
        if len(shorter) == len(found):
            return tuple(found)
        found = shorter


def _without_casts(tokens: list[Token]) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(tokens):
        if tokens[at].text == "::" and found:
            end, is_array = _text_type(tokens, at + 1)
            of_array = found[-1].text in ("]", ")") and is_array
            if end and (of_array or (found[-1].kind == "string" and not is_array)):
                at = end
                continue
        found.append(tokens[at])
        at += 1
    return found


def _text_type(tokens: list[Token], at: int) -> tuple[int, bool]:
    """Where the type of texts that begins here ends, and whether it is one of arrays; 0 where it is another type."""
    if at < len(tokens) and tokens[at].is_word(*_TEXTS):
        end = at + 1
    elif at + 1 < len(tokens) and tokens[at].is_word("CHARACTER") and tokens[at + 1].is_word("VARYING"):
        end = at + 2
    else:
        return 0, False
    if end + 2 < len(tokens) and tokens[end].text == "(" and tokens[end + 1].kind == "number":
        end += 3
    is_array = end + 1 < len(tokens) and tokens[end].text == "[" and tokens[end + 1].text == "]"
    return end + (2 if is_array else 0), is_array


def _without_groups(tokens: list[Token]) -> list[Token]:
    """Without `(a)` that groups one operand, and with one pair for two that open and close together."""
    closings = _closings(tokens)
    dropped: set[int] = set()
    for at, end in closings.items():
        grouping = at == 0 or not tokens[at - 1].is_name or tokens[at - 1].value in _BEFORE_GROUP
        if end == at + 2 and grouping and tokens[at - 1].text != "]":
            dropped |= {at, end}
        elif closings.get(at + 1) == end - 1:
            dropped |= {at + 1, end - 1}
    return [token for i, token in enumerate(tokens) if i not in dropped]


def _closings(tokens: list[Token]) -> dict[int, int]:
    found: dict[int, int] = {}
    open_: list[int] = []
    for i, token in enumerate(tokens):
        if token.text == "(":
            open_.append(i)
        elif token.text == ")" and open_:
            found[open_.pop()] = i
    return found
