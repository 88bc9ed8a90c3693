"""The monitor phase: what is measured, when it counts as fallen off, and a window that is left and resumed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from assistant.session import Workspace
from knowledge import clock
from tests.commandline import Oneplan
from tools.errors import UsageError
from tools.migrate.falloff import fallen_off
from tools.migrate.probes import Sample
from tools.migrate.watch import Watch

BEFORE = "CREATE TABLE agents (id INTEGER PRIMARY KEY, goal TEXT);"
AFTER = "-- dialect: {0}\nCREATE TABLE agents (id INTEGER PRIMARY KEY, purpose TEXT);"
SLOW = Sample({"q": 21.0})


def test_a_query_is_slow_only_when_it_stays_so() -> None:
    before = Sample({"q": 10.0, "short": 0.1})
    assert fallen_off(before, [SLOW, SLOW]) == ()
    assert fallen_off(before, [SLOW, SLOW, Sample({"q": 12.0}), SLOW]) == ()
    assert fallen_off(before, [SLOW, SLOW, SLOW]) == ("q takes 21.0 ms, and took 10.0 ms before",)
    assert fallen_off(before, [Sample({"short": 4.0})] * 3) == ()


def test_an_error_counts_at_once_unless_it_was_there_before() -> None:
    before = Sample({"q": 1.0}, {"old": "no such table"})
    failing = Sample({}, {"old": "no such table", "q": "no such column"})
    assert fallen_off(before, [failing]) == ("q fails now, and did not before: no such column",)


def test_the_server_s_own_counts_are_held_against_their_share_before() -> None:
    before = Sample(counters={"commits": 990, "rollbacks": 10, "deadlocks": 0, "calls": 1000, "milliseconds": 1000})
    first = Sample(counters={"commits": 1000, "rollbacks": 10, "deadlocks": 0, "calls": 1100, "milliseconds": 1100})
    calm = Sample(counters={"commits": 1900, "rollbacks": 20, "deadlocks": 0, "calls": 2000, "milliseconds": 2000})
    rough = Sample(counters={"commits": 1900, "rollbacks": 110, "deadlocks": 30, "calls": 1300, "milliseconds": 9000})
    assert fallen_off(before, [first, calm]) == ()
    told = fallen_off(before, [first, rough])
    assert [sentence.split(":")[0] for sentence in told[:2]] == ["transactions that were rolled back", "deadlocks"]
    assert "all statements together take 39.5 ms" in told[2]
    few = Sample(counters={"commits": 1010, "rollbacks": 60, "deadlocks": 0})
    assert fallen_off(before, [first, few]) == ()


@pytest.fixture
def applied(workspace: Path, oneplan: Oneplan) -> Path:
    """A SQLite database with its plan applied; the application's own query reads the column that went."""
    with closing(sqlite3.connect("app.db")) as connection:
        connection.executescript(BEFORE + "INSERT INTO agents VALUES (1, 'a'), (2, 'b');")
    prepare(oneplan, "sqlite", "sqlite:///app.db")
    return workspace


def prepare(oneplan: Oneplan, dialect: str, url: str, queries: str = "SELECT goal FROM agents;") -> None:
    Path("desired.sql").write_text(AFTER.format(dialect), encoding="utf-8")
    Path("answers.yaml").write_text("agents.goal: purpose\n", encoding="utf-8")
    Path("queries.sql").write_text(f"SELECT count(*) FROM agents;\n{queries}\n", encoding="utf-8")
    Path("oneplan.toml").write_text(
        f'[project]\ncurrent = "{url}"\ndesired = "desired.sql"\nanswers = "answers.yaml"\n'
        '[monitor]\nqueries = "queries.sql"\n',
        encoding="utf-8",
    )
    assert oneplan("plan", url, "desired.sql", "-o", "plan.yaml").code == 0
    done = oneplan("apply", "plan.yaml", "--yes", "--allow", "DELETES_DATA,IRREVERSIBLE")
    assert done.code == 0, done.err


def test_a_query_that_the_plan_broke_is_found_and_the_way_back_proposed(applied: Path, oneplan: Oneplan) -> None:
    looked = oneplan("monitor", "--once", "--json")
    data = json.loads(looked.out)["data"]
    assert looked.code == 2
    assert data["fallen_off"][0].startswith("query 2: SELECT goal FROM agents fails now")
    assert {query["name"] for query in data["queries"]} >= {"a page of agents", "one row of agents by its key"}
    assert data["proof"] == []
    pending = [proposal.id for proposal in Workspace().ledger.pending()]
    assert pending == [data["proposal"]]
    assert oneplan("rollback", "--yes", "--allow", "DELETES_DATA,IRREVERSIBLE").code == 0
    with closing(sqlite3.connect("app.db")) as connection:
        assert connection.execute("SELECT goal FROM agents").fetchall() == [("a",), ("b",)]


def test_in_the_conversation_a_fall_off_leads_to_the_question_whether_to_roll_back(
    applied: Path, oneplan: Oneplan
) -> None:
    asked = oneplan("ask", "is it slower than before?", "--offline", "--json")
    data = json.loads(asked.out)["data"]
    assert "Fell off: query 2: SELECT goal FROM agents fails now" in data["answer"]
    proposed = Workspace().ledger.get(data["proposals"][0])
    assert proposed.action.kind == "undo_step"


def test_a_window_is_left_and_resumed(applied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(hours: float | None = None) -> Watch:
        return Watch(Workspace().store, "sqlite:///app.db", actor="me", hours=hours)

    first = look().sample()
    assert first.until - first.begun == timedelta(hours=48)
    assert (first.samples, first.ended, first.fallen) == (1, False, ())
    again = look().sample()
    assert (again.samples, again.until) == (2, first.until)
    later = clock.utc_now() + timedelta(hours=48)
    monkeypatch.setattr(clock, "utc_now", lambda: later)
    seen = list(look().go_on(0.01))
    assert [(one.samples, one.ended) for one in seen] == [(3, True)]
    assert look(hours=96).sample().ended is False


def test_a_run_that_is_not_finished_is_not_watched(applied: Path, oneplan: Oneplan) -> None:
    assert oneplan("rollback", "--yes", "--allow", "DELETES_DATA,IRREVERSIBLE").code == 0
    refused = oneplan("monitor", "--once")
    assert refused.code == 64
    assert "is rolled back" in refused.err


def test_a_run_begun_in_another_workspace_has_nothing_to_compare_with(
    applied: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("other"))
    with pytest.raises(UsageError, match="nothing was measured here"):
        Watch(Workspace().store, f"sqlite:///{applied / 'app.db'}", actor="me")


def test_on_postgres_a_query_that_got_slow_is_found(workspace: Path, oneplan: Oneplan, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(BEFORE)
        connection.execute("INSERT INTO agents VALUES (1, 'a')")
    sleepy = "SELECT pg_sleep(coalesce(current_setting('app.sleep', true), '0')::float8);"
    prepare(oneplan, "postgres", postgres_url, sleepy)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE \"{connection.info.dbname}\" SET app.sleep = '0.03'")
    codes = [oneplan("monitor", "--once").code for _ in range(3)]
    assert codes == [0, 0, 2]
