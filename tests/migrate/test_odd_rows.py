"""Names and values that an engine's driver or functions trip over: a rehearsal still names the step and the row."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb

from tools.migrate.rehearse import rehearse
from tools.plan.build import build_plan
from tools.schema.ddl import read_ddl
from tools.schema.duckdb import read_duckdb
from tools.schema.model import Answers


def test_times_with_zones_in_a_table_with_a_quote_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute(
            'CREATE TABLE "we""ird" (id INTEGER PRIMARY KEY, n INTEGER, moment TIMESTAMPTZ, s TIMESTAMPTZ[])'
        )
        connection.execute("""INSERT INTO "we""ird" VALUES (1, NULL, '2024-03-10 02:30:00+05:45', [])""")
        current = read_duckdb(connection)
    wanted = 'CREATE TABLE "we""ird" (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, m TIMESTAMPTZ, s TIMESTAMPTZ[])'
    plan = build_plan(current, read_ddl(wanted, "duckdb"), Answers(none=True))
    found = rehearse(plan, f"duckdb:///{path}")
    assert not found.ok
    assert found.failed_step == "verify.we_ird.proofs"
    assert "no row has NULL in n" in found.sentence
    assert "1" in found.sentence
