"""The parts of docs/reliability.md: each measures, says what it found, and names what does not hold."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.cluster import cluster
from tests.places import target_of
from tests.prove.crashes import Report, matrix
from tests.prove.faults import Scene, cut, faults_at, full, race, restarted, sizes
from tests.prove.pages import Part, table
from tests.prove.zygote import Zygote
from tools.embedded import server
from tools.location import DIALECTS, Dialect

SAMPLE: int | None = None
"""Crash points of an engine and a way, drawn by chance; None: all there are."""
KINDS = ("boundary", "statement", "moment")
RACES = 10
ROWS, ROUNDS = 1_000_000, 3
SIZES = 12


def crashes() -> Part:
    """Every point of the matrix, on the three engines, forward and back."""
    found: list[Report] = []
    with ExitStack() as exits:
        url, zygote = exits.enter_context(server()), exits.enter_context(Zygote())
        for dialect in DIALECTS:
            for verb in ("apply", "rollback"):
                folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="oneplan-prove-")))
                with target_of(dialect, folder, lambda: url) as target:
                    found.append(matrix(target, folder, verb, zygote, sample=SAMPLE))
                print(f"crashes: {dialect} {verb}: {found[-1].points} points", flush=True)
    rows = [
        (one.dialect, one.verb, one.points, *(one.kinds.get(kind, 0) for kind in KINDS),
         one.killed, len(one.failures)) for one in found
    ]  # fmt: skip
    words = {one.dialect: ", ".join(one.statements) for one in found}
    text = f"""\
A plan with every kind of statement (a backfill that is not idempotent, tables made and dropped, columns added, set
aside and dropped, an index, on Postgres built concurrently) is run, killed by SIGKILL at one point, and gone on with in
a new process: at every boundary of the executor, in the middle of every statement it sends (the journal's own and
COMMIT included), and at moments spread over the whole run. The end must be that of an uninterrupted run, row by row,
with every step done once and every approval on record. Points that lie after the end of a run that was quicker this
time do not kill it.

{table(("engine", "way", "points", "boundaries", "statements", "moments", "killed", "failed"), rows)}

{"All the" if SAMPLE is None else "A sample of the points, drawn by chance:"} {
        sum(one.points for one in found):,} points, {sum(one.killed for one in found):,} processes killed,
{sum(len(one.failures) for one in found)} ends unlike that of an uninterrupted run. Statements: {
        "; ".join(f"{dialect}: {told}" for dialect, told in words.items())
    }."""
    return Part("kill -9 at any point", text, tuple(failure for one in found for failure in one.failures))


def faults() -> Part:
    rows: list[tuple[str, str, int, int, int]] = []
    failures: list[str] = []
    with ExitStack() as exits:
        zygote, others = exits.enter_context(Zygote()), exits.enter_context(Zygote())
        postgres = exits.enter_context(cluster())

        def scene(dialect: Dialect, size: int) -> Scene:
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="oneplan-prove-")))
            target = exits.enter_context(target_of(dialect, folder, lambda: postgres.url))
            return Scene(target, folder, zygote, size)

        def note(what: str, dialect: str, found: list[tuple[bool, str]]) -> None:
            wrong = [amiss for _, amiss in found if amiss]
            rows.append((what, dialect, len(found), sum(noticed for noticed, _ in found), len(wrong)))
            failures.extend(wrong)
            print(f"faults: {what}, {dialect}: {len(found)}", flush=True)

        here = scene("postgres", 60)
        boundaries = range(len(here.course.boundaries))
        note("connections cut by the server", "postgres", list(faults_at(here, boundaries, cut, postgres.url)))
        note("server stopped and started", "postgres", list(faults_at(here, boundaries[::4], restarted, postgres)))
        for dialect in ("sqlite", "duckdb"):
            small = scene(dialect, 2_000)
            note("disk full", dialect, list(faults_at(small, sizes(small, SIZES), full)))
        for dialect in DIALECTS:
            racing = scene(dialect, 60)
            ends = [race(racing, others, number, together=bool(number % 2)) for number in range(RACES)]
            note("two executors at once", dialect, [(True, end) for end in ends])
    text = f"""\
The same run, with a fault in it, and gone on with afterwards; it must end as if nothing had happened. `noticed`: how
often the run stopped with an error of its own because of the fault (a fault after the last write stops nothing). A full
disk is a limit on the size of files that the process may write, from {20_000:,} bytes up to the database's size at the
end. Of two executors at once, one does the work; the other is refused, or finds it done.

{table(("fault", "engine", "cases", "noticed", "failed"), rows)}"""
    return Part("Cut connections, servers gone, full disks, two executors", text, tuple(failures))


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
