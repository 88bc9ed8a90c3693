"""Random pairs of schemas with rows in them: forward ends in the target, backward in the origin, nothing is silent."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plan.harness import CheckFailed, Database, there_and_back
from tools.location import Dialect
from tools.plan.build import build_plan
from tools.plan.files import plan_from_yaml, plan_to_yaml
from tools.schema.ddl import read_ddl
from tools.schema.gaps import compare
from tools.schema.model import Answers
from tools.schema.render import quote

TYPES = ("INTEGER", "VARCHAR(20)", "BIGINT", "DOUBLE PRECISION")
VALUES = {
    "INTEGER": ("1", "2", "NULL"),
    "VARCHAR(20)": ("'10'", "'7'", "NULL"),
    "BIGINT": ("5", "NULL"),
    "DOUBLE PRECISION": ("2.0", "NULL"),
}
DEFAULTS = {"INTEGER": "4", "VARCHAR(20)": "'9'", "BIGINT": "6", "DOUBLE PRECISION": "3.0"}
COLUMNS = ("c1", "c2", "c 3", 'Odd "one"')
EXAMPLES = int(os.environ.get("ONEPLAN_EXAMPLES", "0"))
"""How many examples a backend, where more are wanted than the few of every run."""


@st.composite
def tables(draw: st.DrawFn, name: str) -> dict[str, object]:
    columns = draw(st.lists(st.sampled_from(COLUMNS), max_size=4, unique=True))
    kinds = {c: (draw(st.sampled_from(TYPES)), draw(st.booleans()), draw(st.booleans())) for c in columns}
    indexed = draw(st.lists(st.sampled_from(columns), max_size=2, unique=True)) if columns else []
    viewed = draw(st.lists(st.sampled_from(columns), max_size=2, unique=True)) if columns else []
    checked = [c for c in columns if kinds[c][0] != "VARCHAR(20)" and draw(st.booleans())]
    return {"name": name, "columns": kinds, "indexed": indexed, "viewed": viewed, "checked": checked}


schemas = st.dictionaries(st.sampled_from(("t1", "t2", "t 3")), st.just(None), min_size=1, max_size=3).flatmap(
    lambda names: st.tuples(*(tables(name) for name in sorted(names)))
)


def ddl(schema: tuple[dict[str, object], ...]) -> str:
    lines: list[str] = []
    for table in schema:
        columns: dict[str, tuple[str, bool, bool]] = table["columns"]  # type: ignore[assignment]
        parts = ["id INTEGER PRIMARY KEY"]
        for name, (kind, tight, default) in columns.items():
            parts.append(
                f"{quote(name)} {kind}"
                + (f" DEFAULT {DEFAULTS[kind]}" if default else "")
                + (" NOT NULL" if tight else "")
            )
        listed: dict[str, list[str]] = {k: table[k] for k in ("indexed", "viewed", "checked")}  # type: ignore[misc]
        parts += [f"CHECK ({quote(c)} <> 99)" for c in listed["checked"]]
        name = str(table["name"])
        lines.append(f"CREATE TABLE {quote(name)} ({', '.join(parts)});")
        lines += [f"CREATE INDEX {quote(f'{name}_{c}')} ON {quote(name)} ({quote(c)});" for c in listed["indexed"]]
        if listed["viewed"]:
            shown = ", ".join(quote(c) for c in ("id", *listed["viewed"]))
            lines.append(f"CREATE VIEW {quote(f'seen {name}')} AS SELECT {shown} FROM {quote(name)} WHERE id > 0;")
    return "\n".join(lines)


def rows(schema: tuple[dict[str, object], ...]) -> str:
    lines: list[str] = []
    for table in schema:
        columns: dict[str, tuple[str, bool, bool]] = table["columns"]  # type: ignore[assignment]
        for n in (1, 2, 3):
            values = [str(n)]
            for kind, tight, _ in columns.values():
                choices = [v for v in VALUES[kind] if not (tight and v == "NULL")]
                values.append(choices[n % len(choices)])
            lines.append(f"INSERT INTO {quote(str(table['name']))} VALUES ({', '.join(values)});")
    return "\n".join(lines)


def fills(schema: tuple[dict[str, object], ...]) -> tuple[tuple[str, str, str], ...]:
    found: list[tuple[str, str, str]] = []
    for table in schema:
        columns: dict[str, tuple[str, bool, bool]] = table["columns"]  # type: ignore[assignment]
        found += [(str(table["name"]), name, DEFAULTS[kind]) for name, (kind, tight, _) in columns.items() if tight]
    return tuple(found)


def _there_and_back(
    dialect: Dialect, before: tuple[dict[str, object], ...], after: tuple[dict[str, object], ...], address: str
) -> None:
    database = Database(dialect, address)
    try:
        database.script(ddl(before) + "\n" + rows(before))
        desired = read_ddl(ddl(after), dialect)
        current = database.schema()
        kinds = {(t.name, c.name): c.type for t in current.tables for c in t.columns}
        told = tuple(f for f in fills(after) if kinds.get(f[:2]) in (None, _type_of(desired, *f[:2])))
        plan = build_plan(current, desired, Answers(none=True, fills=told))
        assert plan_from_yaml(plan_to_yaml(plan)) == plan
        assert not plan.held_back
        assert bool(plan.steps) == bool(compare(current, desired))
        try:
            there_and_back(database, plan, desired)
        except CheckFailed as stopped:
            # A NULL in a column that changes its type and shall be NOT NULL: nobody has said what becomes of it.
            assert "NULL" in str(stopped)  # noqa: PT017
    finally:
        database.close()


def _type_of(schema: object, table: str, column: str) -> str | None:
    from tools.schema.model import Schema

    assert isinstance(schema, Schema)
    found = schema.table(table)
    return next((c.type for c in found.columns if c.name == column), None) if found else None


@settings(max_examples=EXAMPLES or 15, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=schemas, after=schemas)
def test_sqlite(before: tuple[dict[str, object], ...], after: tuple[dict[str, object], ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _there_and_back("sqlite", before, after, str(Path(folder) / "x.db"))


@settings(max_examples=EXAMPLES or 8, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=schemas, after=schemas)
def test_duckdb(before: tuple[dict[str, object], ...], after: tuple[dict[str, object], ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _there_and_back("duckdb", before, after, str(Path(folder) / "x.duckdb"))


@pytest.fixture(scope="module")
def server(postgres_server: str) -> str:
    return postgres_server


@settings(max_examples=EXAMPLES or 8, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=schemas, after=schemas)
def test_postgres(server: str, before: tuple[dict[str, object], ...], after: tuple[dict[str, object], ...]) -> None:
    from tools.embedded import scratch_database

    with scratch_database(server, "plan") as url:
        _there_and_back("postgres", before, after, url)
