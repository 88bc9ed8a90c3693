"""Where on the page each section and each task of a document stands. Reading and writing both go by it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tools.tasks.columns import Column, columns_of
from tools.tasks.lists import Check
from tools.tasks.mended import mended
from tools.tasks.model import Form
from tools.tasks.tables import Document, Row, Table

_NUMBERED = re.compile(r"^(\d+)[.)]\s+(.*\S)")
_DAY = re.compile(r"^day\s+(\d+)\b", re.I)
_SUMMARY = re.compile(
    r"\b(developer checklist|(completion|acceptance|success|exit) criteria|definition of done)\b", re.I
)


@dataclass(frozen=True)
class TableRow:
    """A row that is a task, and what its columns mean."""

    row: Row
    columns: dict[Column, int]
    table: Table

    @property
    def line(self) -> int:
        return self.row.line

    @property
    def end(self) -> int:
        return self.row.line + 1

    def value(self, column: Column) -> str:
        return value_at(self.row, self.columns, column)

    def others(self) -> list[tuple[int, str, str]]:
        """(index, heading, value) of the cells whose column means nothing here, mended."""
        known = set(self.columns.values())
        return [
            (index, mended(heading.value), mended(self.row.cells[index].value if index < len(self.row.cells) else ""))
            for index, heading in enumerate(self.table.header.cells)
            if index not in known and heading.value
        ]


@dataclass(frozen=True)
class Place:
    """A section on the page. heading: its index in the document, -1 for none. Tasks stand in tables, or as items."""

    key: str
    title: str
    heading: int
    tables: tuple[Table, ...] = ()
    items: tuple[Check, ...] = ()

    @property
    def form(self) -> Form:
        return "table" if self.tables else "list"

    def rows(self) -> Iterator[TableRow]:
        """The rows that are tasks, in order."""
        for table in self.tables:
            columns = columns_of([cell.value for cell in table.header.cells]) or {}
            for row in table.rows:
                if len(row.cells) <= len(table.header.cells) and value_at(row, columns, "description"):
                    yield TableRow(row, columns, table)

    def spots(self) -> tuple[TableRow | Check, ...]:
        return tuple(self.rows()) if self.tables else self.items

    @property
    def begin(self) -> int:
        """The line before which a new first task is put."""
        return self.tables[0].header.line + 2 if self.tables else self.items[0].line

    def table_at(self, line: int) -> Table:
        """The table that a row put before `line` belongs to."""
        return [table for table in self.tables if table.header.line < line][-1]

    @property
    def end(self) -> int:
        """The line before which a new task at its end is put."""
        if self.tables:
            table = self.tables[-1]
            return (table.rows[-1].line if table.rows else table.header.line + 1) + 1
        return self.items[-1].end


@dataclass(frozen=True)
class Layout:
    """checks: the items that are no tasks but a summary of them."""

    places: tuple[Place, ...]
    checks: tuple[Check, ...]


def layout_of(document: Document) -> Layout:
    """Tables of tasks make the sections, and check items beside them a checklist; without tables the items are the
    tasks, but for those under a heading such as "Completion criteria"."""
    tables = _table_places(document)
    if tables:
        return Layout(_with_keys(tables), document.checks)
    summary = tuple(c for c in document.checks if c.heading >= 0 and _SUMMARY.search(document.headings[c.heading][2]))
    tasks = tuple(check for check in document.checks if check not in set(summary))
    if not tasks:
        summary, tasks = (), document.checks
    return Layout(_with_keys(_item_places(document, tasks)), summary)


def value_at(row: Row, columns: dict[Column, int], column: Column) -> str:
    index = columns.get(column)
    return row.cells[index].value if index is not None and index < len(row.cells) else ""


def day_of(title: str) -> int | None:
    """The number of a day of a plan by days (`Day 15 (Monday): Review`)."""
    match = _DAY.match(title)
    return int(match[1]) if match else None


def _table_places(document: Document) -> list[Place]:
    """A template (all rows empty) is no section unless it has a number."""
    by_heading: dict[int, list[Table]] = defaultdict(list)
    for table in document.tables:
        if columns_of([cell.value for cell in table.header.cells]):
            by_heading[table.heading].append(table)
    places = [replace(_place(document, heading), tables=tuple(tables)) for heading, tables in by_heading.items()]
    return [place for place in places if place.key or not _is_template(place)]


def _is_template(place: Place) -> bool:
    return all(table.rows for table in place.tables) and not any(
        value_at(row, columns_of([cell.value for cell in table.header.cells]) or {}, "description")
        for table in place.tables
        for row in table.rows
    )


def _item_places(document: Document, items: tuple[Check, ...]) -> list[Place]:
    by_heading: dict[int, list[Check]] = defaultdict(list)
    for check in items:
        by_heading[check.heading].append(check)
    return [replace(_place(document, heading), items=tuple(found)) for heading, found in by_heading.items()]


def _place(document: Document, heading: int) -> Place:
    title = mended(document.headings[heading][2]) if heading >= 0 else "Tasks"
    number, day = _NUMBERED.match(title), day_of(title)
    if number:
        return Place(number[1], number[2], heading)
    return Place(str(day) if day is not None else "", title, heading)


def _with_keys(places: list[Place]) -> tuple[Place, ...]:
    """Each with a key of its own: its number, or the next one that is free."""
    taken = {place.key for place in places if place.key}
    free = (str(number) for number in range(1, len(places) * 2 + 2) if str(number) not in taken)
    seen: set[str] = set()
    keyed: list[Place] = []
    for place in places:
        unique = place.key if place.key and place.key not in seen else next(free)
        seen.add(unique)
        keyed.append(replace(place, key=unique))
    return tuple(keyed)
