"""Attacks on the executor thought out one by one: steps out of order, a database changed under the executor's hands,
forged and borrowed grants, copied ledgers, a journal rewritten, cursors moved by another."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from tests.migrate.kit import Desk, opened
from tests.prove.scenes import Scene, world_of
from tests.prove.tally import Tally
from tools.errors import OneplanError
from tools.migrate import grant
from tools.migrate.open import open_backend
from tools.migrate.run import Migration

Attack = Callable[[Scene, random.Random], None]


def other_steps_approval(scene: Scene, chance: random.Random) -> None:
    with scene.migration() as migration:
        wrong, right = chance.sample(scene.plan.steps, 2)
        approval = scene.desk.approve(migration.action(right))
        scene.arm()
        migration.execute(wrong, approval)


def out_of_order(scene: Scene, _chance: random.Random) -> None:
    with scene.migration() as migration:
        drop = scene.plan.steps[2]
        approval = scene.desk.approve(migration.action(drop))
        scene.arm()
        migration.execute(drop, approval)


def applied_again(scene: Scene, chance: random.Random) -> None:
    with scene.migration() as migration:
        step = scene.plan.steps[chance.choice((0, 1, 1, 1))]
        approval = scene.desk.approve(migration.action(step))
        scene.arm()
        migration.execute(step, approval)


def beside_a_begun_one(scene: Scene, _chance: random.Random) -> None:
    """A step without a tie to the one that was cut off half way."""
    scene.plan = replace(scene.plan, steps=(*scene.plan.steps[:2], replace(scene.plan.steps[2], depends_on=())))

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    scene.run(1)
    with scene.migration() as migration:
        fill, drop = scene.plan.steps[1:]
        migration.execute(fill, scene.desk.approve(migration.action(fill)), stop)
        approval = scene.desk.approve(migration.action(drop))
        scene.arm()
        migration.execute(drop, approval)


def changed_behind_its_back(scene: Scene, chance: random.Random) -> None:
    """Between the approval and the step somebody changes a table that the step does not touch."""
    with scene.migration() as migration:
        step = migration.pending()[0]
        approval = scene.desk.approve(migration.action(step))
        with opened(scene.location) as other:
            other.execute(f'ALTER TABLE "notes" ADD COLUMN "x{chance.randrange(999)}" TEXT')
        scene.arm()
        migration.execute(step, approval)


def changed_while_torn(scene: Scene, chance: random.Random) -> None:
    """A step cut off between two states of the schema is undone; what it touches changes after the approval."""

    def kill(stage: str, _step: str) -> None:
        if stage == "committed":
            raise SystemExit

    alone = replace(scene.plan.steps[0], transactional=False)
    scene.plan = replace(scene.plan, steps=(alone, *scene.plan.steps[1:]))
    with suppress(SystemExit):
        scene.run(1, observer=kill)
    with opened(scene.location) as other:
        other.execute(alone.sql[0])
    with scene.rollback() as back:
        step = back.pending()[0]
        approval = scene.desk.approve(back.action(step))
        with opened(scene.location) as other:
            other.execute(f'ALTER TABLE "people" ADD COLUMN "x{chance.randrange(999)}" TEXT')
        scene.arm()
        back.execute(step, approval)


def forged_grant(scene: Scene, chance: random.Random) -> None:
    with opened(scene.location) as backend:
        found = scene.path.stat()
        known = f"{backend.address} {found.st_dev} {found.st_ino}"
    forged = grant.ShadowGrant(chance.choice([known, known, known, known, "", "*", scene.location]))
    scene.arm()
    with scene.migration(grant=forged) as migration:
        migration.execute(migration.pending()[0], "")


def grant_of_another(scene: Scene, _chance: random.Random) -> None:
    """A genuine grant, for a copy, held before the original."""
    copy = scene.path.with_suffix(".copy")
    shutil.copy(scene.path, copy)
    with closing(open_backend(f"sqlite:///{copy}")) as backend:
        genuine = grant.mint(backend)
    scene.arm()
    with scene.migration(grant=genuine) as migration:
        migration.execute(migration.pending()[0], "")


def without_a_ledger(scene: Scene, _chance: random.Random) -> None:
    scene.arm()
    with Migration(scene.plan, scene.location, ledger=None, home=scene.desk.home, actor="eve") as migration:
        migration.execute(migration.pending()[0], "")


def ledger_copied_before_use(scene: Scene, _chance: random.Random) -> None:
    """The approval is used and the step undone; then it is used again, from a copy of the ledger in which it is new."""
    copy = Desk(scene.desk.home.with_name("copied"))
    shutil.rmtree(copy.home, ignore_errors=True)
    with scene.migration() as migration:
        step = migration.pending()[0]
        approval = scene.desk.approve(migration.action(step))
        shutil.copytree(scene.desk.home, copy.home)
        migration.execute(step, approval)
    with scene.rollback() as back:
        last = back.pending()[0]
        back.execute(last, scene.desk.approve(back.action(last)))
    with opened(scene.location) as other:  # as when another run had been begun: the same run goes on
        other.execute("UPDATE \"_oneplan_runs\" SET state = 'running'")
    scene.desk = copy
    with scene.migration() as migration:
        scene.arm()
        migration.execute(step, approval)


def undone_out_of_order(scene: Scene, _chance: random.Random) -> None:
    with scene.rollback() as back:
        last, first = back.pending()
        approval = scene.desk.approve(back.action(first))
        assert last.id != first.id
        scene.arm()
        back.execute(first, approval)


def by_another(scene: Scene, chance: random.Random) -> None:
    with scene.migration() as migration:
        step = migration.pending()[0]
        approval = scene.desk.approve(migration.action(step), actor="bob")
        scene.arm()
        migration.execute(step, approval if chance.random() < 0.5 else "")


def journals_plan_changed(scene: Scene, chance: random.Random) -> None:
    """The way back is read from the journal: somebody has written another into it."""
    hostile = chance.choice(('DROP COLUMN "name"', 'ADD COLUMN "eve" TEXT'))
    with opened(scene.location) as other:
        changed = f"replace(plan, 'DROP COLUMN \"nick\"', '{hostile}')"
        other.execute(f'UPDATE "_oneplan_runs" SET plan = {changed}')
    scene.arm()
    scene.desk.roll_back(scene.location)


def overtaken(scene: Scene, _chance: random.Random) -> None:
    """Another executor goes on with a backfill that this one still holds to be its own: each row is written once."""

    def meanwhile(done: int, _total: int) -> None:
        if done == 5:
            log, entry = migration.journal, migration.entries()[-1]
            with migration.backend.transaction():
                migration.backend.execute(
                    'UPDATE "people" SET "nick" = coalesce("nick", \'\') || lower("name") WHERE "id" BETWEEN 6 AND 10'
                )
                log.advance(entry, entry.cursor, (10,), done=10, rows=10, seconds=0.1)
            scene.arm()

    with scene.migration() as migration:
        fill = scene.plan.steps[1]
        migration.execute(fill, scene.desk.approve(migration.action(fill)), meanwhile)


STAGES: dict[Attack, tuple[int, ...]] = {
    other_steps_approval: (0, 1), out_of_order: (0, 1), applied_again: (2,), beside_a_begun_one: (0,),
    changed_behind_its_back: (0, 1, 2), changed_while_torn: (0,), forged_grant: (0, 1, 2), grant_of_another: (0, 1),
    without_a_ledger: (0, 1, 2), ledger_copied_before_use: (0,), undone_out_of_order: (2,), by_another: (0, 1, 2),
    journals_plan_changed: (1, 2), overtaken: (1,),
}  # fmt: skip
"""The stages of the plan at which each is tried."""
NAMES = tuple(attack.__name__ for attack in STAGES)


def executor_cases(folder: Path, count: int, seed: int, kinds: Sequence[str] = ()) -> Tally:
    chance, tally = random.Random(seed), Tally("executor")
    attacks = [attack for attack in STAGES if not kinds or attack.__name__ in kinds]
    with world_of("sqlite", folder) as world:
        for number in range(count):
            attack = attacks[number % len(attacks)]
            scene = world.scene(chance.choice(STAGES[attack]))
            with suppress(OneplanError):
                attack(scene, chance)
            assert scene.armed is not None, f"{attack.__name__} did not come to its attack"
            tally.note(attack.__name__, scene.changed(), f"seed {seed}, case {number}")
    return tally
