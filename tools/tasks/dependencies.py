"""What the dependency texts of a board mean. Each one understood says how; one that may mean several is a question."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from tools.tasks.layout import day_of
from tools.tasks.model import Board, Dependency, Section, Task

NOTHING = {"", "-", "–", "—", "none", "n/a", "na", "nothing"}
_ALL_ABOVE = {"all above", "all of the above", "everything above", "all the above"}
_FEW = 8
"""How many candidates a question names."""
_LONGEST = 10
"""Words of a beginning that are compared."""


@dataclass(frozen=True)
class Meaning:
    """What one text of one task means: dependencies, or candidates for a question, or neither."""

    needs: tuple[Dependency, ...] = ()
    candidates: tuple[str, ...] = ()


def resolved(board: Board) -> Board:
    """The board with the dependencies of every task worked out anew."""
    names, implied = _Names(board), _Implied(board)
    sections = tuple(
        replace(section, tasks=tuple(_resolve(names, implied, section, task) for task in section.tasks))
        for section in board.sections
    )
    return replace(board, sections=sections)


def targets(board: Board, need: Dependency) -> tuple[str, ...]:
    """The ids of all tasks that a dependency stands for, in the board's order."""
    if need.scope == "task":
        return (need.target,)
    if need.scope == "section":
        return tuple(task.id for task in board.by_key[need.target].tasks)
    if need.scope == "rows_above":
        ids = [task.id for task in board.by_key[board.by_id[need.target].section].tasks]
        return tuple(ids[: ids.index(need.target)])
    keys = [section.key for section in board.sections]
    above = board.sections[: keys.index(need.target)]
    return tuple(task.id for section in above for task in section.tasks)


def needed(board: Board, task: Task) -> tuple[str, ...]:
    """The ids of all tasks that a task waits for, each once."""
    return tuple(dict.fromkeys(id_ for need in task.needs for id_ in targets(board, need)))


def _resolve(names: _Names, implied: _Implied, section: Section, task: Task) -> Task:
    needs: list[Dependency] = []
    unclear: list[tuple[str, tuple[str, ...]]] = []
    unknown: list[str] = []
    for text, meaning in names.meanings(section, task):
        needs.extend(meaning.needs)
        if meaning.candidates:
            unclear.append((text, meaning.candidates))
        elif not meaning.needs:
            unknown.append(text)
    needs.extend(implied.of(section, task))
    once = {(need.scope, need.target): need for need in reversed(needs)}
    kept = tuple(need for need in needs if once[need.scope, need.target] is need)
    return replace(task, needs=kept, unclear=tuple(unclear), unknown=tuple(unknown))


class _Implied:
    """What the form of a document says without words: a task waits for its parts, a day for the day before, an
    afternoon for its morning."""

    def __init__(self, board: Board) -> None:
        self._parts: dict[str, list[Task]] = defaultdict(list)
        for task in board:
            if task.parent:
                self._parts[task.parent].append(task)
        days = [section for section in board.sections if day_of(section.title) is not None]
        self._before = {after.key: before for before, after in zip(days, days[1:], strict=False)}
        self._afternoons = {section.key: first for section in days if (first := _first_of_afternoon(section))}

    def of(self, section: Section, task: Task) -> Iterator[Dependency]:
        for part in self._parts.get(task.id, ()):
            yield Dependency("", "task", part.id, f"task {part.id}, a part of it")
        before = self._before.get(section.key)
        if before:
            yield Dependency("", "section", before.key, f"section {before.key}, the day before it")
        afternoon = self._afternoons.get(section.key)
        if afternoon and task.group == afternoon.group:
            yield Dependency("", "rows_above", afternoon.id, "the morning before it")


def _first_of_afternoon(section: Section) -> Task | None:
    if not any(task.group.casefold() == "morning" for task in section.tasks):
        return None
    return next((task for task in section.tasks if task.group.casefold() == "afternoon"), None)


@dataclass
class _Names:
    """The names on a board, looked up by each way that people shorten them. Built once: a lookup costs no scan."""

    board: Board
    exact: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    beginnings: dict[tuple[str, ...], list[str]] = field(default_factory=lambda: defaultdict(list))
    words: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    section_names: dict[str, list[Section]] = field(default_factory=lambda: defaultdict(list))
    section_parts: dict[str, list[Section]] = field(default_factory=lambda: defaultdict(list))
    looked_up: dict[frozenset[str], tuple[str, ...]] = field(default_factory=dict[frozenset[str], tuple[str, ...]])
    section_words: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    labels: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for task in self.board:
            self.exact[_plain(task.description)].append(task.id)
            if task.label:
                self.labels[_plain(task.label)].append(task.id)
            words = stems(task.description)
            for length in range(1, min(len(words), _LONGEST) + 1):
                self.beginnings[tuple(words[:length])].append(task.id)
            for stem in words:
                self.words[stem][task.id] = None
        for section in self.board.sections:
            for name in (section.title, f"section {section.key}", f"{section.key}. {section.title}"):
                self.section_names[_plain(name)].append(section)
            for part in re.split(r"\s*(?:&|\band\b|,)\s*", section.title):
                self.section_parts[_plain(part)].append(section)
            for stem in stems(section.title):
                self.section_words[stem][section.key] = None

    def meanings(self, section: Section, task: Task) -> Iterator[tuple[str, Meaning]]:
        """(text, meaning) of each thing that a task's dependency text names."""
        whole = task.depends.strip()
        if _plain(whole) in NOTHING:
            return
        meaning = self._named(whole, section, task)
        if meaning:  # before it is taken for a list: names may hold commas
            yield whole, meaning
            return
        for part in re.split(r"[,;]|<br ?/?>", whole):
            if _plain(part) not in NOTHING:
                yield from self._part(part.strip(), section, task)

    def _part(self, text: str, section: Section, task: Task) -> Iterator[tuple[str, Meaning]]:
        meaning = self._named(text, section, task) or self._shortened(text, section, task)
        if meaning:
            yield text, meaning
            return
        for pieces in (_and_pieces(text), _slash_pieces(text)):
            found = [
                (piece, self._named(piece, section, task) or self._shortened(piece, section, task)) for piece in pieces
            ]
            if any(meaning for _, meaning in found):
                yield from ((piece, meaning or Meaning()) for piece, meaning in found)
                return
        yield text, Meaning()

    def _named(self, text: str, section: Section, task: Task) -> Meaning | None:
        """By a full name, a number, or "all above"."""
        plain = _plain(text)
        if plain in _ALL_ABOVE:
            return Meaning((_all_above(text, section, task, self.board),))
        number = re.fullmatch(r"(?:task )?#?(\d+\.\d+)", plain)
        if number and number[1] in self.board.by_id and number[1] != task.id:
            return Meaning((Dependency(text, "task", number[1], "by its number"),))
        labelled = [id_ for id_ in self.labels.get(plain.removeprefix("#"), ()) if id_ != task.id]
        if labelled:
            own = [id_ for id_ in labelled if id_.rpartition(".")[0] == section.key]
            return self._one(text, own if len(own) == 1 else labelled, "by its id in the document")
        uid = self.board.by_uid.get(plain)
        if uid and uid.id != task.id:
            return Meaning((Dependency(text, "task", uid.id, f"task {uid.id}, by its id"),))
        same = [id_ for id_ in self.exact.get(plain, ()) if id_ != task.id]
        if same:
            near = [id_ for id_ in same if id_.rpartition(".")[0] == section.key]
            return self._one(text, near if len(near) == 1 else same, "by its full name")
        return self._section(text, self.section_names.get(plain, ()), section, task, "by its name")

    def _shortened(self, text: str, section: Section, task: Task) -> Meaning | None:
        """By a part of a section's name, the beginning of a task's, or words that only one name holds."""
        part = self._section(text, self.section_parts.get(_plain(text), ()), section, task, "by a part of its name")
        if part:
            return part
        words = stems(text)
        if not words:
            return None
        begun = self.beginnings.get(tuple(words[:_LONGEST]), [])[: _FEW + 1]
        begun = [id_ for id_ in begun if id_ != task.id]
        if begun:
            return self._one(text, begun, "by the beginning of its name")
        wanted = frozenset(words)
        if len(wanted) > 1:
            titles = [self.board.by_key[key] for key in _in_all(self.section_words, wanted)]
            if titles:
                return self._section(text, titles, section, task, "by words of its name")
        if wanted not in self.looked_up:
            self.looked_up[wanted] = _in_all(self.words, wanted)
        common = [id_ for id_ in self.looked_up[wanted] if id_ != task.id]
        return self._one(text, common, "by words of its name") if common else None

    def _one(self, text: str, ids: list[str], how: str) -> Meaning:
        if len(ids) == 1:
            return Meaning((Dependency(text, "task", ids[0], f"task {ids[0]}, {how}"),))
        return Meaning(candidates=tuple(ids[:_FEW]))

    def _section(self, text: str, found: Sequence[Section], own: Section, task: Task, how: str) -> Meaning | None:
        if not found:
            return None
        if len(found) > 1:
            return Meaning(candidates=tuple(f"section {section.key}" for section in found[:_FEW]))
        if found[0].key != own.key:
            return Meaning((Dependency(text, "section", found[0].key, f"section {found[0].key}, {how}"),))
        leading = own.tasks[0].id
        if leading == task.id:
            return None
        return Meaning((Dependency(text, "task", leading, f"task {leading}, which leads its own section"),))


def _all_above(text: str, section: Section, task: Task, board: Board) -> Dependency:
    if section.tasks[0].id != task.id:
        return Dependency(text, "rows_above", task.id, f"all rows above in section {section.key}")
    how = "all sections above" if board.sections[0].key != section.key else "nothing: it is the first row of all"
    return Dependency(text, "sections_above", section.key, how)


def _in_all(index: Mapping[str, Mapping[str, None]], words: frozenset[str]) -> tuple[str, ...]:
    """What the index has under every one of the words, in the board's order: as much of it as a question names."""
    rarest, *others = sorted((index.get(word, {}) for word in words), key=len)
    return tuple(islice((key for key in rarest if all(key in other for other in others)), _FEW + 1))


def _and_pieces(text: str) -> list[str]:
    pieces = re.split(r"\s+(?:and|&|\+)\s+", text)
    return pieces if len(pieces) > 1 else []


def _slash_pieces(text: str) -> list[str]:
    """`Frontend/backend update` is `Frontend update` and `backend update`."""
    match = re.search(r"[^\s/]+(?:\s*/\s*[^\s/]+)+", text) if "/" in text else None
    if not match:
        return []
    before, after = text[: match.start()], text[match.end() :]
    return [f"{before}{choice.strip()}{after}".strip() for choice in match[0].split("/")]


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[*_`\"]", "", text)).strip().rstrip(".").casefold()


def stems(text: str) -> list[str]:
    """The words without their endings, so that `Testing` is `tests` and `updates` is `update`."""
    return [_stem(word) for word in re.findall(r"[^\W_]+", text.casefold())]


def _stem(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    for ending in ("ing", "ed", "e"):
        if len(word) > len(ending) + 2 and word.endswith(ending):
            return word[: -len(ending)]
    return word
