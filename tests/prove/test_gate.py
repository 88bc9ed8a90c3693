"""A sample of the attacks on the gate, and every check of it taken out once; the whole of it is `make prove`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prove.gate import EXECUTOR, HOW, MUTANTS, executor_cases, ledger_cases, survivors
from tests.prove.hostile import conversation_cases


@pytest.mark.parametrize("seed", [11, 12])
def test_an_approval_opens_exactly_what_it_was_given_for(tmp_path: Path, seed: int) -> None:
    assert ledger_cases(tmp_path, 4 * len(HOW), seed) == []


def test_an_executor_writes_nothing_else(tmp_path: Path) -> None:
    assert executor_cases(tmp_path, len(EXECUTOR), 13) == []


def test_a_model_that_wants_to_write_does_not(tmp_path: Path) -> None:
    assert conversation_cases(tmp_path / "w" / "w", 12, 14) == []


def test_every_check_is_needed(tmp_path: Path) -> None:
    """A mutant of the gate that lets no attack through would be a check that nobody tries."""
    assert len(MUTANTS) > 20
    assert survivors(tmp_path) == []
