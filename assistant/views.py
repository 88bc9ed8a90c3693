"""What is shown, as Rich renderables made from plain JSON: the same views serve commands, chat and gate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

JSON = Mapping[str, Any]
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "renamed": ("»", "yellow"), "changed": ("~", "yellow")}


def clean(text: object) -> str:
    """Text from a model, a database or a document, without what could steer the terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text))


def cell(value: object) -> Text:
    if value is None:
        return Text("")
    return Text(f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else clean(value))


def table(headers: Iterable[str], rows: Iterable[Iterable[object]], right: Iterable[str] = ()) -> Table:
    numbers = set(right)
    view = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        view.add_column(header, justify="right" if header in numbers else "left", overflow="fold")
    for row in rows:
        view.add_row(*(value if isinstance(value, Text) else cell(value) for value in row))
    return view


def sql_block(statements: Iterable[str]) -> RenderableType:
    """SQL under its heading; a line that is too long goes on under its own beginning."""
    text = ";\n".join(clean(statement).strip().rstrip(";") for statement in statements)
    lines: list[RenderableType] = []
    for line in Syntax("", "sql", background_color="default").highlight(f"{text};").split():
        indent = len(line.plain) - len(line.plain.lstrip())
        line.no_wrap, line.overflow = False, "fold"
        lines.append(Padding(line[indent:], (0, 0, 0, 4 + indent), expand=False))
    return Group(*lines)


def gap_sentence(gap: JSON) -> str:
    """One gap in one line, from its parts where it carries no sentence of its own."""
    if gap.get("sentence"):
        return str(gap["sentence"])
    what = ".".join(str(part) for part in (gap["table"], gap.get("column") or gap.get("name")) if part)
    change = f": {gap.get('from') or 'none'} → {gap.get('to') or 'none'}" if gap.get("from") or gap.get("to") else ""
    return f"{gap['kind'].replace('_', ' ')} {what}{change}"


def gaps_view(gaps: Iterable[JSON]) -> RenderableType:
    rows = []
    for gap in gaps:
        sign, style = next((SIGNS[word] for word in SIGNS if gap["kind"].endswith(word)), ("?", "magenta"))
        place = PurePath(gap.get("source") or "").name
        rows.append((Text(sign, style=style), gap_sentence(gap), Text(clean(place), style="dim")))
    return table(("", "gap", "read from"), rows) if rows else Text("no gap: the two schemas are the same")


def usages_view(usages: Iterable[JSON]) -> RenderableType:
    """Who uses what, place by place; what is likely and not certain says so."""
    rows = []
    for usage in usages:
        name = f"{usage['table']}.{usage['column']}" if usage.get("column") else usage["table"]
        access = Text(usage["access"], style="yellow" if usage["access"] == "write" else "cyan")
        sure = "" if usage["certainty"] == "certain" else "likely"
        rows.append((name, access, f"{usage['file']}:{usage['line']}", Text(sure, style="dim"), usage["text"]))
    return table(("used", "", "where", "", "line"), rows) if rows else Text("no usage of it was found in the code")


def hazards_text(hazards: Iterable[str]) -> Text:
    names = list(hazards)
    grave = {"DELETES_DATA", "IRREVERSIBLE", "NOT_REHEARSED"}
    return Text(", ").join(Text(clean(name), style="bold red" if name in grave else "yellow") for name in names)


def steps_view(steps: Iterable[JSON]) -> RenderableType:
    """Steps as a plan holds them: number, phase where it begins, what, hazards, and the time where it is known."""
    rows, phase, steps = [], "", list(steps)
    timed = any(step.get("takes") for step in steps)
    for step in steps:
        shown = step["phase"] if step["phase"] != phase else ""
        phase = step["phase"]
        takes = [step["takes"]] if timed else []
        rows.append(
            (step.get("n"), Text(shown, style="bold cyan"), step["summary"], hazards_text(step["hazards"]), *takes)
        )
    return table(("#", "phase", "step", "hazards", *(["takes"] if timed else [])), rows, right=("#",))


def results_view(steps: Iterable[JSON]) -> RenderableType:
    rows = [(s["id"], s["status"], f"{s.get('seconds', 0):.2f}", s.get("rows")) for s in steps]
    return table(("step", "status", "seconds", "rows"), rows, right=("seconds", "rows"))


def rehearsal_view(steps: Iterable[JSON]) -> RenderableType:
    """Each step on the shadow: its time and the way back's, for how long it kept others out, and the time it will take
    where a sample was rehearsed."""
    numbers = ("seconds", "back", "rows", "held (ms)")
    rows = []
    for step in steps:
        back = f"{step['undone']:.2f}" if step.get("undone") is not None else ""
        held = f"{step['holds'] * 1000:,.0f}" if step.get("holds") else ""
        told = [*step["locks"], *(f"{name} written anew" for name in step["rewrites"])]
        told += [step["estimate"]] if step.get("sampled") else []
        rows.append((step["id"], f"{step['seconds']:.2f}", back, step["rows"], held, "; ".join(told)))
    return table(("step", *numbers, "locks, rewrites, time here"), rows, right=numbers)


def rows_view(tables: Iterable[JSON]) -> RenderableType:
    """The proof of the rows, table by table."""
    rows = []
    for one in tables:
        equal = one.get("checksum_equal")
        sums = Text("equal", style="green") if equal else Text("-" if equal is None else "DIFFER", style="bold red")
        rows.append((one["table"], one["source_rows"], one["migrated"], one["skipped"], one["failed"], sums))
    numbers = ("before", "migrated", "skipped", "failed")
    return table(("table", *numbers, "checksums"), rows, right=numbers)


def preview_view(preview: JSON) -> list[RenderableType]:
    """A column made of others, on real rows."""
    rows = preview["rows"]
    empty = f"; {preview['empty']:,} rows get no value" if preview["empty"] else ""
    head = Text(clean(f"{preview['table']}.{preview['column']} as {preview['sql']}{empty}"), style="bold")
    return [head, table(rows[0], (row.values() for row in rows))] if rows else [head, Text("no rows yet")]


def tasks_view(tasks: Iterable[JSON]) -> RenderableType:
    rows = [
        (t["id"], t.get("section"), t["description"], t.get("owner"), t.get("priority"), t["status"],
         ", ".join(t.get("blocked_by") or t.get("dependencies") or []))
        for t in tasks
    ]  # fmt: skip
    return table(("id", "section", "task", "owner", "priority", "status", "waits for"), rows)


def hits_view(hits: Iterable[JSON]) -> RenderableType:
    parts: list[RenderableType] = []
    for hit in hits:
        parts.append(Text(clean(hit["place"]), style="cyan") + Text(f"  {clean(hit.get('heading', ''))}", style="bold"))
        parts.append(Padding(Text(clean(hit.get("excerpt", ""))), (0, 0, 0, 4)))
    return Group(*parts) if parts else Text("nothing found")


def proposal_view(view: JSON) -> RenderableType:
    """What the gate shows: number, phase, summary, SQL, hazards, rows touched, undo, rehearsal, expiry."""
    number = (
        f"step {view['n']} of {view['m']}" if view.get("m") else clean(view.get("kind", "proposal")).replace("_", " ")
    )
    head = Text.assemble(
        (number, "bold"), "  ", (clean(view.get("phase", "")), "bold cyan"), f"  {clean(view['summary'])}"
    )
    parts: list[RenderableType] = [head]
    for name, value in _facts(view):
        parts.append(Text.assemble("  ", (f"{name}: ", "dim"), value))
    for name in ("sql", "undo"):
        if view.get(name):
            parts += [Text(f"  {name}:", style="dim"), sql_block(view[name])]
        elif name in view:
            parts.append(Text.assemble("  ", (f"{name}: ", "dim"), "none"))
    return Group(*parts)


def _facts(view: JSON) -> list[tuple[str, Text]]:
    facts: list[tuple[str, Text]] = []
    if view.get("target"):
        facts.append(("on", cell(view["target"])))
    if view.get("steps"):
        facts.append(("covers", cell("; ".join(str(step) for step in view["steps"]))))
    facts.append(("hazards", hazards_text(view["hazards"]) if view.get("hazards") else Text("none")))
    facts += [("touches", cell(touched)) for touched in view.get("touches", ())]
    if view.get("rows"):
        facts.append(("rows touched", Text(f"about {view['rows']:,}")))
    if "rehearsal" in view:
        facts.append(("rehearsed", _rehearsed(view["rehearsal"])))
    if view.get("backup"):
        facts.append(("backup", Text("made and read back before the step")))
    facts += [("note", cell(note)) for note in view.get("notes", ())]
    if view.get("expires"):
        facts.append(("open until", cell(view["expires"])))
    return facts


def _rehearsed(rehearsal: JSON | None) -> Text:
    if not rehearsal:
        return Text("no", style="bold red")
    parts = [f"{rehearsal['seconds']:.2f} s"] if rehearsal.get("seconds") is not None else []
    parts += [f"{rehearsal['rows']:,} rows"] if rehearsal.get("rows") is not None else []
    parts += [f"here {rehearsal['estimate']}"] if rehearsal.get("sampled") else []
    parts += [f"held {', '.join(rehearsal['locks'])}"] if rehearsal.get("locks") else []
    parts += [f"wrote {', '.join(rehearsal['rewrites'])} anew"] if rehearsal.get("rewrites") else []
    return Text(", ".join(["forward and back", *parts]), style="green")
