"""What the offline planner says of the board tools' answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Data = dict[str, Any]


def _task(data: Data) -> str:
    task = data["task"]
    owner = f", {task['owner']}" if task["owner"] else ", nobody has it"
    lines = [f"{task['id']} {task['description']} ({task['status']}{owner})"]
    lines += [f"  {name}: {task[name]}" for name in ("priority", "due", "estimate", "notes") if task[name]]
    lines += [f"Waits for {_meant(need)}: {need['how']}." for need in task["needs"]]
    if task["chain"]:
        lines.append(f"Blocked by {_ids(task['blocked_by'])}.")
        way = " ← ".join(f"{step['id']} {step['description']}" for step in task["chain"])
        root = "that is a circle, which nothing can free" if task["in_cycle"] else _root(task["chain"][-1])
        lines.append(f"Down to the root: {task['id']} ← {way}; {root}.")
    elif task["status"] == "todo":
        lines.append("It waits for nothing: it can be started.")
    if task["frees"]:
        lines.append(
            f"Once it is done, {_ids(task['frees'])} can be started; in all {len(task['waiting'])} wait for it."
        )
    lines += [f"Open question: {sentence}" for sentence in task["questions"]]
    lines += [f"{hit['place']}  {hit['heading']}" for hit in data["documents"]]
    return "\n".join(lines)


def _root(step: Data) -> str:
    who = f"{step['owner']} has it" if step["owner"] else "nobody has it yet"
    return f"{step['id']} can be started, {who}"


def _meant(need: Data) -> str:
    return repr(need["text"]) if need["text"] else _ids(need["ids"])


def _ids(ids: Sequence[str], most: int = 8) -> str:
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more


def _questions(data: Data) -> str:
    lines = [f"- {one['sentence']}" + (f" ({' | '.join(one['candidates'])})" if one["candidates"] else "")
             for one in data["items"]]  # fmt: skip
    problems = [f"- {problem}" for problem in data["problems"]]
    if not lines and not problems:
        return "Nothing is open: every dependency is understood."
    head = [f"{data['total']} open on the board:"] if lines else []
    more = ["From the import:", *problems] if problems else []
    hint = ["Say `answer ID 'the text' CHOICE`."] if any(one["candidates"] for one in data["items"]) else []
    return "\n".join([*head, *lines, *more, *hint])


def _workload(data: Data) -> str:
    lines = [f"- {one['owner']}: {one['open']} open, {one['doing']} begun, {one['startable']} to be started"
             for one in data["owners"]]  # fmt: skip
    head = f"Nothing to do right now: {', '.join(data['idle'])}." if data["idle"] else "Everybody has something to do."
    if not data["owners"]:
        head = "No task has an owner yet."
    free = [f"Free to take ({data['unowned']}): {'; '.join(data['free_to_take'])}"] if data["free_to_take"] else []
    return "\n".join([head, *lines, *free])


def _view(data: Data) -> str:
    lines = data["lines"] or ["Nothing is open."]
    if data["view"] == "mermaid":
        return "\n".join(["```mermaid", *lines, "```"])
    head = (
        [f"The critical path, {data['total']} tasks long:"] if data["view"] == "critical_path" and data["total"] else []
    )
    return "\n".join([*head, *lines])


def _history(data: Data) -> str:
    if not data["total"]:
        return "Nothing was changed yet."
    return "\n".join(f"- {one['at']} {one['actor']}: {one['what']}" for one in data["items"])


def _compared(data: Data) -> str:
    parts = (
        ("Only in the generated roadmap", data["only_generated"]),
        (f"Only in {data['path']}", data["only_in_file"]),
        ("Fields (first: generated, second: the file)", data["fields"]),
    )
    said = [line for title, found in parts if found for line in (f"{title}:", *(f"- {one}" for one in found))]
    return "\n".join(said) or "Each has what the other has."


BOARD_ANSWERS: Mapping[str, Callable[[Data], str]] = {
    "board_task": _task, "board_questions": _questions, "board_workload": _workload, "board_view": _view,
    "board_history": _history, "board_compare": _compared,
}  # fmt: skip
