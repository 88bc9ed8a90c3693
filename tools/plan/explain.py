"""What a run would do: the stages that it walks, and the whole plan as a script. The dry run shows the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tools.plan.model import WATCH, Hazard, Phase, Plan, Step


@dataclass(frozen=True)
class Stage:
    """One step as a run would walk it: `does` are its actions in order, each a short sentence with its SQL if any.
    known: what is known of it before it runs, in sentences."""

    step_id: str
    phase: Phase
    summary: str
    does: tuple[tuple[str, str], ...]
    hazards: tuple[Hazard, ...] = ()
    reason: str = ""
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.phase.value:<9} {self.step_id}", f"  {self.summary}"]
        lines += [f"  why: {self.reason}"] if self.reason else []
        for what, sql in self.does:
            lines.append(f"  - {what}")
            lines += [f"      {line}" for line in sql.splitlines()]
        lines += [f"  hazards: {', '.join(h.value for h in self.hazards)}"] if self.hazards else []
        lines += [f"  {sentence}" for sentence in self.known]
        return "\n".join(lines)


Known = Callable[[str], tuple[str, ...]]
"""What is known of the step with an id."""


def stages(plan: Plan, known: Known | None = None) -> tuple[Stage, ...]:
    """The stages of the whole plan, in order."""
    return stages_of(plan.steps, known)


def stages_of(steps: Iterable[Step], known: Known | None = None) -> tuple[Stage, ...]:
    return tuple(
        Stage(s.id, s.phase, s.summary, tuple(_does(s)), s.hazards, s.reason, known(s.id) if known else ())
        for s in steps
    )


def script(plan: Plan) -> str:
    """The plan as one SQL script with comments, to read or to run by hand where nothing else may be used."""
    lines = [f"-- dialect: {plan.dialect}", f"-- from {plan.origin[:12]} to {plan.target[:12]}"]
    lines += [f"-- held back: {_line(text)}" for text in plan.held_back] + [
        f"-- note: {_line(text)}" for text in plan.notes
    ]
    for phase, steps in plan.phases():
        lines += ["", f"-- {phase.value}"] + [line for step in steps for line in _script_of(step)]
    return "\n".join(lines) + "\n"


def _does(step: Step) -> list[tuple[str, str]]:
    if step.manual:
        return [("wait for a person's word that it is done", "")]
    if step.operation == "baseline":
        return [("count and fingerprint every table, read only", "")]
    if step.operation == "proof":
        return [("count and fingerprint again, and compare", "")]
    if step.operation == WATCH:
        return [("leave it open: `oneplan monitor` measures, now and then, until the window is over", "")]
    found = [("back up " + ", ".join(step.objects), "")] if step.writes_data else []
    found += [(f"make sure that {check.sentence}", check.sql) for check in step.checks]
    how = "" if step.transactional else " (outside any transaction)"
    found += [(f"run{how}", sql) for sql in step.sql]
    if step.backfill:
        by = ", ".join(step.backfill.key)
        found += [("begin each batch without the table's trigger", sql) for sql in step.backfill.off]
        found.append((f"write in batches by {by}" if by else "write in one statement", step.backfill.statement()))
        found += [("end each batch, in the same transaction", sql) for sql in step.backfill.on]
    return [*found, ("keep in the journal what was done, in the same transaction", "")]


def _script_of(step: Step) -> list[str]:
    lines = ["", f"-- {step.id}: {_line(step.summary)}"]
    lines += [f"-- hazards: {', '.join(h.value for h in step.hazards)}"] if step.hazards else []
    if step.manual:
        return [*lines, "-- by hand: nothing to run"]
    lines += [f"-- must give no row ({_line(c.sentence)}):\n--   {_line(c.sql)}" for c in step.checks]
    statements = [f"{sql};" for sql in step.statements()]
    if statements and step.transactional:
        statements = ["BEGIN;", *statements, "COMMIT;"]
    return lines + statements


def _line(text: str) -> str:
    return " ".join(text.split())
