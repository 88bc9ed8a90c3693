"""The lexer of Prisma schema files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

from tools.errors import SourceError

Kind = Literal["word", "string", "number", "mark", "doc", "comment", "end"]
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v\ufeff\u00a0]+)
      | (?P<newline>\n)
      | (?P<doc>///[^\n]*)
      | (?P<comment>//[^\n]*)
      | (?P<block>/\*.*?\*/)
      | (?P<string>"(?:[^"\\\n]|\\[^\n])*")
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w-]))
      | (?P<word>\w[\w-]*)
      | (?P<mark>@@|[@{}()\[\],:.?=!])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """`text` is the text as written, of a comment without its slashes. `start` and `end` are offsets in the source."""

    kind: Kind
    text: str
    line: int
    start: int
    end: int

    def __str__(self) -> str:
        return "the end of the file" if self.kind == "end" else repr(self.text)


def tokenize(text: str, source: str) -> list[Token]:
    """The tokens of a file, comments among them, closed by one of kind `end`.

    Raises SourceError with the line for a character or a string that Prisma does not know.
    """
    found: list[Token] = []
    line = 1
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise SourceError(_refused(text, at), source=source, line=line)
        kind, written = match.lastgroup, match.group()
        if kind in ("doc", "comment", "string", "number", "word", "mark"):
            found.append(Token(kind, written.lstrip("/").strip() if kind in ("doc", "comment") else written, line, at,
                               match.end()))  # fmt: skip
        line += written.count("\n")
        at = match.end()
    found.append(Token("end", "", line, at, at))
    return found


def _refused(text: str, at: int) -> str:
    if text[at] == '"':
        return "a string is not closed on its line"
    if text.startswith("/*", at):
        return "a comment is not closed"
    return f"{text[at]!r} is nothing that a Prisma schema can hold here"


def unquoted(text: str) -> str:
    """What a string in double quotes says."""
    try:
        return str(json.loads(text, strict=False))
    except ValueError:  # an escape that JSON does not have stands for its character
        return re.sub(r"\\(.)", r"\1", text[1:-1])
