"""Markdown to a board: sections with tables of tasks. The text is kept whole, what cannot be used is listed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tools.errors import SourceError
from tools.tasks.columns import Column, columns_of, read_status
from tools.tasks.dependencies import resolved
from tools.tasks.model import Board, CheckItem, Section, Task
from tools.tasks.ready import cycles
from tools.tasks.tables import Document, Row, Table, scan

Problem = tuple[int, str]
"""A line, from 1, and a sentence."""

_NUMBERED = re.compile(r"^(\d+)[.)]\s+(.*\S)")


def read_board(path: Path) -> Board:
    """Import a file. Raises SourceError for one that is not there, is no UTF-8 text, or holds no table of tasks."""
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
    places = task_tables(document)
    if not places:
        raise SourceError(
            "holds no table of tasks: a heading, then | Task Description | Owner | Priority | Dependencies | Status |",
            source=source,
        )
    problems = list(_broken(document))
    sections = tuple(Section(key, title, tuple(_tasks(key, tables, problems))) for key, title, tables in places)
    problems.extend(_duplicates(sections))
    checklist = tuple(
        CheckItem(f"c{number}", check.text, read_status(check.mark) or "todo", check.line + 1)
        for number, check in enumerate(document.checks, start=1)
    )
    title = next((text for _, level, text in document.headings if level == 1), "")
    board = resolved(Board(title, sections, checklist, text, source))
    for path in cycles(board):
        problems.append((board.task(path[0]).line, f"tasks wait for each other in a circle: {' → '.join(path)}"))
    return replace(board, problems=tuple(f"{source}:{line}: {sentence}" for line, sentence in sorted(problems)))


def task_tables(document: Document) -> list[tuple[str, str, list[Table]]]:
    """(key, title, tables) of each section. A template (all rows empty) is none unless it has a number."""
    by_heading: dict[int, list[Table]] = defaultdict(list)
    for table in document.tables:
        if columns_of([cell.value for cell in table.header.cells]):
            by_heading[table.heading].append(table)
    found: list[tuple[str, str, list[Table]]] = []
    for heading, tables in by_heading.items():
        title = document.headings[heading][2] if heading >= 0 else "Tasks"
        number = _NUMBERED.match(title)
        if number or not all(table.rows and not any(_described(table, row) for row in table.rows) for table in tables):
            found.append((number[1] if number else "", number[2] if number else title, tables))
    return _with_keys(found)


def task_rows(tables: list[Table]) -> Iterator[tuple[dict[Column, int], Row]]:
    """The rows that are tasks, in order: their number is the task's."""
    for table in tables:
        columns = columns_of([cell.value for cell in table.header.cells]) or {}
        for row in table.rows:
            if len(row.cells) <= len(table.header.cells) and _described(table, row):
                yield columns, row


def value_at(row: Row, columns: dict[Column, int], column: Column) -> str:
    index = columns.get(column)
    return row.cells[index].value if index is not None and index < len(row.cells) else ""


def _described(table: Table, row: Row) -> bool:
    columns = columns_of([cell.value for cell in table.header.cells]) or {}
    return bool(value_at(row, columns, "description"))


def _with_keys(sections: list[tuple[str, str, list[Table]]]) -> list[tuple[str, str, list[Table]]]:
    """Each with a key of its own: its number, or the next one that is free."""
    taken = {key for key, _, _ in sections if key}
    free = (str(number) for number in range(1, len(sections) * 2 + 2) if str(number) not in taken)
    seen: set[str] = set()
    keyed: list[tuple[str, str, list[Table]]] = []
    for key, title, tables in sections:
        unique = key if key and key not in seen else next(free)
        seen.add(unique)
        keyed.append((unique, title, tables))
    return keyed


def _tasks(key: str, tables: list[Table], problems: list[Problem]) -> Iterator[Task]:
    for table in tables:
        for row in table.rows:
            if len(row.cells) > len(table.header.cells):
                cells = f"{len(row.cells)} cells for {len(table.header.cells)} columns"
                sentence = rf"the row has {cells} and was left out: write a | inside a cell as \|"
                problems.append((row.line + 1, sentence))
    for number, (columns, row) in enumerate(task_rows(tables), start=1):
        written = value_at(row, columns, "status")
        status = read_status(written)
        if status is None:
            sentence = f"the status {written!r} is not known and counts as to do: use [ ], [/], [x] or [-]"
            problems.append((row.line + 1, sentence))
        yield Task(
            f"{key}.{number}", key, value_at(row, columns, "description"), value_at(row, columns, "owner"),
            value_at(row, columns, "priority"), value_at(row, columns, "depends"), status or "todo",
            value_at(row, columns, "notes"), value_at(row, columns, "step_id"), line=row.line + 1,
        )  # fmt: skip


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
