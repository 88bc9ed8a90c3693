"""A board back to Markdown: the text it came from with only the changed cells changed, or the usual form made anew."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from tools.tasks.columns import HEADINGS, MARKS, Column, cell_text, columns_of, read_status, same_cell
from tools.tasks.markdown import task_rows, task_tables, value_at
from tools.tasks.model import Board, Section, Task
from tools.tasks.tables import Document, Row, Table, escape, fit, scan

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
    page = _Page(document)
    tables = {key: found for key, _, found in task_tables(document)}
    lost: list[str] = []
    for section in board.sections:
        if section.key in tables:
            lost.extend(_write_section(page, section, tables[section.key]))
        else:
            last = max(_end(table) for found in tables.values() for table in found)
            page.add(last, ["", *_section_lines(section)])
    for check, item in zip(document.checks, board.checklist, strict=True):
        if read_status(check.mark) != item.status:
            page.replace(check.line, check.start, check.start + len(check.mark), MARKS[item.status])
    return Rendered(page.text(), tuple(lost))


class _Page:
    """The lines of a document, some of them changed, with others added after them."""

    def __init__(self, document: Document) -> None:
        self._lines = list(document.lines)
        self._added: dict[int, list[str]] = defaultdict(list)
        first = document.lines[0] if document.lines else "\n"
        self._line_end = first[len(first.rstrip("\r\n")) :] or "\n"

    def line(self, index: int) -> str:
        return self._lines[index].rstrip("\r\n")

    def replace(self, index: int, start: int, end: int, text: str) -> None:
        line = self._lines[index]
        self._lines[index] = line[:start] + text + line[end:]

    def add(self, end: int, lines: list[str]) -> None:
        """Put lines before line `end`, after those put there earlier."""
        self._added[end].extend(lines)

    def text(self) -> str:
        out: list[str] = []
        for index in range(len(self._lines) + 1):
            for line in self._added.get(index, ()):
                if out and not out[-1].endswith(("\n", "\r")):  # a last line without an end stays without one
                    out[-1] += self._line_end
                    out.append(line)
                else:
                    out.append(line + self._line_end)
            if index < len(self._lines):
                out.append(self._lines[index])
        return "".join(out)


def _write_section(page: _Page, section: Section, tables: list[Table]) -> list[str]:
    rows = list(task_rows(tables))
    lost: list[str] = []
    for task, (columns, row) in zip(section.tasks, rows, strict=False):
        lost.extend(_write_row(page, task, columns, row))
    columns = columns_of([cell.value for cell in tables[-1].header.cells]) or {}
    for task in section.tasks[len(rows) :]:
        page.add(_end(tables[-1]), [_new_row(task, tables[-1], columns)])
        lost.extend(_without_column(task, columns))
    return lost


def _write_row(page: _Page, task: Task, columns: dict[Column, int], row: Row) -> list[str]:
    changed: dict[int, Column] = {
        index: column
        for column, index in columns.items()
        if not same_cell(task, column, value_at(row, columns, column))
    }
    # From the right, so that the places of the cells further left stay true.
    for index in sorted((index for index in changed if index < len(row.cells)), reverse=True):
        cell = row.cells[index]
        page.replace(row.line, cell.start, cell.end, fit(cell.raw, cell_text(task, changed[index])))
    if max(changed, default=0) >= len(row.cells):
        line = page.line(row.line)
        closed = line.rstrip() if line.rstrip().endswith("|") else f"{line.rstrip()} |"
        missing = range(len(row.cells), max(changed) + 1)
        values = [escape(cell_text(task, changed[index])) if index in changed else "" for index in missing]
        page.replace(row.line, 0, len(line), closed + "".join(f" {value} |" if value else " |" for value in values))
    return _without_column(task, columns)


def _without_column(task: Task, columns: dict[Column, int]) -> list[str]:
    """What a task says and its table has no column for."""
    plain = Task(task.id, task.section, task.description)
    return [
        f"{task.id}: the table has no column {HEADINGS[column]!r} for {cell_text(task, column)!r}"
        for column in HEADINGS
        if column not in columns and cell_text(task, column) != cell_text(plain, column)
    ]


def _new_row(task: Task, table: Table, columns: dict[Column, int]) -> str:
    """A row in the manner of the one above it."""
    model = table.rows[-1] if table.rows else table.header
    values = {index: cell_text(task, column) for column, index in columns.items()}
    cells: list[str] = []
    for index in range(len(table.header.cells)):
        raw = model.cells[index].raw if index < len(model.cells) else "  "
        padded = raw.endswith("  ") or not raw.strip()
        cells.append(fit(raw if padded else " x ", values.get(index, "")))
    return f"|{'|'.join(cells)}|"


def _end(table: Table) -> int:
    return (table.rows[-1].line if table.rows else table.header.line + 1) + 1


def _made_anew(board: Board) -> str:
    lines = [f"# {board.title}", ""] if board.title else []
    for section in board.sections:
        lines += [*_section_lines(section), ""]
    if board.checklist:
        lines += ["## Checklist", *(f"- {MARKS[item.status]} {item.text}" for item in board.checklist), ""]
    return "\n".join(lines)


def _section_lines(section: Section) -> list[str]:
    extra: list[Column] = [c for c in ("notes", "step_id") if any(getattr(task, c) for task in section.tasks)]
    columns = (*_USUAL, *extra)
    titles = [f" {HEADINGS[column]} " for column in columns]
    lines = [f"### {section.key}. {section.title}", f"|{'|'.join(titles)}|"]
    lines.append(f"|{'|'.join('-' * len(title) for title in titles)}|")
    for task in section.tasks:
        cells = [fit(" x".ljust(_WIDTHS.get(column, 3)), cell_text(task, column)) for column in columns]
        lines.append(f"|{'|'.join(cells)}|")
    return lines
