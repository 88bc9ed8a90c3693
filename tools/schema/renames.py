"""Renames: questions about what may be one, and the answers. A rename is asked, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import replace
from difflib import SequenceMatcher

from tools.location import Dialect
from tools.schema.answers import check_answers, read_answers, write_answers
from tools.schema.further_questions import further_questions, settled_columns
from tools.schema.grounded import grounded
from tools.schema.model import Answers, Column, Question, Schema, Table
from tools.schema.normal import fold, normal_column
from tools.schema.renaming import renamed
from tools.schema.types import family, same_type, widens

__all__ = ["check_answers", "read_answers", "rename_questions", "write_answers"]

MOST = 3
"""How many questions one removed thing may raise: the likeliest ones."""

_LIKELY = 0.4
_NUMBERS = ("smallint", "integer", "bigint", "hugeint", "decimal", "real", "double")
_EVERYWHERE = {"id", "name", "created_at", "updated_at"}
_FILLERS = frozenset({"at", "is", "has", "of", "the"})


def rename_questions(current: Schema, desired: Schema, answers: Answers | None = None) -> tuple[Question, ...]:
    """What may be a rename and has not been answered, the likeliest first.

    Asked are a removed and an added column of one table whose types go together and whose names or places are alike (or
    that are the only two), and a removed and an added table that share columns. Answered pairs, and all pairs of a side
    that an answer has used up, are not asked again.
    """
    told = answers or Answers()
    if told.none:
        return ()
    desired, current = grounded(desired, renamed(current, told)), grounded(current, desired)
    if desired.dialect != current.dialect:
        from tools.schema.lower import lower

        desired = lower(desired, current.dialect, like=current, answers=told)
    today = renamed(current, told)
    asked = [*_tables(today, desired, told), *_columns(today, desired, told), *further_questions(today, desired, told)]
    return tuple(sorted(asked, key=lambda question: (question.kind != "table", -question.likeness, question.before)))


def likeness(before: str, after: str) -> float:
    """How alike two names are, in 0..1: shared words count most, then the letters."""
    one, other = _words(before), _words(after)
    letters = SequenceMatcher(None, before.lower(), after.lower()).ratio()
    shared = one & other
    if shared <= _FILLERS:
        return letters * (1.0 if letters >= 0.7 else 0.6)
    return max(letters, len(shared) / len(one | other) * 0.5 + 0.5)


def _words(name: str) -> frozenset[str]:
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    parts = spaced.replace("_", " ").replace("-", " ").split()
    return frozenset(part.removesuffix("s") or part for part in parts)


def _tables(current: Schema, desired: Schema, answers: Answers) -> list[Question]:
    dialect = current.dialect
    here = {fold(table.key, dialect) for table in desired.tables}
    before = {fold(table.key, dialect) for table in current.tables}
    removed = [table for table in current.tables if fold(table.key, dialect) not in here]
    added = [table for table in desired.tables if fold(table.key, dialect) not in before]
    denied = {(old, new) for table, old, new in answers.not_renames if not table}
    found: list[Question] = []
    columns = {table.key: frozenset(_folded(table, dialect)) for table in (*removed, *added)}
    for old in removed:
        candidates = [
            _table_question(old, new, columns[old.key], columns[new.key])
            for new in added
            if (old.key, new.key) not in denied
        ]
        found += _best(question for question in candidates if question is not None)
    return found


def _table_question(old: Table, new: Table, ours: Set[str], theirs: Set[str]) -> Question | None:
    shared = ours & theirs
    overlap = len(shared) / max(len(ours) + len(theirs) - len(shared), 1)
    telling = shared - _EVERYWHERE
    if overlap < 0.5 and not telling:
        return None
    alike = likeness(old.name, new.name)
    if overlap < 0.5 and not (alike >= 0.6 and telling) and not (overlap >= 0.3 and telling and alike >= 0.4):
        return None
    evidence = [f"{len(shared)} of {len(ours)} columns are in both: {', '.join(sorted(shared))}"]
    evidence += [f"the names are alike ({alike:.0%})"] if alike >= 0.5 else []
    return Question("table", None, old.key, new.key, tuple(evidence), round(overlap * 0.7 + alike * 0.3, 2))


def _folded(table: Table, dialect: Dialect) -> list[str]:
    return [fold(column.name, dialect) for column in table.columns]


def _columns(current: Schema, desired: Schema, answers: Answers) -> list[Question]:
    dialect = current.dialect
    old_keys = {fold(new, dialect): old for old, new in answers.tables}
    found: list[Question] = []
    known = {fold(table.key, dialect): table for table in current.tables}
    for after in desired.tables:
        before = known.get(fold(after.key, dialect))
        if before is None or before.column_names == after.column_names:
            continue
        key = old_keys.get(fold(after.key, dialect), before.key)
        denied = {(old, new) for table, old, new in answers.not_renames if table in (key, after.key)}
        tied = settled_columns(before, answers, dialect) | settled_columns(after, answers, dialect)
        found += [replace(question, table=key) for question in _of_table(before, after, denied, tied, dialect)]
    return found


def _of_table(
    before: Table, after: Table, denied: set[tuple[str, str]], tied: Set[str], dialect: Dialect
) -> list[Question]:
    ours, theirs = set(_folded(before, dialect)), set(_folded(after, dialect))
    removed = [c for c in before.columns if fold(c.name, dialect) not in theirs and c.name not in tied]
    added = [c for c in after.columns if fold(c.name, dialect) not in ours and c.name not in tied]
    lone = len(removed) == len(added) == 1
    found: list[Question] = []
    for old in removed:
        candidates = [
            _column_question(old, new, before, after, lone, dialect)
            for new in added
            if (old.name, new.name) not in denied
        ]
        found += _best(question for question in candidates if question is not None)
    return found


def _column_question(
    old: Column, new: Column, before: Table, after: Table, lone: bool, dialect: Dialect
) -> Question | None:
    if not _go_together(old.type, new.type, dialect):
        return None
    evidence, score = [f"both hold {old.type}" if old.type == new.type else f"{old.type} goes with {new.type}"], 0.1
    alike = likeness(old.name, new.name)
    if alike >= 0.5:
        evidence.append(f"the names are alike ({alike:.0%})")
        score += 0.3 + alike * 0.3
    if _same_place(old, new, before, after, dialect):
        evidence.append("they stand in the same place")
        score += 0.3  # enough to ask: a question too many costs a word, one too few a column
    if lone:
        evidence.append("nothing else is removed from or added to the table")
        score += 0.3
    if _same_rules(old, new, before, after, dialect):
        score += 0.1
    if score < _LIKELY:
        return None
    return Question("column", before.key, old.name, new.name, tuple(evidence), round(min(score, 1.0), 2))


def _go_together(old: str, new: str, dialect: Dialect) -> bool:
    if same_type(old, dialect, new, dialect) or widens(old, new, dialect):
        return True
    one, other = family(old, dialect), family(new, dialect)
    if one.name in _NUMBERS and other.name in _NUMBERS:
        return True
    texts = ("text", "varchar", "char", "other")
    return one.name == other.name or (one.name in texts and other.name in texts)


def _same_place(old: Column, new: Column, before: Table, after: Table, dialect: Dialect) -> bool:
    """Whether both are the n-th column, or the nearest columns that both tables have are the same on each side."""
    here, there = _folded(before, dialect), _folded(after, dialect)
    if here.index(fold(old.name, dialect)) == there.index(fold(new.name, dialect)):
        return True
    common = set(here) & set(there)
    return _neighbours(old, before, common, dialect) == _neighbours(new, after, common, dialect)


def _neighbours(column: Column, table: Table, common: set[str], dialect: Dialect) -> tuple[str, str]:
    names = _folded(table, dialect)
    at = names.index(fold(column.name, dialect))
    left = next((name for name in reversed(names[:at]) if name in common), "")
    return left, next((name for name in names[at + 1 :] if name in common), "")


def _same_rules(old: Column, new: Column, before: Table, after: Table, dialect: Dialect) -> bool:
    one, other = normal_column(old, before, dialect), normal_column(new, after, dialect)
    return (one.nullable, one.default) == (other.nullable, other.default)


def _best(questions: Iterable[Question]) -> list[Question]:
    return sorted(questions, key=lambda question: -question.likeness)[:MOST]
