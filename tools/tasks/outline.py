"""What headings promise beside their tasks: deliverables and safety rules, as labelled lines or lists under them."""

from __future__ import annotations

import re
from collections import defaultdict

from tools.tasks.mended import mended
from tools.tasks.model import Section
from tools.tasks.tables import Document

Details = tuple[tuple[str, str], ...]
_LABEL = re.compile(r"^[ \t]*(?:[-*+][ \t]+)?\*\*(deliverables?|safety)[ \t]*:?\*\*[ \t]*:?[ \t]*(.*?)\s*$", re.I)
_BULLET = re.compile(r"^([ \t]*)[-*+][ \t]+(.*\S)")
_NUMBERED = re.compile(r"^(\d+)[.)]\s+(.*\S)")


def details_of(document: Document) -> dict[int, Details]:
    """(kind, text) of each heading that has some, by its index; kind is `deliverable` or `safety`."""
    titles = {line: place for place, (line, _, _) in enumerate(document.headings)}
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    heading, kind, depth = -1, "", 0
    for index, line in enumerate(document.lines):
        label, bullet = _LABEL.match(line), _BULLET.match(line)
        if index in titles:
            heading, kind = titles[index], ""
        elif label:
            kind, depth = label[1].lower().rstrip("s"), len(line) - len(line.lstrip())
            if label[2]:
                found[heading].append((kind, mended(label[2])))
        elif kind and bullet and len(bullet[1]) > depth:
            found[heading].append((kind, mended(bullet[2])))
        elif line.strip():
            kind = ""
    return {place: tuple(some) for place, some in found.items()}


def phases_of(document: Document, details: dict[int, Details], taken: set[int]) -> tuple[Section, ...]:
    """The headings that promise something and hold no task, such as the phases of a roadmap."""
    phases: list[Section] = []
    for place, some in details.items():
        if place >= 0 and place not in taken:
            title = document.headings[place][2]
            number = _NUMBERED.match(title)
            phases.append(Section(number[1] if number else "", mended(number[2] if number else title), details=some))
    return tuple(phases)
