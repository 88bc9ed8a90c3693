"""The one primitive of comparison: two sets of named values, told apart into added, removed and modified."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Difference(Generic[T]):
    added: tuple[T, ...]
    removed: tuple[T, ...]
    modified: tuple[tuple[T, T], ...]
    same: tuple[tuple[T, T], ...]


def differ(
    before: Iterable[T], after: Iterable[T], name: Callable[[T], Hashable], form: Callable[[T], object]
) -> Difference[T]:
    """Pair two sides by `name`; a pair is modified where `form` gives two values that are not equal."""
    old, new = {name(value): value for value in before}, {name(value): value for value in after}
    pairs = [(old[key], value) for key, value in new.items() if key in old]
    return Difference(
        added=tuple(value for key, value in new.items() if key not in old),
        removed=tuple(value for key, value in old.items() if key not in new),
        modified=tuple((a, b) for a, b in pairs if form(a) != form(b)),
        same=tuple((a, b) for a, b in pairs if form(a) == form(b)),
    )
