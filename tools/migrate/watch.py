"""The monitor phase: queries measured after a run as they were before it, over a window that can be left and resumed.

Measurements are facts in the store's log (`monitor.baseline`, `monitor.begun`, `monitor.sample`, `monitor.ended`): the
database is only read, so nobody has to approve anything.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from knowledge import clock
from knowledge.events import Events
from knowledge.store import Store
from tools.errors import UsageError
from tools.migrate.backend import Backend
from tools.migrate.falloff import fallen_off
from tools.migrate.journal import Journal
from tools.migrate.open import open_backend
from tools.migrate.probes import SOURCES, Sample, measure, read_queries, table_probes
from tools.migrate.record import Run
from tools.migrate.session import plan_of
from tools.migrate.verify import prove
from tools.plan.model import WATCH, Plan

HOURS = 48.0
EVERY = 300.0
"""Seconds between two samples."""


@dataclass(frozen=True)
class Watched:
    """Where the watch of a run stands after a sample. fallen: sentences, none while all is well. proof: what the rows'
    proof found, asked when the window opens and when it ends (on a live database rows come and go)."""

    run: str
    samples: int
    begun: datetime
    until: datetime
    ended: bool
    fallen: tuple[str, ...]
    proof: tuple[str, ...]
    baseline: Sample
    latest: Sample

    @property
    def counted_by(self) -> tuple[str, ...]:
        """Which of the server's own statistics take part, beside our queries and the application's."""
        return tuple(view for name, view in SOURCES.items() if name in self.latest.counters)

    @property
    def done(self) -> bool:
        return self.ended and not self.fallen

    def as_json(self) -> dict[str, Any]:
        return {
            "run": self.run, "samples": self.samples, "begun": f"{self.begun:%Y-%m-%d %H:%M} UTC",
            "until": f"{self.until:%Y-%m-%d %H:%M} UTC", "ended": self.ended, "fallen_off": list(self.fallen),
            "proof": list(self.proof), "errors": dict(self.latest.errors), "counted_by": list(self.counted_by),
            "queries": [
                {"name": name, "before_ms": before, "now_ms": self.latest.latency.get(name)}
                for name, before in self.baseline.latency.items()
            ],
        }  # fmt: skip


def take_baseline(
    store: Store, backend: Backend, plan: Plan, run: str, *, actor: str, queries: Path | None = None
) -> None:
    """Measure before the run's first step. A second call for the same run keeps the first measurement."""
    events = Events(store)
    if any(event.data["run"] == run for event in events.read(kind="monitor.baseline")):
        return
    probes = table_probes(plan, schema := backend.schema(), "before", _rows(backend, schema))
    probes += read_queries(queries, plan.dialect) if queries else ()
    found = measure(backend, probes, _now())
    events.append("monitor.baseline", {"run": run, **found.as_json()}, actor=actor)


@dataclass(frozen=True)
class Standing:
    """How far the watch of a run has come, by the store's log alone. until: "" before the first look."""

    status: Literal["waiting", "fell_off", "done"]
    samples: int = 0
    until: str = ""
    fallen: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "status": self.status, "samples": self.samples, "until": self.until, "fallen_off": list(self.fallen),
        }  # fmt: skip

    def __str__(self) -> str:
        if self.status == "done":
            return f"watched to the end, {self.samples} samples: nothing fell off"
        if self.status == "fell_off":
            return f"{'; '.join(self.fallen)}"
        told = f"{self.samples} samples so far, until {self.until}" if self.samples else "not looked at yet"
        return f"{told}: `oneplan monitor` goes on with it"


def standing(store: Store, run: str) -> Standing | None:
    """Where the watch of a finished run stands; None for a run of which nothing was measured here before it began."""
    events = [event for event in Events(store).read(kind="monitor.*") if event.data["run"] == run]
    by_kind = {
        kind: [e.data for e in events if e.kind == f"monitor.{kind}"] for kind in ("baseline", "begun", "sample")
    }
    if not by_kind["baseline"]:
        return None
    samples = [_sample(data) for data in by_kind["sample"]]
    until = f"{datetime.fromisoformat(by_kind['begun'][-1]['until']):%Y-%m-%d %H:%M} UTC" if by_kind["begun"] else ""
    fallen = fallen_off(_sample(by_kind["baseline"][-1]), samples)
    ended = any(event.kind == "monitor.ended" for event in events)
    status = "fell_off" if fallen else "done" if ended else "waiting"
    return Standing(status, len(samples), until, fallen)


class Watch:
    """The watch of one finished run, the latest by default. Raises UsageError for a run that is not finished, or that
    was begun elsewhere, so that this store has no measurement from before it.

    hours: a window of another length than the one that was opened; usual: its length where none was opened yet.
    """

    def __init__(
        self, store: Store, database: str, *, actor: str, run: str | None = None, hours: float | None = None,
        usual: float = HOURS, queries: Path | None = None,
    ) -> None:  # fmt: skip
        self._events, self._database, self._actor, self._queries = Events(store), database, actor, queries
        with closing(open_backend(database, read_only=True)) as backend:
            self._run = _finished(backend, run)
        self._plan = plan_of(self._run)
        before = [e.data for e in self._events.read(kind="monitor.baseline") if e.data["run"] == self._run.id]
        if not before:
            raise UsageError(
                f"nothing was measured here before run {self._run.id}: the monitor phase compares with what the "
                "workspace that applied the plan measured then"
            )
        self._baseline = _sample(before[-1])
        self._begun = self._begin(hours, usual)

    @property
    def run(self) -> str:
        return self._run.id

    @property
    def step(self) -> str:
        """The id of the plan's step that this works off; "" in a plan that has none."""
        return next((step.id for step in self._plan.steps if step.operation == WATCH), "")

    def sample(self) -> Watched:
        """Measure once, keep it, and judge all samples of the window so far."""
        past = [_sample(event.data) for event in self._mine("monitor.sample")]
        begun, until = (datetime.fromisoformat(self._begun[name]) for name in ("begun", "until"))
        ended = clock.utc_now() >= until
        with closing(open_backend(self._database, read_only=True)) as backend:
            probes = table_probes(self._plan, schema := backend.schema(), "after", _rows(backend, schema))
            probes += read_queries(self._queries, self._plan.dialect) if self._queries else ()
            latest = measure(backend, probes, _now())
            proof = prove(backend, Journal(backend), self._run).findings if ended or not past else ()
        self._keep("monitor.sample", latest.as_json())
        fallen = fallen_off(self._baseline, [*past, latest])
        if ended and not self._mine("monitor.ended"):
            self._keep("monitor.ended", {"fallen_off": list(fallen)})
        return Watched(self.run, len(past) + 1, begun, until, ended, fallen, proof, self._baseline, latest)

    def go_on(self, every: float = EVERY) -> Generator[Watched]:
        """Sample until the window ends or something falls off; whoever leaves in between goes on with another Watch."""
        import time

        while True:
            yield (now := self.sample())
            if now.ended or now.fallen:
                return
            time.sleep(max(0.0, min(every, (now.until - clock.utc_now()).total_seconds())))

    def _begin(self, hours: float | None, usual: float) -> dict[str, Any]:
        """The window, opened at the first look; it stays as it is unless other hours are asked for."""
        known = [event.data for event in self._mine("monitor.begun")]
        if known and hours in (None, known[-1]["hours"]):
            return known[-1]
        begun = datetime.fromisoformat(known[0]["begun"]) if known else clock.utc_now()
        wanted = usual if hours is None else hours
        until = begun + timedelta(hours=wanted)
        return self._keep("monitor.begun", {"hours": wanted, "begun": begun.isoformat(), "until": until.isoformat()})

    def _mine(self, kind: str) -> list[Any]:
        return [event for event in self._events.read(kind=kind) if event.data["run"] == self._run.id]

    def _keep(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        return self._events.append(kind, {"run": self._run.id, **data}, actor=self._actor).data


def _finished(backend: Backend, wanted: str | None) -> Run:
    runs = Journal(backend).runs()
    found = [run for run in runs if wanted is None or run.id.startswith(wanted)]
    if not found:
        raise UsageError(f"{backend.location} holds no run {wanted or 'of oneplan'}: there is nothing to monitor")
    if found[-1].state != "done":
        state = found[-1].state.replace("_", " ")
        raise UsageError(f"run {found[-1].id} is {state}: the monitor phase comes behind the last step")
    return found[-1]


def _rows(backend: Backend, schema: Any) -> dict[str, int]:
    return {key: facts.rows for key, facts in backend.facts(schema).items()}


def _sample(data: dict[str, Any]) -> Sample:
    return Sample(data["latency"], data["errors"], data["counters"], data["at"])


def _now() -> str:
    return clock.utc_now().isoformat(timespec="seconds")
