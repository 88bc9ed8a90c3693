"""How far work that counts rows is: a bar on a terminal, else a line now and then; rows, rate and time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assistant.commands.output import is_quiet, say

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

EVERY = 10.0
"""Seconds between two lines where there is no terminal."""


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A callback (done, total), or None where nobody looks."""
    if is_quiet():
        yield None
    elif not sys.stderr.isatty():
        yield Lines(what)
    else:
        from rich.console import Console
        from rich.progress import Progress

        with Progress(*columns(), console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def columns() -> tuple[ProgressColumn, ...]:
    """What a bar shows: rows done of all, rows a second, time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "", style="cyan")

    return TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn()


class Lines:
    """Told of progress, says a line on it at most every so many seconds."""

    def __init__(self, what: str) -> None:
        self._what, self._begun = what, time.monotonic()
        self._said, self._first = self._begun, -1

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._first < 0:  # what an earlier attempt has done says nothing of this one's rate
            self._first, self._begun = done, now
        if now - self._said < EVERY or done >= total:
            return
        self._said = now
        rate = (done - self._first) / (now - self._begun) if now > self._begun else 0.0
        left = f", {rate:,.0f}/s, {(total - done) / rate:,.0f} s left" if rate else ""
        say(f"{self._what}: {done:,} of {total:,}{left}")
