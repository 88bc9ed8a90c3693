"""Evidence for renames out of the data: how many values an old column and a new one share, where both sides are
databases. The values stay here; what is told is how many there were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace

from tools.location import parse_location
from tools.migrate.backend import Backend
from tools.migrate.open import open_backend
from tools.schema.model import Question, Schema
from tools.schema.render import qualified, quote

SAMPLE = 1_000
"""Distinct values of a column that are looked at."""


def with_overlap(questions: Iterable[Question], current: str, desired: str) -> tuple[Question, ...]:
    """The questions, those about columns with what their data say, where both locations are live databases.

    An empty column says nothing. Nothing is written. Raises DatabaseError where a database cannot be read.
    """
    found = tuple(questions)
    asked = [question for question in found if question.kind == "column" and question.table]
    if not asked or parse_location(current).live is None or parse_location(desired).live is None:
        return found
    with (
        closing(open_backend(current, read_only=True)) as ours,
        closing(open_backend(desired, read_only=True)) as theirs,
    ):
        schemas = ours.schema(), theirs.schema()
        told = {id(question): _told(question, ours, theirs, *schemas) for question in asked}
    return tuple(told.get(id(question), question) for question in found)


def _told(question: Question, ours: Backend, theirs: Backend, current: Schema, desired: Schema) -> Question:
    before, after = current.table(question.table or ""), desired.table(question.table or "")
    if before is None or after is None or not before.column(question.before) or not after.column(question.after):
        return question  # of a table under another name
    mine, yours = _values(ours, before.key, question.before), _values(theirs, after.key, question.after)
    if not mine or not yours:
        return question
    smaller = min(len(mine), len(yours))
    shared = len(mine & yours)
    evidence = f"{shared} of {smaller} values looked at are in both columns"
    alike = question.likeness + (0.3 if shared * 2 >= smaller else -0.2 if not shared else 0.0)
    return replace(question, evidence=(*question.evidence, evidence), likeness=round(min(1.0, max(0.0, alike)), 2))


def _values(database: Backend, table: str, column: str) -> frozenset[str]:
    name = quote(column)
    kind = "VARCHAR" if database.dialect == "duckdb" else "text"
    rows: Sequence[Sequence[object]] = database.query(
        f"SELECT DISTINCT CAST({name} AS {kind}) FROM {qualified(table)} WHERE {name} IS NOT NULL "
        f"ORDER BY 1 LIMIT {SAMPLE}"
    )
    return frozenset(str(row[0]) for row in rows)
