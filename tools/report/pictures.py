"""Pictures as inline SVG: the plan over time, and the schema before and after. They need no script and no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from tools.migrate.record import Entry
from tools.plan.model import Plan
from tools.schema.model import Schema, Table
from tools.schema.normal import fold, normalise

LABEL, WIDTH, ROW = 300, 560, 24
LEAST = 3
"""Pixels: a step too quick to see is drawn as wide."""
COLUMN, LINE, GAP = 250, 18, 18
CHARACTERS = 34


@dataclass(frozen=True)
class Bar:
    """begin, end: seconds since the first bar's begin; pending ones have none."""

    label: str
    kind: str
    begin: float
    end: float


def gantt(plan: Plan, entries: Sequence[Entry]) -> str:
    """Every step of the plan with when it ran, forward and back; those still to run stand hatched at the end."""
    bars = _bars(entries)
    ran = {entry.step for entry in entries}
    last = max((bar.end for bar in bars), default=0.0) or 1.0
    waiting = [Bar(step.id, "pending", 0.0, 0.0) for step in plan.steps if step.id not in ran]
    scale = WIDTH * (0.9 if waiting else 1.0) / last
    height = ROW * (len(bars) + len(waiting)) + 30
    parts = [_axis(last, scale, height)]
    for place, bar in enumerate([*bars, *waiting]):
        parts.append(_row(place, bar, scale))
    return _svg(LABEL + WIDTH + 70, height, "The steps over time", parts)


def schema_difference(before: Schema | None, after: Schema) -> str:
    """Every table as a box of its columns: added ones marked +, removed ones -, changed ones ~; unchanged tables that
    stand on both sides are drawn pale."""
    old = {table.key: table for table in before.tables} if before else {}
    new = {table.key: table for table in after.tables}
    were, are = (_compared(schema) for schema in (before, after))
    boxes = [
        _box(
            key,
            old.get(key),
            new.get(key),
            changed=were.get(fold(key, after.dialect)) != are.get(fold(key, after.dialect)),
        )
        for key in dict.fromkeys([*new, *old])
    ]
    columns = min(4, max(1, len(boxes)))
    tops, parts = [10] * columns, list[str]()
    for title, kind, lines in boxes:
        place = tops.index(min(tops))
        parts.append(_table(10 + place * (COLUMN + GAP), tops[place], title, kind, lines))
        tops[place] += (len(lines) + 2) * LINE + GAP
    return _svg(10 + columns * (COLUMN + GAP), max(tops), "The schema before and after", parts)


def _bars(entries: Sequence[Entry]) -> list[Bar]:
    starts = [datetime.fromisoformat(entry.started) for entry in entries]
    first = min(starts, default=None)
    bars: list[Bar] = []
    for entry, start in zip(entries, starts, strict=True):
        assert first is not None
        begin = (start - first).total_seconds()
        end = datetime.fromisoformat(entry.finished) if entry.finished else None
        lasted = max((end - start).total_seconds() if end else 0.0, entry.seconds if not end else 0.0)
        kind = entry.state if entry.state != "done" else entry.direction
        label = entry.step if entry.direction == "apply" else f"back: {entry.step}"
        bars.append(Bar(label, kind, begin, begin + lasted))
    return bars


def _axis(last: float, scale: float, height: int) -> str:
    marks = [last * part / 4 for part in range(5)]
    return "".join(
        f'<line x1="{LABEL + at * scale:.1f}" y1="0" x2="{LABEL + at * scale:.1f}" y2="{height - 22}" class="grid"/>'
        f'<text x="{LABEL + at * scale:.1f}" y="{height - 6}" class="tick">{_duration(at)}</text>'
        for at in marks
    )


def _row(place: int, bar: Bar, scale: float) -> str:
    top = place * ROW + 4
    label = f'<text x="{LABEL - 8}" y="{top + 13}" class="label">{escape(_short(bar.label, 44))}</text>'
    if bar.kind == "pending":
        left, width, told = LABEL + WIDTH * 0.92, WIDTH * 0.06, "to run"
    else:
        left, width = LABEL + bar.begin * scale, max((bar.end - bar.begin) * scale, LEAST)
        told = _duration(bar.end - bar.begin)
    return (
        f'{label}<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 8}" rx="3" class="{bar.kind}">'
        f"<title>{escape(bar.label)}: {bar.kind}, {told}</title></rect>"
    )


def _compared(schema: Schema | None) -> dict[str, Table]:
    """The tables without what is no difference, such as the order of their columns."""
    return {table.key: table for table in normalise(schema).tables} if schema else {}


def _box(key: str, old: Table | None, new: Table | None, *, changed: bool) -> tuple[str, str, list[tuple[str, str]]]:
    before = {column.name: column for column in old.columns} if old else {}
    after = {column.name: column for column in new.columns} if new else {}
    lines: list[tuple[str, str]] = []
    for name in dict.fromkeys([*after, *before]):
        a, b = before.get(name), after.get(name)
        if old is None or new is None or (a is not None and a == b):
            told, kind = (b or a), "same"
        elif a is None:
            told, kind = b, "added"
        elif b is None:
            told, kind = a, "removed"
        else:
            told, kind = b, "changed"
        lines.append((f"{name} {told.type if told else ''}", kind))
    kind = "added" if old is None else "removed" if new is None else "changed" if changed else "same"
    return key, kind, lines


def _table(left: int, top: int, title: str, kind: str, lines: Sequence[tuple[str, str]]) -> str:
    sign = {"added": "+ ", "removed": "- ", "changed": "~ ", "same": "  "}
    height = (len(lines) + 1) * LINE + 8
    parts = [
        f'<rect x="{left}" y="{top}" width="{COLUMN}" height="{height}" rx="4" class="box {kind}"/>',
        f'<text x="{left + 8}" y="{top + 15}" class="title {kind}">{escape(_short(sign[kind] + title, 30))}</text>',
    ]
    for place, (text, how) in enumerate(lines, 1):
        y = top + 17 + place * LINE
        words = escape(_short(sign[how] + text, CHARACTERS))
        parts.append(f'<text x="{left + 8}" y="{y}" class="column {how}">{words}</text>')
    return "".join(parts)


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{title}</title>{"".join(parts)}</svg>'
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _duration(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.2f} s"
