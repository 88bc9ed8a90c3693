"""A small tool table of real effects, for tests of the graph: notes in a file, each under an approval of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from knowledge.approvals import Action
from tools.errors import UsageError
from tools.registry import ReadTool, WriteTool
from tools.schema.model import Question
from tools.toolbox.desk import Desk, Outcome, Pins, Proposed
from tools.toolbox.jobs import approval_of

LOG = Path("notes.txt")
HAZARDS: tuple[str, ...] = ()


class NoArguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Notes(NoArguments):
    lines: list[str]


class NotesJob:
    """Appends each line by an action of its own, like the steps of a plan."""

    def propose(self, desk: Desk, arguments: Notes, done: Sequence[dict[str, Any]]) -> Proposed | None:
        left = self._left(arguments)
        if not left:
            return None
        action = self._action(left[0])
        proposal = desk.ledger.propose(action, actor=desk.actor, thread=desk.thread)
        return Proposed(proposal.id, {"summary": action.summary, "sql": [], "hazards": list(action.hazards)})

    def propose_phase(self, desk: Desk, arguments: Notes) -> Proposed | None:
        covers = tuple(self._action(line).digest for line in self._left(arguments))
        action = Action("apply_phase", f"append {len(covers)} lines", covers=covers)
        return Proposed(
            desk.ledger.propose(action, actor=desk.actor, thread=desk.thread).id, {"summary": action.summary}
        )

    def perform(self, desk: Desk, arguments: Notes, hints: Sequence[str]) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(self._left(arguments)):
            action = self._action(line)
            if number and not desk.ledger.find_open(action.digest, desk.actor, desk.thread):
                break
            approval = approval_of(desk, action.digest, hints, action.summary)
            with desk.ledger.claimed(approval, action, actor=desk.actor, thread=desk.thread), LOG.open("a") as file:
                file.write(line + "\n")
            yield {"id": line, "status": "done"}

    def revise(self, desk: Desk, arguments: Notes, sql: str) -> tuple[dict[str, Any], Pins]:
        raise UsageError("a note has no SQL to edit")

    def _left(self, arguments: Notes) -> list[str]:
        written = LOG.read_text().splitlines() if LOG.exists() else []
        return [line for line in arguments.lines if line not in written]

    def _action(self, line: str) -> Action:
        return Action("write_file", f"append {line!r}", {"path": str(LOG), "line": line}, hazards=HAZARDS)


def read_notes(desk: Desk, arguments: NoArguments) -> Outcome:
    return Outcome({"lines": LOG.read_text().splitlines() if LOG.exists() else []})


def break_down(desk: Desk, arguments: NoArguments) -> Outcome:
    raise RuntimeError("secret row 4711")


def count_slowly(desk: Desk, arguments: NoArguments) -> Outcome:
    for number in range(2000):
        desk.progress("counting", number, 2000)
        time.sleep(0.02)
    return Outcome({"counted": 2000})


def ask_rename(desk: Desk, arguments: NoArguments) -> Outcome:
    columns = [list(names) for names in desk.answers.columns]
    questions = () if columns else (Question("column", "agents", "title", "display_name", ("same type",), 0.5),)
    return Outcome({"renames": columns}, questions=questions)


FAKES = (
    ReadTool("read_notes", "the notes", NoArguments, read_notes),
    ReadTool("break_down", "fails", NoArguments, break_down),
    ReadTool("count_slowly", "counts", NoArguments, count_slowly),
    ReadTool("ask_rename", "asks", NoArguments, ask_rename),
    WriteTool("write_notes", "append lines", Notes, NotesJob()),
)
