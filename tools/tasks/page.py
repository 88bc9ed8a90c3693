"""The lines of a document, some of them changed or taken out, with others added between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence


class Page:
    """Lines count from 0, as they stood at first."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = list(lines)
        self._added: dict[int, list[str]] = defaultdict(list)
        self._removed: set[int] = set()
        first = lines[0] if lines else "\n"
        self._line_end = first[len(first.rstrip("\r\n")) :] or "\n"

    def line(self, index: int) -> str:
        return self._lines[index].rstrip("\r\n")

    def replace(self, index: int, start: int, end: int, text: str) -> None:
        line = self._lines[index]
        self._lines[index] = line[:start] + text + line[end:]

    def remove(self, start: int, end: int) -> None:
        """Take out the lines from `start` up to `end`."""
        self._removed.update(range(start, end))

    def add(self, end: int, lines: list[str]) -> None:
        """Put lines before line `end`, after those put there earlier."""
        self._added[end].extend(lines)

    def text(self) -> str:
        out: list[str] = []
        for index in range(len(self._lines) + 1):
            for line in self._added.get(index, ()):
                if out and not out[-1].endswith(("\n", "\r")):  # a last line without an end stays without one
                    out[-1] += self._line_end
                    out.append(line)
                else:
                    out.append(line + self._line_end)
            if index < len(self._lines) and index not in self._removed:
                out.append(self._lines[index])
        return "".join(out)
