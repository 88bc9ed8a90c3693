"""The board that comes of a change, and the change that takes it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tools.errors import UsageError
from tools.tasks.dependencies import resolved, targets
from tools.tasks.identity import renumbered, with_uids
from tools.tasks.model import STATUSES, Board, CheckItem, Section, Status, Task
from tools.tasks.ready import cycles

Change = dict[str, Any]
FIELDS = ("description", "owner", "priority", "depends", "status", "notes", "due", "estimate")
NEW_FIELDS = ("description", "owner", "priority", "depends", "notes", "due", "estimate")


def apply(board: Board, change: Change) -> Board:
    """The board after a change. UsageError where the change does not fit the board as it is."""
    operation = _OPERATIONS.get(str(change.get("op")))
    if operation is None:
        raise UsageError(f"unknown change {change.get('op')!r}: use one of {', '.join(_OPERATIONS)}")
    try:
        return operation(board, change)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"the change {change.get('op')!r} lacks or misuses {error}") from error


def inverse(board: Board, change: Change) -> Change:
    """What takes `change` back, once it has been made on `board`; tasks are called by their uids, which stay."""
    match change["op"]:
        case "set":
            back = {"from": change["to"], "to": change["from"], "task": board.task(change["task"]).uid}
            return change | back
        case "settle":
            return change | {"open": not change.get("open")}
        case "check":
            return change | {"from": change["to"], "to": change["from"]}
        case "several":
            parts: list[Change] = []
            for part in change["changes"]:
                parts.insert(0, inverse(board, part))
                board = apply(board, part)
            return change | {"changes": parts}
        case "move":
            return _moved_back(board, change)
        case "split":
            task = board.task(change["task"])
            return {"op": "join", "task": task.uid, "parts": _added(board, change), "depends": task.depends}
        case _:
            return {"op": "several", "changes": [{"op": "remove", "task": uid} for uid in _added(board, change)]}


def _added(board: Board, change: Change) -> list[str]:
    return [task.uid for task in reversed(list(apply(board, change))) if task.uid not in board.by_uid]


def touched(board: Board, after: Board) -> list[str]:
    """The uids of the tasks that differ between two states of a board, and of those that only one has."""
    before = board.by_uid
    changed = [t.uid for t in after if t.uid not in before or _plain(before[t.uid]) != _plain(t)]
    return changed + [uid for uid in before if uid not in after.by_uid]


def _plain(task: Task) -> tuple[object, ...]:
    return (task.section, task.label, task.extra, *(getattr(task, name) for name in FIELDS))


def _moved_back(board: Board, change: Change) -> Change:
    task = board.task(change["task"])
    going = {part.id for part in _with_parts(board, task)}
    tasks = board.by_key[task.section].tasks
    later = [other for other in tasks[tasks.index(task) :] if other.id not in going]
    return {"op": "move", "task": task.uid, "from": change["to"], "to": change["from"],
            "before": later[0].uid if later else ""}  # fmt: skip


def _set(board: Board, change: Mapping[str, Any]) -> Board:
    task, field, value = board.task(change["task"]), change["field"], change["to"]
    own = dict(task.extra)
    if (field not in FIELDS and field not in own) or not isinstance(value, str) or "\n" in value or "\r" in value:
        raise UsageError(f"{field!r} of {task.id} cannot be set to {value!r}: one line of text is needed")
    now = getattr(task, field) if field in FIELDS else own[field]
    if now != change["from"]:
        raise UsageError(f"{field} of {task.id} is {now!r} by now, not {change['from']!r}: look again")
    if field == "status":
        _status(value)
    if field == "description" and not value:
        raise UsageError(f"{task.id} needs a description")
    if field not in FIELDS:
        extra = tuple((heading, value if heading == field else old) for heading, old in task.extra)
        return _with_task(board, replace(task, extra=extra))
    changed = _with_task(board, replace(task, **{field: value}))
    return _without_new_cycle(board, resolved(changed)) if field in ("depends", "description") else changed


def _check(board: Board, change: Mapping[str, Any]) -> Board:
    if change["to"] not in STATUSES or change["item"] not in {item.id for item in board.checklist}:
        raise UsageError(f"{change['item']!r} cannot be set to {change['to']!r}: see the board's checklist")
    status: Status = change["to"]

    def changed(item: CheckItem) -> CheckItem:
        return replace(item, status=status) if item.id == change["item"] else item

    return replace(board, checklist=tuple(changed(item) for item in board.checklist))


def _add(board: Board, change: Mapping[str, Any]) -> Board:
    key, title = change["section"], change.get("title")
    if title and key in board.by_key:
        raise UsageError(f"there is a section {key} already: look again")
    if not title and key not in board.by_key:
        raise UsageError(f"there is no section {key!r} on the board")
    section = Section(key, title, form=_usual_form(board)) if title else board.by_key[key]
    values: dict[str, str] = {name: change["task"][name] for name in NEW_FIELDS}
    if not values["description"] or any("\n" in value or "\r" in value for value in values.values()):
        raise UsageError("a task needs a description, and each value must be one line of text")
    before = board.task(change["before"]) if change.get("before") else None
    at = section.tasks.index(before) if before else len(section.tasks)
    grown = replace(section, tasks=(*section.tasks[:at], _new(board, section, change), *section.tasks[at:]))
    return _grown(board, replace(board, sections=(*board.sections, grown)) if title else _with_section(board, grown))


def _new(board: Board, section: Section, change: Mapping[str, Any]) -> Task:
    facts = change["task"]
    values = {name: str(facts.get(name, "")) for name in NEW_FIELDS}
    whole = board.task(facts["parent"]).id if facts.get("parent") else ""
    task = replace(Task("", section.key, values["description"]), **values, status=_status(facts.get("status", "todo")))
    group = section.tasks[-1].group if section.tasks else ""
    own = {name: str(facts.get(name, "")) for name in ("step_id", "uid")}
    return replace(task, **own, parent=whole, group=group, extra=_no_extra(section))


def _split(board: Board, change: Mapping[str, Any]) -> Board:
    task = board.task(change["task"])
    section, names = board.by_key[task.section], [str(name) for name in change["into"]]
    if len(names) < 2 or not all(names) or any("\n" in name for name in names):
        raise UsageError(f"{task.id} is split into two parts or more, each with a name of one line")
    nested = section.form == "list"
    at = section.tasks.index(_with_parts(board, task)[-1]) + 1
    depends = _as_below(board, task)
    parts = tuple(
        Task("", section.key, name, task.owner, task.priority, depends, group=task.group, due=task.due,
             extra=_no_extra(section), parent=task.id if nested else "")
        for name in names
    )  # fmt: skip
    numbers = ", ".join(f"{section.key}.{at + 1 + n}" for n in range(len(parts)))
    grown = renumbered(_with_section(board, replace(section, tasks=section.tasks[:at] + parts + section.tasks[at:])))
    if not nested:
        whole = grown.by_uid[task.uid]
        grown = _with_task(grown, replace(whole, depends=numbers))
    return _grown(board, grown)


def _as_below(board: Board, task: Task) -> str:
    """What a task waits for, in words that mean the same below it, where "All above" would mean it too."""
    text = task.depends
    for need in task.needs:
        if need.scope == "rows_above":
            text = text.replace(need.text, ", ".join(targets(board, need)))
        elif need.scope == "sections_above":
            keys = [section.key for section in board.sections]
            above = keys[: keys.index(need.target)]
            text = text.replace(need.text, ", ".join(f"section {key}" for key in above))
    return text


def _move(board: Board, change: Mapping[str, Any]) -> Board:
    task, target = board.task(change["task"]), board.by_key.get(change["to"])
    if target is None or task.section != change["from"]:
        raise UsageError(
            f"{task.id} stands in section {task.section}, and cannot be moved to {change['to']!r}: look again"
        )
    going = _with_parts(board, task)
    ids = {part.id for part in going}
    before = board.task(change["before"]) if change["before"] else None
    if before and (before.section != target.key or before.id in ids):
        raise UsageError(f"{before.id} is no task of section {target.key} that {task.id} could stand before")
    left = _with_section(board, _without(board.by_key[task.section], ids))
    rest = [other for other in left.by_key[target.key].tasks]
    at = next((n for n, other in enumerate(rest) if before and other.id == before.id), len(rest))
    if task.section != target.key:  # out of what it was a part of, and of its morning
        going = tuple(replace(p, parent=p.parent if p.parent in ids else "", group="") for p in going)
    moved = replace(target, tasks=(*rest[:at], *going, *rest[at:]))
    return _grown(board, _with_section(left, moved))


def _remove(board: Board, change: Mapping[str, Any]) -> Board:
    """Only what takes an addition back asks for this: work that is given up is cancelled, and stays to be seen."""
    task = board.task(change["task"])
    section = _without(board.by_key[task.section], {part.id for part in _with_parts(board, task)})
    left = _with_section(board, section)
    if not section.tasks and not any(one.line for one in board.by_key[section.key].tasks):
        left = replace(left, sections=tuple(one for one in left.sections if one.key != section.key))
    return resolved(renumbered(left))


def _join(board: Board, change: Mapping[str, Any]) -> Board:
    for part in change["parts"]:
        board = _remove(board, {"task": part})
    return resolved(_with_task(board, replace(board.task(change["task"]), depends=change["depends"])))


def _settle(board: Board, change: Mapping[str, Any]) -> Board:
    entry = f"{board.task(change['task']).uid} {change['text']}".casefold()
    rest = tuple(one for one in board.settled if one != entry)
    return replace(board, settled=rest if change.get("open") else (*rest, entry))


def _several(board: Board, change: Mapping[str, Any]) -> Board:
    for part in change["changes"]:
        board = apply(board, part)
    return board


def _grown(before: Board, after: Board) -> Board:
    return _without_new_cycle(before, resolved(with_uids(renumbered(after))))


def _with_parts(board: Board, task: Task) -> tuple[Task, ...]:
    """A task and, after it, all that is a part of it."""
    ids = {task.id}
    for other in board.by_key[task.section].tasks:
        if other.parent in ids:
            ids.add(other.id)
    return tuple(other for other in board.by_key[task.section].tasks if other.id in ids)


def _without(section: Section, ids: set[str]) -> Section:
    return replace(section, tasks=tuple(task for task in section.tasks if task.id not in ids))


def _with_section(board: Board, section: Section) -> Board:
    return replace(board, sections=tuple(section if one.key == section.key else one for one in board.sections))


def _with_task(board: Board, task: Task) -> Board:
    section = board.by_key[task.section]
    tasks = tuple(task if other.id == task.id else other for other in section.tasks)
    return _with_section(board, replace(section, tasks=tasks))


def _no_extra(section: Section) -> tuple[tuple[str, str], ...]:
    """The columns of a section that mean nothing here, empty."""
    return tuple((heading, "") for heading, _ in section.tasks[-1].extra) if section.tasks else ()


def _usual_form(board: Board) -> Any:
    return board.sections[-1].form if board.sections else "table"


def _without_new_cycle(before: Board, after: Board) -> Board:
    """Cycles that an import brought along stay as they are; a new one is refused."""
    old = {frozenset(_uids(before, path)) for path in cycles(before)}
    new = next((path for path in cycles(after) if frozenset(_uids(after, path)) not in old), None)
    if new:
        raise UsageError(f"that would make tasks wait for each other in a circle: {' → '.join(new)}")
    return after


def _uids(board: Board, path: tuple[str, ...]) -> list[str]:
    return [board.by_id[id_].uid for id_ in path]


def _status(text: str) -> Status:
    if text not in STATUSES:
        raise UsageError(f"unknown status {text!r}: use one of {', '.join(STATUSES)}")
    return text


_OPERATIONS: dict[str, Callable[[Board, Mapping[str, Any]], Board]] = {
    "set": _set, "check": _check, "add": _add, "split": _split, "move": _move, "remove": _remove, "join": _join,
    "settle": _settle,
    "several": _several,
}  # fmt: skip
