"""Rename questions at a terminal: put one by one, answered yes or no, kept in the answers file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.errors import ApprovalNeeded
from tools.schema import wording
from tools.schema.further_questions import listed
from tools.schema.model import Answers, Merge, Question, Schema
from tools.toolbox.answers import with_merge, with_rename


def sentence(question: Question) -> str:
    """The question as a person reads it."""
    return wording.question(question)


def ask_renames(
    current: Schema, desired: Schema, answers: Answers, *, save: Path, say: Callable[[str], None]
) -> Answers:
    """Put every open question until none is left, and write what was said to `save`.

    An answer that is neither yes nor no is asked again; end of input leaves the rest open (ApprovalNeeded).
    """
    from tools.schema.renames import rename_questions, write_answers

    begun = answers
    while questions := rename_questions(current, desired, answers):
        question = questions[0]
        evidence = f" ({'; '.join(question.evidence)})" if question.evidence else ""
        yes = _yes_or_no(sentence(question) + evidence)
        if yes and question.kind == "split":
            for column in listed(question.after):
                made = Merge(question.table or "", (question.before,), column, _expression(question, column))
                answers = with_merge(answers, made)
        else:
            answers = with_rename(answers, question, yes)
    if answers != begun:
        write_answers(answers, save)
        say(f"kept your answers in {save}")
    return answers


def _expression(question: Question, column: str) -> str:
    while True:
        try:
            sql = input(f"the value of {column} out of {question.before}, as SQL: ").strip()
        except EOFError:
            raise ApprovalNeeded(f"not answered: {sentence(question)}") from None
        if sql:
            return sql
        print("please give an SQL expression")


def _yes_or_no(question: str) -> bool:
    while True:
        try:
            word = input(f"{question} [y/n] ").strip().lower()
        except EOFError:
            raise ApprovalNeeded(f"not answered: {question}") from None
        if word in ("y", "yes", "n", "no"):
            return word[0] == "y"
        print("please answer y or n")
