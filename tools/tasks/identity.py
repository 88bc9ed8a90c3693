"""Names that stay with a task wherever it goes, and numbers that say where it stands."""

from __future__ import annotations

import base64
import hashlib
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from tools.tasks.model import Board, Section, Task

NUMBER = re.compile(r"(?<![\w.])(\d+\.\d+)(?![\w.]*\w)")


def with_uids(board: Board, before: Board | None = None) -> Board:
    """Each task with a uid of its own: the one it has, that of the same task on the board `before`, or one made of its
    section's title and its name, so that two boards agree on what both hold and on nothing else."""
    known: dict[tuple[str, str], list[str]] = defaultdict(list)
    for task in before or ():
        known[_name(before.by_key[task.section], task) if before else ("", "")].append(task.uid)
    taken = {task.uid for task in board if task.uid} | {uid for uids in known.values() for uid in uids}
    sections: list[Section] = []
    for section in board.sections:
        tasks: list[Task] = []
        for task in section.tasks:
            same = known.get(_name(section, task))
            uid = task.uid or (same.pop(0) if same else _made(section, task, taken))
            taken.add(uid)
            tasks.append(replace(task, uid=uid))
        sections.append(replace(section, tasks=tuple(tasks)))
    return replace(board, sections=tuple(sections))


def renumbered(board: Board) -> Board:
    """The board with every task numbered by where it stands; what names another by its number follows it. New tasks
    have no number yet: one that another task names already is the one that they will have."""
    new = {task.id: f"{s.key}.{n}" for s in board.sections for n, task in enumerate(s.tasks, start=1) if task.id}
    if all(old == now for old, now in new.items()):
        return replace(board, sections=tuple(_in_place(section, {}) for section in board.sections))
    return replace(board, sections=tuple(_in_place(section, new) for section in board.sections))


def free_key(board: Board) -> str:
    """The key of a section that is to be new."""
    numbers = [int(section.key) for section in board.sections if section.key.isdigit()]
    return str(max(numbers, default=0) + 1)


def staying(lines: Sequence[int]) -> set[int]:
    """The longest run of lines that stand in the document in the order of the board."""
    tails: list[int] = []
    chains: list[tuple[int, ...]] = []
    if list(lines) == sorted(lines):
        return set(lines)
    for line in lines:
        place = bisect_left(tails, line)
        chain = (*(chains[place - 1] if place else ()), line)
        tails[place:], chains[place:] = ([line], [chain]) if place == len(tails) else (
            [line, *tails[place + 1 :]], [chain, *chains[place + 1 :]]
        )  # fmt: skip
    return set(chains[-1]) if chains else set()


def _in_place(section: Section, new: dict[str, str]) -> Section:
    return replace(
        section,
        tasks=tuple(
            replace(task, id=f"{section.key}.{number}", section=section.key, parent=new.get(task.parent, task.parent),
                    depends=NUMBER.sub(lambda match: new.get(match[1], match[1]), task.depends))
            for number, task in enumerate(section.tasks, start=1)
        ),
    )  # fmt: skip


def _name(section: Section, task: Task) -> tuple[str, str]:
    return section.title.casefold(), task.description.casefold()


def _made(section: Section, task: Task, taken: set[str]) -> str:
    for attempt in range(len(taken) + 1):
        facts = "\0".join((*_name(section, task), task.group, str(attempt)))
        uid = "t" + base64.b32encode(hashlib.sha256(facts.encode()).digest()).decode().lower()[:7]
        if uid not in taken:
            return uid
    raise AssertionError("more attempts than names taken")
