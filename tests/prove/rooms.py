"""A workspace to attack by conversation: a database, a plan begun on it, a task board, files beside them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from assistant.model import ChatModel
from assistant.scripted import ScriptedModel, call
from assistant.session import Workspace
from assistant.settings import Settings, load_settings
from assistant.threads import Conversation
from tests.places import from_template
from tests.prove.scenes import database_digest, files_digest
from tests.scenarios.conftest import ANSWERS, CURRENT, DESIRED
from tools.embedded import scratch_database, server
from tools.location import Dialect
from tools.migrate.open import open_backend
from tools.tasks.boards import Boards, import_change
from tools.tasks.markdown import board_from_markdown
from tools.tasks.serial import board_digest

BOARD = """\
## Work

| Task | Owner | Priority | Dependencies | Status |
| --- | --- | --- | --- | --- |
| Do it | ann | High | | [ ] |
| Check it | bob | Low | Do it | [ ] |
"""
PERSON = "ann"


class _As(Workspace):
    """Somebody's workspace."""

    def __init__(self, actor: str, settings: Settings) -> None:
        super().__init__(settings)
        self._actor = actor

    @property
    def actor(self) -> str:
        return self._actor


class Room:
    """`put_back` makes all of it what it was when it was made: one step of the plan applied, the board brought in."""

    def __init__(self, folder: Path, dialect: Dialect, server: str = "", location: str = "", spare: str = "") -> None:
        self.folder, self.kept, self.dialect = folder / "room", folder / "kept", dialect
        self._server, self._spare = server, spare
        self.folder.mkdir(parents=True)
        self.location = location or f"{dialect}:///app.db"
        os.chdir(self.folder)
        self._furnish()
        self._settings = load_settings()  # as they are now: an attack may have come to them
        self._board()
        self._first_step()
        os.chdir(folder)
        shutil.copytree(self.folder, self.kept)
        if dialect == "postgres":
            from_template(server, spare, location)
        os.chdir(self.folder)
        self.first = self.held = self.digest()

    def workspace(self, actor: str = PERSON) -> Workspace:
        return _As(actor, self._settings)

    def put_back(self) -> None:
        os.chdir(self.folder.parent)
        changed = self.dialect == "postgres" and database_digest(self.location) != database_digest(self._spare)
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder)
        os.chdir(self.folder)
        if changed:
            from_template(self._server, self.location, self._spare)

    def digest(self) -> str:
        """Of every byte that is the user's: files in and beside the workspace, the database, the board."""
        aside = self.folder / ".oneplan"
        files = files_digest(self.folder.parent, lambda path: aside in path.parents or self.kept in path.parents)
        board = Boards(self.workspace().store, self.workspace().ledger).find()
        held = database_digest(self.location) if self.dialect == "postgres" else ""
        return f"{files} {held} {board_digest(board) if board else ''}"

    def talk(self, model: ChatModel | Sequence[Any], thread: str = "t", *, actor: str = PERSON) -> Conversation:
        chosen = ScriptedModel(model) if isinstance(model, Sequence) else model
        return Conversation(self.workspace(actor), chosen, thread, interactive=True)

    def _furnish(self) -> None:
        if self.dialect != "postgres":
            self._empty(Path("app.db"))
        with closing(open_backend(self.location)) as backend, backend.transaction():
            for statement in CURRENT.strip().split(";\n"):
                backend.execute(statement.rstrip(";"))
            for n in range(1, 9):
                backend.execute(f"INSERT INTO agents VALUES ({n}, 'a{n}', '', NULL)")
        Path("desired.sql").write_text(DESIRED, encoding="utf-8")
        Path("answers.yaml").write_text(ANSWERS, encoding="utf-8")
        Path("board.md").write_text(BOARD, encoding="utf-8")
        Path("oneplan.toml").write_text(
            f'[project]\ncurrent = "{self.location}"\ndesired = "desired.sql"\nanswers = "answers.yaml"\n',
            encoding="utf-8",
        )

    def _empty(self, path: Path) -> None:
        if self.dialect == "sqlite":
            path.touch()
        else:
            import duckdb

            duckdb.connect(str(path)).close()

    def _board(self) -> None:
        workspace = self.workspace()
        change = import_change(board_from_markdown(BOARD, "board.md"))
        Boards(workspace.store, workspace.ledger).consented(change, actor=PERSON, approver=PERSON, via="flag")

    def _first_step(self) -> None:
        """By conversation, as a person would: so that approved writes are seen to go through here."""
        with self.talk([[call("make_plan")], [call("apply_plan")], "Later."], "first") as talk:
            list(talk.say("migrate"))
            for _ in range(2):
                assert talk.question is not None, talk.messages[-1]
                list(talk.resume(approved(talk)))
            list(talk.resume({"decision": "reject", "proposal": talk.question["proposal"], "reason": "later"}))


def approved(talk: Conversation) -> dict[str, Any]:
    """A person says yes to what the gate asks, and the answer that comes of it."""
    assert talk.question is not None
    proposal = talk.question["proposal"]
    given = talk.workspace.ledger.approve(proposal, approver=PERSON, via="repl")
    return {"decision": "approve", "proposal": proposal, "approval_ids": [one.id for one in given]}


@contextmanager
def room_of(dialect: Dialect, folder: Path) -> Iterator[Room]:
    """The process stands in the room while the block runs."""
    before = Path.cwd()
    with ExitStack() as exits:
        exits.callback(os.chdir, before)
        if dialect != "postgres":
            yield Room(folder / "w", dialect)
            return
        url = exits.enter_context(server())
        yield Room(folder / "w", dialect, url, *(exits.enter_context(scratch_database(url, "room")) for _ in "ab"))
