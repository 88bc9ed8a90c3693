"""Exported plans, run by the tools that they are for, on real databases, there and back."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from tests.commandline import Oneplan
from tests.plan.conftest import Opener
from tests.plan.harness import Database, leftovers
from tests.plan.test_cases import answers_of, facts_of_case
from tools.errors import UsageError
from tools.location import DIALECTS, Dialect
from tools.plan.build import build_plan
from tools.plan.export.files import export
from tools.plan.files import plan_to_yaml
from tools.plan.model import Plan
from tools.schema.ddl import read_ddl
from tools.schema.digest import schema_digest

FIXTURES = Path(__file__).parents[1] / "fixtures" / "plans"
KINDS = ("rename_column", "change_type", "foreign_keys", "not_null", "checks")
CASES: list[tuple[str, Dialect]] = [
    *product(KINDS, DIALECTS), ("quiet_triggers", "postgres"), ("resting_triggers", "sqlite"),
    ("set_aside", "postgres"),
]  # fmt: skip
ENV = """
from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=PER_MIGRATION)
    with context.begin_transaction():
        context.run_migrations()
"""


def made(name: str, dialect: Dialect, database: Database) -> Plan:
    def text(part: str) -> str:
        own = FIXTURES / name / f"{part}.{dialect}.sql"
        return (own if own.exists() else FIXTURES / name / f"{part}.sql").read_text(encoding="utf-8")

    database.script(text("current"))
    database.script(text("data"))
    current, folder = database.schema(), FIXTURES / name
    return build_plan(current, read_ddl(text("desired"), dialect), answers_of(folder), facts_of_case(folder, current))


def write(plan: Plan, to: str, folder: Path, after: str | None = None) -> list[Path]:
    files = export(plan, to, after=after)
    for file in files:
        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_text(file.text, encoding="utf-8")
    return [folder / file.name for file in files]


@pytest.mark.parametrize(("name", "dialect"), CASES)
def test_numbered_scripts_lead_there_and_back(
    name: str, dialect: Dialect, open_database: Opener, tmp_path: Path
) -> None:
    database = open_database(dialect)
    plan = made(name, dialect, database)
    rows = database.rows()
    files = write(plan, "sql", tmp_path / "out")
    ups = [file for file in files if file.name.endswith(".up.sql")]
    assert [file.name[:4] for file in ups] == [f"{n:04d}" for n in range(1, len(ups) + 1)]
    for file in ups:
        run_script(database, file)
    assert schema_digest(database.schema()) == plan.target
    for file in reversed([file for file in files if file.name.endswith(".down.sql")]):
        run_script(database, file)
    assert schema_digest(database.schema()) == plan.origin
    assert database.rows() == rows
    assert leftovers(database) == []


def run_script(database: Database, file: Path) -> None:
    """As psql and the like do: one statement after the other, each by itself."""
    from tools.schema.tokens import split

    for statement in split(file.read_text(encoding="utf-8"), database.dialect, file.name):
        database.execute(statement.text)


class Alembic:
    """A project of Alembic's on one database."""

    def __init__(self, folder: Path, url: str, *, per_migration: bool = True) -> None:
        (folder / "versions").mkdir(parents=True)
        env = ENV.replace("PER_MIGRATION", str(per_migration))
        (folder / "env.py").write_text(env, encoding="utf-8")
        self.folder, self.url = folder, url

    def config(self, *said: str) -> Any:
        from argparse import Namespace

        config = Config(cmd_opts=Namespace(x=[f"done={step}" for step in said]))
        config.set_main_option("script_location", str(self.folder))
        config.set_main_option("path_separator", "os")
        config.set_main_option("sqlalchemy.url", self.url.replace("%", "%%"))
        return config


def alembic_on(database: Database, tmp_path: Path, **options: bool) -> Alembic:
    if database.dialect == "sqlite":
        path = database.query("PRAGMA database_list")[0][2]
        return Alembic(tmp_path / "alembic", f"sqlite:///{path}", **options)
    info = database.raw.info
    url = f"postgresql+psycopg://{info.user}:{info.password}@/{info.dbname}?host={info.host}&port={info.port}"
    return Alembic(tmp_path / "alembic", url, **options)


@pytest.mark.parametrize(("name", "dialect"), [case for case in CASES if case[1] != "duckdb"])
def test_alembic_leads_there_and_back(name: str, dialect: Dialect, open_database: Opener, tmp_path: Path) -> None:
    database = open_database(dialect)
    plan = made(name, dialect, database)
    rows = database.rows()
    project = alembic_on(database, tmp_path)
    write(plan, "alembic", project.folder / "versions")
    people = [step.id for step in plan.steps if step.manual]
    if people:
        with pytest.raises(RuntimeError, match=people[0]):
            command.upgrade(project.config(), "head")
        assert schema_digest(database.schema()) != plan.target
    command.upgrade(project.config(*people), "head")
    assert schema_digest(database.schema()) == plan.target
    command.downgrade(project.config(), "base")
    assert schema_digest(database.schema()) == plan.origin
    assert database.rows() == rows
    assert leftovers(database) == []


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_a_row_that_offends_stops_the_revision_and_leaves_nothing(
    dialect: Dialect, open_database: Opener, tmp_path: Path
) -> None:
    database = open_database(dialect)
    database.script("CREATE TABLE t (id INTEGER PRIMARY KEY, c INTEGER); INSERT INTO t VALUES (1, NULL);")
    desired = read_ddl("CREATE TABLE t (id INTEGER PRIMARY KEY, c INTEGER NOT NULL);", dialect)
    plan = build_plan(database.schema(), desired)
    project = alembic_on(database, tmp_path)
    write(plan, "alembic", project.folder / "versions")
    with pytest.raises(Exception, match="no row has NULL in c"):
        command.upgrade(project.config(*[s.id for s in plan.steps if s.manual]), "head")
    assert database.query("SELECT * FROM t") == [(1, None)]
    database.execute("UPDATE t SET c = 1")
    command.upgrade(project.config(*[s.id for s in plan.steps if s.manual]), "head")
    assert schema_digest(database.schema()) == plan.target


def test_alembic_is_told_to_commit_each_revision(open_database: Opener, tmp_path: Path) -> None:
    database = open_database("postgres")
    plan = made("not_null", "postgres", database)
    project = alembic_on(database, tmp_path, per_migration=False)
    write(plan, "alembic", project.folder / "versions")
    with pytest.raises(RuntimeError, match="transaction_per_migration=True"):
        command.upgrade(project.config(), "head")
    assert schema_digest(database.schema()) == plan.origin


def test_revisions_follow_the_one_that_is_named(open_database: Opener, tmp_path: Path) -> None:
    database = open_database("sqlite")
    plan = made("rename_column", "sqlite", database)
    project = alembic_on(database, tmp_path)
    versions = project.folder / "versions"
    (versions / "theirs.py").write_text(
        "revision = 'theirs'\ndown_revision = None\n\ndef upgrade():\n    pass\n\ndef downgrade():\n    pass\n",
        encoding="utf-8",
    )
    write(plan, "alembic", versions, after="theirs")
    command.upgrade(project.config(*[s.id for s in plan.steps if s.manual]), "head")
    command.downgrade(project.config(), "theirs")
    assert schema_digest(database.schema()) == plan.origin


def test_what_cannot_be_exported_is_said(open_database: Opener) -> None:
    plan = made("rename_column", "duckdb", open_database("duckdb"))
    with pytest.raises(UsageError, match="Alembic does not come with DuckDB"):
        export(plan, "alembic")
    with pytest.raises(UsageError, match="none of alembic, sql"):
        export(plan, "flyway")
    with pytest.raises(UsageError, match="leave it out"):
        export(plan, "sql", after="x")


def test_the_command_writes_and_does_not_overwrite(oneplan: Oneplan, open_database: Opener, tmp_path: Path) -> None:
    plan = made("rename_column", "sqlite", open_database("sqlite"))
    (tmp_path / "plan.yaml").write_text(plan_to_yaml(plan), encoding="utf-8")
    assert oneplan("export", "plan.yaml", "out", "--to", "sql").code == 0
    page = next((tmp_path / "out").glob("*.md")).read_text(encoding="utf-8")
    assert "**a person**" in page
    assert "release-1/0001_" in page
    refused = oneplan("export", "plan.yaml", "out", "--to", "sql")
    assert refused.code == 64
    assert "--yes" in refused.err
    assert oneplan("export", "plan.yaml", "out", "--to", "sql", "--yes").code == 0
