"""Which view shows a tool's answer in the transcript. What the answer's own words say well has no table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from assistant.views import clean, gaps_view, hits_view, rows_view, steps_view, table, tasks_view, usages_view

Data = dict[str, Any]


def result_views(name: str, data: Data) -> list[RenderableType]:
    """What is shown of a tool's answer; an error is shown in red, whatever the tool."""
    if data.get("error"):
        return [Text(clean(data["error"]), style="red")]
    view = VIEWS.get(name)
    return view(data) if view else []


def _more(data: Data) -> list[RenderableType]:
    left = data["total"] - data["offset"] - len(data["items"])
    return [Text(f"… and {left:,} more", style="dim")] if left > 0 else []


def _plan(data: Data) -> list[RenderableType]:
    return [steps_view(data["items"]), *_more(data)] if data["items"] else []


def _gaps(data: Data) -> list[RenderableType]:
    return [gaps_view(data["items"]), *_more(data)] if data["items"] else []


def _usages(data: Data) -> list[RenderableType]:
    return [usages_view(data["items"]), *_more(data)] if data["items"] else []


def _rows(data: Data) -> list[RenderableType]:
    return [rows_view(data["tables"])] if data.get("tables") else []


def _hits(data: Data) -> list[RenderableType]:
    return [hits_view(data["items"])] if data["items"] else []


def _tasks(data: Data) -> list[RenderableType]:
    return [tasks_view(data["items"]), *_more(data)] if data["items"] else []


def _tables(data: Data) -> list[RenderableType]:
    if "part" in data:
        return []  # said in words
    if "table" in data:
        rows = [(c["name"], c["type"], "" if c.get("nullable", True) else "NOT NULL", c.get("default"))
                for c in data["table"]["columns"]]  # fmt: skip
        return [table(("column", "type", "", "default"), rows)]
    rows = [(t["table"], t["columns"], t["indexes"], ", ".join(t["foreign_keys"])) for t in data["items"]]
    return [table(("table", "columns", "indexes", "refers to"), rows, right=("columns", "indexes")), *_more(data)]


VIEWS: dict[str, Callable[[Data], list[RenderableType]]] = {
    "find_usages": _usages, "list_gaps": _gaps, "make_plan": _plan, "rehearse_plan": _rows, "verify": _rows,
    "inspect_schema": _tables, "search_knowledge": _hits, "board_show": _tasks, "board_ready": _tasks,
    "board_blocked": _tasks,
}  # fmt: skip
