"""Boards in the store. The store is the truth; Markdown files are brought in and written out.

Each write takes an approval for the exact change to the board as it is, and claims it in the transaction that writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.approvals import Action, Ledger, Proposal, Via
from knowledge.clock import to_store, utc_now
from knowledge.events import Event, Events
from tools.errors import ApprovalRefused, UsageError
from tools.files import file_digest, write_atomically
from tools.tasks.checklist import with_checklist
from tools.tasks.dependencies import resolved
from tools.tasks.export import Rendered, board_to_markdown
from tools.tasks.from_plan import progress
from tools.tasks.identity import with_uids
from tools.tasks.markdown import anchored
from tools.tasks.merge import Conflict, merge, merged
from tools.tasks.model import Board
from tools.tasks.operations import apply, inverse, touched
from tools.tasks.serial import board_digest, board_from_json, board_to_json
from tools.tasks.update import Change, describe

if TYPE_CHECKING:
    from knowledge.store import Store

DEFAULT = "board"


class Boards:
    """The boards of one store, by name."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store, self._ledger, self._events = store, ledger, Events(store)

    def names(self) -> tuple[str, ...]:
        with self._store.open() as connection:
            return tuple(str(row[0]) for row in connection.execute("SELECT name FROM board ORDER BY name").fetchall())

    def load(self, name: str = DEFAULT) -> Board:
        """Raises UsageError when there is no such board."""
        board = self.find(name)
        if board is None:
            raise UsageError(f"there is no board {name!r}: make one with `oneplan board import FILE`")
        return board

    def find(self, name: str = DEFAULT) -> Board | None:
        with self._store.open() as connection:
            row = connection.execute("SELECT body FROM board WHERE name = ?", [name]).fetchone()
        return board_from_json(json.loads(row[0])) if row else None

    def action(self, change: Change, name: str = DEFAULT) -> Action:
        """What is to be approved: the change, to the board as it is now. Raises UsageError where it does not fit."""
        before = self.find(name)
        _after(before, change, name)
        base = board_digest(before) if before else ""
        label = "Board" if name == DEFAULT else f"Board {name}"
        summary = f"{label}: {_said(change, before)}{_kept(before, change)}"
        return Action("board_change", summary, {"board": name, "change": change}, base=base)

    def execute(self, change: Change, approval_id: str, *, actor: str, thread: str = "", name: str = DEFAULT) -> Board:
        """Make an approved change. Raises ApprovalRefused when the board, the change or anything else is another."""
        with self._store.transaction():
            action = self.action(change, name)
            claim = self._ledger.claim(approval_id, action, actor=actor, thread=thread)
            board = self._save(name, change, actor, claim.approval_id)
            self._ledger.record(claim, "done")
        return board

    def consented(
        self,
        change: Change | Callable[[Board], Change],
        *,
        actor: str,
        approver: str,
        via: Via,
        thread: str = "",
        name: str = DEFAULT,
    ) -> Board:
        """Make a change that a person has just asked for by name (a typed command): proposed, approved and made in one
        transaction, so that two terminals cannot come between. A function makes the change for the board as it is."""
        with self._store.transaction():
            change = change(self.load(name)) if callable(change) else change
            proposal = self._ledger.propose(self.action(change, name), actor=actor, thread=thread)
            approval = self._ledger.approve(proposal.id, approver=approver, via=via)[0]
            return self.execute(change, approval.id, actor=actor, thread=thread, name=name)

    def follow(
        self, states: Mapping[str, str], *, actor: str, run: str, unproven: Collection[str] = (), thread: str = "",
        name: str = DEFAULT,
    ) -> Proposal | None:  # fmt: skip
        """Keep where a run stands, and propose what it means for the tasks that are tied to its steps: done for what
        has run and is proven, to do again for what was rolled back. None where nothing would change. An older proposal
        of the kind that nobody answered is overtaken.

        Raises ApprovalRefused for a run that has claimed no approval.
        """
        with self._store.transaction() as connection:
            if not connection.execute("SELECT 1 FROM approval WHERE run = ? AND run <> ''", [run]).fetchone():
                raise ApprovalRefused(f"run {run!r} has claimed no approval: the board does not follow it")
            facts = {"board": name, "run": run, "states": dict(states), "unproven": list(unproven)}
            self._events.append("board.followed", facts, actor=actor)
            change = self.following(name)
            for old in self._ledger.pending():
                made = old.action.arguments.get("change")
                if old.action.kind == "board_change" and made != change and _follows(made):
                    self._ledger.reject(old.id, approver=actor, reason=f"overtaken by where run {run} stands now")
            return self._ledger.propose(self.action(change, name), actor=actor, thread=thread) if change else None

    def following(self, name: str = DEFAULT) -> Change | None:
        """The change that brings the board in step with the latest run, as `follow` kept it; None where it is so."""
        kept = [event for event in self._events.read("board.followed") if event.data["board"] == name]
        if not kept:
            return None
        latest = kept[-1].data
        changes = progress(self.load(name), latest["states"], latest["unproven"])
        return {"op": "several", "changes": list(changes), "run": latest["run"]} if changes else None

    def export_action(self, path: Path, name: str = DEFAULT) -> tuple[Action, Rendered]:
        """What is to be approved to write the board to a file; base is the digest of the file that is there now."""
        return self._export_of(self.load(name), path, name)

    def _export_of(self, board: Board, path: Path, name: str) -> tuple[Action, Rendered]:
        _unedited(board, path)
        rendered = board_to_markdown(board)
        verb = "Overwrite" if path.exists() else "Write"
        arguments = {"path": str(path.absolute()), "text": rendered.text, "board": name}
        summary = f"{verb} {path} with the board{'' if name == DEFAULT else f' {name}'}"
        return Action("write_file", summary, arguments, base=file_digest(path)), rendered

    def export(self, path: Path, approval_id: str, *, actor: str, thread: str = "", name: str = DEFAULT) -> Rendered:
        """Write the board to a file, whole or not at all, keeping the bytes of what did not change."""
        board = self.load(name)
        action, rendered = self._export_of(board, path, name)
        with self._ledger.claimed(approval_id, action, actor=actor, thread=thread):
            write_atomically(path, rendered.text, expected=action.base)
            self._written(name, path, board, rendered, actor)
        return rendered

    def history(self, name: str = DEFAULT, task_id: str = "", limit: int = 1000) -> tuple[Event, ...]:
        """Who changed what and when, oldest first; with a task's id only what touched it."""
        events = [
            event
            for event in self._events.read("board.*")
            if event.data.get("board") == name and event.kind != "board.followed"
        ]
        if task_id:
            uid = self.load(name).task(task_id).uid
            events = [event for event in events if uid in event.data.get("tasks", ())]
        return tuple(events[-limit:])

    def undo(self, name: str = DEFAULT) -> Change:
        """The change that takes back the last one that was not taken back yet. Raises UsageError where there is none,
        or where it was an import: the file as it was is imported again instead."""
        made = [event for event in self.history(name) if event.kind == "board.changed"]
        done = {event.data["undoes"] for event in made if "undoes" in event.data}
        last = next((e for e in reversed(made) if e.seq not in done and "undoes" not in e.data), None)
        if last is None or "inverse" not in last.data:
            why = "nothing was changed" if last is None else "an import is not taken back: import the file as it was"
            raise UsageError(f"there is nothing to undo on the board: {why}")
        return last.data["inverse"] | {"undoes": last.seq}

    def _save(self, name: str, change: Change, actor: str, approval: str) -> Board:
        before = self.find(name)
        board = _after(before, change, name)
        if before is not None and change.get("op") != "import":
            board = with_checklist(before, board)
        self._put(name, board)
        facts: dict[str, Any] = {
            "board": name,
            "change": _logged(change),
            "approval": approval,
            "run": change.get("run", ""),
        }
        if before is not None:
            facts["tasks"] = touched(before, board)
        if before is not None and change.get("op") != "import":
            facts["inverse"] = inverse(before, change)
        if "undoes" in change:
            facts["undoes"] = change["undoes"]
        self._events.append("board.changed", {key: value for key, value in facts.items() if value}, actor=actor)
        return board

    def _put(self, name: str, board: Board) -> None:
        body = json.dumps(board_to_json(board), ensure_ascii=False)
        moment = to_store(utc_now())
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO board VALUES (?, ?, ?, ?)", [name, body, board_digest(board), moment]
            )

    def _written(self, name: str, path: Path, written: Board, rendered: Rendered, actor: str) -> None:
        """From now on the board's text is what the file says; a change made meanwhile stays unexported."""
        with self._store.transaction():
            board = self.load(name)
            self._put(name, replace(anchored(board, written, rendered.text), source=str(path)))
            self._events.append("board.exported", {"board": name, "path": str(path)}, actor=actor)


def import_change(board: Board, *, replace_changes: bool = False, answers: Mapping[str, str] | None = None) -> Change:
    """The change that brings in a board read from a file or made from a plan, in place of the one there is.

    What the present board holds and no file has is made again on the new one, unless `replace_changes` lets it go.
    answers: `board` or `file` by the key of each conflict, as `merge` names them.
    """
    change: Change = {"op": "import", "board": board_to_json(board), "replace_changes": replace_changes}
    return change | ({"answers": dict(answers)} if answers else {})


def conflicts(before: Board | None, change: Change) -> tuple[Conflict, ...]:
    """The questions that an import leaves open."""
    if before is None or change.get("replace_changes") or not unexported(before):
        return ()
    return merge(before, board_from_json(change["board"]), change.get("answers")).conflicts


def unexported(board: Board) -> bool:
    """Whether the board holds something that the Markdown it came from, or was last written to, does not."""
    rendered = board_to_markdown(board)
    return bool(rendered.text != board.text or rendered.lost)


def _after(before: Board | None, change: Change, name: str) -> Board:
    if change.get("op") != "import":
        if before is None:
            raise UsageError(f"there is no board {name!r}: make one with `oneplan board import FILE`")
        return apply(before, change)
    return _brought_in(before, change)[0]


def _brought_in(before: Board | None, change: Change) -> tuple[Board, tuple[Change, ...]]:
    """The board after an import, and what was kept of the one before. Tasks that both hold keep their uids."""
    board = board_from_json(change["board"])
    if before is None:
        return board, ()
    if change.get("replace_changes") or not before.text:
        if not change.get("replace_changes") and unexported(before):
            return merged(before, board, change.get("answers"))
        fresh = tuple(replace(s, tasks=tuple(replace(t, uid="") for t in s.tasks)) for s in board.sections)
        return resolved(with_uids(replace(board, sections=fresh), before)), ()
    return merged(before, board, change.get("answers"))


def _said(change: Change, before: Board | None = None) -> str:
    if change.get("op") != "import":
        return describe(change, before)
    board = board_from_json(change["board"])
    return f"{len(board.by_id)} tasks in {len(board.sections)} sections from {board.source or 'a new board'}"


def _kept(before: Board | None, change: Change) -> str:
    """What becomes of the present board's own changes in an import."""
    if change.get("op") != "import" or before is None or not unexported(before):
        return ""
    if change.get("replace_changes"):
        return "; changes that are in no file are given up"
    kept = _brought_in(before, change)[1]
    return f"; kept of the present board: {'; '.join(describe(one, before) for one in kept)}" if kept else ""


def _logged(change: Change) -> Change:
    """A change as the log keeps it: an import without its text."""
    if change.get("op") != "import":
        return change
    return {"op": "import", "said": _said(change), "digest": board_digest(board_from_json(change["board"]))}


def _follows(change: object) -> bool:
    return isinstance(change, dict) and "run" in change


def _unedited(board: Board, path: Path) -> None:
    """Raises UsageError where the board's own file was edited since: writing over it would lose that."""
    if not board.text or not board.source or not path.exists() or Path(board.source).absolute() != path.absolute():
        return
    if path.read_bytes() != board.text.encode():
        raise UsageError(
            f"{path} was edited since the board was last read from it or written to it: bring that in first, "
            f"with `oneplan board import {path}`"
        )
