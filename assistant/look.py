"""Looking into a proposal at the gate: the tables it touches, some of their rows, the whole way back. For the person's
eyes only: nothing of this becomes part of the conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.text import Text

from assistant.threads import Conversation
from assistant.tool_views import result_views
from assistant.views import clean, sql_block, table
from tools.location import parse_location
from tools.schema.model import Table

SAMPLE = 5
ABREAST = 6
"""Up to how many columns a row is shown on one line."""


def look_into(talk: Conversation, view: Mapping[str, Any]) -> list[RenderableType]:
    """Schema and first rows of every table that the proposal touches and that is there, then its undo in full."""
    from tools.toolbox.schema import whole_table

    parts: list[RenderableType] = []
    desk = talk.belt.desk(talk.pins)
    if view.get("objects") and desk.current and parse_location(desk.current).live:
        schema = desk.current_schema
        for found in filter(None, map(schema.table, view["objects"])):
            parts.append(Text(f"\n{clean(found.key)}", style="bold cyan"))
            parts += result_views("inspect_schema", {"table": whole_table(found)})
            parts.append(_rows(desk.current, found))
    undo = sql_block(view["undo"]) if view.get("undo") else Text("    none")
    parts += [Text("\nundo, in full:", style="bold"), undo]
    return parts


def _rows(location: str, found: Table) -> RenderableType:
    from tools.migrate.open import open_backend
    from tools.schema.render import qualified

    backend = open_backend(location, read_only=True)
    try:
        rows = backend.sample(f"SELECT * FROM {qualified(found.key)}", SAMPLE)
    finally:
        backend.close()
    if not rows:
        return Text("no rows", style="dim")
    cells = [[None if value is None else str(value) for value in row.values()] for row in rows]
    return table(rows[0], cells) if len(rows[0]) <= ABREAST else Group(*_records(list(rows[0]), cells))


def _records(names: list[str], rows: list[list[str | None]]) -> list[RenderableType]:
    """Rows of a wide table, each under its number with a line for each column."""
    parts: list[RenderableType] = []
    width = min(30, max(map(cell_len, names)))
    for number, values in enumerate(rows, 1):
        parts.append(Text(f"row {number}", style="bold"))
        for name, value in zip(names, values, strict=True):
            line = Text(f"  {set_cell_size(clean(name), width)}  ", style="dim", no_wrap=True, overflow="ellipsis")
            parts.append(line.append(clean(" ".join((value or "").split())), style="not dim"))
    return parts
