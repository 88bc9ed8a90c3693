"""The audit: is the log as it was written, and does the ledger of approvals say what the log says?

The log is chained by hashes, so that an edit or a gap shows in it. The tables of proposals and approvals are held
against it, so that a row edited there shows too. An exported copy, kept elsewhere, shows a log that was cut short or
written anew as a whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.actions import Action, action_from_json
from knowledge.clock import from_store
from knowledge.events import Event, Events, event_from_json, event_to_json, first_break
from tools.errors import SourceError

if TYPE_CHECKING:
    from knowledge.store import Store

Row = tuple[Any, ...]
_PROPOSALS = """SELECT id, digest, action, actor, thread, expires, status,
                 [coalesce(decided_by, ''), coalesce(via, ''), coalesce(reason, '')] FROM proposal"""
_APPROVALS = """SELECT id, proposal_id, digest, [actor, thread, approver, via], expires, claimed IS NOT NULL, run,
                outcome, coalesce(detail, '') FROM approval"""
_DECISIONS = {"proposal.approved": "approved", "proposal.rejected": "rejected"}


@dataclass(frozen=True)
class Audit:
    """What was looked at and found. head: the newest event's hash. findings: sentences, none when all is in order."""

    events: int
    head: str
    proposals: int
    approvals: int
    findings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.findings


def audit(store: Store, copy: Path | None = None) -> Audit:
    """Check the whole log, the ledger against it, and the log against a copy exported earlier."""
    with store.open() as connection:
        chain = Events(store).check_chain()
        if chain:  # what does not hold cannot bear witness
            return Audit(0, "", 0, 0, (chain,))
        events = Events(store).read()
        proposals = connection.execute(_PROPOSALS).fetchall()
        approvals = connection.execute(_APPROVALS).fetchall()
    findings = [
        *_proposals(events, proposals), *_approvals(events, approvals, proposals),
        *(_against(events, copy) if copy else ()),
    ]  # fmt: skip
    return Audit(len(events), events[-1].hash if events else "", len(proposals), len(approvals), tuple(findings))


def export_lines(store: Store) -> Iterator[str]:
    """The whole log, one event of plain JSON a line, oldest first."""
    return (json.dumps(event_to_json(event), sort_keys=True, ensure_ascii=False) for event in Events(store).read())


def read_export(path: Path) -> tuple[Event, ...]:
    """The events of an exported file. Raises SourceError for a file that is none, or whose own chain is broken."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        events = tuple(event_from_json(json.loads(line)) for line in lines)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"is not a log exported by `oneplan audit export` ({error})", source=str(path)) from error
    broken = first_break(events)
    if broken:
        raise SourceError(f"the exported log was changed: {broken}", source=str(path))
    return events


def _against(events: tuple[Event, ...], copy: Path) -> Iterator[str]:
    kept = read_export(copy)
    for before, now in zip(kept, events, strict=False):
        if before.hash != now.hash:
            yield f"event {now.seq} is not the one that was exported to {copy}: the log was written anew"
            return
    if len(kept) > len(events):
        yield f"the log ends at event {len(events)}, and {copy} holds {len(kept)}: its end was cut off"


def _proposals(events: Iterable[Event], rows: list[Row]) -> Iterator[str]:
    made = {str(event.data["proposal"]): event for event in events if event.kind == "proposal.made"}
    decided = {str(event.data["proposal"]): event for event in events if event.kind in _DECISIONS}
    for id_, digest, action, actor, thread, expires, status, words in rows:
        event = made.pop(id_, None)
        if event is None:
            yield f"proposal {id_} is in the ledger and not in the log"
            continue
        told = (event.data["digest"], event.actor, event.data["thread"], event.data["summary"])
        answer = decided.get(id_)
        if told != (digest, actor, thread, _summary(action)) or _digest(action) != digest or not _ends(event, expires):
            yield f"proposal {id_} was changed after event {event.seq} put it on record"
        elif (_DECISIONS[answer.kind] if answer else "pending") != status:
            yield f"proposal {id_} is {status} in the ledger, which the log does not say"
        elif words != _answer(answer):
            yield f"proposal {id_}: the ledger does not say of its answer (by whom, how, why) what the log says"
    for id_, event in made.items():
        yield f"proposal {id_} of event {event.seq} is missing from the ledger"


def _approvals(events: Iterable[Event], rows: list[Row], proposals: list[Row]) -> Iterator[str]:
    log = _Uses(events)
    opens = {id_: set(_covered(action)) for id_, _digest, action, *_ in proposals}
    for_whom = {id_: [actor, thread] for id_, _digest, _action, actor, thread, *_ in proposals}
    for id_, proposal, digest, words, expires, claimed, run, outcome, detail in rows:
        given = log.given.pop(id_, None)
        if given is None:
            yield f"approval {id_} is in the ledger and in no event of the log"
            continue
        told = [given.data["proposal"], *for_whom.get(proposal, []), given.actor, given.data["via"]]
        if told != [proposal, *words] or not _ends(given, expires):
            yield f"approval {id_} was changed after event {given.seq} put it on record"
        elif digest not in opens.get(proposal, set()):
            yield f"approval {id_} opens an action that proposal {proposal} did not name"
        elif (claimed, run, outcome, detail) != log.use(id_):
            yield f"approval {id_}: the ledger does not say of its use what the log says"
    for id_, event in log.given.items():
        yield f"approval {id_} of event {event.seq} is missing from the ledger"


def _answer(event: Event | None) -> list[str]:
    """Who answered a proposal, by what way, and why."""
    if event is None:
        return ["", "", ""]
    return [event.actor, str(event.data.get("via") or ""), str(event.data.get("reason") or "")]


def _ends(event: Event, expires: datetime) -> bool:
    """Whether the row expires when the event says; a store older than that word has events without it."""
    told = event.data.get("expires")
    return told is None or datetime.fromisoformat(str(told)) == from_store(expires)


class _Uses:
    """What the log says of each approval: the event that gave it, and how it was used."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.given: dict[str, Event] = {}
        self._runs: dict[str, str] = {}
        self._outcomes: dict[str, tuple[str, str]] = {}
        for event in events:
            if event.kind == "proposal.approved":
                self.given |= {str(id_): event for id_ in event.data["approvals"]}
            elif event.kind == "approval.claimed":
                self._runs[str(event.data["approval"])] = str(event.data["run"])
            elif event.kind == "approval.recorded":
                ended = (str(event.data["outcome"]), str(event.data["detail"]))
                self._outcomes[str(event.data["approval"])] = ended

    def use(self, approval: str) -> tuple[bool, str | None, str | None, str]:
        outcome, detail = self._outcomes.get(approval, (None, ""))
        return approval in self._runs, self._runs.get(approval), outcome, detail


def _digest(action: str) -> str:
    found = _read(action)
    return found.digest if found else hashlib.sha256(action.encode()).hexdigest()


def _summary(action: str) -> str | None:
    found = _read(action)
    return found.summary if found else None


def _covered(action: str) -> tuple[str, ...]:
    found = _read(action)
    return (found.covers or (found.digest,)) if found else ()


def _read(action: str) -> Action | None:
    """None for what is no action any more."""
    try:
        return action_from_json(action)
    except (ValueError, KeyError, TypeError):
        return None
