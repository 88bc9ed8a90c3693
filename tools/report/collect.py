"""The facts of one run for its page: from the journal in the database, the ledger, the log, the backups, the proof."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.approvals import Ledger, Proposal
from knowledge.events import Event, Events
from knowledge.store import Store
from tools.errors import UsageError
from tools.migrate.backup import MANIFEST, Backup, list_backups
from tools.migrate.journal import Journal
from tools.migrate.open import open_backend
from tools.migrate.record import Entry, Run
from tools.migrate.session import plan_of
from tools.migrate.verify import Verification, verify
from tools.plan.model import Plan
from tools.report.changes import changes
from tools.schema.model import Schema
from tools.schema.serial import schema_from_json


@dataclass(frozen=True)
class Consent:
    """Who allowed a step: approver, by what way (flag, repl, cli, terminal), when, for which proposal."""

    step: str
    direction: str
    approver: str
    via: str
    at: str
    proposal: str


@dataclass(frozen=True)
class Metric:
    """A query's or a table's figure before the run and at the last look after it; None: not measured."""

    name: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Facts:
    """before, after: the schema at the start (None where no backup tells it) and now; changes: what lies between, in
    sentences."""

    run: Run
    database: str
    plan: Plan
    entries: tuple[Entry, ...]
    proof: Verification
    backups: tuple[Backup, ...]
    consents: tuple[Consent, ...]
    metrics: tuple[Metric, ...]
    before: Schema | None
    after: Schema
    changes: tuple[str, ...]


def collect(store: Store, database: str, home: Path, run: str | None = None) -> Facts:
    """Of one run on the database, the latest by default. Reads only. Raises UsageError when there is none."""
    with closing(open_backend(database, read_only=True)) as backend:
        journal = Journal(backend)
        chosen = _choose(journal.runs(), backend.location, run)
        entries, after, location = journal.entries(chosen.id), backend.schema(), backend.location
    backups = tuple(backup for backup in list_backups(home) if backup.run == chosen.id)
    before, plan = _schema_before(backups), plan_of(chosen)
    return Facts(
        chosen, location, plan, entries, verify(database, chosen.id, home), backups,
        _consents(Ledger(store), Events(store).read(kind="proposal.approved"), entries),
        _metrics(Events(store), chosen.id), before, after, changes(before, after, plan) if before else (),
    )  # fmt: skip


def _choose(runs: Sequence[Run], place: str, wanted: str | None) -> Run:
    found = next((run for run in reversed(runs) if wanted is None or run.id.startswith(wanted)), None)
    if found is None:
        raise UsageError(f"{place} holds no run{f' {wanted!r}' if wanted else ''} of oneplan: see `oneplan runs`")
    return found


def _schema_before(backups: Sequence[Backup]) -> Schema | None:
    """As the whole backup before the first step has it."""
    first = next((backup for backup in backups if backup.whole), None)
    if first is None:
        return None
    text = (Path(first.folder) / MANIFEST).read_text(encoding="utf-8")
    return schema_from_json(json.loads(text)["schema"])


def _consents(ledger: Ledger, approvals: Sequence[Event], entries: Sequence[Entry]) -> tuple[Consent, ...]:
    given = {str(id_): event for event in approvals for id_ in event.data["approvals"]}
    found: list[Consent] = []
    with ledger.opened():
        for entry in entries:
            event = given.get(entry.approval)
            if event is None:  # run from another workspace, whose ledger this is not
                found.append(Consent(entry.step, entry.direction, "", "", "", ""))
                continue
            proposal: Proposal = ledger.get(str(event.data["proposal"]))
            at = f"{event.at:%Y-%m-%d %H:%M:%S} UTC"
            found.append(Consent(entry.step, entry.direction, event.actor, str(event.data["via"]), at, proposal.id))
    return tuple(found)


def _metrics(events: Events, run: str) -> tuple[Metric, ...]:
    before, after = (_last(events, kind, run) for kind in ("monitor.baseline", "monitor.sample"))
    names = dict.fromkeys([*before, *after])
    return tuple(Metric(name, before.get(name), after.get(name)) for name in names)


def _last(events: Events, kind: str, run: str) -> dict[str, Any]:
    """Milliseconds by the name of what was measured."""
    found = [event.data for event in events.read(kind=kind) if event.data.get("run") == run]
    return dict(found[-1]["latency"]) if found else {}
