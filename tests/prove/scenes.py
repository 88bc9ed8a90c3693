"""Databases to attack: one at each stage of a plan, in the place where the plan is run, put back after every attack."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from knowledge.store import Store
from tests.migrate.kit import Desk, Target, contents, make_people, opened, people_plan, people_steps
from tests.places import from_template, target_of
from tools.location import Dialect
from tools.migrate.pace import Pace
from tools.migrate.rollback import Rollback
from tools.migrate.run import Migration
from tools.plan.model import Plan

STAGES = 3
"""Before the plan, after its first step, after its second; the third is still to run."""
ROWS = 20
PACE = Pace(least=5, most=5)


BESIDE = (
    "SELECT slot_name FROM pg_replication_slots ORDER BY 1",
    "SELECT oid FROM pg_largeobject_metadata ORDER BY 1",
    "SELECT rolname, rolsuper, rolconfig FROM pg_roles ORDER BY 1",
    "SELECT setdatabase, setrole, setconfig::text FROM pg_db_role_setting ORDER BY 1, 2",
)
"""What a server holds beside the tables of its databases."""


class World:
    """`scene(stage)` puts all back to how it was at that stage."""

    def __init__(self, folder: Path, target: Target) -> None:
        self.target, self.folder = target, folder
        self.place, self.home = folder / "place", folder / "home"
        self.place.mkdir()
        make_people(target.location, ROWS, notes=target.dialect != "duckdb")
        self.plan = _plan(target)
        origin, self.location = target.location, self._location()
        self._bring(origin)
        self._kept: list[str] = []
        scene = Scene(self, self.plan)
        for stage in range(STAGES):
            if stage:
                scene.run(1)
            self._keep(stage, scene)
        self.digests = [self._digest_of(stage) for stage in range(STAGES)]

    def scene(self, stage: int = 0) -> Scene:
        kept = self.folder / f"stage{stage}"
        if self.target.dialect == "postgres":
            if database_digest(self.location) != self.digests[stage]:
                self._bring(self._kept[stage])
        else:
            shutil.rmtree(self.place)
            shutil.copytree(kept / "place", self.place)
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(kept / "home", self.home)
        return Scene(self, self.plan)

    def digest(self) -> str:
        """Of every byte that is the user's: of files as they are, of a server's database by all that it holds."""
        if self.target.dialect == "postgres":
            return database_digest(self.location)
        return files_digest(self.place)

    def _location(self) -> str:
        if self.target.dialect == "postgres":
            return self.target.fresh()
        return f"{self.target.dialect}:///{self.place}/app.db"

    def _bring(self, origin: str) -> None:
        if self.target.dialect == "postgres":
            from_template(str(self.target.shadow), self.location, origin)
        else:
            shutil.copy(origin.split(":///", 1)[1], self.place / "app.db")

    def _keep(self, stage: int, scene: Scene) -> None:
        self.home.mkdir(exist_ok=True)
        with scene.desk.ledger.opened():
            """The store is made, so that no case has to make one."""
        kept = self.folder / f"stage{stage}"
        shutil.copytree(self.home, kept / "home")
        if self.target.dialect == "postgres":
            self._kept.append(self.target.copy(self.location))
        else:
            shutil.copytree(self.place, kept / "place")

    def _digest_of(self, stage: int) -> str:
        return database_digest(self._kept[stage]) if self.target.dialect == "postgres" else ""


class Scene:
    """One attack's surroundings. `arm`: from here on nothing may be written."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world, self.plan, self.location = world, plan, world.location
        self.desk = Desk(world.home)
        self.armed: str | None = None

    @property
    def path(self) -> Path:
        return self.world.place / "app.db"

    def arm(self) -> None:
        self.armed = self.world.digest()

    def changed(self) -> bool:
        return self.armed is not None and self.world.digest() != self.armed

    @contextmanager
    def store(self) -> Iterator[None]:
        """The store is opened once for all that a case asks of it."""
        with Store(self.world.home / "store.duckdb").open():
            yield

    def migration(self, **more: Any) -> Migration:
        named = {"pace": PACE, "plan": self.plan, "location": self.location} | more
        return self.desk.migration(named.pop("plan"), named.pop("location"), **named)

    def rollback(self, **more: Any) -> Rollback:
        return self.desk.rollback(self.location, **more)

    def run(self, steps: int, **more: Any) -> None:
        with self.migration(**more) as migration:
            for step in migration.pending()[:steps]:
                migration.execute(step, self.desk.approve(migration.action(step)))

    def nicks(self) -> list[Any]:
        with opened(self.location) as backend:
            return backend.query('SELECT "nick" FROM "people" ORDER BY "id"')


@contextmanager
def world_of(dialect: Dialect, folder: Path, server: Any = str) -> Iterator[World]:
    made = folder / "made"
    made.mkdir()
    with target_of(dialect, made, server) as target:
        yield World(folder, target)


def files_digest(folder: Path, aside: Callable[[Path], bool] = lambda _path: False) -> str:
    """Of all files in a folder, by name and content; the lock of an executor is nobody's data. aside: not these."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith(".oneplan-lock") and not aside(path):
            found.update(f"{path.relative_to(folder)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def database_digest(location: str) -> str:
    """Of the schema, of every row of every table, the journal's among them, and of what the server holds beside."""
    found = hashlib.sha256(repr(sorted(contents(location).items())).encode())
    with opened(location) as backend:
        names = backend.query(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        )
        for (name,) in names:
            rows = backend.query(f"SELECT t::text FROM {name} t ORDER BY 1")
            found.update(f"{name} {rows!r}".encode())
        for sql in BESIDE:
            found.update(f"{backend.query(sql)!r}".encode())
    return found.hexdigest()


def _plan(target: Target) -> Plan:
    """A backfill that is not idempotent, so that a batch written twice shows."""
    add, fill, drop = people_steps(target.dialect)
    assert fill.backfill is not None
    twice = replace(fill.backfill, assignments=(('"nick"', 'coalesce("nick", \'\') || lower("name")'),), where="TRUE")
    return people_plan(target, (add, replace(fill, backfill=twice), drop))
