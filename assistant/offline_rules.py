"""A rule of the offline planner: words that are looked for, and the tools that they call."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Data = dict[str, Any]
Calls = list[tuple[str, Data]]


@dataclass(frozen=True)
class Rule:
    """`pattern` is looked for in the user's words; `calls` are the tools to call, with arguments from the match."""

    pattern: re.Pattern[str]
    calls: Callable[[re.Match[str]], Calls]


def rule(pattern: str, *calls: tuple[str, Data]) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE), lambda match: list(calls))


def words(pattern: str, tool: str, **groups: str) -> Rule:
    """A rule whose tool takes arguments from named groups of the pattern; a group that did not match is left out."""
    return made(pattern, tool, lambda match: {
        name: plain(name, match[group]) for name, group in groups.items() if match[group] is not None
    })  # fmt: skip


def made(pattern: str, tool: str, arguments: Callable[[re.Match[str]], Data]) -> Rule:
    """A rule whose tool takes what a function makes of the match."""
    return Rule(re.compile(pattern, re.IGNORECASE), lambda match: [(tool, arguments(match))])


def plain(name: str, text: str) -> str:
    """A word without the marks around it; SQL keeps its quotes."""
    return text.strip() if name == "sql" else text.strip().strip("?\"'`")
