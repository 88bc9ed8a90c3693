"""The rows of a partitioned table lie in its partitions: a backup of the table has them all, and a restore too."""

from __future__ import annotations

import pytest

from tests.migrate.kit import Desk, Target, contents, opened
from tools.migrate import copy_postgres
from tools.migrate.backup import back_up
from tools.migrate.restore import Restore

_MADE = """
    CREATE TABLE metrics (id integer, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE "Metrics 24" PARTITION OF metrics FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE later (v text, day date NOT NULL, id integer NOT NULL) PARTITION BY HASH (id);
    CREATE TABLE later_all PARTITION OF later FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    ALTER TABLE metrics ATTACH PARTITION later FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    INSERT INTO metrics VALUES (1, '2024-02-02', 'a'), (2, '2024-03-03', NULL), (3, '2025-04-04', E'\\t');"""


@pytest.mark.parametrize("form", ["pg_dump", "copy"])
def test_a_partitioned_table_is_kept_whole(
    postgres: Target, desk: Desk, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "copy":
        monkeypatch.setattr(copy_postgres, "exists", lambda: False)
    with opened(postgres.location) as backend:
        for sql in _MADE.split(";")[:-1]:
            backend.execute(sql)
        table = backend.schema().table("metrics")
        assert table is not None
        before = contents(postgres.location)
        assert len(before["metrics"]) == 3
        kept = back_up(backend, [table], desk.home, run="r1", step="s")
        assert (kept.form, [(t.table, t.rows) for t in kept.tables]) == (form, [("metrics", 3)])
        backend.execute("UPDATE metrics SET v = 'lost'")
        backend.execute("DELETE FROM metrics WHERE id = 3")
    with Restore(kept.id, postgres.location, ledger=desk.ledger, home=desk.home, actor=desk.actor) as restoring:
        restoring.execute(desk.approve(restoring.action()))
    assert contents(postgres.location) == before
    with opened(postgres.location) as backend:
        whole = back_up(backend, None, desk.home, run="r1", step="t")
        assert ("metrics", 3) in {(t.table, t.rows) for t in whole.tables}
