"""The gate under attack: whatever a hostile program does with what a person approved, nothing else is written.

Three rings. `ledger`: an approval given for one action, and attempts to use it for a mutation of the action, by
another, at another time, twice, withdrawn. `executor`: real databases, with steps out of order, changed under the
executor's hands, under forged grants, copied ledgers, cursors moved by another. `conversation`: a model that asks for
everything.

A case succeeds (for the attacker) when something was written that was not approved. `MUTANTS` are the gate with one of
its checks taken out: each must let at least one case through, else nobody needs the check, or no case tries it.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from knowledge import actions, approvals, clock
from knowledge.approvals import Action, Ledger
from knowledge.store import Store
from tests.migrate.kit import Desk, Target, make_people, opened, people_plan, people_steps
from tests.places import target_of
from tools.errors import OneplanError
from tools.migrate import execute, grant, journal, permit, rollback, run, session
from tools.migrate.open import open_backend
from tools.migrate.pace import Pace
from tools.migrate.run import Migration
from tools.plan.model import Plan

KINDS = ("apply_step", "undo_step", "restore_backup", "prune_backups", "write_file", "board_change", "abandon_run")
SQL = (
    "DROP TABLE t",
    "UPDATE t SET a = 1",
    "DELETE FROM t WHERE id = 7",
    "ALTER TABLE t ADD COLUMN b TEXT",
    "SELECT 1",
)


@dataclass
class LedgerWorld:
    """One ledger, one honest approval a case, and what was written under it."""

    ledger: Ledger
    written: list[str] = field(default_factory=list)

    def write(self, approval: str, action: Action, *, actor: str = "ann", thread: str = "t") -> None:
        """What every writer of this project does: claim, write, record."""
        with self.ledger.claimed(approval, action, actor=actor, thread=thread, run="r"):
            self.written.append(action.digest)

    def resume(self, approval: str, action: Action, run_id: str) -> None:
        self.ledger.resume(approval, action, run=run_id)
        self.written.append(action.digest)


def random_action(chance: random.Random) -> Action:
    return Action(
        chance.choice(KINDS), "an action", {"target": f"sqlite:///{chance.randrange(9)}", "n": chance.randrange(99)},
        tuple(chance.sample(SQL, chance.randrange(1, 4))), f"base{chance.randrange(9)}",
        tuple(chance.sample(["DELETES_DATA", "IRREVERSIBLE"], chance.randrange(3))),
    )  # fmt: skip


def mutated(action: Action, what: str, chance: random.Random) -> Action:
    """The action with one of its parts changed a little."""
    number = chance.randrange(10**6)
    match what:
        case "kind":
            return replace(action, kind=chance.choice([kind for kind in KINDS if kind != action.kind]))
        case "arguments":
            changed = chance.choice([{"n": 100 + number}, {"target": f"sqlite:///other{number}"}, {"more": number}])
            return replace(action, arguments=action.arguments | changed)
        case "sql":
            extra = f"DELETE FROM t{number}"
            return replace(action, sql=chance.choice([(*action.sql, extra), (extra,), (extra, *action.sql[1:])]))
        case "base":
            return replace(action, base=f"other{number}")
        case "hazards":
            return replace(action, hazards=(*action.hazards, f"HAZARD{number}"))
        case _:
            return replace(action, covers=(f"{number:064x}",))


PARTS = ("kind", "arguments", "sql", "base", "hazards", "covers")
HOW = (*PARTS, "actor", "thread", "time", "twice", "withdrawn", "unknown", "other run", "ended", "resumed mutation")


def ledger_case(world: LedgerWorld, how: str, chance: random.Random) -> bool:
    """Whether the attack wrote what nobody had approved."""
    action = random_action(chance)
    proposal = world.ledger.propose(action, actor="ann", thread="t")
    (approval,) = world.ledger.approve(proposal.id, approver="boss", via="cli")
    world.written.clear()
    with suppress(OneplanError):
        _attack(world, how, chance, action, proposal.id, approval.id)
    honest = 1 if how in ("twice", "ended") else 0
    return len(world.written) > honest


def _attack(world: LedgerWorld, how: str, chance: random.Random, action: Action, proposal: str, approval: str) -> None:
    if how in PARTS:
        world.write(approval, mutated(action, how, chance))
    elif how in ("actor", "thread"):
        world.write(approval, action, **{how: f"eve{chance.randrange(99)}"})
    elif how == "time":
        later = clock.utc_now() + timedelta(hours=24, seconds=chance.randrange(1, 10**7))
        with patch.object(approvals, "utc_now", lambda: later):
            world.write(approval, action)
    elif how == "withdrawn":
        world.ledger.reject(proposal, approver="boss")
        world.write(approval, action)
    elif how == "unknown":
        world.write(f"{chance.randrange(16**8):08x}", action)
    elif how in ("twice", "ended"):
        world.write(approval, action)
        if how == "twice":
            world.write(approval, action)
        else:
            world.resume(approval, action, "r")
    else:
        world.ledger.claim(approval, action, actor="ann", thread="t", run="r")
        other = mutated(action, chance.choice(PARTS), chance) if how == "resumed mutation" else action
        world.resume(approval, other, "r" if how == "resumed mutation" else f"r{chance.randrange(99)}")


def ledger_cases(folder: Path, count: int, seed: int, how: tuple[str, ...] = HOW) -> list[str]:
    """What succeeded of so many generated attacks, each way in turn."""
    chance, store = random.Random(seed), Store(folder / f"gate{seed}.duckdb")
    world, won = LedgerWorld(Ledger(store)), list[str]()
    with store.open():
        for number in range(count):
            way = how[number % len(how)]
            if ledger_case(world, way, chance):
                won.append(f"ledger: {way} (seed {seed}, case {number})")
    return won


class ExecutorWorld:
    """A database in a file with a plan for it, made once and copied for each case."""

    def __init__(self, folder: Path, target: Target) -> None:
        self.folder, self.target = folder, target
        make_people(target.location, 20)
        add, fill, drop = people_steps(target.dialect)
        assert fill.backfill is not None
        twice = replace(
            fill.backfill, assignments=(('"nick"', 'coalesce("nick", \'\') || lower("name")'),), where="TRUE"
        )
        self.plan = people_plan(target, (add, replace(fill, backfill=twice), drop))
        self.number = 0

    def scene(self) -> Scene:
        self.number += 1
        home = self.folder / f"home{self.number}"
        return Scene(self.plan, self.target.copy(self.target.location), Desk(home))


@dataclass
class Scene:
    plan: Plan
    location: str
    desk: Desk

    @property
    def path(self) -> Path:
        return Path(self.location.split(":///", 1)[1])

    def bytes(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def migration(self, **more: Any) -> Migration:
        return self.desk.migration(self.plan, self.location, **({"pace": Pace(least=5, most=5)} | more))

    def run(self, steps: int, **more: Any) -> None:
        with self.migration(**more) as migration:
            for step in migration.pending()[:steps]:
                migration.execute(step, self.desk.approve(migration.action(step)))

    def nicks(self) -> list[Any]:
        with opened(self.location) as backend:
            return backend.query('SELECT "nick" FROM "people" ORDER BY "id"')


def unchanged(attack: Callable[[Scene, random.Random], None]) -> Callable[[Scene, random.Random], bool]:
    """The attack succeeds when it leaves the file other than it was when it was armed."""

    def case(scene: Scene, chance: random.Random) -> bool:
        armed: list[str] = []
        scene.arm = lambda: armed.append(scene.bytes())  # type: ignore[attr-defined]
        with suppress(OneplanError):
            attack(scene, chance)
        return bool(armed) and scene.bytes() != armed[-1]

    case.__name__ = attack.__name__
    return case


def arm(scene: Any) -> None:
    """From here on nothing may be written."""
    scene.arm()


def other_steps_approval(scene: Scene, chance: random.Random) -> None:
    with scene.migration() as migration:
        wrong, right = chance.sample(scene.plan.steps, 2)
        approval = scene.desk.approve(migration.action(right))
        arm(scene)
        migration.execute(wrong, approval)


def out_of_order(scene: Scene, chance: random.Random) -> None:
    scene.run(chance.randrange(2))
    with scene.migration() as migration:
        drop = scene.plan.steps[2]
        approval = scene.desk.approve(migration.action(drop))
        arm(scene)
        migration.execute(drop, approval)


def applied_again(scene: Scene, chance: random.Random) -> None:
    scene.run(2)
    with scene.migration() as migration:
        fill = scene.plan.steps[1]
        approval = scene.desk.approve(migration.action(fill))
        arm(scene)
        migration.execute(fill, approval)


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
        arm(scene)
        migration.execute(drop, approval)


def changed_behind_its_back(scene: Scene, chance: random.Random) -> None:
    """Between the approval and the step somebody changes a table that the step does not touch."""
    with scene.migration() as migration:
        step = scene.plan.steps[0]
        approval = scene.desk.approve(migration.action(step))
        with opened(scene.location) as other:
            other.execute(f'ALTER TABLE "notes" ADD COLUMN "x{chance.randrange(999)}" TEXT')
        arm(scene)
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
    with scene.desk.rollback(scene.location) as back:
        step = back.pending()[0]
        approval = scene.desk.approve(back.action(step))
        with opened(scene.location) as other:
            other.execute(f'ALTER TABLE "people" ADD COLUMN "x{chance.randrange(999)}" TEXT')
        arm(scene)
        back.execute(step, approval)


def forged_grant(scene: Scene, chance: random.Random) -> None:
    with opened(scene.location) as backend:
        found = scene.path.stat()
        known = f"{backend.address} {found.st_dev} {found.st_ino}"
    forged = grant.ShadowGrant(chance.choice([known, "", "*", scene.location]))
    arm(scene)
    with scene.migration(grant=forged) as migration:
        migration.execute(scene.plan.steps[0], "")


def grant_of_another(scene: Scene, _chance: random.Random) -> None:
    """A genuine grant, for a copy, held before the original."""
    copy = scene.path.with_suffix(".copy")
    shutil.copy(scene.path, copy)
    with closing(open_backend(f"sqlite:///{copy}")) as backend:
        genuine = grant.mint(backend)
    arm(scene)
    with scene.migration(grant=genuine) as migration:
        migration.execute(scene.plan.steps[0], "")


def without_a_ledger(scene: Scene, _chance: random.Random) -> None:
    arm(scene)
    with Migration(scene.plan, scene.location, ledger=None, home=scene.desk.home, actor="eve") as migration:
        migration.execute(scene.plan.steps[0], "")


def ledger_copied_before_use(scene: Scene, _chance: random.Random) -> None:
    """The approval is used and the step undone; then it is used again, from a copy of the ledger in which it is new."""
    with scene.migration() as migration:
        step = scene.plan.steps[0]
        approval = scene.desk.approve(migration.action(step))
        copy = Desk(scene.desk.home.with_name(scene.desk.home.name + "copy"))
        shutil.copytree(scene.desk.home, copy.home)
        migration.execute(step, approval)
    scene.desk.roll_back(scene.location)
    with opened(scene.location) as other:  # as when another run had been begun: the same run goes on
        other.execute("UPDATE \"_oneplan_runs\" SET state = 'running'")
    scene.desk = copy
    with scene.migration() as migration:
        arm(scene)
        migration.execute(step, approval)


def undone_out_of_order(scene: Scene, _chance: random.Random) -> None:
    scene.run(2)
    with scene.desk.rollback(scene.location) as back:
        last, first = back.pending()
        approval = scene.desk.approve(back.action(first))
        assert last.id != first.id
        arm(scene)
        back.execute(first, approval)


def by_another(scene: Scene, chance: random.Random) -> None:
    with scene.migration() as migration:
        approval = scene.desk.approve(migration.action(scene.plan.steps[0]), actor="bob")
        arm(scene)
        migration.execute(scene.plan.steps[0], approval if chance.random() < 0.5 else "")


def journals_plan_changed(scene: Scene, _chance: random.Random) -> None:
    """The way back is read from the journal: somebody has written another into it."""
    scene.run(2)
    with opened(scene.location) as other:
        other.execute('UPDATE "_oneplan_runs" SET plan = replace(plan, \'DROP COLUMN "nick"\', \'DROP COLUMN "name"\')')
    arm(scene)
    scene.desk.roll_back(scene.location)


def overtaken(scene: Scene, _chance: random.Random) -> bool:
    """Another executor goes on with a backfill that this one still holds to be its own: each row is written once."""
    scene.run(1)

    def meanwhile(done: int, _total: int) -> None:
        if done == 5:
            log, entry = migration.journal, migration.entries()[-1]
            with migration.backend.transaction():
                migration.backend.execute(
                    'UPDATE "people" SET "nick" = coalesce("nick", \'\') || lower("name") WHERE "id" BETWEEN 6 AND 10'
                )
                log.advance(entry, entry.cursor, (10,), done=10, rows=10, seconds=0.1)

    try:
        with scene.migration() as migration:
            fill = scene.plan.steps[1]
            migration.execute(fill, scene.desk.approve(migration.action(fill)), meanwhile)
    except OneplanError:
        pass
    return any(nick and nick.count("name") > 1 for (nick,) in scene.nicks())


EXECUTOR: tuple[Callable[[Scene, random.Random], bool], ...] = (
    *map(unchanged, (
        other_steps_approval, out_of_order, applied_again, beside_a_begun_one, changed_behind_its_back,
        changed_while_torn, forged_grant, grant_of_another, without_a_ledger, ledger_copied_before_use,
        undone_out_of_order, by_another, journals_plan_changed,
    )), overtaken,
)  # fmt: skip


def executor_cases(folder: Path, count: int, seed: int, names: tuple[str, ...] = ()) -> list[str]:
    chance, won = random.Random(seed), list[str]()
    cases = [case for case in EXECUTOR if not names or case.__name__ in names]
    with target_of("sqlite", folder, str) as target:
        world = ExecutorWorld(folder, target)
        for number in range(count):
            case, scene = cases[number % len(cases)], world.scene()
            if case(scene, chance):
                won.append(f"executor: {case.__name__} (seed {seed}, case {number})")
            scene.path.unlink(missing_ok=True)
            for home in folder.glob("home*"):
                shutil.rmtree(home)
    return won


@dataclass(frozen=True)
class Mutant:
    """The gate without one check. tried: the attacks that the check is there for."""

    name: str
    without: Callable[[], Any]
    tried: tuple[str, ...]


def _without(module: Any, tuple_name: str, check: str) -> Callable[[], Any]:
    kept = tuple(one for one in getattr(module, tuple_name) if one.__name__ != check)
    assert len(kept) == len(getattr(module, tuple_name)) - 1
    return lambda: patch.object(module, tuple_name, kept)


def _digest_without(part: str) -> Callable[[], Any]:
    """An action's digest that leaves one part of it out."""

    def digest(self: Action) -> str:
        facts = {name: getattr(self, name) for name in PARTS if name != part}
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=list).encode()).hexdigest()

    return lambda: patch.object(actions.Action, "digest", property(digest))


def _nothing(*_: Any, **__: Any) -> None:
    return None


@contextmanager
def _approvals_may_repeat() -> Iterator[None]:
    tables = {name: columns.replace(" UNIQUE", "") for name, columns in journal._TABLES.items()}
    with patch.object(journal, "_TABLES", tables):
        yield


@contextmanager
def _cursor_anywhere() -> Iterator[None]:
    def move(self: Any, table: str, values: Any, where: Any, after: Any) -> None:
        self._update(table, values, where)

    with patch.object(journal.Journal, "_move", move):
        yield


@contextmanager
def _any_undo() -> Iterator[None]:
    """A rollback that takes the step it is given for the next one."""
    pending = rollback.Rollback.pending

    def chosen(self: Any, *more: Any, **named: Any) -> Any:
        return tuple(reversed(pending(self, *more, **named)))

    original = rollback.Rollback.execute

    def execute_any(self: Any, step: Any, approval: str, progress: Any = None) -> Any:
        with patch.object(rollback.Rollback, "pending", chosen):
            return original(self, step, approval, progress)

    with patch.object(rollback.Rollback, "execute", execute_any):
        yield


def _trusting_plan_of(kept: Any) -> Plan:
    from tools.plan.files import plan_from_yaml

    return plan_from_yaml(kept.plan, "the journal")


@contextmanager
def _journal_believed() -> Iterator[None]:
    with patch.object(rollback, "plan_of", _trusting_plan_of), patch.object(session, "plan_of", _trusting_plan_of):
        yield


@contextmanager
def _no_ledger_needed() -> Iterator[None]:
    def check(self: Any, backend: Any) -> None:
        if self.grant is not None and not grant.permits(self.grant, backend):
            raise OneplanError("no")

    with patch.object(permit.Authority, "check", check):
        yield


def _permits_any_genuine(given: Any, _backend: Any) -> bool:
    return given in grant._minted


def _permits_what_looks_right(given: Any, backend: Any) -> bool:
    return given._identity == grant._identity(backend)


MUTANTS: tuple[Mutant, ...] = (
    *(Mutant(f"digest without {part}", _digest_without(part), (part,)) for part in PARTS),
    Mutant("claim: withdrawn", _without(approvals, "CLAIM_CHECKS", "_withdrawn"), ("withdrawn",)),
    Mutant("claim: used", _without(approvals, "CLAIM_CHECKS", "_used"), ("twice",)),
    Mutant("claim: expired", _without(approvals, "CLAIM_CHECKS", "_expired"), ("time",)),
    Mutant("claim: action", _without(approvals, "CLAIM_CHECKS", "_other_action"), PARTS),
    Mutant("claim: actor", _without(approvals, "CLAIM_CHECKS", "_other_actor"), ("actor",)),
    Mutant("claim: thread", _without(approvals, "CLAIM_CHECKS", "_other_thread"), ("thread",)),
    Mutant("resume: run", _without(approvals, "RESUME_CHECKS", "_not_claimed_by_run"), ("other run",)),
    Mutant("resume: ended", _without(approvals, "RESUME_CHECKS", "_ended"), ("ended",)),
    Mutant("resume: action", _without(approvals, "RESUME_CHECKS", "_other_action"), ("resumed mutation",)),
    Mutant("order: applied", _without(run, "ORDER_CHECKS", "_already_applied"), ("applied_again",)),
    Mutant("order: begun", _without(run, "ORDER_CHECKS", "_another_begun"), ("beside_a_begun_one",)),
    Mutant("order: needs", _without(run, "ORDER_CHECKS", "_needs_others"), ("out_of_order",)),
    Mutant("order: undo", _any_undo, ("undone_out_of_order",)),
    Mutant("drift", lambda: patch.object(session.Session, "refuse_drift", _nothing), ("changed_behind_its_back",)),
    Mutant("base", lambda: patch.object(execute.StepRun, "_check_base", _nothing), ("changed_while_torn",)),
    Mutant("grant: minted", lambda: patch.object(permit, "permits", _permits_what_looks_right), ("forged_grant",)),
    Mutant("grant: this database", lambda: patch.object(permit, "permits", _permits_any_genuine),
           ("grant_of_another",)),
    Mutant("ledger or grant", _no_ledger_needed, ("without_a_ledger",)),
    Mutant("journal: once", _approvals_may_repeat, ("ledger_copied_before_use",)),
    Mutant("journal: cursor", _cursor_anywhere, ("overtaken",)),
    Mutant("journal: plan", _journal_believed, ("journals_plan_changed",)),
)  # fmt: skip
PER_MUTANT = 12


def survivors(folder: Path, seed: int = 1) -> list[str]:
    """The mutants that let nothing through: checks that nobody would miss."""
    found: list[str] = []
    for number, mutant in enumerate(MUTANTS):
        place = folder / f"mutant{number}"
        place.mkdir()
        with mutant.without() or nullcontext():
            if mutant.tried[0] in HOW:
                won = ledger_cases(place, PER_MUTANT, seed, mutant.tried)
            else:
                won = executor_cases(place, 2, seed, mutant.tried)
        if not won:
            found.append(mutant.name)
    return found
