"""Generated attacks on a real run: a person approves the next step as it stands, forward or back; then one or several
things about its use are changed. On SQLite, DuckDB and Postgres."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from knowledge import approvals, clock
from tests.migrate.kit import opened
from tests.prove.scenes import PACE, Scene, World, world_of
from tests.prove.tally import Tally
from tools.errors import ApprovalRefused, OneplanError
from tools.location import Dialect
from tools.migrate.rollback import Rollback
from tools.migrate.run import Migration
from tools.plan.model import Hazard, Phase, Plan, Step, StepCheck

HOSTILE = (
    'DELETE FROM "people"',
    'UPDATE "people" SET "name" = \'eve\'',
    'DROP TABLE "people"',
    'ALTER TABLE "people" ADD COLUMN "eve" TEXT',
    'CREATE TABLE "eve" ("id" INTEGER)',
)
HONEST_EVERY = 25


@dataclass
class Use:
    """How an approval is about to be used: at first just as it was given."""

    scene: Scene
    chance: random.Random
    back: bool
    step: Step
    approval: str
    proposal: str
    plan: Plan
    location: str
    actor: str = "ada"
    thread: str = "t"
    late: bool = False

    def other_step(self) -> Step:
        return self.chance.choice([step for step in self.plan.steps if step.id != self.step.id])

    def with_step(self, **changes: Any) -> None:
        """The plan, with the approved step changed in it."""
        self.step = replace(self.step, **changes)
        self.plan = replace(
            self.plan, steps=tuple(self.step if one.id == self.step.id else one for one in self.plan.steps)
        )

    def session(self) -> Migration | Rollback:
        desk = replace(self.scene.desk, actor=self.actor)
        if self.back:
            return desk.rollback(self.location, thread=self.thread)
        return desk.migration(self.plan, self.location, thread=self.thread, pace=PACE)

    def attempt(self) -> None:
        later = clock.utc_now() + timedelta(hours=24, seconds=self.chance.randrange(1, 10**7))
        with ExitStack() as exits:
            if self.late:
                exits.enter_context(patch.object(approvals, "utc_now", lambda: later))
            exits.enter_context(session := self.session())
            session.execute(self.step, self.approval)


def sql_replaced(use: Use) -> None:
    use.with_step(sql=(use.chance.choice(HOSTILE),))


def sql_added(use: Use) -> None:
    use.with_step(sql=(*use.step.sql, use.chance.choice(HOSTILE)))


def backfill_changed(use: Use) -> None:
    if use.step.backfill is None:
        return sql_added(use)
    changed = use.chance.choice([{"assignments": (('"name"', "'eve'"),)}, {"where": '"id" < 7'}])
    return use.with_step(backfill=replace(use.step.backfill, **changed))


def undo_changed(use: Use) -> None:
    use.with_step(undo=(use.chance.choice(HOSTILE),))


def checks_changed(use: Use) -> None:
    use.with_step(checks=() if use.step.checks else (StepCheck("all is well", "SELECT 1 WHERE 1 = 0"),))


def hazards_changed(use: Use) -> None:
    more = use.chance.choice([hazard for hazard in Hazard if hazard not in use.step.hazards])
    use.with_step(hazards=(*use.step.hazards, more))


def objects_changed(use: Use) -> None:
    """What the step says that it touches: the state that the approval is bound to."""
    use.with_step(objects=use.chance.choice([(), ("eve",), (*use.step.objects, "eve")]))


def phase_changed(use: Use) -> None:
    use.with_step(phase=use.chance.choice([phase for phase in Phase if phase != use.step.phase]))


def other_step_changed(use: Use) -> None:
    """The approved step stays as it is; the plan around it does not."""
    other = replace(use.other_step(), sql=(use.chance.choice(HOSTILE),))
    use.plan = replace(use.plan, steps=tuple(other if one.id == other.id else one for one in use.plan.steps))


def order_changed(use: Use) -> None:
    """The approval of this step, for another one."""
    use.step = use.other_step()


def order_of_plan(use: Use) -> None:
    """Nothing needs anything any more, and the last comes first."""
    steps = tuple(replace(step, depends_on=()) for step in reversed(use.plan.steps))
    use.plan = replace(use.plan, steps=steps)
    use.step = next(step for step in steps if step.id == use.step.id)


def another_database(use: Use) -> None:
    if use.scene.world.target.dialect == "postgres":
        return actor(use)
    copy = use.scene.world.place / "copy.db"
    shutil.copy(use.scene.path, copy)
    use.location = f"{use.scene.world.target.dialect}:///{copy}"
    return None


def database_replaced(use: Use) -> None:
    """The same place, with another table in it."""
    with opened(use.scene.location) as other:
        other.execute(f'CREATE TABLE "eve{use.chance.randrange(99)}" ("id" INTEGER)')


def base_changed(use: Use) -> None:
    """What the step touches, a little different from what was approved."""
    change = use.chance.choice(('ADD COLUMN "eve" TEXT', 'RENAME COLUMN "name" TO "called"'))
    with opened(use.scene.location) as other:
        other.execute(f'ALTER TABLE "people" {change}')


def actor(use: Use) -> None:
    use.actor = use.chance.choice(("eve", "", "ADA", "ada ", "boss"))


def thread(use: Use) -> None:
    use.thread = use.chance.choice(("", "T", f"t{use.chance.randrange(99)}"))


def time(use: Use) -> None:
    use.late = True


def invented(use: Use) -> None:
    use.approval = use.chance.choice((f"{use.chance.randrange(16**8):08x}", "", use.proposal, use.approval[:7], "*"))


def used(use: Use) -> None:
    """Claimed before, for another run."""
    with use.session() as session:
        action = session.action(use.step)
    use.scene.desk.ledger.claim(use.approval, action, actor=use.actor, thread=use.thread, run="another")


def withdrawn(use: Use) -> None:
    with suppress(ApprovalRefused):  # it is in use by then
        use.scene.desk.ledger.reject(use.proposal, approver="boss", reason="no")


def of_another_step(use: Use) -> None:
    """A genuine approval, unused, of the other direction or of a step whose turn has not come."""
    with use.scene.migration(thread="t") as migration:
        action = migration.action(use.chance.choice([one for one in use.plan.steps if one.id != use.step.id]))
    use.approval = _approved(use.scene, action)[1]


Mutation = Callable[[Use], None]
BEFORE: tuple[Mutation, ...] = (used, withdrawn, of_another_step)
"""These are done while all is as it was approved."""
WORLD: tuple[Mutation, ...] = (base_changed, database_replaced, another_database)
PLAN: tuple[Mutation, ...] = (
    sql_replaced, sql_added, backfill_changed, undo_changed, checks_changed, hazards_changed, objects_changed,
    phase_changed, other_step_changed, order_changed, order_of_plan,
)  # fmt: skip
WHO: tuple[Mutation, ...] = (actor, thread, time, invented)
MUTATIONS: tuple[Mutation, ...] = (*PLAN, *WORLD, *WHO, *BEFORE)
NAMES = tuple(mutation.__name__ for mutation in MUTATIONS)
FORWARD = tuple(mutation.__name__ for mutation in (*PLAN, of_another_step))
"""The way back reads its plan from the journal: what these change is never looked at there."""


def generated_cases(
    folder: Path, count: int, seed: int, kinds: Sequence[str] = (), dialect: Dialect = "sqlite", server: Any = str
) -> Tally:  # fmt: skip
    """Each mutation in turn, every third with another one beside it; kinds: only these, each by itself."""
    chance, tally = random.Random(seed), Tally(dialect)
    with world_of(dialect, folder, server) as world:
        for number in range(count):
            where = f"seed {seed}, case {number}"
            chosen = [(kinds or NAMES)[number % len(kinds or NAMES)]]
            if not kinds and number % 3 == 0:
                chosen.append(chance.choice([name for name in NAMES if name not in chosen]))
            tally.note(chosen[0], _succeeds(world, chosen, chance), f"{' and '.join(chosen)}; {where}")
            if number % HONEST_EVERY == 0:
                tally.control(_succeeds(world, [], chance), where)
    return tally


def _succeeds(world: World, names: Sequence[str], chance: random.Random) -> bool:
    """Whether a byte changed that should not have; without a mutation, whether one did."""
    back = chance.random() < 0.3 and not set(names) & set(FORWARD)
    scene = world.scene(chance.randrange(1, 3) if back else chance.randrange(3))
    with scene.store():
        use = _approve(scene, chance, back)
        for mutation in (one for one in (*BEFORE, *PLAN, *WORLD, *WHO) if one.__name__ in names):
            mutation(use)
        scene.arm()
        with suppress(OneplanError):
            use.attempt()
        return scene.changed()


def _approve(scene: Scene, chance: random.Random, back: bool) -> Use:
    """A person says yes to the next step, or the next undo, as it stands."""
    with scene.rollback(thread="t") if back else scene.migration(thread="t") as session:
        step = session.pending()[0]
        proposal, approval = _approved(scene, session.action(step))
    return Use(scene, chance, back, step, approval, proposal, scene.plan, scene.location)


def _approved(scene: Scene, action: Any) -> tuple[str, str]:
    proposal = scene.desk.ledger.propose(action, actor=scene.desk.actor, thread="t")
    return proposal.id, scene.desk.ledger.approve(proposal.id, approver="boss", via="cli")[0].id


def sqlite_cases(folder: Path, count: int, seed: int, kinds: Sequence[str] = ()) -> Tally:
    return generated_cases(folder, count, seed, kinds, "sqlite")


def duckdb_cases(folder: Path, count: int, seed: int, kinds: Sequence[str] = ()) -> Tally:
    return generated_cases(folder, count, seed, kinds, "duckdb")


def postgres_cases(folder: Path, count: int, seed: int, kinds: Sequence[str] = ()) -> Tally:
    with _postgres() as url:
        return generated_cases(folder, count, seed, kinds, "postgres", lambda: url)


@contextmanager
def _postgres() -> Iterator[str]:
    from tools.embedded import server

    with server() as url:
        yield url
