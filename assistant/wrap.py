"""Text broken at words: streamed to a terminal piece by piece, or whole."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import TextIO

from rich.cells import cell_len

_PIECES = re.compile(r"\s+|\S+")


class WordWrap:
    """Passes text on to `write`, in lines of at most `width` cells where its words allow. A line that goes on keeps
    its first line's indent. Pieces may end in mid-word: a word is written once what follows it has come, or at `end`.
    """

    def __init__(self, write: Callable[[str], object], width: int) -> None:
        self._write, self._width = write, width
        self._held = self._space = self._indent = ""
        self._column = 0

    def feed(self, text: str) -> None:
        pieces: list[str] = _PIECES.findall(self._held + text)
        self._held = pieces.pop() if pieces and not pieces[-1].isspace() else ""
        for piece in pieces:
            self._take(piece)

    def end(self) -> None:
        """Write what was held back, without a line's end."""
        held, self._held = self._held, ""
        if held:
            self._take(held)

    def _take(self, piece: str) -> None:
        if piece.isspace():
            self._take_space(piece)
            return
        if self._column and self._column + cell_len(self._space) + cell_len(piece) > self._width:
            self._write("\n")
            self._space, self._column = self._indent, 0
        elif not self._column:
            self._indent = self._space
        self._write(self._space + piece)
        self._column += cell_len(self._space) + cell_len(piece)
        self._space = ""

    def _take_space(self, piece: str) -> None:
        lines, _, after = piece.rpartition("\n")
        if not lines and "\n" not in piece:
            self._space += piece
            return
        self._write("\n" * piece.count("\n"))
        self._space, self._column = after, 0


def wrapped(text: str, stream: TextIO) -> str:
    """The text as `stream` can show it: broken at words where it is a terminal, as it is where it is not."""
    if not stream.isatty():
        return text
    parts: list[str] = []
    lines = WordWrap(parts.append, shutil.get_terminal_size().columns)
    lines.feed(text)
    lines.end()
    return "".join(parts)
