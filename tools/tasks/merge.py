"""An edited file meets a board that changed as well: three-way, the third being the text that the board was last in.

What only one side changed is taken from it. What both changed differently is a question, answered `board` or `file`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tools.errors import UsageError
from tools.tasks.identity import NUMBER, free_key, staying, with_uids
from tools.tasks.markdown import board_from_markdown
from tools.tasks.model import Board, Section, Task
from tools.tasks.operations import FIELDS, NEW_FIELDS, Change, apply
from tools.tasks.update import describe

Answer = Literal["board", "file"]
_SHOWN = 3


@dataclass(frozen=True)
class Conflict:
    """key: what an answer is given by, `2.1.owner`. sentence: what each side says."""

    key: str
    sentence: str


@dataclass(frozen=True)
class Merged:
    """board: what comes of both, as far as it is clear. changes: what was kept of the board. conflicts: open."""

    board: Board
    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def merge(mine: Board, theirs: Board, answers: Mapping[str, str] | None = None) -> Merged:
    """`theirs`, read from a file, with what `mine` holds and the Markdown it was last written to does not. Tasks are
    told by their names, so that rows may have been moved, inserted or renumbered. answers: `board` or `file` by the key
    of a conflict; under `*` for all.

    Raises UsageError where `mine` was never in a file, so that nothing tells who changed what.
    """
    if not mine.text:
        raise UsageError("the board was never in a file: export it first, or say that it may be replaced")
    work = _Merge(mine, theirs, board_from_markdown(mine.text), dict(answers or {}))
    work.tasks()
    work.checks()
    return Merged(work.board, tuple(work.made), tuple(work.conflicts))


def merged(mine: Board, theirs: Board, answers: Mapping[str, str] | None = None) -> tuple[Board, tuple[Change, ...]]:
    """The same with nothing left open: raises UsageError that names the first conflicts."""
    result = merge(mine, theirs, answers)
    if result.conflicts:
        shown = "; ".join(conflict.sentence for conflict in result.conflicts[:_SHOWN])
        more = f" and {len(result.conflicts) - _SHOWN} more" if len(result.conflicts) > _SHOWN else ""
        raise UsageError(
            f"the file and the board do not go together: {shown}{more}: say which to keep, the board or the file"
        )
    return result.board, result.changes


@dataclass
class _Merge:
    """One merge going on: `board` begins as the file and takes up the board's own changes one by one."""

    mine: Board
    board: Board
    base: Board
    answers: dict[str, str]
    made: list[Change] = field(default_factory=list[Change])
    conflicts: list[Conflict] = field(default_factory=list[Conflict])

    def tasks(self) -> None:
        at = {task.line: task for task in self.base}
        before = {task.uid: at[task.line] for task in self.mine if task.line in at}
        self._told_apart = _matches(before, self.mine, self.board)
        self.board = _with_known(self.board, {found.id: self.mine.by_uid[u] for u, found in self._told_apart.items()})
        for section in self.mine.sections:
            stay = staying([task.line for task in section.tasks if task.line in at])
            for task in section.tasks:
                if task.uid not in before:
                    self._add(section, task)
                elif task.uid not in self._told_apart:
                    self._gone(section, before[task.uid], task)
                elif self.base.by_key[before[task.uid].section].title != section.title or task.line not in stay:
                    self._move(section, task, before[task.uid])
        for task in self.mine:
            if task.uid in before and task.uid in self._told_apart:
                for change in _sets(before[task.uid], task, self.mine, self.base):
                    self._set(task, change)

    def checks(self) -> None:
        for item, old in zip(self.mine.checklist, self.base.checklist, strict=False):
            if item.status == old.status:
                continue
            same = [one for one in self.board.checklist if one.text == old.text]
            change = {"op": "check", "item": old.id, "from": old.status, "to": item.status}
            if len(same) != 1:
                said = f"{describe(change)} (the file does not have {old.text!r} once)"
                self._ask(item.id, said)
            elif same[0].status not in (old.status, item.status):
                said = f"{describe(change)} (the file says {same[0].status!r})"
                if self._ask(item.id, said) == "board":
                    self._make(change | {"item": same[0].id, "from": same[0].status})
            elif same[0].status != item.status:
                self._make(change | {"item": same[0].id})

    def _add(self, section: Section, task: Task) -> None:
        there = self._section(section)
        if there and any(one.description.casefold() == task.description.casefold() for one in there.tasks):
            return
        values: dict[str, Any] = {name: getattr(task, name) for name in (*NEW_FIELDS, "status", "step_id", "uid")}
        parent = self.mine.by_id.get(task.parent)
        values |= {"depends": self._here(task.depends), "parent": parent.uid if parent else ""}
        if there is None:
            self._make({"op": "add", "section": free_key(self.board), "title": section.title, "task": values})
        else:
            self._make({"op": "add", "section": there.key, "before": self._next(section, task), "task": values})

    def _gone(self, section: Section, before: Task, task: Task) -> None:
        """What the file no longer has goes, unless it was worked on here."""
        changed = list(_sets(before, task, self.mine, self.base))
        if changed:
            said = "; ".join(describe(change) for change in changed)
            asked = f"{said} (the file does not have {before.description!r} any more, or more than once)"
            if self._ask(f"{task.id}.gone", asked) == "board":
                self._add(section, task)

    def _move(self, section: Section, task: Task, before: Task) -> None:
        there, here = self._section(section), self.board.by_uid[task.uid]
        came_from = self.base.by_key[before.section].title
        if there is None or here.section == there.key != before.section:
            return
        change: Change = {"op": "move", "task": task.uid, "from": here.section, "to": there.key,
                          "before": self._next(section, task)}  # fmt: skip
        if self.board.by_key[here.section].title not in (came_from, section.title):
            said = f"{task.id}: moved to {section.title!r} (in the file it stands in {self._title(here)!r})"
            if self._ask(f"{task.id}.section", said) != "board":
                return
        if change["before"] != task.uid:
            self._make(change)

    def _set(self, task: Task, change: Change) -> None:
        here, name = self.board.by_uid[task.uid], change["field"]
        now = getattr(here, name) if name in FIELDS else dict(here.extra).get(name, "")
        wanted = self._here(change["to"]) if name == "depends" else change["to"]
        if now in (wanted, change["to"]):
            return
        if now != change["from"]:
            said = f"{describe(change | {'task': task.id})} (the file says {now!r})"
            if self._ask(f"{task.id}.{name}", said) != "board":
                return
        self._make(change | {"task": here.id, "from": now, "to": wanted})

    def _make(self, change: Change) -> None:
        try:
            self.board = apply(self.board, change)
            self.made.append(change)
        except UsageError as error:
            self.conflicts.append(Conflict("", f"{describe(change, self.board)} ({error})"))

    def _ask(self, key: str, sentence: str) -> str:
        answer = self.answers.get(key, self.answers.get("*", ""))
        if answer not in ("board", "file"):
            self.conflicts.append(Conflict(key, sentence))
        return answer

    def _section(self, section: Section) -> Section | None:
        wanted = section.title.casefold()
        return next((one for one in self.board.sections if one.title.casefold() == wanted), None)

    def _title(self, task: Task) -> str:
        return self.board.by_key[task.section].title

    def _next(self, section: Section, task: Task) -> str:
        """The uid of the next task below it that the file has in that section too; "" at the end."""
        there = self._section(section)
        held = {one.uid for one in there.tasks} if there else set[str]()
        below = section.tasks[section.tasks.index(task) + 1 :]
        return next((one.uid for one in below if one.uid in held), "")

    def _here(self, depends: str) -> str:
        """A dependency text of the board, its numbers as they are in what comes of both."""
        numbers = {task.id: self.board.by_uid[task.uid].id for task in self.mine if task.uid in self.board.by_uid}
        return NUMBER.sub(lambda match: numbers.get(match[1], match[1]), depends)


def _matches(before: Mapping[str, Task], mine: Board, theirs: Board) -> dict[str, Task]:
    """The task of the file that each task of the board is, by uid: by the name it had in the file, or has here; of
    several with one name the one in its old place."""
    by_name: dict[str, list[Task]] = {}
    for task in theirs:
        by_name.setdefault(task.description.casefold(), []).append(task)
    found: dict[str, Task] = {}
    for uid, old in before.items():
        for name in dict.fromkeys((old.description.casefold(), mine.by_uid[uid].description.casefold())):
            same = by_name.get(name, [])
            near = [task for task in same if task.id == old.id] if len(same) > 1 else same
            if len(near) == 1:
                found[uid] = near[0]
                break
    return found


def _with_known(theirs: Board, known: Mapping[str, Task]) -> Board:
    """The file's board with what no file holds: each task's uid, and the step that it is tied to."""
    sections = tuple(
        replace(section, tasks=tuple(_known(task, known.get(task.id)) for task in section.tasks))
        for section in theirs.sections
    )
    return with_uids(replace(theirs, sections=sections))


def _known(task: Task, mine: Task | None) -> Task:
    if mine is None:
        return replace(task, uid="")
    return replace(task, uid=mine.uid, step_id=task.step_id or mine.step_id)


def _sets(before: Task, now: Task, mine: Board, base: Board) -> Iterator[Change]:
    """What was changed on the board of one task since it was last in a file, in the file's words."""
    by_line = {task.line: task.id for task in base}
    numbers = {task.id: by_line[task.line] for task in mine if task.line in by_line} if now.depends else {}
    depends = NUMBER.sub(lambda match: numbers.get(match[1], match[1]), now.depends)
    for name in reversed(FIELDS):  # the description last: the others find the task by it
        old, new = getattr(before, name), getattr(now, name)
        if (depends if name == "depends" else new) != old:
            yield {"op": "set", "task": before.id, "field": name, "from": old, "to": new}
    for (name, old), (_, new) in zip(before.extra, now.extra, strict=False):
        if old != new:
            yield {"op": "set", "task": before.id, "field": name, "from": old, "to": new}
