"""What a session shows before a step and says after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tools.plan.impact import Impact
from tools.plan.model import Step

Status = Literal["pending", "begun", "paused", "waiting", "done", "undone"]
"""waiting: the watch, when every other step is done."""

Observer = Callable[[str, str], None]
"""Called with (stage, step id) at every boundary of a step: claimed, backed_up, checked, executed (one
statement, in the transaction), written (all of them), committed, statement (one that runs alone), batch_written
(in the batch's transaction), batch, finished, recorded."""


@dataclass(frozen=True)
class StepView:
    """What a person is shown before a step: exactly what would run, and what is known of it.

    rows: an estimate of the rows touched. backup: one is made first. begun: an earlier
    attempt was cut off, and this goes on with it. rehearsal: seconds, rows and digests on the shadow, as JSON, with the
    time that it will take here. impacts: the tables that the step touches, how, and how large and busy they are.
    """

    step: Step
    sql: tuple[str, ...]
    undo: tuple[str, ...]
    hazards: tuple[str, ...]
    rows: int
    backup: bool
    begun: bool
    rehearsal: dict[str, Any] | None
    notes: tuple[str, ...] = ()
    impacts: tuple[Impact, ...] = ()


@dataclass(frozen=True)
class StepState:
    """Where a step stands in its run."""

    step: Step
    status: Status
    seconds: float = 0.0
    rows: int = 0


@dataclass(frozen=True)
class StepResult:
    """How a step ended. `paused`: stopped between two batches, to be gone on with under the same approval."""

    id: str
    status: Status
    seconds: float
    rows: int
    backup: str = ""
    notes: tuple[str, ...] = ()
