"""Where a conversation is read and shown: a terminal with editing and completion, or plain lines.

Both raise EOFError at the end of input and KeyboardInterrupt for Ctrl-C: what that means is the caller's business, and
it never means yes.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rich.console import Console, RenderableType

T = TypeVar("T")
Watch = Callable[[], "T | None"]
POLL_SECONDS = 0.5
PLAIN_WIDTH = 110


class Settled(Exception):
    """While a person was asked, the answer came from elsewhere; `found` is what the watch saw."""

    def __init__(self, found: Any) -> None:
        self.found = found
        super().__init__("settled elsewhere")


class Terminal(Protocol):
    console: Console

    def line(self, prompt: str, watch: Watch[Any] | None = None) -> str:
        """One line. `watch` is asked about twice a second; what it finds ends the wait as Settled."""
        ...

    def edit(self, text: str) -> str:
        """The text as the person leaves it."""
        ...

    def show(self, *parts: RenderableType) -> None: ...


def make_console(**options: Any) -> Console:
    """A console on today's stdout; lines that go to a file or a pipe are not squeezed to 80 columns."""
    console = Console(highlight=False, soft_wrap=False, **options)
    if not console.is_terminal and "width" not in options:
        console.width = PLAIN_WIDTH
    return console


class PlainTerminal:
    """Lines from stdin, echoed after the prompt, so that a piped conversation reads like a typed one."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or make_console()
        self._rest = b""

    def line(self, prompt: str, watch: Watch[Any] | None = None) -> str:
        self.console.print(prompt, end="", markup=False)
        self.console.file.flush()
        try:
            text = self._read(watch)
        except EOFError:
            self.console.print()
            raise
        if not sys.stdin.isatty():
            self.console.print(text, markup=False)
        return text

    def edit(self, text: str) -> str:
        self.console.print("type the new SQL; a line with a single dot ends it", style="dim")
        lines: list[str] = []
        while (line := self.line("... ")) != ".":
            lines.append(line)
        return "\n".join(lines)

    def show(self, *parts: RenderableType) -> None:
        for part in parts:
            self.console.print(part)

    def _read(self, watch: Watch[Any] | None) -> str:
        try:
            descriptor = sys.stdin.fileno()
        except (OSError, AttributeError, ValueError):  # a test's or an embedder's own stream
            return _whole(sys.stdin.readline())
        if os.name == "nt":  # select knows sockets only: an answer from elsewhere is seen after the next line
            return _whole(sys.stdin.readline())
        while b"\n" not in self._rest:
            ready, _, _ = select.select([descriptor], [], [], POLL_SECONDS if watch else None)
            if not ready:
                _check(watch)
                continue
            piece = os.read(descriptor, 65536)
            if not piece:
                rest, self._rest = self._rest, b""
                return _whole(rest.decode(errors="replace"))
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")


def _whole(text: str) -> str:
    if not text:
        raise EOFError
    return text.rstrip("\r\n")


def _check(watch: Watch[Any] | None) -> None:
    found = watch() if watch else None
    if found is not None:
        raise Settled(found)


class PromptTerminal:
    """A real terminal: history in `history`, completion of `words`."""

    def __init__(self, history: Path, words: Iterable[str], console: Console | None = None) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import FileHistory, InMemoryHistory

        self.console = console or make_console()
        self._main: PromptSession[str] = PromptSession(
            history=FileHistory(str(history)), completer=_completer(words), complete_while_typing=False
        )
        # Answers to questions are no part of what a person wants to find again.
        self._answers: PromptSession[str] = PromptSession(history=InMemoryHistory())

    def command(self, prompt: str) -> str:
        """One line of conversation, with history and completion."""
        return self._main.prompt(prompt)

    def line(self, prompt: str, watch: Watch[Any] | None = None) -> str:
        if watch is None:
            return self._answers.prompt(prompt)
        return self._answers.prompt(prompt, pre_run=lambda: _watch_from(watch))

    def edit(self, text: str) -> str:
        self.console.print("edit the SQL; Esc then Enter ends it", style="dim")
        return self._answers.prompt("", default=text, multiline=True)

    def show(self, *parts: RenderableType) -> None:
        for part in parts:
            self.console.print(part)


def _watch_from(watch: Watch[Any]) -> None:
    """Poll in the background of the running prompt, and end the prompt when something is found."""
    import asyncio

    from prompt_toolkit.application import get_app

    app = get_app()

    async def poll() -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            found = await asyncio.get_running_loop().run_in_executor(None, watch)
            if found is not None and app.is_running:
                app.exit(exception=Settled(found))
                return

    app.create_background_task(poll())


def _completer(words: Iterable[str]) -> Any:
    from prompt_toolkit.completion import Completer, Completion
    from prompt_toolkit.document import Document

    known = sorted(set(words))

    class Words(Completer):
        def get_completions(self, document: Document, complete_event: object) -> Iterable[Completion]:
            word = document.get_word_before_cursor(WORD=True)
            if word:
                yield from (Completion(name, -len(word)) for name in known if name.startswith(word))

    return Words()
