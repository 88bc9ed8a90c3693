"""The gap analysis over fixture folders: current.sql, desired.sql and the gaps that lie between, on every engine.

Each pair is compared as files, as live databases, and one against the other; each schema read by every route (file,
live database, its own rendering, a dump) is the same schema.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.schema.engines import make_database
from tools.embedded import binaries, scratch_database
from tools.location import Dialect
from tools.schema.answers import answers_from
from tools.schema.ddl import read_ddl
from tools.schema.digest import schema_digest
from tools.schema.gaps import compare
from tools.schema.model import Answers, Gap, Schema
from tools.schema.render import script
from tools.schema.serial import gap_to_json, schema_from_json, schema_to_json
from tools.schema.source import read_schema

FOLDER = Path(__file__).parents[1] / "fixtures" / "gaps"
CASES = [
    (case.name, dialect)
    for case in sorted(FOLDER.iterdir())
    for dialect in yaml.safe_load((case / "expected.yaml").read_text())["dialects"]
]
KINDS = {
    *(f"{noun}_{end}" for noun in ("table", "column", "index", "foreign_key", "check", "unique", "enum", "enum_value",
                                   "view", "materialized_view", "trigger", "sequence")
      for end in ("added", "removed")),
    *(f"{noun}_changed" for noun in ("type", "nullability", "default", "index", "primary_key", "foreign_key", "view",
                                     "materialized_view", "trigger", "sequence")),
    *(f"{noun}_{end}" for noun in ("function", "domain", "type", "policy", "comment", "partition", "privilege")
      for end in ("added", "removed", "changed")),
    "extension_added", "table_renamed", "column_renamed", "not_understood",
}  # fmt: skip


class Case:
    """A fixture folder as one dialect reads it."""

    def __init__(self, name: str, dialect: Dialect, folder: Path, server: str) -> None:
        self.path, self.dialect, self.folder, self.server = FOLDER / name, dialect, folder, server
        self.facts: dict[str, Any] = yaml.safe_load((self.path / "expected.yaml").read_text())
        self.answers = answers_from(self.facts["answers"]) if "answers" in self.facts else Answers()
        self.expected = self.facts["gaps"] + self.facts.get("only", {}).get(dialect, [])

    def text(self, side: str) -> str:
        return (self.path / f"{side}.sql").read_text()

    def file(self, side: str) -> Schema:
        return read_ddl(self.text(side), self.dialect, f"{side}.sql")

    @contextmanager
    def database(self, side: str) -> Iterator[str]:
        """The location of a new live database in which the side's text has been run."""
        folder = self.folder / side
        folder.mkdir()
        if self.dialect == "postgres":
            with scratch_database(self.server, "test") as url:
                yield make_database("postgres", self.text(side), folder, url)
        else:
            yield make_database(self.dialect, self.text(side), folder)


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    name, dialect = request.param
    server = request.getfixturevalue("postgres_server") if dialect == "postgres" else ""
    return Case(name, dialect, tmp_path, server)


every_case = pytest.mark.parametrize("case", CASES, indirect=True, ids=lambda pair: "-".join(pair))


def matches(gap: Gap, expected: dict[str, str]) -> bool:
    shown = gap_to_json(gap)
    return all(str(shown.get(key, "")) == str(value) for key, value in expected.items())


def assert_gaps(found: tuple[Gap, ...], expected: list[dict[str, str]], *, sources: bool) -> None:
    left = list(found)
    for entry in expected:
        wanted = entry if sources else {key: value for key, value in entry.items() if key != "source"}
        match = next((gap for gap in left if matches(gap, wanted)), None)
        assert match is not None, f"{wanted} is not among {[gap_to_json(gap) for gap in left]}"
        left.remove(match)
    assert [gap_to_json(gap) for gap in left] == []
    assert all(gap.sentence for gap in found)


@every_case
def test_files_compared(case: Case) -> None:
    assert_gaps(compare(case.file("current"), case.file("desired"), case.answers), case.expected, sources=True)


@every_case
def test_live_databases_compared_with_files_and_with_each_other(case: Case) -> None:
    if case.facts.get("routes") == ["file"]:
        pytest.skip("what the desired file asks for, no server of the tests has")
    with case.database("current") as current, case.database("desired") as desired:
        now, then = read_schema(current), read_schema(desired)
        assert_gaps(compare(now, then, case.answers), case.expected, sources=False)
        assert_gaps(compare(now, case.file("desired"), case.answers), case.expected, sources=False)
        assert_gaps(compare(case.file("current"), then, case.answers), case.expected, sources=False)


@every_case
@pytest.mark.parametrize("side", ["current", "desired"])
def test_one_schema_by_every_route_has_no_gap(case: Case, side: str) -> None:
    if case.facts.get("routes") == ["file"] and side == "desired":
        pytest.skip("what the desired file asks for, no server of the tests has")
    first = case.file(side)
    routes = {"again": case.file(side), "json": schema_from_json(schema_to_json(first))}
    with case.database(side) as location:
        routes["live"] = read_schema(location)
        if case.dialect == "postgres":
            dump = [str(binaries() / "pg_dump"), "--schema-only", location]
            text = subprocess.run(dump, check=True, capture_output=True, text=True).stdout
            routes["dump"] = read_ddl(text, "postgres", "dump.sql")
    for name, schema in routes.items():
        assert [gap.sentence for gap in compare(first, schema)] == [], name
        assert schema_digest(schema) == schema_digest(first), name


@every_case
@pytest.mark.parametrize("side", ["current", "desired"])
def test_what_was_read_can_be_written_and_read_again(case: Case, side: str) -> None:
    # What no part of the model holds is not written.
    first = replace(case.file(side), not_understood=())
    held = script(first)
    second = replace(read_ddl(held, case.dialect), not_understood=())
    assert [gap.sentence for gap in compare(first, second)] == []
    assert schema_digest(first) == schema_digest(second)


def test_every_kind_of_gap_has_a_case() -> None:
    facts = [yaml.safe_load((case / "expected.yaml").read_text()) for case in FOLDER.iterdir()]
    assert {gap["kind"] for fact in facts for gap in fact["gaps"]} == KINDS
