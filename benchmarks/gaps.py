"""The gap analysis at size: against migra at 1,000 tables, from 1,000 to 10,000 tables, and a dump against psql.

Whole processes, in turn, in one run, on the embedded Postgres; prints seconds, peak memory and ratios. migra (with the
setuptools that it needs) is put into a virtual environment of its own the first time. `make bench` runs it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.embedded import binaries, scratch_database, server

PEERS = Path(tempfile.gettempdir()) / "oneplan-bench-migra"
ROUNDS = 3


@dataclass(frozen=True)
class Taken:
    seconds: float
    megabytes: float


def ddl(tables: int, *, edited: bool) -> str:
    """`tables` tables of nine columns, two indexes, a check and a foreign key; `edited`: one in fifty differs."""
    parts: list[str] = []
    for number in range(tables):
        odd = edited and number % 50 == 0
        extra = ",\n  added_later text" if odd else ""
        parent = f"REFERENCES items_{number - 1} (id)" if number else ""
        parts.append(
            f"CREATE TABLE items_{number} (\n  id bigint PRIMARY KEY,\n  parent bigint {parent},\n"
            f"  name text NOT NULL,\n  label varchar({20 if odd else 10}),\n  price numeric(12,2) DEFAULT 0,\n"
            f"  active boolean NOT NULL DEFAULT true,\n  created_at timestamptz NOT NULL DEFAULT now(),\n"
            f"  payload jsonb,\n  amount integer CHECK (amount >= 0){extra}\n);\n"
            f"CREATE INDEX items_{number}_name ON items_{number} (name);\n"
            f"CREATE INDEX items_{number}_live ON items_{number} (created_at DESC) WHERE active;\n"
        )
    return "".join(parts)


def whole(command: Sequence[str | Path], codes: tuple[int, ...], cwd: Path, env: dict[str, str] | None = None) -> Taken:
    """One process from its start to its end: wall seconds, and the peak of its resident memory in MB."""
    start = time.perf_counter()
    with (cwd / "out.txt").open("wb") as out:
        process = subprocess.Popen([str(part) for part in command], cwd=cwd, env=env, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise SystemExit(
            f"{' '.join(map(str, command))[:200]} ended with {process.returncode}: {tail(cwd / 'out.txt')}"
        )
    return Taken(time.perf_counter() - start, usage.ru_maxrss / 1024)


def tail(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[-400:]


def in_turn(rounds: int, *actions: Callable[[], Taken]) -> list[Taken]:
    """The medians of several commands, run in turn."""
    taken = [[action() for action in actions] for _ in range(rounds)]
    return [
        Taken(median(each[i].seconds for each in taken), median(each[i].megabytes for each in taken))
        for i in range(len(actions))
    ]


def oneplan(folder: Path, *words: str) -> Callable[[], Taken]:
    """The command as it runs once installed, which is with its bytecode beside it, as the peers' is: pip writes it."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    command = [sys.executable, "-P", "-m", "assistant", *words]
    whole(command, (0, 2), folder, env)
    return lambda: whole(command, (0, 2), folder, env)


def migra() -> Path:
    binary = PEERS / "bin" / "migra"
    if not binary.exists():
        venv.create(PEERS, with_pip=True)
        packages = ["migra", "sqlalchemy<2", "psycopg2-binary", "setuptools<81"]
        subprocess.run([PEERS / "bin" / "pip", "install", "--quiet", *packages], check=True)
    return binary


def pair(stack: ExitStack, url: str, tables: int) -> list[str]:
    """Two live databases, the second one edited."""
    made: list[str] = []
    for edited in (False, True):
        target = stack.enter_context(scratch_database(url, "bench"))
        load(target, ddl(tables, edited=edited))
        made.append(target)
    return made


def load(target: str, text: str) -> None:
    psql = [binaries() / "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", target]
    subprocess.run(psql, input=text.encode(), check=True, stdout=subprocess.DEVNULL)


def against_migra(folder: Path, url: str, tables: int) -> Taken:
    with ExitStack() as stack:
        old, new = pair(stack, url, tables)
        # migra's exit code says that there are differences; it takes libpq's URLs with a host.
        peer = [migra(), "--unsafe", old, new]
        ours, theirs = in_turn(ROUNDS, oneplan(folder, "gap", old, new), lambda: whole(peer, (0, 2), folder))
    print(f"{tables:,} tables, live: oneplan {ours.seconds:.2f} s, migra {theirs.seconds:.2f} s: "
          f"{ours.seconds / theirs.seconds:.2f} of it (at most 0.5)", flush=True)  # fmt: skip
    return ours


def growth(folder: Path, url: str, small: Taken, tables: int) -> None:
    with ExitStack() as stack:
        old, new = pair(stack, url, tables)
        (large,) = in_turn(1, oneplan(folder, "gap", old, new))
    time_, memory = large.seconds / small.seconds, large.megabytes / small.megabytes
    print(f"{tables:,} tables, live: {large.seconds:.2f} s, {large.megabytes:.0f} MB: {time_:.1f} times the time and "
          f"{memory:.1f} times the memory of a tenth of them (at most 12)", flush=True)  # fmt: skip


def dump(folder: Path, url: str, lines: int) -> None:
    """A dump of `lines` lines as a file, against what psql needs to load it into an empty database."""
    with scratch_database(url, "bench") as target:
        load(target, ddl(lines // 50, edited=False))
        text = subprocess.run([binaries() / "pg_dump", "--schema-only", target], check=True, capture_output=True).stdout
    file = folder / "dump.sql"
    file.write_bytes(text)

    def psql() -> Taken:
        with scratch_database(url, "bench") as target:
            return whole([binaries() / "psql", "-q", "-X", "-d", target, "-f", file], (0,), folder)

    ours, theirs = in_turn(ROUNDS, oneplan(folder, "inspect", str(file), "--dialect", "postgres", "--json"), psql)
    print(f"a dump of {len(text.splitlines()):,} lines: oneplan {ours.seconds:.2f} s, psql {theirs.seconds:.2f} s: "
          f"{ours.seconds / theirs.seconds:.2f} of it (at most 1.5)", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tables", type=int, default=1_000)
    parser.add_argument("--lines", type=int, default=50_000)
    parser.add_argument("--only", choices=("migra", "growth", "dump"), default=None)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oneplan-bench-") as name, server() as url:
        folder = Path(name)
        if chosen.only != "dump":
            small = against_migra(folder, url, chosen.tables)
            if chosen.only != "migra":
                growth(folder, url, small, chosen.tables * 10)
        if chosen.only in (None, "dump"):
            dump(folder, url, chosen.lines)


if __name__ == "__main__":
    main()
