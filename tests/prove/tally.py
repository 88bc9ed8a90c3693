"""What came of many attacks: how many of each kind were tried, and which of them succeeded."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

WORKERS = 2
MEMORY = Path("/dev/shm")


@dataclass
class Tally:
    """cases: by kind of mutation. won: the attacks that succeeded, as sentences. honest: uses of an approval just as it
    was given; they must write, else the attacks prove nothing, and are told in `won` when they do not."""

    ring: str
    cases: Counter[str] = field(default_factory=Counter[str])
    won: list[str] = field(default_factory=list[str])
    honest: int = 0

    def note(self, kind: str, succeeded: bool, where: str) -> None:
        self.cases[kind] += 1
        if succeeded:
            self.won.append(f"{self.ring}: {kind} ({where})")

    def control(self, wrote: bool, where: str) -> None:
        self.honest += 1
        if not wrote:
            self.won.append(f"{self.ring}: an approved write was refused ({where})")

    @property
    def count(self) -> int:
        return self.cases.total()

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.ring, self.cases + other.cases, self.won + other.won, self.honest + other.honest)


Ring = Callable[[Path, int, int, Sequence[str]], Tally]
"""(an empty folder, how many cases, seed, kinds to try or () for all) -> what came of them."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder, in memory where the system has such a place: thousands of small databases wait for no disk."""
    place = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="oneplan-prove-", dir=place) as name:
        yield Path(name)


def in_pieces(ring: Ring, count: int, seed: int, piece: int) -> list[tuple[Ring, int, int]]:
    """The cases of a ring as jobs of so many cases each, every one with a seed of its own."""
    return [(ring, min(piece, count - begun), seed * 1_000 + n) for n, begun in enumerate(range(0, count, piece))]


def run_jobs(jobs: Sequence[tuple[Ring, int, int]]) -> list[Tally]:
    """By worker processes, since most of a case is waiting for an engine; the tallies in the order of the jobs."""
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_run, jobs))


def _run(job: tuple[Ring, int, int]) -> Tally:
    ring, count, seed = job
    try:
        with scratch() as folder:
            return ring(folder, count, seed, ())
    except Exception:  # an attack that broke off is a failure to be told beside the others
        return Tally(ring.__name__, won=[f"{ring.__name__}, seed {seed}, broke off: {traceback.format_exc()}"])
