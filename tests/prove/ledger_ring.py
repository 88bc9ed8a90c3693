"""The inner ring of the gate: an approval given for one generated action, and its use for a mutation of that action, by
another, at another time, twice, withdrawn, unknown, resumed by another run or after its end.

The writer appends to a file; a case succeeds when the file has a byte that it should not have.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import get_args
from unittest.mock import patch

from knowledge import approvals, clock
from knowledge.actions import ActionKind
from knowledge.approvals import Action, Ledger
from knowledge.store import Store
from tests.prove.tally import Tally
from tools.errors import OneplanError

SQL = (
    "DROP TABLE t",
    "UPDATE t SET a = 1",
    "DELETE FROM t WHERE id = 7",
    "ALTER TABLE t ADD COLUMN b TEXT",
    "SELECT 1",
)
PARTS = ("kind", "arguments", "sql", "base", "hazards", "covers")
HOW = (
    *PARTS, "actor", "thread", "time", "twice", "withdrawn", "rejected", "expired unanswered", "unknown",
    "not approved", "another's id", "other run", "ended", "resumed mutation", "resumed unclaimed",
)  # fmt: skip
HONEST_EVERY = 20


@dataclass
class World:
    """One ledger, and a file that every case writes to."""

    ledger: Ledger
    file: Path

    def write(self, approval: str, action: Action, *, actor: str = "ann", thread: str = "t") -> None:
        """What every writer of this project does: claim, write, record."""
        with self.ledger.claimed(approval, action, actor=actor, thread=thread, run="r"):
            self._append(action)

    def resume(self, approval: str, action: Action, run_id: str) -> None:
        self.ledger.resume(approval, action, run=run_id)
        self._append(action)

    def _append(self, action: Action) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write(action.digest + "\n")


def random_action(chance: random.Random) -> Action:
    return Action(
        chance.choice(get_args(ActionKind)), "an action",
        {"target": f"sqlite:///{chance.randrange(9)}", "n": chance.randrange(99)},
        tuple(chance.sample(SQL, chance.randrange(1, 4))), f"base{chance.randrange(9)}",
        tuple(chance.sample(["DELETES_DATA", "IRREVERSIBLE"], chance.randrange(3))),
    )  # fmt: skip


def mutated(action: Action, what: str, chance: random.Random) -> Action:
    """The action with one of its parts changed a little."""
    number = chance.randrange(10**6)
    match what:
        case "kind":
            return replace(action, kind=chance.choice([kind for kind in get_args(ActionKind) if kind != action.kind]))
        case "arguments":
            changed = chance.choice([{"n": 100 + number}, {"target": f"sqlite:///other{number}"}, {"more": number}])
            return replace(action, arguments=action.arguments | changed)
        case "sql":
            extra = f"DELETE FROM t{number}"
            return replace(action, sql=chance.choice([(*action.sql, extra), (extra,), (extra, *action.sql[1:])]))
        case "base":
            return replace(action, base=f"other{number}")
        case "hazards":
            return replace(action, hazards=(*action.hazards, f"HAZARD{number}"))
        case _:
            return replace(action, covers=(f"{number:064x}",))


def ledger_cases(folder: Path, count: int, seed: int, kinds: Sequence[str] = ()) -> Tally:
    """Each way in turn; the store is as it was before after each of them."""
    chance, store, how = random.Random(seed), Store(folder / "ledger.duckdb"), kinds or HOW
    tally = Tally("ledger")
    with store.open():
        for number in range(count):
            where, way = f"seed {seed}, case {number}", how[number % len(how)]
            world = World(Ledger(store), folder / "written.txt")
            with taken_back(store):
                tally.note(way, _succeeds(world, way, chance), where)
            if number % HONEST_EVERY == 0:
                with taken_back(store):
                    tally.control(_honest(world, chance), where)
    return tally


@contextmanager
def taken_back(store: Store) -> Iterator[None]:
    """What the block writes to the store is undone at its end."""

    class Done(Exception):
        pass

    with suppress(Done), store.transaction():
        yield
        raise Done


def _honest(world: World, chance: random.Random) -> bool:
    action = random_action(chance)
    world.file.write_bytes(b"")
    proposal = world.ledger.propose(action, actor="ann", thread="t")
    world.write(world.ledger.approve(proposal.id, approver="boss", via="cli")[0].id, action)
    return world.file.read_text(encoding="utf-8") == action.digest + "\n"


def _succeeds(world: World, how: str, chance: random.Random) -> bool:
    """Whether the attack wrote what nobody had approved."""
    action = random_action(chance)
    world.file.write_bytes(b"")
    proposal = world.ledger.propose(action, actor="ann", thread="t")
    with suppress(OneplanError):
        if how in ("not approved", "rejected", "expired unanswered"):
            _attack_unapproved(world, how, chance, action, proposal.id)
        else:
            (approval,) = world.ledger.approve(proposal.id, approver="boss", via="cli")
            _attack(world, how, chance, action, proposal.id, approval.id)
    honest = action.digest + "\n" if how in ("twice", "ended") else ""
    return world.file.read_text(encoding="utf-8") != honest


def _attack_unapproved(world: World, how: str, chance: random.Random, action: Action, proposal: str) -> None:
    """No person has said yes: the proposal's own id, or an approval got after the no or after the time."""
    if how == "not approved":
        world.write(proposal, action)
    elif how == "rejected":
        world.ledger.reject(proposal, approver="boss", reason="no")
        world.write(world.ledger.approve(proposal, approver="eve", via="flag")[0].id, action)
    else:
        with patch.object(approvals, "utc_now", lambda: _later(chance)), patch(
            "knowledge.ledger_rows.utc_now", lambda: _later(chance)
        ):  # fmt: skip
            world.write(world.ledger.approve(proposal, approver="eve", via="flag")[0].id, action)


def _attack(world: World, how: str, chance: random.Random, action: Action, proposal: str, approval: str) -> None:
    if how in PARTS:
        world.write(approval, mutated(action, how, chance))
    elif how in ("actor", "thread"):
        world.write(approval, action, **{how: chance.choice(("", f"eve{chance.randrange(99)}", "ANN", "T"))})
    elif how == "time":
        later = _later(chance)
        with patch.object(approvals, "utc_now", lambda: later):
            world.write(approval, action)
    elif how == "withdrawn":
        world.ledger.reject(proposal, approver="boss")
        world.write(approval, action)
    elif how == "unknown":
        world.write(chance.choice((f"{chance.randrange(16**8):08x}", "", approval[:7], approval.upper() + " ")), action)
    elif how == "another's id":
        other = world.ledger.propose(random_action(chance), actor="ann", thread="t")
        world.write(world.ledger.approve(other.id, approver="boss", via="cli")[0].id, mutated(action, "sql", chance))
    elif how in ("twice", "ended"):
        world.write(approval, action)
        if how == "twice":
            world.write(approval, action)
        else:
            world.resume(approval, action, "r")
    elif how == "resumed unclaimed":
        world.resume(approval, action, chance.choice(("r", "")))
    else:
        world.ledger.claim(approval, action, actor="ann", thread="t", run="r")
        other = mutated(action, chance.choice(PARTS), chance) if how == "resumed mutation" else action
        world.resume(approval, other, "r" if how == "resumed mutation" else f"r{chance.randrange(99)}")


def _later(chance: random.Random):  # noqa: ANN202
    return clock.utc_now() + timedelta(hours=24, seconds=chance.randrange(1, 10**7))
