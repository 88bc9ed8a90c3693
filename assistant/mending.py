"""The mildest way back: what differs is copied again, under the consent of one command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.commands.output import say
from assistant.consent import Consent, approval_for
from assistant.execution import database_of, paused
from assistant.progress import progress_bar
from tools.migrate.session import unfinished_run

if TYPE_CHECKING:
    from assistant.session import Workspace
    from knowledge.approvals import Proposal
    from tools.migrate.mend import Mending
    from tools.plan.model import Step


def mend(workspace: Workspace, database: str | None, run: str | None, consent: Consent) -> int:
    """Rows written again; 0 where the latest run there is finished, or is another than the one named."""
    from tools.migrate.mend import Mending

    place, rows = database_of(workspace, database, run), 0
    unfinished = unfinished_run(place)
    if unfinished is None or (run and not unfinished.id.startswith(run)):
        return 0
    with Mending(
        place, ledger=workspace.ledger, home=workspace.home, actor=workspace.actor,
        pace=workspace.settings.backfill.pace(None),
    ) as mending:  # fmt: skip
        for step in mending.pending():
            approval = mending.standing(step) or _approval(workspace, mending, step, consent)
            with progress_bar(f"again: {step.summary}") as progress:
                result = mending.execute(step, approval, progress)
            if result.status == "paused":
                raise paused(mending, step)
            rows += result.rows
            say(f"{result.status:>6} {step.id}  {result.seconds:.2f} s, {result.rows} rows")
    return rows


def _approval(workspace: Workspace, mending: Mending, step: Step, consent: Consent) -> str:
    def ask(proposal: Proposal) -> str | None:
        from assistant.asking import ask_step

        return ask_step(workspace, mending.view(step), proposal, None)

    return approval_for(workspace, mending.action(step), consent, ask)
