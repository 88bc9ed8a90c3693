"""No write without an approval of exactly this action, by this actor, used once and in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.migrate.kit import Desk, Target, contents, make_people, opened, people_plan, with_step
from tools.errors import ApprovalRefused, BackupFailed, Busy, Drift, Refused, StepFailed, UsageError
from tools.migrate.grant import ShadowGrant, mint
from tools.migrate.rehearse import rehearse
from tools.migrate.run import Migration
from tools.migrate.verify import verify
from tools.plan.model import Hazard, Plan, Step


@pytest.fixture
def plan(people: Target) -> Plan:
    return people_plan(people)


@pytest.fixture
def sqlite_people(sqlite: Target) -> Target:
    make_people(sqlite.location)
    return sqlite


@pytest.fixture
def sqlite_plan(sqlite_people: Target) -> Plan:
    return people_plan(sqlite_people)


def first(plan: Plan) -> Step:
    return plan.steps[0]


@pytest.mark.parametrize("forged", ["", "made-by-hand", "00000000"])
def test_a_value_made_by_hand_opens_nothing(people: Target, desk: Desk, plan: Plan, forged: str) -> None:
    before = contents(people.location)
    with desk.migration(plan, people.location) as migration, pytest.raises(ApprovalRefused):
        migration.execute(first(plan), forged)
    assert contents(people.location) == before
    with opened(people.location) as backend:
        assert not backend.query(
            "SELECT 1 FROM sqlite_master WHERE name LIKE '%oneplan%'"
            if people.dialect == "sqlite"
            else "SELECT 1 FROM information_schema.schemata WHERE schema_name = 'oneplan'"
        ), "not even the journal is there"


def test_an_approval_is_used_once(sqlite_people: Target, desk: Desk, sqlite_plan: Plan) -> None:
    with desk.migration(sqlite_plan, sqlite_people.location) as migration:
        approval = desk.approve(migration.action(first(sqlite_plan)))
        migration.execute(first(sqlite_plan), approval)
        with pytest.raises(Refused, match="already applied"):
            migration.execute(first(sqlite_plan), approval)
        with pytest.raises(ApprovalRefused, match="already used"):
            migration.execute(sqlite_plan.steps[1], approval)


def test_an_approval_of_a_failed_step_is_used_up_too(sqlite_people: Target, desk: Desk, sqlite_plan: Plan) -> None:
    broken = with_step(sqlite_plan, first(sqlite_plan).id, sql=('ALTER TABLE "nobody" ADD COLUMN "x" TEXT',))
    with desk.migration(broken, sqlite_people.location) as migration:
        approval = desk.approve(migration.action(first(broken)))
        with pytest.raises(StepFailed, match=r"no such table: nobody.*nothing was changed"):
            migration.execute(first(broken), approval)
        with pytest.raises(ApprovalRefused, match="already used"):
            migration.execute(first(broken), approval)


def test_another_actor_another_thread_and_other_sql_are_refused(
    sqlite_people: Target, desk: Desk, sqlite_plan: Plan
) -> None:
    with desk.migration(sqlite_plan, sqlite_people.location) as migration:
        action = migration.action(first(sqlite_plan))
        with pytest.raises(ApprovalRefused, match="is for 'eve'"):
            migration.execute(first(sqlite_plan), desk.approve(action, actor="eve"))
        with pytest.raises(ApprovalRefused, match="SQL"):
            migration.execute(first(sqlite_plan), desk.approve(replace(action, sql=("SELECT 1",))))
        with pytest.raises(ApprovalRefused, match="hazards"):
            migration.execute(first(sqlite_plan), desk.approve(replace(action, hazards=())))
        other = Migration(sqlite_plan, "", ledger=desk.ledger, home=desk.home, actor=desk.actor, thread="t2")
        migration.authority = other.authority
        with pytest.raises(ApprovalRefused, match="another conversation"):
            migration.execute(first(sqlite_plan), desk.approve(action))


def test_an_expired_approval_is_refused(sqlite_people: Target, desk: Desk, sqlite_plan: Plan) -> None:
    with desk.migration(sqlite_plan, sqlite_people.location) as migration:
        proposal = desk.ledger.propose(migration.action(first(sqlite_plan)), actor=desk.actor)
        approval = desk.ledger.approve(proposal.id, approver="boss", via="cli", ttl=timedelta(seconds=-1))[0]
        with pytest.raises(ApprovalRefused, match="expired"):
            migration.execute(first(sqlite_plan), approval.id)


def test_what_changed_after_the_approval_closes_it(people: Target, desk: Desk, plan: Plan) -> None:
    with desk.migration(plan, people.location) as migration:
        approval = desk.approve(migration.action(first(plan)))
        migration.backend.execute('ALTER TABLE "people" ADD COLUMN "meanwhile" INTEGER')
        with pytest.raises(ApprovalRefused, match="changed since it was approved"):
            migration.execute(first(plan), approval)


def test_a_change_between_claim_and_transaction_is_seen_inside_it(people: Target, desk: Desk, plan: Plan) -> None:
    def meanwhile(stage: str, _step: str) -> None:
        if stage == "backed_up":
            migration.backend.execute('ALTER TABLE "people" ADD COLUMN "meanwhile" INTEGER')

    with desk.migration(plan, people.location, observer=meanwhile) as migration:
        approval = desk.approve(migration.action(first(plan)))
        with pytest.raises(ApprovalRefused, match="has changed since it was approved"):
            migration.execute(first(plan), approval)
    with opened(people.location) as backend:
        table = backend.schema().table("people")
    assert table is not None
    assert table.column("nick") is None


def test_a_step_that_is_not_the_plans_is_refused(sqlite_people: Target, desk: Desk, sqlite_plan: Plan) -> None:
    edited = replace(first(sqlite_plan), sql=('DROP TABLE "people"',))
    with desk.migration(sqlite_plan, sqlite_people.location) as migration:
        approval = desk.approve(migration.action(edited))
        with pytest.raises(UsageError, match="not the plan's"):
            migration.execute(edited, approval)


def test_steps_keep_their_order(sqlite_people: Target, desk: Desk, sqlite_plan: Plan) -> None:
    with desk.migration(sqlite_plan, sqlite_people.location) as migration:
        (contract,) = migration.pending(phases=("contract",))
        with pytest.raises(Refused, match=r"needs migrate-people-nick first"):
            migration.execute(contract, desk.approve(migration.action(contract)))
        with pytest.raises(UsageError, match="no step 'nonsense'"):
            migration.pending(step="nonsense")


def test_a_changed_database_is_refused_with_the_difference(people: Target, desk: Desk, plan: Plan) -> None:
    with desk.migration(plan, people.location) as migration:
        migration.execute(first(plan), desk.approve(migration.action(first(plan))))
    with opened(people.location) as backend:
        backend.execute('CREATE TABLE "extra" ("id" INTEGER)')
    with pytest.raises(Drift, match="extra") as refused, desk.migration(plan, people.location):
        pass
    assert refused.value.exit_code == 4


def test_a_database_that_the_plan_was_not_made_for_is_refused(people: Target, desk: Desk, plan: Plan) -> None:
    with opened(people.location) as backend:
        origin = backend.schema()
        backend.execute('CREATE TABLE "extra" ("id" INTEGER)')
    with pytest.raises(Drift, match="extra"), desk.migration(plan, people.location, origin=origin):
        pass


def test_one_executor_at_a_time(people: Target, desk: Desk, plan: Plan) -> None:
    with (
        desk.migration(plan, people.location),
        pytest.raises(Busy, match="another run is at work"),
        desk.migration(plan, people.location),
    ):
        pass
    with desk.migration(plan, people.location):
        pass


def test_another_plans_unfinished_run_stands_in_the_way_until_it_is_abandoned(
    sqlite_people: Target, desk: Desk, sqlite_plan: Plan
) -> None:
    with desk.migration(sqlite_plan, sqlite_people.location) as migration:
        migration.execute(first(sqlite_plan), desk.approve(migration.action(first(sqlite_plan))))
    other = replace(sqlite_plan, steps=sqlite_plan.steps[:1])
    with pytest.raises(Refused, match="another plan is unfinished"), desk.migration(other, sqlite_people.location):
        pass
    with desk.migration(sqlite_plan, sqlite_people.location) as migration:
        with pytest.raises(ApprovalRefused):
            migration.abandon("nothing")
        migration.abandon(desk.approve(migration.abandon_action()))
    with pytest.raises(Drift), desk.migration(other, sqlite_people.location):
        pass


def test_a_grant_opens_the_shadow_it_was_minted_for_and_nothing_else(
    sqlite_people: Target, desk: Desk, sqlite_plan: Plan
) -> None:
    copy = sqlite_people.copy(sqlite_people.location)
    with opened(copy) as backend:
        grant = mint(backend)
    for bad in (grant, ShadowGrant(f"{sqlite_people.location} 1 1")):
        with (
            pytest.raises(ApprovalRefused, match="shadow grant"),
            Migration(sqlite_plan, sqlite_people.location, ledger=None, home=desk.home, actor="x", grant=bad),
        ):
            pass
    with Migration(sqlite_plan, copy, ledger=None, home=desk.home, actor="x", grant=grant) as migration:
        assert migration.execute(first(sqlite_plan), "").status == "done"
    with (
        pytest.raises(ApprovalRefused, match="without a ledger"),
        Migration(sqlite_plan, sqlite_people.location, ledger=None, home=desk.home, actor="x"),
    ):
        pass


def test_without_a_rehearsal_every_step_says_so(people: Target, desk: Desk, plan: Plan) -> None:
    with desk.migration(plan, people.location) as migration:
        assert Hazard.NOT_REHEARSED in migration.view(first(plan)).hazards
        with pytest.raises(Refused, match="only after a rehearsal"):
            migration.phase_action(migration.pending())
    rehearsal = rehearse(plan, people.location, shadow=people.shadow)
    with desk.migration(plan, people.location, rehearsal=rehearsal) as migration:
        assert Hazard.NOT_REHEARSED not in migration.view(first(plan)).hazards
        assert migration.view(first(plan)).rehearsal is not None
        fill = migration.view(plan.steps[1])
        assert (fill.rows, fill.backup, fill.begun) == (50, True, False)
        assert fill.sql[-1].startswith("UPDATE")


def test_one_approval_of_several_steps_covers_what_was_rehearsed(people: Target, desk: Desk, plan: Plan) -> None:
    rehearsal = rehearse(plan, people.location, shadow=people.shadow)
    with desk.migration(plan, people.location, rehearsal=rehearsal) as migration:
        steps = migration.pending()
        proposal = desk.ledger.propose(migration.phase_action(steps), actor=desk.actor)
        desk.ledger.approve(proposal.id, approver="boss", via="cli")
        for step in steps:
            approval = migration.standing(step)
            assert approval is not None, step.id
            assert migration.execute(step, approval).status == "done"
    assert verify(people.location).ok


def test_a_check_that_fails_names_the_row(people: Target, desk: Desk, plan: Plan) -> None:
    with opened(people.location) as backend:
        backend.execute('UPDATE "people" SET "name" = \'\' WHERE "id" = 42')
    rehearsal = rehearse(plan, people.location, shadow=people.shadow)
    assert not rehearsal.ok
    assert rehearsal.failed_step == "migrate-people-nick"
    assert "id=42" in rehearsal.sentence
    with pytest.raises(StepFailed, match="id=42"):
        desk.run_all(plan, people.location)
    with opened(people.location) as backend:
        assert backend.query('SELECT count(*) FROM "people" WHERE "nick" IS NOT NULL') == [(0,)]


def test_a_missing_backup_stops_the_step(people: Target, desk: Desk, plan: Plan) -> None:
    before = contents(people.location)
    desk.home.mkdir()
    (desk.home / "backups").write_text("a file where a folder should be")
    with desk.migration(plan, people.location) as migration, pytest.raises(BackupFailed, match="was not started"):
        migration.execute(first(plan), desk.approve(migration.action(first(plan))))
    assert contents(people.location) == before
    (desk.home / "backups").unlink()
    desk.run_all(plan, people.location)
    assert verify(people.location).ok
