"""Questions besides the renames of tables and columns: values of enums, indexes, columns merged into one or split.

A yes to a merge stands for an expression over the old columns (`Question.value`); another one is given in the answers
file. A split is answered there too, by the value of each new column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from tools.location import Dialect
from tools.schema.model import Answers, Column, Enum, Question, Schema, Table
from tools.schema.normal import fold, normal_index
from tools.schema.render import literal, quote
from tools.schema.tokens import tokenize
from tools.schema.types import family

_TEXTS = ("text", "varchar", "char")
_LIKELY = 0.5
_PARTS = 4
"""Into so many columns one is split at the most; more are likelier to be new."""


def further_questions(current: Schema, desired: Schema, answers: Answers) -> list[Question]:
    """All of them that no answer has settled. Both schemas are of one dialect, the current one under its new names."""
    dialect = current.dialect
    denied = set(answers.not_renames)
    found = [q for enum in desired.enums if (old := current.enum(enum.key)) for q in _values(old, enum, answers)]
    known = {fold(table.key, dialect): table for table in current.tables}
    for after in desired.tables:
        before = known.get(fold(after.key, dialect))
        if before is None:
            continue
        found += _indexes(before, after, answers) if dialect == "postgres" else []
        if before.column_names != after.column_names:
            found += _merges(before, after, answers, dialect)
            found += _splits(before, after, answers, dialect)
    return [question for question in found if (question.table, question.before, question.after) not in denied]


def settled_columns(table: Table, answers: Answers, dialect: Dialect) -> frozenset[str]:
    """The columns of a table, of today and to come, that merges and values given for new columns tie together."""
    found = {name for m in answers.merges if m.table == table.key for name in (m.column, *m.sources)}
    for owner, column, sql in answers.fills:
        read = {token.name for token in tokenize(sql, dialect) if token.is_name} & set(table.column_names)
        if owner == table.key and read:
            found |= {column, *read}
    return frozenset(found)


def listed(names: str) -> tuple[str, ...]:
    """The columns that one side of a merge or a split names."""
    return tuple(name.strip() for name in names.split(","))


def _values(old: Enum, new: Enum, answers: Answers) -> Iterator[Question]:
    done = {pair for owner, *pair_ in answers.values if owner == new.key for pair in pair_}
    gone = [value for value in old.values if value not in new.values and value not in done]
    come = [value for value in new.values if value not in old.values and value not in done]
    for before in gone:
        candidates: list[Question] = []
        for after in come:
            alike = SequenceMatcher(None, before.lower(), after.lower()).ratio()
            evidence = [f"the values are alike ({alike:.0%})"] if alike >= _LIKELY else []
            if old.values.index(before) == new.values.index(after):
                evidence.append("they stand in the same place")
            if len(gone) == len(come) == 1:
                evidence.append("nothing else is removed from or added to the enum")
            if evidence:
                score = round(min(1.0, alike * 0.5 + 0.25 * len(evidence)), 2)
                candidates.append(Question("enum_value", new.key, before, after, tuple(evidence), score))
        yield from sorted(candidates, key=lambda question: -question.likeness)[:2]


def _indexes(before: Table, after: Table, answers: Answers) -> Iterator[Question]:
    there, wanted = {i.name for i in before.indexes}, {i.name for i in after.indexes}
    taken = {new for owner, _, new in answers.indexes if owner in (before.key, after.key)}
    come = [i for i in after.indexes if i.name not in there and i.name not in taken]
    for index in before.indexes:
        if index.name in wanted:
            continue
        same = [i for i in come if normal_index(replace(index, name=i.name), "postgres") == normal_index(i, "postgres")]
        if same:
            evidence = (f"both index {', '.join(index.columns)} in the same way",)
            yield Question("index", after.key, index.name, same[0].name, evidence, 0.9)


def _merges(before: Table, after: Table, answers: Answers, dialect: Dialect) -> Iterator[Question]:
    gone, come = _texts(before, after, answers, dialect), _texts(after, before, answers, dialect)
    if len(come) != 1 or len(gone) < 2 or answers.fill(after.key, come[0].name) is not None:
        return
    new = come[0].name
    related = [column.name for column in gone if _share_a_word(column.name, new)]
    if len(gone) < 3 and len(related) < 2:
        return
    names = [column.name for column in gone]
    evidence = [f"{len(names)} text columns go, and one comes"]
    evidence += [f"{' and '.join(related)} share a word with it"] if related else []
    yield Question("merge", after.key, ", ".join(names), new, tuple(evidence), 0.5, joined(names, dialect))


def _splits(before: Table, after: Table, answers: Answers, dialect: Dialect) -> Iterator[Question]:
    gone, come = _texts(before, after, answers, dialect), _texts(after, before, answers, dialect)
    if len(gone) != 1 or len(come) < 2:
        return
    old, names = gone[0].name, [column.name for column in come]
    if len(come) > _PARTS or not all(_share_a_word(name, old) for name in names):
        return
    evidence = (f"one text column goes, and {len(names)} come", "all share a word with it")
    yield Question("split", after.key, old, ", ".join(names), evidence, 0.5)


def joined(columns: Sequence[str], dialect: Dialect) -> str:
    """The values of some text columns, those that there are, with an empty line between them."""
    if dialect == "sqlite":
        parts = " || ".join(f"COALESCE({quote(c)} || char(10) || char(10), '')" for c in columns)
        return f"NULLIF(rtrim({parts}, char(10)), '')"
    line = "chr(10) || chr(10)"
    return f"NULLIF(concat_ws({line}, {', '.join(map(quote, columns))}), {literal('')})"


def _texts(table: Table, other: Table, answers: Answers, dialect: Dialect) -> list[Column]:
    there = {fold(name, dialect) for name in other.column_names}
    tied = settled_columns(table, answers, dialect) | settled_columns(other, answers, dialect)
    return [
        column
        for column in table.columns
        if fold(column.name, dialect) not in there
        and column.name not in tied
        and column.generated is None
        and family(column.type, dialect).name in _TEXTS
    ]


def _share_a_word(one: str, other: str) -> bool:
    return bool(_words(one) & _words(other))


def _words(name: str) -> set[str]:
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return {word for word in spaced.replace("_", " ").split() if len(word) > 2}
