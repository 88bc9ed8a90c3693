"""A plan under an application that goes on writing; with 200 steps and 1,000,000 rows by `make prove`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.places import target_of
from tests.prove.soak import soak
from tools.location import Dialect


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_no_write_is_lost_while_a_plan_runs(dialect: Dialect, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with target_of(dialect, tmp_path, lambda: request.getfixturevalue("postgres_server")) as target:
        found = soak(target, tmp_path, 3_000, steps=16)
    assert not found.amiss
    assert found.writes > 10
    assert found.steps >= 16
