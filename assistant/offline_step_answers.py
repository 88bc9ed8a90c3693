"""What the offline planner says of the steps of a plan: which are dangerous, which lock, which take long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Data = dict[str, Any]

HAZARDS = {
    "DELETES_DATA": "takes rows or values away",
    "IRREVERSIBLE": "cannot be undone",
    "ACCESS_EXCLUSIVE_LOCK": "keeps readers and writers out",
    "SHARE_LOCK": "keeps writers out",
    "TABLE_REWRITE": "writes the whole table anew",
    "BREAKS_OLD_CODE": "code that has not changed yet stops working",
    "LONG_RUNNING": "takes long",
    "NOT_REHEARSED": "was not tried on a copy",
    "FIRES_TRIGGERS": "fires your triggers",
}
_NOT_MEASURED = "How long is not measured yet: say `rehearse it`."


def ranked(data: Data) -> list[str]:
    """The steps that were asked for, each with all that is known of it."""
    if not data["total"]:
        return [_none(data)]
    heads = {
        "hazards": "carry a hazard, the gravest first:",
        "locks": "keep others out, the longest held first:",
        "time": "by the time that they take, the longest first:",
        "people": "are for people:",
    }
    head = f"{data['total']} of {data['steps']} steps {heads[data['by']]}"
    lines = [line for step in data["items"] for line in _step(step, data["by"])]
    more = ["Say `more` for what follows."] if data.get("next_offset") else []
    return ["\n".join([head, *lines]), *([] if data["rehearsed"] or data["by"] == "people" else [_NOT_MEASURED]), *more]


def _none(data: Data) -> str:
    if data["by"] == "hazards":
        return f"None of the {data['steps']} steps is dangerous: no step carries a hazard."
    if data["by"] == "people":
        return f"None of the {data['steps']} steps is for people: the plan runs by itself."
    if data["by"] == "locks":
        return f"None of the {data['steps']} steps keeps anybody out: no step takes such a lock."
    return _NOT_MEASURED


def _step(step: Data, by: str) -> list[str]:
    """Of a step for people why it is there, which names the code that uses what changes; else what is known of it."""
    hazards = [f"{name}: {HAZARDS.get(name, '')}" for name in step["hazards"]] if by == "hazards" else []
    facts = [step.get("reason", "")] if by == "people" else [*hazards, *step["known"]]
    return [f"- {step['n']}. [{step['phase']}] {step['summary']}", *(f"    {line}" for line in facts if line)]


def effects(data: Data) -> str:
    """What one step does to those who use the database."""
    head = f"Step {data['n']} of {data['m']}, {data['phase']}: {data['summary']}"
    if data["manual"]:
        return (
            f"{head}\nIt is a person's to do: it touches no table, locks nothing and waits for as long as that takes."
        )
    lines = [f"It {line}." for line in data["known"]]
    if not any(line.startswith("touches ") for line in data["known"]):
        lines.insert(0, "It touches no table that is there today.")
    lines += [] if data["keeps_out"] else ["It keeps nobody out."]
    hazards = "; ".join(f"{name} ({HAZARDS.get(name, '')})" for name in data["hazards"])
    lines.append(f"Hazards: {hazards}." if hazards else "No hazards.")
    lines += [f"{sentence[0].upper()}{sentence[1:]}." for sentence in data["lost"]]
    return "\n".join([head, *lines, *([] if data["rehearsed"] else [_NOT_MEASURED])])


def after(data: Data) -> str:
    """Why one step comes behind another, by what each needs."""
    first, last = data["earlier"], data["later"]
    head = f"Step {last['n']} ({last['summary']}) comes after step {first['n']} ({first['summary']})"
    if not data["path"]:
        return f"{head}, and does not need it: neither waits for the other. {data['phases']}"
    steps = [first, *data["path"]]
    lines = [f"- {step['n']}. {step['summary']} needs {steps[at]['n']}" for at, step in enumerate(data["path"])]
    reasons = [f"Step {step['n']}: {step['reason']}" for step in (first, last) if step["reason"]]
    return "\n".join([f"{head}, because it needs it:", *lines, *reasons])


STEP_ANSWERS: Mapping[str, Callable[[Data], Any]] = {"rank_steps": ranked, "step_effects": effects, "why_after": after}
