"""A board of tasks in sections. Values are frozen; a board that came from Markdown keeps that text to go back to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from tools.errors import UsageError

Status = Literal["todo", "doing", "done", "cancelled"]
STATUSES: tuple[Status, ...] = ("todo", "doing", "done", "cancelled")
OPEN: tuple[Status, ...] = ("todo", "doing")

Form = Literal["table", "list"]
Scope = Literal["task", "section", "rows_above", "sections_above"]


@dataclass(frozen=True, slots=True)
class Dependency:
    """A dependency that was understood. text: as written. how: a phrase saying why it means that.

    scope says what `target` names: a task's id; a section's key, for all its tasks; the task's own id, for all rows
    above it in its section; its section's key, for all sections above.
    """

    text: str
    scope: Scope
    target: str
    how: str


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work. id: section key and place in it (`2.3`). uid: what it is called wherever it stands, unlike any
    other's (`t3kq9wz`). label: its id in a column of the document. depends: the dependency text as written. parent: the
    id of the task that it is a part of. group: what it stands under in its section (`Morning`). extra: (heading, value)
    of the columns that mean nothing here.

    needs: what of it was understood. unclear: (text, candidate ids) for what may mean several things. unknown: texts
    that name nothing on this board; they block nobody. step_id ties the task to a step of a plan. line: where it was
    read, from 1; 0 for a task made here.
    """

    id: str
    section: str
    description: str
    owner: str = ""
    priority: str = ""
    depends: str = ""
    status: Status = "todo"
    notes: str = ""
    step_id: str = ""
    due: str = ""
    estimate: str = ""
    label: str = ""
    group: str = ""
    parent: str = ""
    extra: tuple[tuple[str, str], ...] = ()
    needs: tuple[Dependency, ...] = ()
    unclear: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unknown: tuple[str, ...] = ()
    uid: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    @property
    def open(self) -> bool:
        return self.status in OPEN


@dataclass(frozen=True)
class Section:
    """key: its number as text, unique on the board. form: how its tasks are written in the document. details: (kind,
    text), where kind is `deliverable` or `safety`."""

    key: str
    title: str
    tasks: tuple[Task, ...] = ()
    form: Form = "table"
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class CheckItem:
    """A line of a checklist (`- [ ] All core flows tested`). id: `c1`, `c2`, … in the order of the document. heading:
    the one that it stands under."""

    id: str
    text: str
    status: Status = "todo"
    heading: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Board:
    """title: of the document. text: the Markdown it came from, "" for one made here. problems: what an import could not
    use, as sentences (`board.md:12: …`); it stays in `text`. phases: headings that promise
    deliverables and hold no task. settled: orders that a person was asked about and keeps, `uid text` in small letters.
    """

    title: str = ""
    sections: tuple[Section, ...] = ()
    checklist: tuple[CheckItem, ...] = ()
    text: str = ""
    source: str = ""
    problems: tuple[str, ...] = ()
    phases: tuple[Section, ...] = ()
    settled: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Task]:
        """All tasks, in the board's order."""
        for section in self.sections:
            yield from section.tasks

    @cached_property
    def by_id(self) -> dict[str, Task]:
        return {task.id: task for task in self}

    @cached_property
    def by_key(self) -> dict[str, Section]:
        return {section.key: section for section in self.sections}

    @cached_property
    def by_uid(self) -> dict[str, Task]:
        return {task.uid: task for task in self}

    def task(self, task_id: str) -> Task:
        """The task with this id, uid, or label that no other task has; UsageError for another."""
        wanted = task_id.strip().removeprefix("#")
        found = self.by_id.get(wanted) or self.by_uid.get(wanted)
        labelled = [] if found else [task for task in self if wanted and task.label == wanted]
        if found is None and len(labelled) == 1:
            found = labelled[0]
        if found is None:
            raise UsageError(f"there is no task {task_id!r} on the board: see `oneplan board show`")
        return found

    def section(self, name: str) -> Section:
        """The section with this key or title, whatever the case; UsageError for another."""
        wanted = name.strip().casefold()
        for section in self.sections:
            if wanted in (
                section.key.casefold(),
                section.title.casefold(),
                f"{section.key}. {section.title}".casefold(),
            ):
                return section
        known = ", ".join(f"{section.key}. {section.title}" for section in self.sections) or "none"
        raise UsageError(f"there is no section {name!r} on the board; there are: {known}")
