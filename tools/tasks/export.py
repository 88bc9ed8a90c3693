"""A board back to Markdown: the text it came from with only the changed cells changed, or the usual form made anew."""

from __future__ import annotations

from dataclasses import dataclass

from tools.tasks.columns import HEADINGS, MARKS, Column, cell_text, columns_of, same_cell, same_mark
from tools.tasks.identity import staying
from tools.tasks.layout import Layout, Place, TableRow, layout_of
from tools.tasks.lists import Check
from tools.tasks.mended import mended
from tools.tasks.model import Board, Section, Task
from tools.tasks.page import Page
from tools.tasks.tables import Table, escape, fit, scan

_USUAL: tuple[Column, ...] = ("description", "owner", "priority", "depends", "status")
_WIDTHS: dict[Column, int] = {"owner": 8, "priority": 10, "depends": 14, "status": 8}


@dataclass(frozen=True)
class Rendered:
    """lost: sentences for values that the document has no column for; they stay on the board."""

    text: str
    lost: tuple[str, ...] = ()


def board_to_markdown(board: Board) -> Rendered:
    """The whole document. A board that was imported and not changed gives its own text, byte for byte."""
    if not board.text:
        return Rendered(_made_anew(board))
    document = scan(board.text)
    layout = layout_of(document)
    page = Page(document.lines)
    writer = _Writer(page, layout)
    places = {place.key: place for place in layout.places}
    for section in board.sections:
        if section.key in places:
            writer.section(section, places[section.key])
        else:
            title = next((level for _, level, _ in document.headings[::-1] if level == 7), 3)
            last = max(place.end for place in layout.places)
            page.add(last, ["", *_section_lines(section, heading="" if title == 7 else "### ")])
    for check, item in zip(layout.checks, board.checklist, strict=True):
        if not same_mark(check.mark, item.status):
            page.replace(check.line, check.start, check.start + len(check.mark), MARKS[item.status])
    return Rendered(page.text(), tuple(writer.lost))


class _Writer:
    """Writes sections in their places; what it cannot write is `lost`."""

    def __init__(self, page: Page, layout: Layout) -> None:
        self._page = page
        self._spots = {spot.line + 1: spot for place in layout.places for spot in place.spots()}
        self._indents: dict[str, int] = {}
        self.lost: list[str] = []

    def section(self, section: Section, place: Place) -> None:
        """Tasks that still stand in their order keep their lines; the others are put after the one before them."""
        spots = {spot.line + 1: spot for spot in place.spots()}
        keeping = staying([task.line for task in section.tasks if task.line in spots])
        for line in spots.keys() - keeping:
            self._page.remove(spots[line].line, spots[line].end)
        last = max((at for at, task in enumerate(section.tasks) if task.line in keeping), default=-1)
        after = place.begin
        for at, task in enumerate(section.tasks):
            if task.line in keeping:
                spot = spots[task.line]
                self._rewrite(task, spot)
                after = spot.end
                self._indents[task.id] = spot.indent if isinstance(spot, Check) else 0
            else:
                nested = task.parent in self._indents
                self._insert(task, place, after if at < last or nested else place.end)

    def _rewrite(self, task: Task, spot: TableRow | Check) -> None:
        if isinstance(spot, TableRow):
            self._rewrite_row(task, spot)
        else:
            self._rewrite_item(task, spot)

    def _rewrite_row(self, task: Task, spot: TableRow) -> None:
        line = self._page.line(spot.line)
        self._page.replace(spot.line, 0, len(line), _row_text(line, task, spot))
        self.lost.extend(_without_column(task, spot.columns))

    def _rewrite_item(self, task: Task, spot: Check) -> None:
        if mended(spot.text) != task.description:
            start = self._page.line(spot.line).index(spot.text, spot.start + len(spot.mark))
            self._page.replace(spot.line, start, start + len(spot.text), task.description)
        if not same_mark(spot.mark, task.status):
            self._page.replace(spot.line, spot.start, spot.start + len(spot.mark), MARKS[task.status])
        self.lost.extend(_without_column(task, _OF_ITEMS))

    def _insert(self, task: Task, place: Place, line: int) -> None:
        came_from = self._spots.get(task.line)
        if place.tables:
            table = place.table_at(line)
            columns = columns_of([cell.value for cell in table.header.cells]) or {}
            row = self._moved_row(task, came_from, table)
            self._page.add(line, [row or _new_row(task, table, columns)])
            self.lost.extend(_without_column(task, columns))
            lines = 1
        else:
            self._page.add(line, [self._new_item(task, place)])
            self.lost.extend(_without_column(task, _OF_ITEMS))
            lines = 0
            if isinstance(came_from, Check):  # what else it says comes along as it is
                more = range(came_from.line + 1, came_from.end)
                self._page.add(line, [self._page.line(index) for index in more])
                lines = len(more)
        if isinstance(came_from, Check) and lines < came_from.end - came_from.line - 1:
            self.lost.append(f"{task.id}: the lines below it in {place.title!r} have no place in a table")

    def _moved_row(self, task: Task, came_from: TableRow | Check | None, table: Table) -> str | None:
        """The row as it stood elsewhere, where the columns are the same."""
        if not isinstance(came_from, TableRow) or _headings(came_from.table) != _headings(table):
            return None
        return _row_text(self._page.line(came_from.line), task, came_from)

    def _new_item(self, task: Task, place: Place) -> str:
        """An item in the manner of those of its section; a part stands further in than what it is a part of."""
        model = next((item for item in place.items if mended(item.group) == task.group), place.items[0])
        whole = self._indents.get(task.parent)
        lead = model.lead if whole is None else f"{' ' * (whole + 2)}{model.lead.lstrip() or '- '}"
        self._indents[task.id] = model.indent if whole is None else whole + 2
        return f"{lead}{MARKS[task.status]} {task.description}"


_OF_ITEMS: dict[Column, int] = {"description": 0, "status": 0}
"""What a check item has a place for."""


def _row_text(line: str, task: Task, spot: TableRow) -> str:
    """A row with the cells replaced that say something else than the task."""
    cells = spot.row.cells
    wanted = _changed_extra(task, spot) | {
        index: cell_text(task, column)
        for column, index in spot.columns.items()
        if not same_cell(task, column, mended(spot.value(column)))
    }
    # From the right, so that the places of the cells further left stay true.
    for index in sorted((index for index in wanted if index < len(cells)), reverse=True):
        cell = cells[index]
        line = line[: cell.start] + fit(cell.raw, wanted[index]) + line[cell.end :]
    if max(wanted, default=0) < len(cells):
        return line
    closed = line.rstrip() if line.rstrip().endswith("|") else f"{line.rstrip()} |"
    values = [escape(wanted.get(index, "")) for index in range(len(cells), max(wanted) + 1)]
    return closed + "".join(f" {value} |" if value else " |" for value in values)


def _headings(table: Table) -> list[str]:
    return [cell.value for cell in table.header.cells]


def _changed_extra(task: Task, spot: TableRow) -> dict[int, str]:
    others = spot.others()
    if [heading for _, heading, _ in others] != [heading for heading, _ in task.extra]:
        return {}
    pairs = zip(others, task.extra, strict=True)
    return {index: value for (index, _, written), (_, value) in pairs if written != value}


def _without_column(task: Task, columns: dict[Column, int]) -> list[str]:
    """What a task says and its table has no column for."""
    plain = Task(task.id, task.section, task.description)
    return [
        f"{task.id}: the {'list' if columns is _OF_ITEMS else 'table'} has no column {HEADINGS[column]!r} for "
        f"{cell_text(task, column)!r}"
        for column in HEADINGS
        if column not in columns and cell_text(task, column) != cell_text(plain, column)
    ]


def _new_row(task: Task, table: Table, columns: dict[Column, int]) -> str:
    """A row in the manner of the one above it."""
    model = table.rows[-1] if table.rows else table.header
    values = {index: cell_text(task, column) for column, index in columns.items()}
    extra = dict(task.extra)
    cells: list[str] = []
    for index, heading in enumerate(table.header.cells):
        raw = model.cells[index].raw if index < len(model.cells) else "  "
        padded = raw.endswith("  ") or not raw.strip()
        cells.append(fit(raw if padded else " x ", values.get(index, extra.get(mended(heading.value), ""))))
    return f"|{'|'.join(cells)}|"


def _made_anew(board: Board) -> str:
    lines = [f"# {board.title}", ""] if board.title else []
    for section in board.sections:
        lines += [*_section_lines(section), ""]
    if board.checklist:
        lines += ["## Checklist", *(f"- {MARKS[item.status]} {item.text}" for item in board.checklist), ""]
    return "\n".join(lines)


def _section_lines(section: Section, heading: str = "### ") -> list[str]:
    title = f"{heading}{section.key}. {section.title}"
    if section.form == "list":
        bullet = "- " if heading else ""
        return [title, *(f"{bullet}{MARKS[task.status]} {task.description}" for task in section.tasks)]
    extra: list[Column] = [
        c for c in ("notes", "step_id", "due", "estimate") if any(getattr(task, c) for task in section.tasks)
    ]
    columns = (*_USUAL, *extra)
    titles = [f" {HEADINGS[column]} " for column in columns]
    lines = [title, f"|{'|'.join(titles)}|"]
    lines.append(f"|{'|'.join('-' * len(name) for name in titles)}|")
    for task in section.tasks:
        cells = [fit(" x".ljust(_WIDTHS.get(column, 3)), cell_text(task, column)) for column in columns]
        lines.append(f"|{'|'.join(cells)}|")
    return lines
