"""A disk that is full: a small file system of its own, filled up but for so many bytes, where the system lets us mount
one; else a limit on the size of every file that the process may write."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.cluster import Cluster
from tests.prove.faults import run_with
from tools.plan.model import Plan

MEGABYTES = 700
FREE = (20_000, 60_000, 150_000, 400_000, 800_000, 1_500_000, 3_000_000, 6_000_000, 12_000_000, 40_000_000)
"""Bytes left on the disk: from next to nothing to more than the run needs."""
RECOVERY = 60.0


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """A tmpfs of its own; None where nobody lets us mount one."""
    if sys.platform != "linux" or os.geteuid() != 0:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="oneplan-disk-") as name:
        words = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0755", "tmpfs", name]
        if subprocess.run(words, check=False, capture_output=True).returncode != 0:
            yield None
            return
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def filled(plan: Plan, location: str, home: Path, free: int, disk: Path, cluster: Cluster | None) -> str:
    """Run while the disk has room for so many bytes only; then there is room again, and the server, if any, runs."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        left = os.statvfs(disk)
        os.posix_fallocate(file.fileno(), 0, max(left.f_bavail * left.f_frsize - free, 1))
    try:
        return run_with(plan, location, home, None)
    finally:
        ballast.unlink()
        if cluster is not None and not _answers(cluster):
            cluster.start()


def limited(plan: Plan, location: str, home: Path, largest: int) -> str:
    """With no file of ours allowed to outgrow that many bytes: writing more fails as it does on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    return run_with(plan, location, home, None)


def _answers(cluster: Cluster) -> bool:
    """Whether the server is up; one that recovers from a crash is waited for."""
    until = time.monotonic() + RECOVERY
    while time.monotonic() < until:
        try:
            psycopg.connect(cluster.url, connect_timeout=20).close()
        except psycopg.OperationalError as error:
            if "starting up" not in str(error) and "recovery" not in str(error):
                return False
            time.sleep(0.2)
        else:
            return True
    return False
