"""Markdown to a board: tables of tasks, or lists of check items. The text is kept whole, what cannot be used is
listed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tools.errors import SourceError
from tools.tasks.columns import Column, read_status
from tools.tasks.dependencies import resolved
from tools.tasks.identity import with_uids
from tools.tasks.layout import Layout, Place, TableRow, layout_of
from tools.tasks.lists import Check
from tools.tasks.mended import mended
from tools.tasks.model import Board, CheckItem, Section, Status, Task
from tools.tasks.outline import details_of, phases_of
from tools.tasks.ready import cycles
from tools.tasks.tables import Document, scan

Problem = tuple[int, str]
"""A line, from 1, and a sentence."""

_MARKS = "use [ ], [/], [x] or [-]"


def read_board(path: Path) -> Board:
    """Import a file. Raises SourceError for one that is not there, is no UTF-8 text, or holds no task."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise SourceError("no such file", source=str(path)) from None
    except UnicodeDecodeError as error:
        raise SourceError("is not UTF-8 text, so no Markdown board", source=str(path)) from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", source=str(path)) from error
    return board_from_markdown(text, str(path))


def board_from_markdown(text: str, source: str = "") -> Board:
    """The board in a Markdown text, its dependencies resolved. What cannot be used is listed in `problems`."""
    if "\0" in text:
        raise SourceError("is binary, not a Markdown board", source=source)
    document = scan(text)
    layout = layout_of(document)
    if not layout.places:
        raise SourceError(
            "holds no table of tasks (a heading, then | Task Description | Owner | Priority | Dependencies | Status |) "
            "and no list of them (- [ ] what is to be done)",
            source=source,
        )
    problems = list(_broken(document))
    details = details_of(document)
    sections = tuple(
        Section(place.key, place.title, tuple(_tasks(place, problems)), place.form, details.get(place.heading, ()))
        for place in layout.places
    )
    problems.extend(_duplicates(sections))
    title = next((mended(text) for _, level, text in document.headings if level == 1), "")
    phases = phases_of(document, details, {place.heading for place in layout.places})
    checklist = tuple(_checklist(document, layout, problems))
    board = resolved(with_uids(Board(title, sections, checklist, text, source, phases=phases)))
    for path in cycles(board):
        problems.append((board.task(path[0]).line, f"tasks wait for each other in a circle: {' → '.join(path)}"))
    return replace(board, problems=tuple(f"{source}:{line}: {sentence}" for line, sentence in sorted(problems)))


def anchored(board: Board, written: Board, text: str) -> Board:
    """The board with `text`, rendered from the state `written`, as the document that it goes back to. What was added
    since has no line in it yet."""
    lines = {task.uid: read.line for task, read in zip(written, board_from_markdown(text), strict=True)}
    sections = tuple(
        replace(section, tasks=tuple(replace(task, line=lines.get(task.uid, 0)) for task in section.tasks))
        for section in board.sections
    )
    return replace(board, text=text, sections=sections)


def _tasks(place: Place, problems: list[Problem]) -> Iterator[Task]:
    if place.form == "list":
        yield from _item_tasks(place, problems)
        return
    for table in place.tables:
        for row in table.rows:
            if len(row.cells) > len(table.header.cells):
                cells = f"{len(row.cells)} cells for {len(table.header.cells)} columns"
                sentence = rf"the row has {cells} and was left out: write a | inside a cell as \|"
                problems.append((row.line + 1, sentence))
    for number, found in enumerate(place.rows(), start=1):
        yield _row_task(place.key, number, found, problems)


def _row_task(key: str, number: int, found: TableRow, problems: list[Problem]) -> Task:
    def value(column: Column) -> str:
        return mended(found.value(column))

    status = read_status(value("status"))
    if status is None:
        sentence = f"the status {value('status')!r} is not known and counts as to do: {_MARKS}"
        problems.append((found.line + 1, sentence))
    return Task(
        f"{key}.{number}", key, value("description"), value("owner"), value("priority"), value("depends"),
        status or "todo", value("notes"), value("step_id"), value("due"), value("estimate"), value("label"),
        extra=tuple((heading, written) for _, heading, written in found.others()), line=found.line + 1,
    )  # fmt: skip


def _item_tasks(place: Place, problems: list[Problem]) -> Iterator[Task]:
    ids: dict[int, str] = {}  # by line, for the items nested in it
    above: list[Check] = []
    for number, item in enumerate(place.items, start=1):
        ids[item.line] = f"{place.key}.{number}"
        above = [one for one in above if one.indent < item.indent and item.parent >= 0]
        yield Task(
            ids[item.line], place.key, mended(item.text), status=_mark(item, problems), group=mended(item.group),
            parent=ids[above[-1].line] if above else "", line=item.line + 1,
        )  # fmt: skip
        above.append(item)


def _mark(item: Check, problems: list[Problem]) -> Status:
    status = read_status(item.mark)
    if status is None:
        problems.append((item.line + 1, f"the mark {item.mark!r} is not known and counts as to do: {_MARKS}"))
    return status or "todo"


def _checklist(document: Document, layout: Layout, problems: list[Problem]) -> Iterator[CheckItem]:
    for number, check in enumerate(layout.checks, start=1):
        heading = mended(document.headings[check.heading][2]) if check.heading >= 0 else ""
        yield CheckItem(f"c{number}", mended(check.text), _mark(check, problems), heading, check.line + 1)


def _broken(document: Document) -> Iterator[Problem]:
    previous = -2
    for line in document.like_tables:
        if line != previous + 1:
            sentence = (
                "looks like a table but is none, so it was left out: "
                "the header and the |---| line below it need the same number of columns"
            )
            yield line + 1, sentence
        previous = line


def _duplicates(sections: tuple[Section, ...]) -> Iterator[Problem]:
    first: dict[str, Task] = {}
    for section in sections:
        for task in section.tasks:
            name = task.description.casefold()
            if name in first:
                yield task.line, f"{task.id} has the same name as {first[name].id}: depend on it by number"
            first.setdefault(name, task)
