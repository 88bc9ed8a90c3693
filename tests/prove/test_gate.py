"""A sample of the attacks on the gate, and every check of it taken out once; the whole of it is `make prove`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prove.executor_ring import NAMES as EXECUTOR
from tests.prove.executor_ring import executor_cases
from tests.prove.generated_ring import NAMES, sqlite_cases
from tests.prove.holes import CONVERSATION
from tests.prove.hostile import conversation_cases
from tests.prove.ledger_ring import HOW, ledger_cases
from tests.prove.misuse_ring import NAMES as MISUSES
from tests.prove.misuse_ring import misuse_cases
from tests.prove.mutants import MUTANTS, Mutant, killed


def test_an_approval_opens_exactly_what_it_was_given_for(tmp_path: Path) -> None:
    tally = ledger_cases(tmp_path, 2 * len(HOW), 11)
    assert tally.won == []
    assert (tally.count, set(tally.cases), tally.honest) == (2 * len(HOW), set(HOW), 2)


def test_a_run_writes_nothing_else(tmp_path: Path) -> None:
    tally = sqlite_cases(tmp_path, len(NAMES), 12)
    assert tally.won == []
    assert (set(tally.cases), tally.honest) == (set(NAMES), 1)


def test_an_executor_writes_nothing_else(tmp_path: Path) -> None:
    assert executor_cases(tmp_path, len(EXECUTOR), 13).won == []


def test_a_model_that_wants_to_write_does_not(tmp_path: Path) -> None:
    assert conversation_cases(tmp_path, 6, 14).won == []


def test_a_real_yes_is_not_misused(tmp_path: Path) -> None:
    tally = misuse_cases(tmp_path, len(MISUSES), 15)
    assert tally.won == []
    assert set(tally.cases) == set(MISUSES)


OF_ITS_OWN = [one for one in CONVERSATION if "digest" not in one.name and "claim" not in one.name]
"""Those that the ledger's ring does not try as well."""


@pytest.mark.parametrize("mutant", [*MUTANTS, *OF_ITS_OWN], ids=lambda mutant: mutant.name)
def test_every_check_is_needed(mutant: Mutant) -> None:
    """A gate without it lets at least one attack through."""
    assert killed(mutant, 1).won
