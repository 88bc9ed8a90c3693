"""Two roadmaps side by side: what either has and the other lacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tools.tasks.dependencies import stems
from tools.tasks.model import Board, Section, Task

_FILLING = {
    "a", "add", "and", "as", "etc", "field", "fields", "ids", "make", "new", "of", "optional", "rename", "replace",
    "single", "the", "to", "with",
}  # fmt: skip
_LIKE = 0.5
_SMALL = {"the", "and", "for", "to", "of", "a", "in", "all", "on", "with", "see", "schema", "new"}


@dataclass(frozen=True)
class Comparison:
    """Sentences. only_mine, only_theirs: phases and tasks, with their section. fields: names that one side's task of a
    table has and the other's has not."""

    only_mine: tuple[str, ...]
    only_theirs: tuple[str, ...]
    fields: tuple[str, ...]


def compare_boards(mine: Board, theirs: Board) -> Comparison:
    """Phases are told by their titles, tasks by the table that they begin with, else by the words that they share."""
    pairs, left = _paired(mine, theirs)
    found = {task.uid for task, _ in pairs}
    only_mine = [_said(mine, task) for task in mine if task.uid not in found]
    only_theirs = [_said(theirs, task) for task in left]
    return Comparison(
        (*_phases(mine, theirs), *only_mine), (*_phases(theirs, mine), *only_theirs),
        tuple(sentence for pair in pairs for sentence in _names(*pair)),
    )  # fmt: skip


def _phases(one: Board, other: Board) -> list[str]:
    known = [_words(phase.title) for phase in (*other.phases, *other.sections)]
    missing = [phase for phase in one.phases if not any(_alike(_words(phase.title), words) for words in known)]
    return [f"phase {_titled(phase)}" for phase in missing]


def _paired(mine: Board, theirs: Board) -> tuple[list[tuple[Task, Task]], list[Task]]:
    """Tasks that are the same: by their names, then by their tables, then by like words in like sections."""
    pairs: list[tuple[Task, Task]] = []
    left, open_ones = list(theirs), list(mine)
    ways: tuple[Callable[[Task, Task], bool], ...] = (
        lambda one, other: one.description.casefold() == other.description.casefold(),
        lambda one, other: bool(_subject(one)) and _subject(one) == _subject(other),
        lambda one, other: _like_work(mine, one, theirs, other),
    )
    for same in ways:
        for task in list(open_ones):
            found = next((other for other in left if same(task, other)), None)
            if found is not None:
                pairs.append((task, found))
                left.remove(found)
                open_ones.remove(task)
    return pairs, left


def _like_work(mine: Board, one: Task, theirs: Board, other: Task) -> bool:
    if _subject(one) and _subject(other):
        return False
    sections = (_words(mine.by_key[one.section].title), _words(theirs.by_key[other.section].title))
    return _alike(*sections) and _alike(_words(one.description), _words(other.description))


def _subject(task: Task) -> str:
    """The table that a task begins with: `agents: add …`, or `agents` alone."""
    match = re.match(r"`?([A-Za-z_][\w.]*)`?\s*(?::|$)", task.description)
    return match[1].replace("_", "").casefold() if match else ""


def _alike(one: set[str], other: set[str]) -> bool:
    """More than half of the shorter in common, and more than one word unless they are the same."""
    common = len(one & other)
    return bool(common) and (one == other or (common > 1 and common / min(len(one), len(other)) > _LIKE))


def _words(text: str) -> set[str]:
    return {stem for word in re.findall(r"[^\W_]+", text.casefold()) if word not in _SMALL for stem in stems(word)}


def _names(mine: Task, theirs: Task) -> list[str]:
    """The fields that only one of two tasks of a table names."""
    table = mine.description.partition(":")[0]
    if not _subject(mine) or _subject(mine) != _subject(theirs):
        return []
    here, there = _fields(mine), _fields(theirs)
    sides = ((here, there, "only in the first"), (there, here, "only in the second"))
    missing = [([name for key, name in one.items() if key not in other], side) for one, other, side in sides]
    return [f"{table}: {', '.join(names)} {side}" for names, side in missing if names]


def _fields(task: Task) -> dict[str, str]:
    """What looks like a field, by its name without case and underscores."""
    said = re.findall(r"[A-Za-z_]\w*", task.description.partition(":")[2])
    return {name.replace("_", "").casefold(): name for name in said if name.casefold() not in _FILLING}


def _said(board: Board, task: Task) -> str:
    return f"{_titled(board.by_key[task.section])}: {task.description}"


def _titled(section: Section) -> str:
    return f"{section.key}. {section.title}" if section.key else section.title
