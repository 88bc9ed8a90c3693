"""The monitor phase: what is measured, when it counts as fallen off, and a window that is left and resumed."""

from __future__ import annotations

import json
import re
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
from tools.migrate.open import open_backend
from tools.migrate.probes import Sample, counters
from tools.migrate.watch import Watch
from tools.plan.files import plan_from_yaml
from tools.plan.model import Phase

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


def prepare(
    oneplan: Oneplan, dialect: str, url: str, queries: str = "SELECT goal FROM agents;", board: bool = False
) -> None:
    """The plan made and applied; with a board, its tasks are tied to the plan's steps before it runs."""
    Path("desired.sql").write_text(AFTER.format(dialect), encoding="utf-8")
    Path("answers.yaml").write_text("agents.goal: purpose\n", encoding="utf-8")
    Path("queries.sql").write_text(f"SELECT count(*) FROM agents;\n{queries}\n", encoding="utf-8")
    Path("oneplan.toml").write_text(
        f'[project]\ncurrent = "{url}"\ndesired = "desired.sql"\nanswers = "answers.yaml"\n'
        '[monitor]\nqueries = "queries.sql"\n',
        encoding="utf-8",
    )
    assert oneplan("plan", url, "desired.sql", "-o", "plan.yaml").code == 0
    assert not board or oneplan("board", "import", "plan.yaml", "--yes").code == 0
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


def test_a_way_back_that_is_still_proposed_when_all_is_well_again_is_named(applied: Path, oneplan: Oneplan) -> None:
    proposal = oneplan("monitor", "--once", "--json").data["proposal"]
    Path("queries.sql").write_text("SELECT count(*) FROM agents;\nSELECT purpose FROM agents;\n", encoding="utf-8")
    well = oneplan("monitor", "--once")
    assert well.code == 0, well.out
    assert f"the way back is still proposed ({proposal}): `oneplan approvals reject {proposal}" in well.err
    assert oneplan("approvals", "reject", proposal, "--reason", "the query was mended").code == 0
    assert "still proposed" not in oneplan("monitor", "--once").err


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
    codes = [oneplan("monitor", "--once").code for _ in range(2)]
    assert codes == [0, 0]
    slow = oneplan("monitor", "--once")
    assert slow.code == 2
    assert re.search(r"query 2: SELECT pg_sleep.* takes \d+\.\d ms, and took \d+\.\d ms before", slow.out)
    assert "the way back is proposed (" in slow.err
    assert Workspace().ledger.pending()[0].action.kind == "undo_step"


def status_of(oneplan: Oneplan, *words: str) -> str:
    told = oneplan(*words, "--json").data
    step = next(step["status"] for step in told["steps"] if step["id"] == "monitor.watch")
    assert step == ("done" if "watch" in told else "pending"), "handed over, as far as the run goes"
    return str(told["watch"]["status"] if "watch" in told else step)


def test_the_plan_s_last_step_stays_open_until_its_window_is_over(
    applied: Path, oneplan: Oneplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("oneplan.toml").write_text('[project]\ncurrent = "sqlite:///app.db"\n', encoding="utf-8")
    plan = plan_from_yaml(Path("plan.yaml").read_text(encoding="utf-8"))
    assert [step.operation for step in plan.steps if step.phase is Phase.MONITOR] == ["proof", "watch"]
    assert plan.steps[-1].operation == "watch"
    again = oneplan("apply", "plan.yaml", "--yes")
    assert again.code == 0
    assert "waiting monitor.watch  not looked at yet: `oneplan monitor` goes on with it" in again.err
    assert status_of(oneplan, "apply", "plan.yaml", "--yes") == "waiting"
    refused = oneplan("apply", "plan.yaml", "--yes", "--step", "monitor.watch")
    assert (refused.code, "`oneplan monitor` works it off" in refused.err) == (64, True)
    assert oneplan("monitor", "--once").code == 0
    state = oneplan("status", "--json").data["watch"]
    assert (state["status"], state["samples"]) == ("waiting", 1)
    assert f"monitor: waiting: 1 samples so far, until {state['until']}" in " ".join(oneplan("status").out.split())
    told = json.loads(oneplan("ask", "where are we?", "--offline", "--json").out)["data"]["answer"]
    assert "Monitor, the last step: 1 samples so far" in told
    later = clock.utc_now() + timedelta(hours=49)
    monkeypatch.setattr(clock, "utc_now", lambda: later)
    ended = oneplan("monitor")
    assert (ended.code, "the last step is done" in ended.err) == (0, True)
    assert status_of(oneplan, "apply", "plan.yaml", "--yes") == "done"
    assert oneplan("status", "--json").data["watch"]["status"] == "done"


def test_what_fell_off_is_shown_by_status_until_it_is_well_again(applied: Path, oneplan: Oneplan) -> None:
    assert oneplan("monitor", "--once").code == 2
    assert oneplan("status", "--json").data["watch"]["status"] == "fell_off"
    assert "monitor: fell off: query 2" in oneplan("status").out
    assert status_of(oneplan, "apply", "plan.yaml", "--yes") == "fell_off"
    Path("queries.sql").write_text("SELECT count(*) FROM agents;\nSELECT purpose FROM agents;\n", encoding="utf-8")
    assert oneplan("monitor", "--once").code == 0
    assert oneplan("status", "--json").data["watch"]["status"] == "waiting"


def test_a_run_under_way_does_not_wait_yet_and_a_new_plan_need_not_wait(applied: Path, oneplan: Oneplan) -> None:
    assert oneplan("rollback", "--yes", "--allow", "DELETES_DATA,IRREVERSIBLE").code == 0
    assert status_of(oneplan, "apply", "plan.yaml", "--yes", "--phase", "analyse,expand") == "pending"
    done = oneplan("apply", "plan.yaml", "--yes", "--allow", "DELETES_DATA,IRREVERSIBLE")
    assert done.code == 0, done.err
    Path("next.sql").write_text(
        "-- dialect: sqlite\nCREATE TABLE agents (id INTEGER PRIMARY KEY, purpose TEXT, rank INTEGER);",
        encoding="utf-8",
    )
    assert oneplan("plan", "sqlite:///app.db", "next.sql", "-o", "next.yaml", "--renames", "none").code == 0
    assert oneplan("apply", "next.yaml", "--yes").code == 0


def test_counts_of_the_server_are_taken_from_what_is_installed(postgres_url: str) -> None:
    """pg_stat_statements does not come with the embedded server: a table of its columns stands in for it here."""
    with closing(open_backend(postgres_url)) as backend:
        assert backend.query("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'") == []
        assert set(counters(backend)) == {"commits", "rollbacks", "deadlocks"}
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET allow_system_table_mods = on")
        connection.execute(
            "INSERT INTO pg_extension SELECT 99999, 'pg_stat_statements', extowner, extnamespace, true, '1.10' "
            "FROM pg_extension LIMIT 1"
        )
        connection.execute("CREATE TABLE pg_stat_statements (dbid oid, calls bigint, total_exec_time double precision)")
        connection.execute(
            "INSERT INTO pg_stat_statements SELECT oid, 40, 1000.5 FROM pg_database WHERE datname = current_database() "
            "UNION ALL SELECT 1, 7, 7"
        )
    with closing(open_backend(postgres_url)) as backend:
        found = counters(backend)
        assert (found["calls"], found["milliseconds"]) == (40, 1000.5)
        assert "commits" in found
