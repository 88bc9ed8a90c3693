"""The answers of commands, printed to stdout: each takes a room's value and shows it by the views of the chat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from assistant.terminal import make_console
from assistant.tool_views import result_views
from assistant.views import (
    clean,
    gaps_view,
    hazards_text,
    hits_view,
    preview_view,
    proposal_view,
    rehearsal_view,
    results_view,
    rows_view,
    steps_view,
    table,
    tasks_view,
    usages_view,
)

if TYPE_CHECKING:
    from knowledge.approvals import Proposal
    from knowledge.search import Hit
    from tools.migrate.backup import Backup
    from tools.migrate.rehearsal import Rehearsal
    from tools.migrate.verify import Verification
    from tools.plan.explain import Stage
    from tools.plan.model import Plan
    from tools.schema.model import Gap, Question, Schema
    from tools.usages.model import Usage

JSON = Mapping[str, Any]


def show(*parts: RenderableType) -> None:
    console = make_console()
    for part in parts:
        console.print(part)


def print_schema(schema: Schema) -> None:
    """Every table with its columns, keys and indexes; then what else there is, and what was not understood."""
    from tools.toolbox.schema import whole_table

    show(Text(f"{clean(schema.source)}  {_kind(schema)}", style="bold"))
    for one in schema.tables:
        show(
            Text(f"\n{clean(one.key)}", style="bold cyan"), *result_views("inspect_schema", {"table": whole_table(one)})
        )
        for what, names in _parts_of(one):
            show(Text(f"  {what}: ", style="dim") + Text(clean(names)))
    kinds = (("enum", schema.enums), ("view", schema.views))
    show(*(Text(f"{kind} {clean(thing.key)}") for kind, things in kinds for thing in things))
    show(*(Text(f"trigger {clean(trigger.name)} on {clean(trigger.table)}") for trigger in schema.triggers))
    for thing in schema.objects:
        where = f" on {thing.table}" if thing.kind == "policy" else ""
        said = f": {thing.form}" if thing.kind == "comment" else ""
        show(Text(clean(f"{thing.kind} {thing.key}{where}{said}")))
    for left in schema.not_understood:
        show(Text(f"not understood: {left.span or ''} {clean(left.text[:100])} {clean(left.reason)}", style="yellow"))


def _kind(schema: Schema) -> str:
    return f"{schema.dialect} {clean(schema.version)}" if schema.origin == "sql" else schema.origin


def _parts_of(one: Any) -> list[tuple[str, str]]:
    parts = [("primary key", ", ".join(one.primary_key.columns))] if one.primary_key else []
    parts += [("unique", ", ".join(unique.columns)) for unique in one.uniques]
    parts += [
        ("foreign key", f"{', '.join(key.columns)} → {key.ref_table} ({', '.join(key.ref_columns)})")
        for key in one.foreign_keys
    ]
    parts += [("check", check.expression) for check in one.checks]
    return parts + [("index", f"{index.name} ({', '.join(index.columns)})") for index in one.indexes]


def print_gaps(gaps: Sequence[Gap], questions: Sequence[Question] = ()) -> None:
    from assistant.questions import sentence
    from tools.schema.serial import gap_to_json

    show(gaps_view([gap_to_json(gap) for gap in gaps]))
    show(*(Text(f"open question: {clean(sentence(question))}", style="yellow") for question in questions))


def print_line(text: str) -> None:
    show(Text(clean(text)))


def print_usages(usages: Sequence[Usage]) -> None:
    from tools.usages.model import usage_to_json

    show(usages_view([usage_to_json(usage) for usage in usages]))


def print_plan(plan: Plan) -> None:
    from tools.toolbox.plan import steps_in_short

    show(steps_view(steps_in_short(plan)))
    show(*(Text(f"held back: {clean(text)}", style="yellow") for text in plan.held_back))
    show(*(Text(f"note: {clean(text)}", style="dim") for text in plan.notes))


def print_stages(stages: Iterable[Stage]) -> None:
    """What a run would do, stage by stage."""
    for stage in stages:
        show(Text(clean(stage)))


def print_proposals(proposals: Sequence[Proposal]) -> None:
    show(proposals_view(proposals))


def proposals_view(proposals: Sequence[Proposal]) -> RenderableType:
    if not proposals:
        return Text("nothing waits for an answer")
    rows = [
        (
            p.id,
            p.action.kind.replace("_", " "),
            p.action.summary,
            hazards_text(p.action.hazards),
            f"{p.expires:%m-%d %H:%M}",
        )
        for p in proposals
    ]
    return table(("id", "kind", "what", "hazards", "open until"), rows)


def print_proposal(view: JSON) -> None:
    """view: as `proposal_whole` gives it."""
    show(proposal_view(view))


def print_rehearsal(rehearsal: Rehearsal) -> None:
    from dataclasses import asdict

    data = asdict(rehearsal)
    show(rehearsal_view([step.shown() for step in rehearsal.steps]), Text(), rows_view(data["tables"]))
    if rehearsal.ok:
        back = "and back" if rehearsal.back else f"but not back: {rehearsal.sentence}"
        show(Text(f"rehearsed forward {clean(back)}, on {clean(rehearsal.shadow)}", style="green"))
    else:
        show(Text(f"the rehearsal failed: {clean(rehearsal.sentence)}", style="bold red"))


def print_outcome(outcome: JSON) -> None:
    """What apply and rollback did: steps, then the rows."""
    show(results_view(outcome["steps"]))
    if outcome.get("tables"):
        show(Text(), rows_view(outcome["tables"]), *_skipped(outcome["tables"]))


def _skipped(tables: Sequence[JSON]) -> list[Text]:
    """Why rows were left out."""
    return [Text(clean(f"{t['table']}: skipped: {t['reason']}"), style="dim") for t in tables if t.get("reason")]


def print_verification(result: Verification) -> None:
    tables = result.as_json()["tables"]
    show(rows_view(tables), *_skipped(tables))
    if result.findings:
        show(*(Text(clean(finding), style="bold red") for finding in result.findings))
        for one in result.compared:
            rows = [(", ".join(m.key), m.kind, ", ".join(m.columns)) for m in one.mismatches]
            counted = f"{one.missing:,} missing, {one.extra:,} extra, {one.differing:,} differ"
            show(Text(), Text(clean(f"{one.table}: {counted}"), style="bold"), table(("key", "row", "columns"), rows))
    else:
        show(Text("proven: every row is accounted for", style="green"))


def print_preview(preview: JSON) -> None:
    show(*preview_view(preview))


def print_watch(watched: JSON) -> None:
    names = ("query", "before (ms)", "now (ms)")
    rows = ([query["name"], query["before_ms"], query["now_ms"]] for query in watched["queries"])
    show(table(names, rows, right=names[1:]))
    show(*(Text(clean(f"the proof of the rows: {finding}"), style="yellow") for finding in watched["proof"]))
    counted = ", ".join(watched["counted_by"]) or "none"
    show(Text(clean(f"besides these queries, counts of the server: {counted}"), style="dim"))
    show(*(Text(clean(sentence), style="bold red") for sentence in watched["fallen_off"]))
    if not watched["fallen_off"]:
        show(Text("nothing fell off", style="green"))


def print_runs(runs: Sequence[JSON]) -> None:
    if not runs:
        show(Text("no runs"))
        return
    hidden = {"plan", "schema"}
    names = [name for name in runs[0] if name not in hidden and not isinstance(runs[0][name], list | dict)]
    show(table(names, ([run.get(name) for name in names] for run in runs)))


def print_status(status: JSON) -> None:
    run = status.get("run")
    if run:
        print_runs([run])
        for step in run["steps"]:
            if step["status"] in ("started", "paused"):
                show(Text(clean(_underway(step))))
    else:
        show(Text("nothing has been run yet"))
    if status.get("watch"):
        word = status["watch"]["status"].replace("_", " ")
        show(Text(clean(f"monitor: {word}: {status['told']}"), style="bold red" if word == "fell off" else ""))
    if status.get("pending"):
        show(Text(f"{status['pending']} proposals wait for an answer: oneplan approvals list"))


def _underway(step: JSON) -> str:
    rows = f", {step['done']:,} of {step['total']:,} rows" if step["total"] else ""
    rate = f", {step['rate']:,} rows/s, {step['left']:,} s left" if step.get("left") is not None else ""
    return f"{step['id']} ({step['direction']}) {step['status']}{rows}{rate}"


def print_backups(backups: Sequence[Backup]) -> None:
    rows = [(b.id, b.at, b.run, b.step, b.bytes, b.target) for b in backups]
    show(
        table(("id", "made", "run", "before step", "bytes", "of"), rows, right=("bytes",))
        if rows
        else Text("no backups")
    )


def print_hits(hits: Sequence[Hit]) -> None:
    if hits:
        show(hits_view([{"place": hit.citation, "heading": hit.heading, "excerpt": hit.excerpt} for hit in hits]))


def print_tasks(tasks: Sequence[JSON]) -> None:
    show(tasks_view(tasks) if tasks else Text("no tasks"))


def print_columns(columns: Mapping[str, Sequence[str]]) -> None:
    """Lists side by side, each under its name and its length."""
    shown = {f"{name} ({len(entries)})": entries for name, entries in columns.items() if entries}
    show(table(shown, zip_longest(*shown.values(), fillvalue="")) if shown else Text("no tasks"))
