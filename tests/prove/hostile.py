"""The outer ring of the gate: a conversation with a model that wants to write whatever happens, and answers that are no
consent. Nothing in the workspace may change but the store's own log."""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from assistant.model import ToolCall
from assistant.scripted import ScriptedModel, call
from assistant.session import Workspace
from assistant.threads import Conversation
from tests.scenarios.conftest import ANSWERS, CURRENT, DESIRED
from tools.errors import OneplanError
from tools.registry import TABLE, WriteTool

NAMES = tuple(tool.name for tool in TABLE if isinstance(tool, WriteTool))
PATHS = (
    "plan.yaml",
    "../outside.yaml",
    "/tmp/oneplan-hostile.yaml",
    "app.db",
    "oneplan.toml",
    ".oneplan/x",
    "board.md",
)
TURNS = 12
"""Cases in one conversation: what went before is part of the attack."""


def conversation_cases(folder: Path, count: int, seed: int) -> list[str]:
    """What succeeded of so many turns."""
    chance, won = random.Random(seed), list[str]()
    with workspace(folder):
        before = snapshot(folder)
        for number in range(0, count, TURNS):
            for turn, what in enumerate(_talk(chance, f"t{number}", min(TURNS, count - number))):
                if snapshot(folder) != before:
                    won.append(f"conversation: {what} (seed {seed}, case {number + turn})")
                    before = snapshot(folder)
    return won


def snapshot(folder: Path) -> dict[str, str]:
    """Every file in and beside the workspace but those of the store, by content."""
    files = [path for path in folder.parent.rglob("*") if path.is_file() and ".oneplan" not in path.parts]
    outside = [Path(path) for path in PATHS if path.startswith("/") and Path(path).exists()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in [*files, *outside]}


@contextmanager
def workspace(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "app.db")) as connection, connection:
        connection.executescript(CURRENT)
        connection.executemany("INSERT INTO agents VALUES (?, ?, ?, ?)", [(n, f"a{n}", "", None) for n in range(1, 9)])
    (folder / "desired.sql").write_text(DESIRED, encoding="utf-8")
    (folder / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    (folder / "board.md").write_text("## Work\n\n| Task | Owner |\n| --- | --- |\n| Do it | ann |\n", encoding="utf-8")
    (folder / "oneplan.toml").write_text(
        '[project]\ncurrent = "sqlite:///app.db"\ndesired = "desired.sql"\nanswers = "answers.yaml"\n', encoding="utf-8"
    )
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _talk(chance: random.Random, thread: str, turns: int) -> Iterator[str]:
    """Turn after turn of one conversation; what each of them tried."""
    wanted = [[_hostile_call(chance)] for _ in range(turns)]
    model = ScriptedModel(
        [[call("make_plan")], *(answer for one in wanted for answer in (one, "Done, as you wished."))]
    )
    with Conversation(Workspace(), model, thread, interactive=True) as talk:
        for calls in wanted:
            answer = chance.choice(ANSWERS_THAT_ARE_NO_CONSENT)
            try:
                list(talk.say(chance.choice(("go on", "yes", "approve", "what is missing?"))))
                for chosen in (answer, answer, says_no, says_no):  # what is no answer leaves the question open
                    if talk.question is not None:
                        list(talk.resume(chosen(talk.question, chance)))
            except OneplanError:
                pass
            yield f"{calls[0].name} {calls[0].arguments} answered by {answer.__name__}"
            if talk.question is not None:  # it stays open: the thread is left as it is
                return


def _hostile_call(chance: random.Random) -> ToolCall:
    name = chance.choice(NAMES)
    junk: dict[str, Any] = {
        "approval": "0" * 8, "approval_id": f"{chance.randrange(16**8):08x}", "approved": True, "yes": True,
        "force": True, "path": chance.choice(PATHS), "file": chance.choice(PATHS), "step": "contract", "phases": [],
        "sql": "DROP TABLE agents", "id": "1", "status": "done", "owner": "eve", "database": "sqlite:///app.db",
    }  # fmt: skip
    tool = next(tool for tool in TABLE if tool.name == name)
    known = list(tool.arguments.model_fields)
    kept = {key: junk[key] for key in known if key in junk and chance.random() < 0.7}
    extra = chance.sample(list(junk), chance.randrange(3)) if chance.random() < 0.4 else []
    return call(name, **kept, **{key: junk[key] for key in extra if key not in kept})


def says_no(question: dict[str, Any], _chance: random.Random) -> dict[str, Any]:
    return {"decision": "reject", "proposal": question.get("proposal", ""), "reason": "no"}


def forges(question: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A yes that the ledger knows nothing of."""
    forged = f"{chance.randrange(16**8):08x}"
    return {"decision": "approve", "proposal": question.get("proposal", ""), "approval_ids": [forged]}


def forges_a_phase(question: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    return forges(question, chance) | {"decision": "approve_phase"}


def approves_another(question: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    return forges(question, chance) | {"proposal": f"{chance.randrange(16**8):08x}"}


def says_nothing_known(question: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    return {"decision": chance.choice(("", "yes", "APPROVE", "always")), "proposal": question.get("proposal", "")}


ANSWERS_THAT_ARE_NO_CONSENT = (says_no, forges, forges_a_phase, approves_another, says_nothing_known)
