"""Check items of a Markdown document as they stand on the page: `- [ ] text`, nested, numbered or bare, with what they
stand under."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

_CHECK = re.compile(
    r"^(?P<bullet>[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)"
    r"(?P<mark>\[(?:[ xX]|[^\w\s\[\]])\])[ \t]+(?P<text>.*\S)"
)
_BULLET = re.compile(r"^[ \t]*[-*+][ \t]+(?P<text>\S.*?)\s*$")
_NUMBERED = re.compile(r"^\d{1,9}[.)][ \t]+(?P<text>\S.*?)\s*$")
Heading = tuple[int, int, str]
"""line (from 0), level, text. Level 7 is a numbered line over check items, which no other mark makes a heading."""


@dataclass(frozen=True)
class Check:
    """line: from 0. start: the place of the `[` in its line; lead: what stands before it. indent: columns before the
    bullet. end: the line after its own text, before the items nested in it. heading: index of the nearest heading
    above, -1 for none. group: the bullet without a box that it is nested in (`Morning`). parent: the index of the check
    item that it is nested in, -1 for none."""

    line: int
    start: int
    mark: str
    text: str
    lead: str = ""
    indent: int = 0
    end: int = 0
    heading: int = -1
    group: str = ""
    parent: int = -1


def is_check(line: str) -> bool:
    return _CHECK.match(line) is not None


def numbered_headings(lines: Sequence[str], free: Collection[int]) -> Iterator[Heading]:
    """The lines `1. Title` that stand directly over check items."""
    for index in sorted(free):
        match = _NUMBERED.match(lines[index])
        if match and not is_check(lines[index]) and index + 1 in free and is_check(lines[index + 1]):
            yield index, 7, lines[index].strip()


def check_items(lines: Sequence[str], free: Collection[int], headings: Sequence[Heading]) -> tuple[Check, ...]:
    """All check items on the lines that are `free`: in no table and no code."""
    titles = {line: place for place, (line, _, _) in enumerate(headings)}
    heading, above, found = -1, list["_Above"](), list[Check]()
    for index, line in enumerate(lines):
        if index in titles:
            heading, above = titles[index], []
        elif index in free and (match := _CHECK.match(line)):
            indent = _columns(line)
            above = [one for one in above if one.indent < indent]
            parent = next((one.check for one in reversed(above) if one.check >= 0), -1)
            group = next((one.group for one in reversed(above) if one.group), "")
            place, said = match.start("mark"), (match["mark"], match["text"], match["bullet"])
            found.append(Check(index, place, *said, indent, index + 1, heading, group, parent))
            above.append(_Above(indent, len(found) - 1))
        elif index in free and (match := _BULLET.match(line)):
            above = [one for one in above if one.indent < _columns(line)]
            above.append(_Above(_columns(line), group=match["text"].strip("*_: ")))
        elif index in free and line.strip() and not line[0].isspace():
            above = []
        if found and index == found[-1].end and index in free and _belongs(line, found[-1].indent):
            found[-1] = replace(found[-1], end=index + 1)
    return tuple(found)


@dataclass(frozen=True)
class _Above:
    """A bullet further out: a check item by its index, or another by its text."""

    indent: int
    check: int = -1
    group: str = ""


def _belongs(line: str, indent: int) -> bool:
    """Whether a line goes on with what an item says."""
    return bool(line.strip()) and _columns(line) > indent and not is_check(line)


def _columns(line: str) -> int:
    return len(line[: len(line) - len(line.lstrip())].expandtabs(4))
