"""gap, plan, rehearse, apply, verify, rollback on each kind of database, as a script would."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import ORDERS, ROWS, build_sqlite, change, rows_of
from tests.commandline import Oneplan

ALLOW = "DELETES_DATA"
CUSTOMERS = "SELECT id, name, mail, age, tier, old_note FROM customers ORDER BY id"


def make_plan(oneplan: Oneplan, database: str) -> Path:
    done = oneplan("plan", database, "desired.sql", "-o", "plan.yaml", "--renames", "answers.yaml")
    assert done.code == 0, done.err
    return Path("plan.yaml")


def test_the_main_job(oneplan: Oneplan, database: str, schemas: tuple[Path, Path]) -> None:
    gaps = oneplan("gap", database, "desired.sql", "--renames", "answers.yaml", "--json")
    assert gaps.code == 2
    kinds = {(gap["kind"], gap["table"], gap.get("column")) for gap in gaps.data["gaps"]}
    assert {
        ("table_added", "coupons", None),
        ("column_renamed", "customers", "email"),
        ("type_changed", "customers", "age"),
        ("nullability_changed", "customers", "tier"),
        ("column_added", "customers", "referrer_id"),
        ("column_removed", "customers", "old_note"),
    } <= kinds or {("column_renamed", "customers", "mail")} <= kinds

    plan = make_plan(oneplan, database)
    rehearsal = oneplan("rehearse", plan, "--database", database, "--json")
    assert rehearsal.code == 0, rehearsal.err
    assert rows_of(database, CUSTOMERS) == ROWS, "a rehearsal leaves the database alone"

    refused = oneplan("apply", plan, "--database", database, "--yes", "--json")
    assert refused.code == 3
    assert "--allow DELETES_DATA" in refused.err
    applied = oneplan("apply", plan, "--database", database, "--yes", "--allow", ALLOW, "--json")
    assert applied.code == 0, applied.err
    assert {step["status"] for step in applied.data["steps"]} == {"done"}

    assert oneplan("gap", database, "desired.sql", "--json").data["gaps"] == []
    assert rows_of(database, "SELECT id, name, email, age, tier FROM customers ORDER BY id") == [
        (n, name, mail, int(age), tier or "standard") for n, name, mail, age, tier, _ in ROWS
    ]
    assert rows_of(database, "SELECT id, customer_id, total FROM orders ORDER BY id") == ORDERS

    proof = oneplan("verify", "--database", database, "--json")
    assert proof.code == 0, proof.err
    tables = {table["table"]: table for table in proof.data["tables"]}
    assert tables["customers"]["source_rows"] == tables["customers"]["migrated"] == len(ROWS)
    assert all(table["checksum_equal"] for table in tables.values())

    again = oneplan("apply", plan, "--database", database, "--yes", "--allow", ALLOW)
    assert again.code == 0
    assert "already applied" in again.err + again.out

    back = oneplan("rollback", "--database", database, "--yes", "--json")
    if back.code == 3:  # dropping what was added carries hazards that must be named
        back = oneplan("rollback", "--database", database, "--yes", "--allow", ALLOW, "--json")
    assert back.code == 0, back.err
    assert rows_of(database, CUSTOMERS) == ROWS
    assert rows_of(database, "SELECT id, customer_id, total FROM orders ORDER BY id") == ORDERS
    left = oneplan("gap", database, "current.sql", "--json")
    assert left.data["gaps"] == []
    assert oneplan("verify", "--database", database).code == 0


def test_the_workspace_knows_its_runs(oneplan: Oneplan, schemas: tuple[Path, Path]) -> None:
    """Without --database, `runs`, `verify`, `status` and `rollback` mean the latest run made from here."""
    database = "sqlite:///app.sqlite"
    build_sqlite(Path("app.sqlite"))
    plan = make_plan(oneplan, database)
    assert oneplan("apply", plan, "--database", database, "--yes", "--allow", ALLOW).code == 0
    runs = oneplan("runs", "--json").data["runs"]
    assert [run["state"] for run in runs] == ["done"]
    assert oneplan("verify").code == 0
    assert oneplan("status", "--json").data["run"]["id"] == runs[0]["id"]
    back = oneplan("rollback", runs[0]["id"], "--to", "expand.coupons.create", "--yes", "--json")
    assert back.code == 0, back.err
    assert rows_of("sqlite:///app.sqlite", "SELECT count(*) FROM coupons") == [(0,)]
    assert oneplan("rollback", "--yes").code == 0
    assert rows_of("sqlite:///app.sqlite", CUSTOMERS) == ROWS
    assert oneplan("verify", "nonesuch").code == 64


def test_the_backup_brings_a_database_back(oneplan: Oneplan, schemas: tuple[Path, Path]) -> None:
    database = "sqlite:///app.sqlite"
    build_sqlite(Path("app.sqlite"))
    plan = make_plan(oneplan, database)
    assert oneplan("apply", plan, "--database", database, "--yes", "--allow", ALLOW).code == 0
    assert oneplan("backups", "list", "--json").data["backups"]
    asked = oneplan("rollback", "--severity", "critical", "--yes")
    assert asked.code == 3, "a restore loses what was written since, and says so"
    assert "DELETES_DATA" in asked.err
    restored = oneplan("rollback", "--severity", "critical", "--yes", "--allow", ALLOW, "--json")
    assert restored.code == 0, restored.err
    assert rows_of(database, CUSTOMERS) == ROWS
    assert oneplan("gap", database, "current.sql", "--json").data["gaps"] == []
    assert oneplan("verify", "--database", database).code == 0


def test_a_write_that_nobody_approved_stays_pending(
    oneplan: Oneplan, database: str, schemas: tuple[Path, Path]
) -> None:
    plan = make_plan(oneplan, database)
    asked = oneplan("apply", plan, "--database", database)
    assert asked.code == 3
    pending = oneplan("approvals", "list", "--json").data["proposals"]
    assert len(pending) == 1
    assert pending[0]["id"] in asked.err
    assert rows_of(database, CUSTOMERS) == ROWS

    assert oneplan("approvals", "approve", pending[0]["id"]).code == 0
    went_on = oneplan("apply", plan, "--database", database)
    assert went_on.code == 3, "the next phase asks again"
    assert oneplan("approvals", "list", "--json").data["proposals"][0]["id"] != pending[0]["id"]


def test_a_database_changed_since_the_plan_is_refused(
    oneplan: Oneplan, database: str, schemas: tuple[Path, Path]
) -> None:
    plan = make_plan(oneplan, database)
    change(database, "ALTER TABLE orders ADD COLUMN note text")
    refused = oneplan("apply", plan, "--database", database, "--yes", "--allow", ALLOW)
    assert refused.code == 4
    assert oneplan("approvals", "list", "--json").data["proposals"] == []
    assert rows_of(database, CUSTOMERS) == ROWS


def test_a_dry_run_writes_nothing(oneplan: Oneplan, database: str, schemas: tuple[Path, Path]) -> None:
    plan = make_plan(oneplan, database)
    before = oneplan("inspect", database, "--json").out
    assert oneplan("apply", plan, "--database", database, "--dry-run").code == 0
    assert oneplan("inspect", database, "--json").out == before
    assert oneplan("runs", "--database", database, "--json").data["runs"] == []
