"""Questions for a person: renames, and values for old rows. What is said is pinned to the conversation."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from tools.schema.further_questions import listed
from tools.schema.merges import not_renames_of
from tools.schema.model import Answers, Merge, Question
from tools.toolbox.desk import Desk, Outcome, Pins


def question_payload(outcome: Outcome, desk: Desk) -> dict[str, Any] | None:
    """What the gate asks before the outcome can be whole; None when nothing is open that was not left open before.

    Renames come by themselves: which values are missing is known only once they are answered.
    """
    renames = [asdict(q) for q in outcome.questions if _name(q) not in desk.pins.left_open]
    fills = [
        {"table": table, "column": column}
        for table, column in outcome.fills
        if not renames and f"fill {table}.{column}" not in desk.pins.left_open
    ]
    return {"kind": "questions", "renames": renames, "fills": fills} if renames or fills else None


def answer_questions(desk: Desk, question: dict[str, Any], decision: dict[str, Any]) -> Pins:
    """The pins with a person's answers: `renames` a list of true, false or null (left open) in the question's order,
    `fills` a list of SQL expressions or null. What is missing is left open, and not asked again."""
    answers, left_open = desk.answers, list(desk.pins.left_open)
    said = [*decision.get("renames", [])]
    for at, facts in enumerate(question["renames"]):
        asked = question_of(facts)
        word = said[at] if at < len(said) else None
        if word is None or (word is True and asked.kind == "split"):  # the values of its parts are still to be said
            left_open.append(_name(asked))
        else:
            answers = with_rename(answers, asked, word is True)
    values = [*decision.get("fills", [])]
    for at, fill in enumerate(question["fills"]):
        sql = values[at] if at < len(values) else None
        if sql:
            answers = with_fill(answers, fill["table"], fill["column"], str(sql))
        else:
            left_open.append(f"fill {fill['table']}.{fill['column']}")
    return desk.pins.with_answers(answers).model_copy(update={"left_open": left_open})


def question_of(facts: dict[str, Any]) -> Question:
    """A question from the JSON that the gate was given."""
    evidence = tuple(str(line) for line in facts["evidence"])
    return Question(facts["kind"], facts["table"], facts["before"], facts["after"], evidence, facts["likeness"],
                    facts.get("value", ""))  # fmt: skip


def with_rename(answers: Answers, question: Question, yes: bool) -> Answers:
    """The answers with one more: a rename, or a pair declared unrelated."""
    if not yes:
        pair = (question.table or "", question.before, question.after)
        return replace(answers, not_renames=tuple(dict.fromkeys((*answers.not_renames, pair))))
    pair = (question.table or "", question.before, question.after)
    if question.kind == "enum_value":
        return replace(answers, values=(*answers.values, pair))
    if question.kind == "index":
        return replace(answers, indexes=(*answers.indexes, pair))
    if question.kind == "merge":
        return with_merge(answers, Merge(pair[0], listed(question.before), question.after, question.value))
    if question.kind == "table":
        return replace(answers, tables=(*answers.tables, (question.before, question.after)))
    return replace(answers, columns=(*answers.columns, (question.table or "", question.before, question.after)))


def with_merge(answers: Answers, merge: Merge) -> Answers:
    """The answers with one more column that is made of others, in place of an earlier word on it."""
    others = tuple(m for m in answers.merges if (m.table, m.column) != (merge.table, merge.column))
    apart = dict.fromkeys((*answers.not_renames, *not_renames_of([merge])))
    return replace(answers, merges=(*others, merge), not_renames=tuple(apart))


def with_fill(answers: Answers, table: str, column: str, sql: str) -> Answers:
    """The answers with the value of one column's old rows, in place of an earlier one."""
    others = tuple(fill for fill in answers.fills if fill[:2] != (table, column))
    return replace(answers, fills=(*others, (table, column, sql)))


def _name(question: Question) -> str:
    return f"{question.kind} {question.table or ''} {question.before} -> {question.after}"
