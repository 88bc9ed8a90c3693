"""What a plan promises while it runs and when it goes back: both names work, rows since stay, nothing is silent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.plan.conftest import Opener
from tests.plan.harness import CheckFailed, backward, check, forward, run_step, there_and_back, undo_step
from tools.location import DIALECTS, Dialect
from tools.plan.build import build_plan
from tools.plan.facts import TableFacts
from tools.plan.model import Hazard, Phase, Plan
from tools.schema.ddl import read_ddl
from tools.schema.digest import schema_digest
from tools.schema.gaps import compare
from tools.schema.model import Answers

WITH_TRIGGERS: tuple[Dialect, ...] = ("sqlite", "postgres")
GOAL = "CREATE TABLE agents (id INTEGER PRIMARY KEY, goal VARCHAR(40) NOT NULL, score VARCHAR(9), junk VARCHAR(9));"
PURPOSE = "CREATE TABLE agents (id INTEGER PRIMARY KEY, purpose VARCHAR(40) NOT NULL, score INTEGER);"
RENAME = Answers(columns=(("agents", "goal", "purpose"),))


def _plan(current: str, desired: str, dialect: Dialect, answers: Answers | None = None) -> Plan:
    return build_plan(read_ddl(current, dialect), read_ddl(desired, dialect), answers)


def _before(plan: Plan, phase: Phase) -> list[str]:
    order = list(Phase)
    return [s.id for s in plan.steps if order.index(s.phase) < order.index(phase)]


@pytest.mark.parametrize("dialect", WITH_TRIGGERS)
def test_both_names_are_written_both_ways(dialect: Dialect, open_database: Opener) -> None:
    database = open_database(dialect)
    database.script(GOAL + "INSERT INTO agents VALUES (1, 'sell', '7', 'j');")
    plan = _plan(GOAL, PURPOSE, dialect, RENAME)
    for step_id in _before(plan, Phase.CONTRACT):
        step = plan.step(step_id)
        assert step is not None
        run_step(database, step)
    database.execute("INSERT INTO agents (id, goal, score) VALUES (2, 'old code', '20')")
    database.execute("INSERT INTO agents (id, purpose) VALUES (3, 'new code')")
    database.execute("UPDATE agents SET goal = 'old again' WHERE id = 1")
    database.execute("UPDATE agents SET purpose = 'new again', score = '8' WHERE id = 2")
    rows = database.query("SELECT id, goal, purpose FROM agents ORDER BY id")
    assert rows == [(1, "old again", "old again"), (2, "new again", "new again"), (3, "new code", "new code")]
    assert database.query("SELECT score__oneplan FROM agents ORDER BY id") == [(7,), (8,), (None,)]
    for step in plan.steps:
        if step.phase in (Phase.CONTRACT, Phase.MONITOR):
            run_step(database, step)
    assert database.query("SELECT id, purpose, score FROM agents ORDER BY id") == [
        (1, "old again", 7),
        (2, "new again", 8),
        (3, "new code", None),
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_written_since_stay_when_the_plan_goes_back(dialect: Dialect, open_database: Opener) -> None:
    database = open_database(dialect)
    database.script(
        GOAL + "INSERT INTO agents VALUES (1, 'sell', '7', 'j'), (2, 'help', NULL, NULL), (3, 'learn', '12', 'k');"
    )
    plan = _plan(GOAL, PURPOSE, dialect, RENAME)
    forward(database, plan)
    database.execute("INSERT INTO agents (id, purpose, score) VALUES (4, 'new', 44)")
    database.execute("UPDATE agents SET purpose = 'changed', score = 70 WHERE id = 1")
    database.execute("DELETE FROM agents WHERE id = 2")
    backward(database, plan)
    assert schema_digest(database.schema()) == plan.origin
    assert database.query("SELECT id, goal, score, junk FROM agents ORDER BY id") == [
        (1, "changed", "70", "j"),
        (3, "learn", "12", "k"),
        (4, "new", "44", None),
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_step_undoes_exactly_itself(dialect: Dialect, open_database: Opener) -> None:
    database = open_database(dialect)
    database.script(GOAL + "INSERT INTO agents VALUES (1, 'sell', '7', 'j'), (2, 'help', NULL, NULL);")
    desired = (
        PURPOSE.replace("score INTEGER", "score INTEGER, slug VARCHAR(9) NOT NULL")
        + "CREATE INDEX agents_slug ON agents (slug);"
    )
    answers = Answers(columns=RENAME.columns, fills=(("agents", "slug", "'s' || id"),))
    for step in _plan(GOAL, desired, dialect, answers).steps:
        digest, rows = schema_digest(database.schema()), database.rows()
        run_step(database, step)
        if step.undo:
            undo_step(database, step)
            assert schema_digest(database.schema()) == digest, step.id
            if not step.backfill:
                assert database.rows() == rows, step.id
            run_step(database, step)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_open_question_keeps_the_old_side(dialect: Dialect, open_database: Opener) -> None:
    database = open_database(dialect)
    database.script(
        GOAL + "CREATE INDEX agents_goal ON agents (goal); INSERT INTO agents VALUES (1, 'sell', '7', 'j');"
    )
    desired = read_ddl(
        "CREATE TABLE agents (id INTEGER PRIMARY KEY, goal_text VARCHAR(40), score VARCHAR(9), junk VARCHAR(9));",
        dialect,
    )
    plan = build_plan(database.schema(), desired)
    assert [(q.before, q.after) for q in plan.questions] == [("goal", "goal_text")]
    assert any("goal" in sentence and "open question" in sentence for sentence in plan.held_back)
    assert not any("DROP COLUMN" in sql for step in plan.steps for sql in step.sql)
    there_and_back(database, plan, desired)
    decided = build_plan(database.schema(), desired, Answers(none=True))
    assert not decided.questions
    assert not decided.held_back
    there_and_back(database, decided, desired)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_value_that_is_not_known_stops_at_the_row_and_says_what_to_answer(
    dialect: Dialect, open_database: Opener
) -> None:
    database = open_database(dialect)
    database.script("CREATE TABLE a (id INTEGER PRIMARY KEY, n VARCHAR(9)); INSERT INTO a VALUES (1, 'x'), (2, NULL);")
    desired = read_ddl(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n VARCHAR(9) NOT NULL, s VARCHAR(9) NOT NULL);", dialect
    )
    plan = build_plan(database.schema(), desired)
    assert any("a.n" in note and "fills" in note for note in plan.notes)
    assert any("a.s" in note and "fills" in note for note in plan.notes)
    with pytest.raises(CheckFailed, match="NULL in n"):
        forward(database, plan)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_value_that_does_not_survive_a_type_change_stops_it(dialect: Dialect, open_database: Opener) -> None:
    database = open_database(dialect)
    database.script(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n VARCHAR(9)); INSERT INTO a VALUES (1, '12'), (2, 'twelve');"
    )
    desired = read_ddl("CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER);", dialect)
    with pytest.raises(CheckFailed, match="fills"):
        forward(database, build_plan(database.schema(), desired))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_person_may_say_how_to_convert(dialect: Dialect, open_database: Opener) -> None:
    database = open_database(dialect)
    database.script(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n VARCHAR(9));"
        "INSERT INTO a VALUES (1, '12'), (2, 'twelve'), (3, NULL);"
    )
    desired = read_ddl("CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER);", dialect)
    answers = Answers(fills=(("a", "n", "CASE WHEN n = 'twelve' THEN 12 ELSE CAST(n AS INTEGER) END"),))
    plan = build_plan(database.schema(), desired, answers)
    there_and_back(database, plan, desired)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("value", "filled"), [("'7'", 7), ("id * 10", 20)])
def test_a_value_for_rows_that_have_none_does_not_write_over_the_others_where_the_type_changes_too(
    value: str, filled: int, dialect: Dialect, open_database: Opener
) -> None:
    database = open_database(dialect)
    database.script("CREATE TABLE a (id INTEGER PRIMARY KEY, n VARCHAR(9)); INSERT INTO a VALUES (1, '12'), (2, NULL);")
    desired = read_ddl("CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);", dialect)
    plan = build_plan(database.schema(), desired, Answers(fills=(("a", "n", value),)))
    forward(database, plan)
    assert database.query("SELECT id, n FROM a ORDER BY id") == [(1, 12), (2, filled)]
    backward(database, plan)
    assert database.query("SELECT id, n FROM a ORDER BY id") == [(1, "12"), (2, None)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_conversion_that_reads_nothing_of_the_old_column_is_told(dialect: Dialect) -> None:
    current = "CREATE TABLE a (id INTEGER PRIMARY KEY, n VARCHAR(9) NOT NULL);"
    desired = "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);"
    reads = _plan(current, desired, dialect, Answers(fills=(("a", "n", "length(n)"),)))
    assert not any("does not read" in note for note in reads.notes)
    deaf = _plan(current, desired, dialect, Answers(fills=(("a", "n", "0"),)))
    assert any("a.n does not read n: every row gets (0)" in note for note in deaf.notes)


@pytest.mark.parametrize("dialect", WITH_TRIGGERS)
def test_the_old_name_of_a_table_reads_and_writes_until_the_contract_phase(
    dialect: Dialect, open_database: Opener
) -> None:
    current = "CREATE TABLE dh_agent (id INTEGER PRIMARY KEY, goal VARCHAR(40), kind VARCHAR(9) DEFAULT 'k');"
    database = open_database(dialect)
    database.script(current + "INSERT INTO dh_agent VALUES (1, 'a', 'b');")
    desired = read_ddl(current.replace("dh_agent", "agents").replace("goal", "purpose"), dialect)
    answers = Answers(tables=(("dh_agent", "agents"),), columns=(("dh_agent", "goal", "purpose"),))
    plan = build_plan(database.schema(), desired, answers)
    assert not plan.held_back
    for step_id in _before(plan, Phase.CONTRACT):
        step = plan.step(step_id)
        assert step is not None
        run_step(database, step)
    database.execute("INSERT INTO dh_agent (id, goal) VALUES (2, 'old code')")
    database.execute("UPDATE dh_agent SET goal = 'changed' WHERE id = 1")
    database.execute("INSERT INTO agents (id, purpose) VALUES (3, 'new code')")
    database.execute("DELETE FROM dh_agent WHERE id = 2")
    assert database.query("SELECT * FROM dh_agent ORDER BY id") == [(1, "changed", "b"), (3, "new code", "k")]
    assert database.query("SELECT id, purpose FROM agents ORDER BY id") == [(1, "changed"), (3, "new code")]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_column_of_a_table_without_a_key_is_irreversible(dialect: Dialect) -> None:
    plan = _plan("CREATE TABLE logs (n INTEGER, junk VARCHAR(9));", "CREATE TABLE logs (n INTEGER);", dialect)
    step = next(s for s in plan.steps if Hazard.DELETES_DATA in s.hazards)
    assert not step.reversible
    assert Hazard.IRREVERSIBLE in step.hazards
    assert step.undo == ()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_rename_deletes_nothing_and_a_drop_does(dialect: Dialect) -> None:
    renamed = _plan(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, goal VARCHAR(9));",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, aim VARCHAR(9));",
        dialect,
        Answers(columns=(("a", "goal", "aim"),)),
    )
    assert not any(Hazard.DELETES_DATA in s.hazards for s in renamed.steps)
    widened = _plan(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER);",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n BIGINT);",
        dialect,
    )
    assert not any(Hazard.DELETES_DATA in s.hazards for s in widened.steps)
    dropped = _plan(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER);", "CREATE TABLE a (id INTEGER PRIMARY KEY);", dialect
    )
    assert [s.phase for s in dropped.steps if Hazard.DELETES_DATA in s.hazards] == [Phase.CONTRACT]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_facts_add_hazards(dialect: Dialect) -> None:
    current, desired = read_ddl(GOAL, dialect), read_ddl(PURPOSE, dialect)
    facts = {"agents": TableFacts(rows=5_000_000, bytes=1 << 34, triggers=("audit",))}
    plain = {s.id: set(s.hazards) for s in build_plan(current, desired, RENAME).steps}
    known = {s.id: set(s.hazards) for s in build_plan(current, desired, RENAME, facts).steps}
    assert {Hazard.LONG_RUNNING, Hazard.FIRES_TRIGGERS} <= known["migrate.agents.fill_purpose"] - plain[
        "migrate.agents.fill_purpose"
    ]
    assert all(plain[name] <= known[name] for name in plain)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_gap_no_steps(dialect: Dialect) -> None:
    plan = _plan(GOAL, GOAL, dialect)
    assert plan.steps == ()
    assert plan.origin == plan.target


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("written_for", DIALECTS)
def test_one_desired_schema_runs_on_all_three(written_for: Dialect, dialect: Dialect, open_database: Opener) -> None:
    folder = Path(__file__).parents[1] / "fixtures" / "plans" / "add_things"
    database = open_database(dialect)
    for name in ("current", "data"):
        database.script((folder / f"{name}.sql").read_text(encoding="utf-8"))
    desired = read_ddl((folder / "desired.sql").read_text(encoding="utf-8"), written_for)
    plan = build_plan(database.schema(), desired)
    assert plan.dialect == dialect
    assert not plan.held_back
    there_and_back(database, plan, desired)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_ids_are_stable_and_fit_a_shell(dialect: Dialect) -> None:
    current = 'CREATE TABLE "Odd Name" (id INTEGER PRIMARY KEY, "goal of it" VARCHAR(9));'
    plan = _plan(current, current.replace("VARCHAR(9)", 'VARCHAR(9), "it\'s" INTEGER'), dialect)
    ids = [step.id for step in plan.steps]
    assert ids == [
        s.id for s in _plan(current, current.replace("VARCHAR(9)", 'VARCHAR(9), "it\'s" INTEGER'), dialect).steps
    ]
    assert all(set(i) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") for i in ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_checks_read_only_and_run(dialect: Dialect, open_database: Opener) -> None:
    database = open_database(dialect)
    database.script(GOAL)
    plan = _plan(GOAL, PURPOSE, dialect, RENAME)
    rows = database.rows()
    for step in plan.steps:
        if step.phase is Phase.VERIFY:
            check(database, step)
        run_step(database, step)
    assert not compare(database.schema(), read_ddl(PURPOSE, dialect))
    assert rows == {"agents": {}}


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
def test_the_case_of_names_is_no_difference_where_the_engine_takes_none(
    dialect: Dialect, open_database: Opener
) -> None:
    database = open_database(dialect)
    database.script(
        "CREATE TABLE Agents (ID INTEGER PRIMARY KEY, Goal VARCHAR(9)); INSERT INTO Agents VALUES (1, 'x');"
    )
    desired = read_ddl("CREATE TABLE agents (id INTEGER PRIMARY KEY, goal VARCHAR(9), extra INTEGER);", dialect)
    plan = build_plan(database.schema(), desired)
    assert [step.id for step in plan.steps if step.phase is Phase.EXPAND] == ["expand.Agents.add_extra"]
    there_and_back(database, plan, desired)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_cycle_of_tables_is_planned(dialect: Dialect, open_database: Opener) -> None:
    database = open_database(dialect)
    database.script("CREATE TABLE a (id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1);")
    text = "CREATE TABLE b (id INTEGER PRIMARY KEY, c_id INTEGER);"
    text += "CREATE TABLE c (id INTEGER PRIMARY KEY, b_id INTEGER REFERENCES b (id));"
    if dialect == "postgres":
        text += "ALTER TABLE b ADD FOREIGN KEY (c_id) REFERENCES c (id);"
    desired = read_ddl("CREATE TABLE a (id INTEGER PRIMARY KEY, b_id INTEGER);" + text, dialect)
    plan = build_plan(database.schema(), desired)
    assert not plan.held_back
    there_and_back(database, plan, desired)


def test_many_tables_are_planned_quickly() -> None:
    import time

    current = "".join(f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, a VARCHAR(9), b INTEGER);" for n in range(300))
    desired = "".join(f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, a VARCHAR(9), c INTEGER);" for n in range(300))
    before, after = read_ddl(current, "sqlite"), read_ddl(desired, "sqlite")
    started = time.perf_counter()
    plan = build_plan(before, after, Answers(none=True))
    assert len(plan.steps) > 600
    assert time.perf_counter() - started < 20


def test_a_rename_that_cannot_be_made_is_said() -> None:
    current = "CREATE TABLE a (id INTEGER PRIMARY KEY, x INTEGER, y INTEGER); CREATE TABLE b (id INTEGER PRIMARY KEY);"
    answers = Answers(tables=(("a", "b"),), columns=(("a", "x", "y"), ("a", "x", "nowhere")))
    plan = _plan(current, current, "sqlite", answers)
    assert [sentence.split(": ")[0] for sentence in plan.held_back] == [
        "the rename a.x to y is not done by this plan",
        "the rename a.x to nowhere is not done by this plan",
        "the rename of table a to b is not done by this plan",
    ]
    assert not any(step.sql for step in plan.steps)


def test_a_dropped_sequence_counts_on_when_it_comes_back(open_database: Opener) -> None:
    database = open_database("postgres")
    database.script("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE SEQUENCE s START 5; CREATE SEQUENCE gone;")
    database.query("SELECT nextval('gone') FROM generate_series(1, 7)")
    desired = read_ddl(
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE SEQUENCE s START 5; CREATE SEQUENCE fresh;", "postgres"
    )
    plan = build_plan(database.schema(), desired)
    there_and_back(database, plan, desired)
    assert database.query("SELECT nextval('gone')") == [(8,)]


def test_user_triggers_are_known_without_a_live_database() -> None:
    """They rest where a value is copied; where a column that is there gets other values they fire, and that is said."""
    audit = "CREATE TRIGGER audit AFTER UPDATE ON agents BEGIN SELECT 1; END;"
    step = _plan(GOAL + audit, PURPOSE + audit, "sqlite", RENAME).step("migrate.agents.fill_purpose")
    assert step is not None
    assert step.backfill is not None
    assert step.backfill.quiet == ('"audit"',)
    assert Hazard.FIRES_TRIGGERS not in step.hazards
    loose, fills = (
        GOAL.replace("goal VARCHAR(40) NOT NULL", "goal VARCHAR(40)"),
        Answers(fills=(("agents", "goal", "''"),)),
    )
    step = _plan(loose + audit, GOAL + audit, "sqlite", fills).step("migrate.agents.fill_goal_nulls")
    assert step is not None
    assert Hazard.FIRES_TRIGGERS in step.hazards


def test_code_in_use_that_must_change_gets_a_flag() -> None:
    before = read_ddl("CREATE TABLE t (id INTEGER PRIMARY KEY, goal TEXT, size INTEGER);", "postgres")
    after = read_ddl("CREATE TABLE t (id INTEGER PRIMARY KEY, purpose TEXT, size BIGINT);", "postgres")
    answers = Answers(columns=(("t", "goal", "purpose"),))
    plain = build_plan(before, after, answers, usages={"t.other": ("app.py:1",)})
    assert not [step for step in plain.steps if step.operation.endswith("_flag")]
    plan = build_plan(before, after, answers, usages={"t.goal": ("app.py:3", "app.py:9")})
    flags = {step.operation: step for step in plan.steps if step.operation.endswith("_flag")}
    assert [str(step.phase) for step in flags.values()] == ["refactor", "verify", "contract"]
    assert all(step.manual for step in flags.values())
    assert "t.purpose in place of goal" in flags["add_flag"].summary
    assert "app.py:3, app.py:9" in next(step for step in plan.steps if step.operation == "deploy_code").reason
    order = [step.operation for step in plan.steps]
    assert order.index("add_flag") + 1 == order.index("deploy_code")
    assert order.index("verify_rows") < order.index("switch_flag") < order.index("sign_off")
    sign_off = next(step for step in plan.steps if step.operation == "sign_off")
    assert flags["switch_flag"].id in sign_off.depends_on
    assert order[order.index("remove_flag") + 1 :] == ["proof", "watch"]


def test_a_disabled_trigger_is_not_told_among_those_that_fire(open_database: Opener) -> None:
    database = open_database("postgres")
    database.script(
        "CREATE TABLE notes (id integer PRIMARY KEY, size varchar(9)); CREATE FUNCTION f() RETURNS trigger LANGUAGE "
        "plpgsql AS 'BEGIN RAISE EXCEPTION ''fired''; END'; CREATE TRIGGER loud BEFORE UPDATE ON notes FOR EACH ROW "
        "EXECUTE FUNCTION f(); ALTER TABLE notes DISABLE TRIGGER loud; INSERT INTO notes VALUES (1, '7');"
    )
    desired = replace(
        database.schema(),
        tables=(read_ddl("CREATE TABLE notes (id integer PRIMARY KEY, size integer);", "postgres").tables),
    )
    plan = build_plan(database.schema(), desired)
    assert not any(Hazard.FIRES_TRIGGERS in step.hazards for step in plan.steps)
    there_and_back(database, plan, desired)
    assert database.query("SELECT tgenabled FROM pg_trigger WHERE tgname = 'loud'") == [("D",)]


def test_an_enum_that_loses_a_value_changes_online_under_another_name() -> None:
    table = "CREATE TABLE t (id integer PRIMARY KEY, s {0} NOT NULL DEFAULT 'a');"
    current = "CREATE TYPE state AS ENUM ('a', 'b', 'c');" + table.format("state")
    same = _plan(current, "CREATE TYPE state AS ENUM ('a', 'b');" + table.format("state"), "postgres")
    step = same.step("contract.state.remake_enum")
    assert step is not None
    assert Hazard.TABLE_REWRITE in step.hazards
    assert "give the type another name in the desired schema" in step.reason
    other = _plan(current, "CREATE TYPE state_2 AS ENUM ('a', 'b');" + table.format("state_2"), "postgres")
    assert not other.held_back
    assert not [step.id for step in other.steps if Hazard.TABLE_REWRITE in step.hazards]
    assert other.step("contract.state.drop_enum")
