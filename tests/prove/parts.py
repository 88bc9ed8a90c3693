"""The parts of docs/reliability.md: each measures, says what it found, and names what does not hold."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

from tests.cluster import Cluster, cluster
from tests.places import target_of
from tests.prove.crashes import Report, Verb, matrix
from tests.prove.disk import FREE, filled, limited, small_disk
from tests.prove.faults import Scene, cut, faults_at, race, restarted, sizes
from tests.prove.pages import Part, table
from tests.prove.tally import WORKERS, scratch
from tests.prove.zygote import Zygote
from tools.embedded import server
from tools.location import DIALECTS, Dialect

VERBS: tuple[Verb, ...] = ("apply", "rollback", "restore")
SAMPLE: int | None = None
"""Crash points of an engine and a way, drawn by chance; None: all there are."""
KINDS = ("boundary", "statement", "moment")
RACES = 10
ROWS, ROUNDS = 1_000_000, 3
SIZES = 12


def crashes() -> Part:
    """Every point of the matrix, on the three engines, forward, back, and back by a restore; two at a time."""
    jobs = [(dialect, verb, SAMPLE) for verb in VERBS for dialect in reversed(DIALECTS)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(_crashes, jobs))
    rows = [
        (one.dialect, one.verb, one.points, *(one.kinds.get(kind, 0) for kind in KINDS),
         one.killed, len(one.failures)) for one in found
    ]  # fmt: skip
    words = {one.dialect: ", ".join(one.statements) for one in found if one.verb == "apply"}
    points, killed = sum(one.points for one in found), sum(one.killed for one in found)
    text = f"""\
A plan with every kind of statement (a backfill that is not idempotent, tables made and dropped, columns added, set
aside and dropped, an index, on Postgres built concurrently) is run, killed by SIGKILL at one point, and gone on with in
a new process: at the boundaries of the executor, in the middle of the statements that it sends (the journal's own and
COMMIT included), and at moments spread over the whole run. The end must be that of an uninterrupted run, row by row,
with every step done once and every approval on record; `verify` must find nothing. `apply` is the way forward,
`rollback` the way back by SQL, `restore` the way back where no SQL undoes the last step, so that the whole database is
restored from its backup first. Points that lie after the end of a run that was quicker this time do not kill it.

{table(("engine", "way", "points", "boundaries", "statements", "moments", "killed", "failed"), rows)}

{"All the" if SAMPLE is None else "A sample of the points, drawn by chance:"} {points:,} points, {killed:,} processes
killed, {sum(len(one.failures) for one in found)} ends unlike that of an uninterrupted run. Statements: {
        "; ".join(f"{dialect}: {told}" for dialect, told in words.items())
    }."""
    return Part("kill -9 at any point", text, tuple(failure for one in found for failure in one.failures))


def _crashes(job: tuple[Dialect, Verb, int | None]) -> Report:
    dialect, verb, sample = job
    with ExitStack() as exits:
        folder, zygote = exits.enter_context(scratch()), exits.enter_context(Zygote())
        url = exits.enter_context(server()) if dialect == "postgres" else ""
        target = exits.enter_context(target_of(dialect, folder, lambda: url))
        found = matrix(target, folder, verb, zygote, sample=sample)
    print(f"crashes: {dialect} {verb}: {found.points} points, {len(found.failures)} failed", flush=True)
    return found


class _Faults:
    """Scenes of faults, and what came of them."""

    def __init__(self, exits: ExitStack) -> None:
        self._exits, self.zygote = exits, exits.enter_context(Zygote())
        self.rows: list[tuple[str, str, int, int | str, int]] = []
        self.failures: list[str] = []

    def scene(self, dialect: Dialect, rows: int, place: Path | None = None, url: str = "") -> Scene:
        folder = place or self._exits.enter_context(scratch())
        target = self._exits.enter_context(target_of(dialect, folder, lambda: url))
        return Scene(target, folder, self.zygote, rows)

    def note(self, what: str, dialect: str, found: Iterable[tuple[bool | None, str]]) -> None:
        """found: whether the fault was noticed (None: that is no question here), and what is amiss, "" for nothing."""
        cases = list(found)
        wrong = [f"{what}, {dialect}: {amiss}" for _, amiss in cases if amiss]
        asked = [noticed for noticed, _ in cases if noticed is not None]
        self.rows.append((what, dialect, len(cases), sum(asked) if asked else "", len(wrong)))
        self.failures.extend(wrong)
        print(f"faults: {what}, {dialect}: {len(cases)}, {len(wrong)} failed", flush=True)


def faults() -> Part:
    with ExitStack() as exits:
        found = _Faults(exits)
        _cut_off(found, exits.enter_context(cluster()))
        _full_disks(found)
        _races(found, exits)
    text = f"""\
The same run, with a fault in it, and gone on with afterwards; it must end as if nothing had happened. `noticed`: how
often the run stopped with an error of its own because of the fault (a fault after the last write stops nothing).

- A full disk is a small file system on which lie the database, the backups and the store (on Postgres the whole server,
  its write-ahead log too), filled up but for {FREE[0]:,} to {FREE[-1]:,} bytes; afterwards there is room again, and a
  server that the full disk has ended is started. Besides, a limit on the size of every file that the process may write.
- Of two executors at once, of one workspace or of two, one does the work; the other is refused, or finds it done.

{table(("fault", "engine", "cases", "noticed", "failed"), found.rows)}"""
    return Part("Cut connections, servers gone, full disks, two executors", text, tuple(found.failures))


def _cut_off(found: _Faults, postgres: Cluster) -> None:
    here = found.scene("postgres", 60, url=postgres.url)
    boundaries = range(len(here.course.boundaries))
    found.note("connections cut by the server", "postgres", faults_at(here, boundaries, cut, postgres.url))
    found.note("server stopped and started", "postgres", faults_at(here, boundaries[::4], restarted, postgres))


def _full_disks(found: _Faults) -> None:
    for dialect in ("sqlite", "duckdb"):
        small = found.scene(dialect, 2_000)
        found.note("no file may grow further", dialect, faults_at(small, sizes(small, SIZES), limited))
    for dialect in DIALECTS:
        with small_disk() as disk, ExitStack() as exits:
            if disk is None:
                found.failures.append(f"disk full, {dialect}: not tried, since no file system could be mounted here")
                continue
            up = exits.enter_context(cluster(disk)) if dialect == "postgres" else None
            target = exits.enter_context(target_of(dialect, disk, lambda up=up: up.url if up else ""))
            full = Scene(target, disk, found.zygote, 2_000)
            found.note("disk full", dialect, faults_at(full, FREE, filled, disk, up))


def _races(found: _Faults, exits: ExitStack) -> None:
    others, url = exits.enter_context(Zygote()), exits.enter_context(server())
    for dialect in DIALECTS:
        racing = found.scene(dialect, 60, url=url)
        ends = ((None, race(racing, others, number, together=bool(number % 2))) for number in range(RACES))
        found.note("two executors at once", dialect, ends)


def speed() -> Part:
    """The benchmarks of backfill and verification, of 1,000,000 rows, side by side in one run."""
    from benchmarks import backfill, verify
    from tools.migrate.pace import Pace

    fills = [backfill.measured(engine, ROWS, Pace(), ROUNDS) for engine in DIALECTS]
    proofs = {engine: verify.measured(engine, ROWS, ROUNDS) for engine in DIALECTS}
    failures = [f"{one.engine}: batches go at {one.ratio:.2f} of one UPDATE" for one in fills if one.ratio < 0.8]
    failures += [f"{one.engine}: the last tenth goes at {one.tenths:.2f}" for one in fills if one.tenths < 0.8]
    failures += [f"{name}: a proof costs {b / a:.2f} of a hash scan" for name, (a, b) in proofs.items() if b > 2 * a]
    text = f"""\
A backfill of {ROWS:,} rows in batches whose size follows the clock against one single UPDATE of the same rows, in turn,
medians of {ROUNDS}. Wanted: 0.8 of its rate or better, and the last tenth of the rows at 0.8 of the first tenth's rate.

{
        table(
            ("engine", "one UPDATE, rows/s", "batched, rows/s", "ratio", "last tenth by first", "batches"),
            [
                (
                    one.engine,
                    f"{one.single:,.0f}",
                    f"{one.batched:,.0f}",
                    f"{one.ratio:.2f}",
                    f"{one.tenths:.2f}",
                    one.batches,
                )
                for one in fills
            ],
        )
    }

The fingerprint of the same table, by which rows are proven, against `count(*)` and a hash of every row. Wanted: at most
twice as long.

{
        table(
            ("engine", "count and hash, s", "fingerprint, s", "ratio"),
            [(name, f"{a:.2f}", f"{b:.2f}", f"{b / a:.2f}") for name, (a, b) in proofs.items()],
        )
    }"""
    return Part("Speed", text, tuple(failures))
