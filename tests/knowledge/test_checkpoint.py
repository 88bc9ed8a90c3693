"""The store after processes that were killed, or had no room, while they brought its log into its file."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge import checkpoint
from knowledge.store import Store
from tools.errors import Busy

Start = Callable[[str], subprocess.Popen[str]]
KILLS = 400 if os.environ.get("ONEPLAN_PROVE") else 12

WRITE = """
import os, signal, sys, time
from pathlib import Path
from knowledge import checkpoint
from knowledge.store import Store

path = Path({path!r})
def write(number):
    with Store(path).transaction() as connection:
        connection.execute("INSERT INTO k VALUES (?)", [number])
"""
TORN = """
def tear(path):
    with path.open("r+b") as file:  # a block of metadata that was being written in its place
        file.seek(12288)
        file.write(os.urandom(4096))
    os.kill(os.getpid(), signal.SIGKILL)
checkpoint._drop = tear
write(2)
"""
SLOW = """
drop = checkpoint._drop
def slowly(path):
    print("at work", flush=True)
    while not Path("go").exists():
        time.sleep(0.02)
    drop(path)
checkpoint._drop = slowly
write(2)
"""


@pytest.fixture
def numbers(store: Store) -> Store:
    with store.transaction() as connection:
        connection.execute("CREATE TABLE k (n BIGINT PRIMARY KEY)")
        connection.execute("INSERT INTO k VALUES (1)")
    return store


def read(store: Store) -> list[int]:
    with store.open() as connection:
        return [row[0] for row in connection.execute("SELECT n FROM k ORDER BY n").fetchall()]


def names(store: Store) -> list[str]:
    return sorted(path.name for path in store.path.parent.iterdir())


def test_a_file_torn_by_a_kill_is_put_back_with_what_was_committed(numbers: Store, in_process: Start) -> None:
    torn = in_process(WRITE.format(path=str(numbers.path)) + TORN)
    torn.communicate(timeout=60)
    assert torn.returncode == -signal.SIGKILL
    assert "store.duckdb.guard" in names(numbers)
    assert read(numbers) == [1, 2]
    assert names(numbers) == ["store.duckdb"]


def test_a_checkpoint_at_work_is_waited_for_and_not_taken_for_a_torn_one(
    numbers: Store, in_process: Start, tmp_path: Path
) -> None:
    slow = in_process(WRITE.format(path=str(numbers.path)) + SLOW)
    assert slow.stdout
    assert slow.stdout.readline() == "at work\n"
    with pytest.raises(Busy), Store(numbers.path, wait=0.2).open():
        pass
    (tmp_path / "go").touch()
    slow.communicate(timeout=60)
    assert slow.returncode == 0
    assert read(numbers) == [1, 2]
    assert names(numbers) == ["store.duckdb"]


def test_without_room_for_a_copy_the_log_keeps_what_was_committed(
    numbers: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "_copy", full)
        with numbers.transaction() as connection:
            connection.execute("INSERT INTO k VALUES (2)")
        assert names(numbers) == ["store.duckdb", "store.duckdb.wal"]
    assert read(Store(numbers.path)) == [1, 2]
    assert names(numbers) == ["store.duckdb"], "and there is room again"


def test_nothing_that_was_committed_is_lost_by_kills_at_any_moment(numbers: Store, in_process: Start) -> None:
    rng, known, ended = random.Random(5), 1, 0
    for _ in range(KILLS):
        busy = in_process(
            WRITE.format(path=str(numbers.path))
            + f"for number in range({known + 1}, 10**9):\n    write(number)\n    print(number, flush=True)\n"
        )
        assert busy.stdout
        told = [busy.stdout.readline()]
        time.sleep(rng.uniform(0, 0.1))
        busy.kill()
        told += busy.communicate(timeout=60)[0].splitlines()
        ended += (numbers.path.parent / "store.duckdb.guard").exists()
        last = int(next(line for line in reversed(told) if line.strip()))
        found = read(numbers)
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= last
        known = len(found)
    assert known > KILLS
    assert ended or KILLS < 100, "some must have been killed at a checkpoint"


def test_a_store_is_small_and_one_of_larger_blocks_is_read_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Store(tmp_path / "old.duckdb")
    with monkeypatch.context() as patched:
        patched.setitem(checkpoint.SETTINGS, "default_block_size", "262144")
        with old.transaction() as connection:
            connection.execute("CREATE TABLE k AS SELECT 7 AS n")
    assert read(old) == [7]
    with store.open():
        pass
    assert store.path.stat().st_size * 2 < old.path.stat().st_size
