"""Views on a narrow terminal: nothing twice, nothing cut."""

from __future__ import annotations

import io

from rich.console import Console, Group, RenderableType

from assistant.gate import KEYS
from assistant.look import _records
from assistant.views import gaps_view, sql_block


def on_screen(*parts: RenderableType, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in parts:
        console.print(part)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_a_gap_is_one_line_with_the_place_it_was_read_from() -> None:
    gap = {
        "kind": "column_added", "table": "agents", "column": "version", "to": "TEXT", "source": "/srv/db/desired.sql:7",
        "sentence": "agents.version is to be added: TEXT",
    }  # fmt: skip
    lines = on_screen(gaps_view([gap]))
    assert lines[1] == "+  agents.version is to be added: TEXT  desired.sql:7"


def test_sql_that_is_too_long_goes_on_under_its_own_beginning() -> None:
    lines = on_screen(sql_block([f'CREATE TABLE "t" (\n  {", ".join(["CONSTRAINT"] * 12)}\n)']))
    assert len(lines) > 3
    assert all(line.startswith("    ") for line in lines)
    assert all(line.startswith("      ") for line in lines[1:-1])
    assert lines[-1] == "    );"


def test_wide_rows_are_shown_column_by_column() -> None:
    lines = on_screen(Group(*_records([f"column_{n}" for n in range(8)], [[f"value {n} " * 20 for n in range(8)]])))
    assert lines[0] == "row 1"
    assert len(lines) == 9
    assert lines[1].startswith("  column_0  value 0")
    assert lines[1].endswith("…")


def test_the_keys_fit_on_one_line() -> None:
    assert len(KEYS) <= 80
