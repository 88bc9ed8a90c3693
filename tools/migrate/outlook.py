"""What is known of a plan's steps before they run: the tables that each touches, and what its rehearsal measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tools.migrate.rehearsal import Rehearsal, seconds
from tools.plan.facts import Facts
from tools.plan.impact import Impact, impacts_of
from tools.plan.model import Plan


@dataclass(frozen=True)
class Outlook:
    """impacts: by step id. rehearsal: a good one of this very plan, or None."""

    impacts: dict[str, tuple[Impact, ...]] = field(default_factory=dict[str, tuple[Impact, ...]])
    rehearsal: Rehearsal | None = None

    def estimate(self, step: str) -> str:
        """How long a step will take, as a sentence; "" where no rehearsal tells."""
        found = self.rehearsal.step(step) if self.rehearsal else None
        return found.estimate if found else ""

    def touched(self, step: str) -> tuple[str, ...]:
        return tuple(str(impact) for impact in self.impacts.get(step, ()))

    def lines(self, step: str) -> tuple[str, ...]:
        return tuple(self._lines(step))

    def as_json(self, step: str) -> dict[str, Any]:
        """{"impacts": [...], "estimate": {"seconds", "sentence", "locks", "locked_seconds", "rewrites"} or None}."""
        found = self.rehearsal.step(step) if self.rehearsal else None
        told = found and {
            "seconds": found.estimated, "sentence": found.estimate, "locks": list(found.locks),
            "locked_seconds": found.holds, "rewrites": list(found.rewrites),
        }  # fmt: skip
        return {"impacts": [impact.as_json() for impact in self.impacts.get(step, ())], "estimate": told}

    def _lines(self, step: str) -> Iterator[str]:
        yield from (f"touches {told}" for told in self.touched(step))
        found = self.rehearsal.step(step) if self.rehearsal else None
        if found is None:
            return
        held = f"; held {', '.join(found.locks)} for {seconds(found.holds)}" if found.locks else ""
        anew = f"; wrote {', '.join(found.rewrites)} anew" if found.rewrites else ""
        yield f"takes {found.estimate}{held}{anew}"


def outlook(plan: Plan, facts: Facts | None = None, rehearsal: Rehearsal | None = None) -> Outlook:
    """facts: of the live database, where it was asked. rehearsal: left out unless it is a good one of this plan."""
    good = rehearsal if rehearsal and rehearsal.ok and rehearsal.plan == plan.digest else None
    return Outlook(impacts_of(plan, facts), good)
