"""What every scratch engine promises, and how it says no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tools.schema.model import Schema
from tools.schema.tokens import Statement

SECONDS = 20.0
"""How long one statement may run."""


class Refusal(Exception):
    """The engine does not take a statement. `syntax`: it does not even parse. `line`: counted from 1 in its text."""

    def __init__(self, message: str, *, syntax: bool = False, line: int = 1) -> None:
        super().__init__(message)
        self.syntax, self.line = syntax, line


class Scratch(Protocol):
    """An empty database of a dialect."""

    def execute(self, statement: Statement) -> None:
        """Run one statement. Raises Refusal, and has then changed nothing."""
        ...

    def execute_all(self, statements: Sequence[Statement]) -> bool:
        """Run many at once, which is faster; False, and nothing is changed, where one of them is refused."""
        ...

    def parse(self, statement: Statement) -> None:
        """Raise Refusal with `syntax` for a statement that does not parse. Runs nothing."""
        ...

    def read(self) -> Schema: ...
