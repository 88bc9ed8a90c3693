"""What the offline planner says of each tool's answer: counts and names from the data, and what can be done next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.offline_board_answers import BOARD_ANSWERS
from assistant.offline_step_answers import STEP_ANSWERS
from assistant.views import gap_sentence

Data = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """Lines that a terminal shows as a table anyway; they are for answers that stand alone."""

    lines: list[str]
    total: int

    def text(self) -> str:
        left = self.total - len(self.lines)
        return "\n".join([*self.lines, *([f"and {left:,} more"] if left > 0 else [])])


PLURALS = {"index": "indexes", "nullability": "nullabilities", "policy": "policies", "unique": "unique keys"}
Parts = Sequence[str | Listing]


def told(name: str, data: Data, listings: bool) -> str:
    """What is said of a tool's answer, with or without what a table beside it shows."""
    parts = ANSWERS[name](data)
    if isinstance(parts, str):
        return parts
    return "\n".join(
        part.text() if isinstance(part, Listing) else part for part in parts if listings or isinstance(part, str)
    )


HELP = """\
You can say:
  what is missing?            the gaps between what you have and what you want
  which gaps are dangerous?   what closing them may do to the live system
  show me the indexes of messages · more
  where is agents.goal used?  who in the code reads and writes it
  plan it                     the stepwise plan, then its rehearsal on a copy
  why this order? · show step 3 · what if I skip step 3?
  smaller batches · make it two releases · nothing locks for over 100 ms
  fill agents.code = 'x'      a value for old rows
  answer the questions        asks again what was left open
  apply it                    puts each step before you: nothing runs unasked
  where are we? · verify · monitor · roll back
  what can I start? · why is launch blocked? · what is unclear? · the board
  assign the backfill tasks to me · set 2.1 done · who has nothing to do?
  search WORDS · ingest docs"""


def _gaps(data: Data) -> Parts:
    if not data["total"]:
        return [f"Nothing is missing: {data['current']} is as {data['desired']} wants it."]
    counts = ", ".join(counted(kind, n) for kind, n in sorted(data["counts"].items()))
    head = f"{_many(data['total'], 'gap')} in {_many(data['tables'], 'table')}: {counts}."
    lines = [f"- {gap_sentence(gap)}" for gap in data["items"]]
    sets = [f"{one['name'].replace('_', ' ')} {one['have']} of {one['want']}" for one in data.get("enumerations", ())]
    counts_of_sets = [f"Counted: {', '.join(sets)}."] if sets else []
    return [head, Listing(lines, data["total"]), *counts_of_sets, *_open(data), *_further(data),
            "Say `plan it` for the steps."]  # fmt: skip


def _further(data: Data) -> list[str]:
    return ["Say `more` for what follows."] if data.get("next_offset") else []


def _dangers(data: Data) -> Parts:
    if not data["total"]:
        return [f"None of the {_many(data['gaps'], 'gap')} is dangerous to close: no step carries a hazard."]
    head = f"{data['total']} of {_many(data['gaps'], 'gap')} are dangerous to close, the gravest first:"
    lines: list[str] = []
    for gap in data["items"]:
        facts = [", ".join(gap["hazards"]), "" if gap["reversible"] else "only a backup brings it back"]
        facts += [f"used in {_many(gap['used_in'], 'place')} of the code"] if gap.get("used_in") else []
        if gap.get("held_back") and not gap["hazards"]:
            facts.append(gap["held_back"].removeprefix(gap["sentence"]).lstrip(": "))
        lines.append(f"- {gap['sentence']}: {'; '.join(fact for fact in facts if fact)}")
    return [head, "\n".join(lines), *_further(data)]


def _open(data: Data) -> list[str]:
    return [f"Open question: {question}" for question in data.get("questions") or []]


def _plan(data: Data) -> Parts:
    if not data["total"]:
        return ["There is nothing to plan: no gap is left that a step could close.", *_held(data)]
    phases = ", ".join(f"{phase['phase']} {phase['steps']}" for phase in data["phases"] if phase["steps"])
    hazards = ", ".join(f"{name} in {_many(n, 'step')}" for name, n in data["hazards"].items())
    head = f"The plan has {_many(data['total'], 'step')}: {phases}."
    lines = [f"{step['n']}. [{step['phase']}] {step['summary']}" for step in data["items"]]
    risks = [f"Hazards: {hazards}."] if hazards else []
    return [head, Listing(lines, data["total"]), *risks, *_held(data), *_open(data)]


def _held(data: Data) -> list[str]:
    return [f"Held back: {sentence}" for sentence in data["held_back"]] + [f"Note: {note}" for note in data["notes"]]


def _order(data: Data) -> Parts:
    lines = [
        f"{step['n']}. [{step['phase']}] {step['summary']}"
        + (f" (after {', '.join(map(str, step['after']))})" if step.get("after") else "")
        + (f" — {step['reason']}" if step.get("reason") else "")
        + (f" Takes {step['takes']}." if step.get("takes") else "")
        for step in data["items"]
    ]
    more = [f"and {data['total'] - len(lines)} more"] if data["total"] > len(lines) else []
    head = "Additions come first, then values for old rows, then what must hold; what is removed comes last:"
    return [head, *lines, *more]


def _changed(data: Data) -> str:
    left = [f"and {data['diff_left_out']} more lines"] if data["diff_left_out"] else []
    if data.get("compared"):
        return "\n".join(["What the last change did to the plan:", *data["diff"], *left])
    if not data["changed"]:
        return "\n".join(["The plan stays as it is.", *(f"- {line}" for line in data["told"])])
    text = [f"Another plan, {data['steps']} steps, in place of the one before (`keep the old plan` takes it back):"]
    return "\n".join([*text, *(f"- {line}" for line in data["told"]), "", *data["diff"], *left])


def _skipped(data: Data) -> str:
    text = [f"Without step {data['n']} ({data['summary']}):"]
    text += [f"- {_many(len(data['needed_by']), 'step')} behind it could not run:"] if data["lost"] else []
    text += [f"    {line}" for line in data["lost"]]
    text += [f"- still open: {sentence}" for sentence in data["stays_open"]]
    text += [f"- nobody would have asked whether {sentence}" for sentence in data["proves"]]
    text += [f"- spared: {', '.join(data['hazards'])}"] if data["hazards"] else []
    if len(text) == 1:
        text.append("- nothing else depends on it, and no gap is closed by it")
    return "\n".join([*text, *([f"It is there because: {data['reason']}"] if data["reason"] else [])])


def _step(data: Data) -> str:
    text = [f"Step {data['n']} of {data['m']}, {data['phase']}: {data['summary']}"]
    text += [data["reason"]] if data.get("reason") else []
    text += ["SQL:", *(f"    {statement};" for statement in data["sql"])] if data["sql"] else ["It runs no SQL."]
    text += ["Undo:", *(f"    {statement};" for statement in data["undo"])] if data["undo"] else []
    text += [f"Hazards: {', '.join(data['hazards'])}"] if data["hazards"] else ["No hazards."]
    text += [f"Must hold before: {sentence}" for sentence in data["checks"]]
    text += [f"It {sentence}." for sentence in data.get("known", [])]
    return "\n".join(text)


def _rehearsal(data: Data) -> str:
    if not data["ok"]:
        at = f" at step {data['failed_step']}" if data["failed_step"] else ""
        return f"The rehearsal failed{at}: {data['sentence']}. Nothing will be proposed until it passes.".replace(
            "..", "."
        )
    back = "and back" if data["back"] else f"(not back: {data['sentence']})"
    rows = f", {data['rows']:,} rows written" if data["rows"] else ""
    longest = max(data.get("locks", []), key=lambda step: step["milliseconds"], default=None)
    held = f" Longest hold: {longest['milliseconds']:.0f} ms, {longest['id']}." if longest else ""
    here = f" On the database itself about {data['estimated_seconds']:.1f} s." if data.get("sampled") else ""
    return (
        f"Rehearsed on a copy, forward {back}: {_many(data['steps'], 'step')} in {data['seconds']:.2f} s{rows}; "
        "the schema came out as desired and every row was accounted for."
        f"{held}{here}\nSay `apply it`: each step is put before you."
    )


def _written(data: Data) -> str:
    """For calls that were put before the person action by action."""
    done = data.get("done", [])
    if "rejected" in data:
        before = f" {_many(len(done), 'step')} had run before." if done else ""
        reason = f" ({data['reason']})" if data.get("reason") else ""
        return f"Rejected{reason}: nothing of it was run, and the rest stays pending.{before}"
    if not done:
        return "There is nothing left to do."
    if done[-1]["status"] == "paused":
        return f"Paused in {done[-1]['id']}: say `apply it` to go on where it stopped."
    rows = sum(result.get("rows") or 0 for result in done)
    seconds = sum(result.get("seconds") or 0 for result in done)
    end = f" I stop here: {done[-1]['ending']}." if done[-1].get("ending") else ""
    return f"Done: {_many(len(done), 'step')} in {seconds:.2f} s" + (f", {rows:,} rows written." if rows else ".") + end


def _applied(data: Data) -> str:
    done = [result for result in data.get("done", []) if result["status"] != "paused"]
    ended = "rejected" not in data and done and len(done) == len(data["done"])
    board = next((f"\n{one['board']}" for one in reversed(done or []) if one.get("board")), "")
    return _written(data) + (" Say `verify` for the proof, or `roll back`." if ended else "") + board


def _file(data: Data) -> str | Parts:
    done = data.get("done", [])
    if "rejected" in data or not done:
        return _written(data)
    return ["Done.", Listing([f"{result['id']}: {result['status']}" for result in done], len(done))]


def _verified(data: Data) -> str:
    tables = data.get("tables", [])
    rows = sum(table["source_rows"] for table in tables)
    lines = [f"- {finding}" for finding in data.get("findings", [])]
    if lines:
        return "The proof found something:\n" + "\n".join(lines)
    return f"Proven: {_many(len(tables), 'table')}, {rows:,} rows accounted for, every checksum equal, no row lost."


def _watched(data: Data) -> Parts:
    lines = [
        f"- {query['name']}: {query['before_ms']:.1f} ms before, "
        + ("fails now" if query["now_ms"] is None else f"{query['now_ms']:.1f} ms now")
        for query in data["queries"]
    ]
    window = "the window is over" if data["ended"] else f"watched until {data['until']}"
    head = f"Run {data['run']}: sample {data['samples']}, {window}."
    proof = [f"The rows' proof says: {finding}." for finding in data["proof"]]
    fallen = [f"Fell off: {sentence}." for sentence in data["fallen_off"]]
    left = "the last step is done" if data["ended"] else "`oneplan monitor` goes on by itself"
    end = "I propose to roll back." if fallen else f"Nothing fell off: {left}."
    board = [data["board"]] if data.get("board") else []
    return [head, Listing(lines, len(lines)), *proof, *fallen, end, *board]


def _runs(data: Data) -> str:
    if not data["total"]:
        return f"No run is on record in {data['database']}."
    lines = [f"- {run['id']}: {run['state']}, {_many(len(run['done']), 'step')} done, begun {run['started']}"
             for run in data["items"]]  # fmt: skip
    return "\n".join([f"{_many(data['total'], 'run')} on {data['database']}:", *lines])


def _status(data: Data) -> str:
    run = data.get("run")
    text = [f"Latest run on {data['database']}: {run['id']}, {run['state']}." if run else
            f"Nothing has been run on {data['database']} yet."]  # fmt: skip
    if data.get("phases"):
        text.append("Plan: " + ", ".join(f"{p['phase']} {p['done']}/{p['steps']}" for p in data["phases"]) + ".")
    if data.get("next") and (not run or run["state"] != "done"):
        text.append(f"Next: {data['next']}.")
    if data.get("watch"):
        text.append(f"Monitor, the last step: {data['watch']['told']}.")
    if not data.get("plan"):
        text.append("This conversation has no plan yet: say `plan it`.")
    text += [f"Waiting for your answer: {p['summary']} ({p['id']})." for p in data["pending_proposals"]]
    return "\n".join(text)


def _hits(data: Data) -> Parts:
    if not data["total"]:
        return [f"Nothing found for {data['words']!r}. Documents come in with `ingest PATH`."]
    lines = [f"{hit['place']}  {hit['heading']}\n    {hit['excerpt']}" for hit in data["items"]]
    return [f"{_many(data['total'], 'passage')} found.", Listing(lines, data["total"])]


def _ingested(data: Data) -> str:
    lines = [f"- {problem}" for problem in data["problems"]]
    return "\n".join([f"{_many(data['total'], 'document')} read in.", *lines])


def _inspected(data: Data) -> Parts:
    if "part" in data:
        noun = data["part"].replace("_", " ")
        if not data["total"]:
            return [f"{data['of']} in {data['source']} has no {noun}."]
        lines = [f"- {line}" for line in data["items"]]
        return [f"{noun.capitalize()} of {data['of']} in {data['source']}:", "\n".join(lines), *_further(data)]
    if "table" in data:
        table = data["table"]
        lines = [f"- {column['name']} {column['type']}" + ("" if column.get("nullable", True) else " NOT NULL")
                 for column in table["columns"]]  # fmt: skip
        return [f"{table['name']} in {data['source']}: {_many(len(lines), 'column')}", Listing(lines, len(lines))]
    names = [f"- {table['table']}: {_many(table['columns'], 'column')}" for table in data["items"]]
    head = f"{_many(data['total'], 'table')} in {data['source']} ({data['dialect']})."
    return [head, Listing(names, data["total"]), *_further(data)]


def _usages(data: Data) -> Parts:
    if not data["total"]:
        return [f"No usage of {data['asked']} was found in {data['code']}."]
    places = _many(data["total"], "place")
    head = f"{data['asked']}: used in {places} of {_many(data['files'], 'file')}, {data['writes']:,} of them write."
    lines = []
    for use in data["items"]:
        name = f"{use['table']}.{use['column']}" if use.get("column") else use["table"]
        sure = "" if use["certainty"] == "certain" else " (likely)"
        lines.append(f"- {use['file']}:{use['line']} {use['access']}s {name}{sure}")
    return [head, Listing(lines, data["total"])]


def _questions(data: Data) -> str:
    if not (data["questions"] or data["missing_values"]):
        return "No question is open. Say `plan it` to plan with the answers."
    lines = [*data["questions"], *(f"value for old rows of {name}?" for name in data["missing_values"])]
    return "\n".join(["Open:", *(f"- {line}" for line in lines), *([data["note"]] if data.get("note") else [])])


def _rename(data: Data) -> str:
    name, value = next(iter(data.items()))
    return f"{name.replace('_', ' ')}: {value}"


def _fill(data: Data) -> str:
    return f"Old rows of {data['fill']} will get {data['sql']}. Say `plan it` to plan with it."


def _merged(data: Data) -> str:
    lines = ["    " + " | ".join(f"{name}: {value}" for name, value in row.items()) for row in data.get("preview", [])]
    empty = [f"{data['empty']:,} rows get no value by it."] if data.get("empty") else []
    head = f"{data['merge']} will be made of {', '.join(data['from'])} as {data['sql']}."
    return "\n".join([head, *lines, *empty, *([f"{data['note']}."] if data.get("note") else []), "Say `plan it`."])


def _ready(data: Data) -> Parts:
    return _tasks(data, "can be started") if data["total"] else ["No task is ready to be started."]


def _blocked(data: Data) -> Parts:
    return _tasks(data, "blocked") if data["total"] else ["Nothing is blocked."]


def _board(data: Data) -> Parts:
    return _tasks(data, "on the board") if data["total"] else ["The board holds no such task."]


def _tasks(data: Data, word: str) -> Parts:
    lines: list[str] = []
    for task in data["items"]:
        waits = f" (waits for {', '.join(task['blocked_by'])})" if task.get("blocked_by") else ""
        owner = f" [{task['owner']}]" if task.get("owner") else ""
        lines.append(f"- {task['id']}: {task['description']}{owner}{waits}")
    return [f"{_many(data['total'], 'task')} {word}.", Listing(lines, data["total"])]


def counted(kind: str, number: int) -> str:
    """`2 columns added`: a gap's kind, as many times."""
    noun, _, what = kind.rpartition("_")
    if kind == "not_understood":
        return f"{number:,} not understood"
    noun = noun if number == 1 else PLURALS.get(noun, f"{noun}s")
    return f"{number:,} {noun.replace('_', ' ')} {what}"


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


CHANGES_OF_THE_BOARD = (
    "board_update", "board_bulk", "board_add", "board_split", "board_move", "board_answer", "board_undo",
    "board_follow", "board_roadmap", "board_import",
)  # fmt: skip

ANSWERS: Mapping[str, Callable[[Data], str | Parts]] = {
    "find_usages": _usages, "list_gaps": _gaps, "dangerous_gaps": _dangers, "make_plan": _plan,
    "show_plan": _order, "explain_step": _step,
    "what_if_skipped": _skipped, "change_plan": _changed, "rehearse_plan": _rehearsal,
    "apply_plan": _applied, "roll_back": _written, "verify": _verified,
    "monitor": _watched, "list_runs": _runs, "migration_status": _status,
    "search_knowledge": _hits, "ingest": _ingested, "inspect_schema": _inspected, "ask_questions": _questions,
    "answer_rename": _rename, "set_fill": _fill, "merge_columns": _merged, "board_show": _board,
    "board_ready": _ready, "board_blocked": _blocked, "export_board": _file,
    **dict.fromkeys(CHANGES_OF_THE_BOARD, _file), **BOARD_ANSWERS, **STEP_ANSWERS,
    "write_plan_file": _file,
}  # fmt: skip
