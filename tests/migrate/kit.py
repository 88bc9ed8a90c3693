"""A small database and a plan for it, the same on all three engines, and the ways to run one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from knowledge.approvals import Ledger
from knowledge.store import Store
from tools.location import Dialect
from tools.migrate.backend import Backend
from tools.migrate.open import open_backend
from tools.migrate.results import StepResult
from tools.migrate.rollback import Rollback
from tools.migrate.run import Migration
from tools.plan.model import Accounting, Backfill, Phase, Plan, Step, StepCheck
from tools.schema.digest import schema_digest
from tools.schema.render import name_of

ACTOR = "ada"


@dataclass(frozen=True)
class Target:
    """A database that tests migrate. `fresh` makes another, empty one of the same kind, `copy` one like another."""

    dialect: Dialect
    location: str
    fresh: Callable[[], str]
    copy: Callable[[str], str]
    shadow: str | None = None
    """A server that is up already, so that not every rehearsal has to start one."""


def make_people(location: str, rows: int = 50, *, notes: bool = True) -> None:
    with closing(open_backend(location)) as backend, backend.transaction():
        backend.execute('CREATE TABLE "people" ("id" INTEGER PRIMARY KEY, "name" TEXT NOT NULL, "age" INTEGER)')
        if notes:
            owner = '"person" INTEGER REFERENCES "people" ("id")'
            backend.execute(f'CREATE TABLE "notes" ("id" INTEGER PRIMARY KEY, {owner}, "text" TEXT)')
        for i in range(1, rows + 1):
            backend.execute(f"INSERT INTO \"people\" VALUES ({i}, 'Name {i}', {'NULL' if i % 7 == 0 else i})")
            if notes and i % 2:
                backend.execute(f"INSERT INTO \"notes\" VALUES ({i}, {i}, '')")


def kept(dialect: Dialect, name: str) -> str:
    return f'"_oneplan_kept_{name}"' if dialect == "sqlite" else f'"oneplan"."kept_{name}"'


def people_steps(dialect: Dialect) -> tuple[Step, ...]:
    """Add a column, fill it, set another aside and drop it. The child table only where the engine lets it stay."""
    aside = kept(dialect, "people_age")
    add = Step(
        "expand-people-nick", Phase.EXPAND, "add_column", "add people.nick", ("people",),
        ('ALTER TABLE "people" ADD COLUMN "nick" TEXT',), ('ALTER TABLE "people" DROP COLUMN "nick"',),
    )  # fmt: skip
    fill = Step(
        "migrate-people-nick", Phase.MIGRATE, "backfill", "fill people.nick", ("people",),
        backfill=Backfill("people", '"people"', ('"id"',), (('"nick"', 'lower("name")'),), '"nick" IS NULL'),
        checks=(StepCheck("every person has a name", "SELECT \"id\", \"name\" FROM \"people\" WHERE \"name\" = ''"),),
        writes_data=True, depends_on=(add.id,),
    )  # fmt: skip
    drop = Step(
        "contract-people-age", Phase.CONTRACT, "drop_column", "drop people.age", ("people",),
        (f'CREATE TABLE {aside} AS SELECT "id", "age" FROM "people"', 'ALTER TABLE "people" DROP COLUMN "age"'),
        (
            'ALTER TABLE "people" ADD COLUMN "age" INTEGER',
            f'UPDATE "people" SET "age" = (SELECT k."age" FROM {aside} k WHERE k."id" = "people"."id")',
            f"DROP TABLE {aside}",
        ),
        writes_data=True, depends_on=(fill.id,),
    )  # fmt: skip
    return (add, fill, drop)


def people_plan(target: Target, steps: tuple[Step, ...] | None = None) -> Plan:
    """The plan over `steps`, its origin read from the target and its goal from a scratch database they were run on."""
    steps = people_steps(target.dialect) if steps is None else steps
    scratch = target.fresh()
    make_people(scratch, 5, notes=target.dialect != "duckdb")
    with closing(open_backend(scratch)) as backend:
        origin = schema_digest(backend.schema())
        if target.dialect != "sqlite":
            backend.execute('CREATE SCHEMA "oneplan"')
        for step in steps:
            with backend.transaction(rebuild=step.rebuild):
                for sql in step.statements():
                    backend.execute(sql.replace(" CONCURRENTLY", ""))
        goal = schema_digest(backend.schema())
    pairs = (('"id"', '"id"'), ('"name"', '"name"'))
    return Plan(target.dialect, origin, goal, steps, accounting=(Accounting("people", '"people"', '"people"', pairs),))


@dataclass
class Desk:
    """Somebody who approves, and their workspace."""

    home: Path
    actor: str = ACTOR

    @property
    def ledger(self) -> Ledger:
        return Ledger(Store(self.home / "store.duckdb"))

    def approve(self, action: Any, *, actor: str | None = None) -> str:
        proposal = self.ledger.propose(action, actor=actor or self.actor)
        return self.ledger.approve(proposal.id, approver="boss", via="flag")[0].id

    def migration(self, plan: Plan, location: str, **more: Any) -> Migration:
        return Migration(plan, location, ledger=self.ledger, home=self.home, actor=self.actor, **more)

    def run_all(self, plan: Plan, location: str, **more: Any) -> list[StepResult]:
        """Approve and run whatever is pending, going on where something was cut off."""
        results: list[StepResult] = []
        with self.migration(plan, location, **more) as migration:
            for step in migration.pending():
                approval = migration.standing(step) or self.approve(migration.action(step))
                results.append(migration.execute(step, approval))
        return results

    def rollback(self, location: str, **more: Any) -> Rollback:
        return Rollback(location, ledger=self.ledger, home=self.home, actor=self.actor, **more)

    def roll_back(self, location: str, **more: Any) -> list[StepResult]:
        results: list[StepResult] = []
        with self.rollback(location, **more) as back:
            for step in back.pending():
                approval = back.standing(step) or self.approve(back.action(step))
                results.append(back.execute(step, approval))
        return results


@contextmanager
def opened(location: str) -> Generator[Backend]:
    with closing(open_backend(location)) as backend:
        yield backend


def contents(location: str) -> dict[str, Any]:
    """Everything a user can see in a database: schema digest and the rows of every table, in order."""
    with opened(location) as backend:
        schema = backend.schema()
        tables: dict[str, Any] = {}
        for table in schema.tables:
            columns = ", ".join(f'"{name}"' for name in sorted(table.column_names))
            tables[table.key] = sorted(backend.query(f"SELECT {columns} FROM {name_of(table)}"), key=repr)
        return {"schema": schema_digest(schema), **tables}


def with_step(plan: Plan, step_id: str, **changes: Any) -> Plan:
    steps = tuple(replace(step, **changes) if step.id == step_id else step for step in plan.steps)
    return replace(plan, steps=steps)
