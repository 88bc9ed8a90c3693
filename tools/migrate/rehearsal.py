"""What a rehearsal found, as a value that can be kept as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tools.errors import SourceError
from tools.migrate.accounts import TableAccount


@dataclass(frozen=True)
class StepRehearsal:
    """One step on the shadow. before/after: digests of the step's objects; hazards: all that were found there.
    undone: seconds of the way back, None where there is none. locks: those that keep writers out, as `ACCESS EXCLUSIVE
    on agents`, and locked, the seconds for which they were held; rewrites: tables written anew; batch: seconds of the
    longest batch. sampled, real: rows that the step walks over on a shadow with a sample, and in the database itself;
    both 0 on a whole copy, and for a step whose time does not grow with the rows."""

    id: str
    seconds: float
    rows: int
    before: str
    after: str
    hazards: tuple[str, ...] = ()
    undone: float | None = None
    locks: tuple[str, ...] = ()
    locked: float = 0.0
    rewrites: tuple[str, ...] = ()
    batch: float = 0.0
    sampled: int = 0
    real: int = 0

    @property
    def estimated(self) -> float:
        """Seconds that the step will take on the database itself: as measured, on a sample times as many as there are
        times as many rows."""
        return round(self.seconds * max(1.0, self.real / self.sampled), 3) if self.sampled else self.seconds

    @property
    def estimate(self) -> str:
        """The same as a sentence."""
        if not self.sampled:
            return f"about {seconds(self.estimated)}, as on the copy"
        return (
            f"about {seconds(self.estimated)}: {seconds(self.seconds)} on {self.sampled:,} of about {self.real:,} rows"
        )

    @property
    def holds(self) -> float:
        """Seconds for which others wait at most."""
        return max(self.locked, self.batch)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def shown(self) -> dict[str, Any]:
        """As JSON for those who read it, with what follows from it."""
        return self.as_json() | {"estimated": self.estimated, "estimate": self.estimate, "holds": self.holds}


@dataclass(frozen=True)
class Rehearsal:
    """A plan run forward and back on a shadow copy. plan, origin: digests. from_step: the first step it ran (steps
    before it stood applied already). failed_step, sentence: where and why it failed. back: the way back was run and
    proven; not for a plan with a step that only a backup brings back (then the sentence says so)."""

    ok: bool
    plan: str
    origin: str
    steps: tuple[StepRehearsal, ...] = ()
    tables: tuple[TableAccount, ...] = ()
    failed_step: str = ""
    sentence: str = ""
    back: bool = False
    shadow: str = ""
    at: str = ""

    def step(self, step_id: str) -> StepRehearsal | None:
        return next((step for step in self.steps if step.id == step_id), None)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def seconds(time: float) -> str:
    """A span of time as people say it."""
    if time < 1:
        return f"{time * 1000:,.0f} ms"
    if time < 120:
        return f"{time:,.1f} s"
    return f"{time / 60:,.0f} min" if time < 7200 else f"{time / 3600:,.1f} h"


def _step(data: dict[str, Any]) -> StepRehearsal:
    lists = ("hazards", "locks", "rewrites")
    facts: dict[str, Any] = {name: tuple(value) if name in lists else value for name, value in data.items()}
    return StepRehearsal(**facts)


def rehearsal_from_json(data: dict[str, Any]) -> Rehearsal:
    """The rehearsal that `Rehearsal.as_json` gave. SourceError for anything else."""
    try:
        steps = tuple(_step(step) for step in data["steps"])
        tables = tuple(TableAccount(**table) for table in data["tables"])
        facts: dict[str, Any] = {**data, "steps": steps, "tables": tables}
        return Rehearsal(**facts)
    except (KeyError, TypeError) as error:
        raise SourceError(f"is not a rehearsal's record ({error})", source="rehearsal") from error
