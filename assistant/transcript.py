"""Events of a conversation as they appear on screen: streamed text, tables of what tools answered, a progress bar."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.text import Text

from assistant.progress import columns
from assistant.tool_views import result_views
from assistant.views import clean
from assistant.wrap import WordWrap

Event = dict[str, Any]


class Transcript:
    """Shows events on a console; `tools` keeps the names of what was called."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.tools: list[str] = []

    def play(self, events: Iterable[Event]) -> None:
        """Show all events to the end; an exception on the way leaves the screen in order."""
        with _Screen(self.console) as screen:
            for event in events:
                if event["kind"] == "tool":
                    self.tools.append(event["name"])
                screen.show(event)


class _Screen(AbstractContextManager["_Screen"]):
    def __init__(self, console: Console) -> None:
        self._console = console
        self._in_text = False
        self._text: WordWrap | None = None
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._what = ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_progress()
        self._end_text()

    def show(self, event: Event) -> None:
        if event["kind"] == "progress":
            self._end_text()
            self._advance(event["what"], event["done"], event["total"])
            return
        self._end_progress()
        if event["kind"] == "text":
            self._say(clean(event["text"]))
            return
        self._end_text()
        if event["kind"] == "tool":
            arguments = "" if event["arguments"] in ("", "{}") else f" {event['arguments']}"
            self._console.print(Text(clean(f"· {event['name']}{arguments}"), style="dim"))
        elif event["kind"] in ("result", "revised"):
            for view in result_views(event["name"], event["data"]):
                self._console.print(view)
        elif event["kind"] == "notice":
            self._console.print(Text(clean(event["text"]), style="bold"))
        elif event["kind"] == "done":
            self._console.print(Text(clean(_done_sentence(event["data"])), style="green"))
            for note in event["data"].get("notes", ()):
                self._console.print(Text(f"  note: {clean(note)}", style="yellow"))

    def _say(self, text: str) -> None:
        """Text as it streams in; a pipe or a file gets it unbroken."""
        if not self._console.is_terminal:
            self._in_text = True
            self._console.file.write(text)
        else:
            self._text = self._text or WordWrap(self._console.file.write, self._console.width)
            self._text.feed(text)
        self._console.file.flush()

    def _advance(self, what: str, done: int, total: int) -> None:
        if not self._console.is_terminal:
            return  # lines in a pipe or a log cannot be drawn over
        progress = self._progress or self._begin_progress()
        if what != self._what or self._task is None:
            self._task, self._what = progress.add_task(clean(what), total=total or None), what
        progress.update(self._task, completed=done, total=total or None)

    def _begin_progress(self) -> Progress:
        self._progress = Progress(*columns(), console=self._console, transient=True)
        self._progress.start()
        return self._progress

    def _end_progress(self) -> None:
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._task, self._what = None, None, ""

    def _end_text(self) -> None:
        if self._text:
            self._text.end()
        if self._in_text or self._text:
            self._console.print()
        self._in_text, self._text = False, None


def _done_sentence(result: Event) -> str:
    rows = f", {result['rows']:,} rows" if result.get("rows") else ""
    seconds = f" in {result['seconds']:.2f} s" if result.get("seconds") is not None else ""
    return f"✓ {result.get('id', '')} {result.get('status', 'done')}{seconds}{rows}"
