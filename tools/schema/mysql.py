"""MySQL and MariaDB: their DDL and their dumps, as a source to read from, told in Postgres's words."""

from __future__ import annotations

import re
from dataclasses import replace

from tools.schema.model import NotUnderstood, Schema, Span
from tools.schema.parsed import read_parsed

_CONDITIONAL = re.compile(r"/\*M?!\d*(.*?)\*/", re.DOTALL)
"""What only MySQL (from some version on) is to see: its dumps write views and partitions so."""
_DELIMITED = re.compile(r"^[ \t]*DELIMITER[ \t]+(\S+)[ \t]*$(.*?)^[ \t]*DELIMITER[ \t]+;[ \t]*$", re.M | re.S | re.I)


def read_mysql(text: str, source: str = "") -> Schema:
    """The schema of a DDL text of MySQL or MariaDB; triggers and routines are listed.

    Raises SourceError (with file and line) for a table that does not parse.
    """
    routines: list[NotUnderstood] = []

    def listed(found: re.Match[str]) -> str:
        for part in found[2].split(found[1]):
            if part.strip():
                line = text.count("\n", 0, found.start(2) + found[2].index(part) + len(part) - len(part.lstrip())) + 1
                span = Span(source, line) if source else None
                routines.append(NotUnderstood(part.strip(), "a routine or a trigger", span, compared=False))
        return "\n" * found[0].count("\n")

    text = text.replace("\r\n", "\n").replace("\r", "\n")
    bare = _CONDITIONAL.sub(lambda found: " " + found[1] + " ", _DELIMITED.sub(listed, text))
    schema = read_parsed(bare, "mysql", source)
    return replace(schema, not_understood=(*schema.not_understood, *routines))
