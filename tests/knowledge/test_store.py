from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from knowledge import migrations
from knowledge.store import Store
from tools.errors import Busy, OneplanError

Start = Callable[[str], subprocess.Popen[str]]


def count(store: Store) -> int:
    with store.open() as connection:
        return connection.execute("SELECT count(*) FROM event").fetchall()[0][0]


def test_a_store_is_made_on_first_use_and_let_go_after_each(store: Store, in_process: Start) -> None:
    assert count(store) == 0
    assert [path.name for path in store.path.parent.iterdir()] == ["store.duckdb"]
    other = in_process(f"import duckdb; print(duckdb.connect({str(store.path)!r}).execute('SELECT 42').fetchall())")
    assert other.communicate(timeout=60)[0] == "[(42,)]\n"


def test_the_store_waits_for_another_process_and_then_says_who_holds_it(store: Store, in_process: Start) -> None:
    assert count(store) == 0
    holder = in_process(
        f"import duckdb, time; c = duckdb.connect({str(store.path)!r}); print('held', flush=True); time.sleep(60)"
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    started = time.monotonic()
    with pytest.raises(Busy, match=rf"pid {holder.pid}.*waited 0.3 s"), Store(store.path, wait=0.3).open():
        pass
    assert 0.3 <= time.monotonic() - started < 5
    threading.Timer(0.3, holder.kill).start()
    assert count(store) == 0
    holder.communicate()


def test_threads_take_turns_and_lose_nothing(store: Store) -> None:
    def work() -> None:
        for _ in range(5):
            with store.transaction() as connection:
                row = connection.execute("SELECT coalesce(max(seq), 0) + 1 FROM event").fetchone()
                assert row
                connection.execute("INSERT INTO event VALUES (?, now(), 'a', 'k', '{}', '', '')", [row[0]])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(store) == 20


def test_a_thread_that_waits_too_long_is_told(store: Store) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with store.open():
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(30)
    try:
        with pytest.raises(Busy, match="another task"), Store(store.path, wait=0.1).open():
            pass
    finally:
        leave.set()
        thread.join()


def test_an_inner_block_joins_the_outer_transaction(store: Store) -> None:
    def write() -> None:
        with Store(store.path).transaction() as inner:
            inner.execute("INSERT INTO event VALUES (1, now(), 'a', 'k', '{}', '', '')")
        raise KeyError

    with pytest.raises(KeyError), store.transaction():
        write()
    assert count(store) == 0


def test_four_processes_that_start_at_once_share_one_store(store: Store, in_process: Start) -> None:
    code = f"""
import time
from pathlib import Path
from knowledge.store import Store
from knowledge.events import Events
time.sleep(max(0, {time.time() + 1.0} - time.time()))
for i in range(3):
    Events(Store(Path({str(store.path)!r}))).append('started', {{}}, actor='a')
"""
    processes = [in_process(code) for _ in range(4)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert count(store) == 12


def test_a_store_left_behind_by_a_killed_process_is_whole(store: Store, in_process: Start) -> None:
    process = in_process(f"""
import os
from pathlib import Path
from knowledge.store import Store
from knowledge.events import Events
store = Store(Path({str(store.path)!r}))
Events(store).append('one', {{}}, actor='a')
with store.transaction():
    Events(store).append('two', {{}}, actor='a')
    os._exit(9)
""")
    process.communicate(timeout=60)
    assert count(store) == 1


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 1000])
def test_a_file_that_is_no_duckdb_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.duckdb"
    path.write_bytes(content)
    with pytest.raises(OneplanError, match="is not a DuckDB file: move it away"), Store(path).open():
        pass
    assert path.read_bytes() == content


def test_a_folder_and_a_place_that_cannot_be_made_are_named(tmp_path: Path) -> None:
    with pytest.raises(OneplanError, match="is a folder"), Store(tmp_path).open():
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(OneplanError, match="cannot be made here"), Store(tmp_path / "file" / "store").open():
        pass


def test_another_duckdb_database_is_not_taken_for_the_store(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "mine.duckdb")) as connection:
        connection.execute("CREATE TABLE event (mine INTEGER)")
    with pytest.raises(OneplanError, match="not oneplan's store"), Store(tmp_path / "mine.duckdb").open():
        pass


def test_a_store_of_a_newer_oneplan_is_refused_and_an_older_one_moved_forward(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = migrations.MIGRATIONS
    monkeypatch.setattr(migrations, "MIGRATIONS", full[:1])
    assert count(store) == 0
    monkeypatch.setattr(migrations, "MIGRATIONS", full)
    with store.open() as connection:
        rows = connection.execute("SELECT number, name FROM store_migration ORDER BY number").fetchall()
    assert rows == [(migration.number, migration.name) for migration in full]
    monkeypatch.setattr(migrations, "MIGRATIONS", full[:2])
    with pytest.raises(OneplanError, match=rf"newer oneplan \(store version {full[-1].number}, here 2\)"), store.open():
        pass


def test_a_migration_that_fails_leaves_the_store_where_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    count(store)
    bad = migrations.StoreMigration(99, "bad", ("CREATE TABLE half (a INTEGER)", "CREATE TABLE half (a INTEGER)"))
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, bad))
        with pytest.raises(duckdb.CatalogException), store.open():
            pass
    with store.open() as connection:
        assert connection.execute("SELECT * FROM duckdb_tables() WHERE table_name = 'half'").fetchall() == []


def test_the_store_reaches_no_other_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with store.open() as connection, pytest.raises(duckdb.PermissionException):
        connection.execute(f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')")


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_damaged_store_is_named(store: Store, damage: str) -> None:
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO event SELECT i, now(), 'a', 'k', sha256(i::VARCHAR), '', '' FROM range(50000) t(i)"
        )
    content = store.path.read_bytes()
    half = len(content) // 2
    store.path.write_bytes(content[:half] if damage == "cut" else content[:half] + b"?" * 64 + content[half + 64 :])
    with pytest.raises(OneplanError, match="store.duckdb (is damaged|cannot be opened)"), store.open() as connection:
        connection.execute("SELECT max(data), max(hash) FROM event").fetchall()


def test_a_file_of_a_newer_duckdb_is_named(store: Store) -> None:
    count(store)
    content = bytearray(store.path.read_bytes())
    content[12] = 200  # the version of the format, under the checksum of its header
    store.path.write_bytes(content)
    with pytest.raises(duckdb.IOException) as found:
        duckdb.connect(str(store.path))
    checksum = re.search(r"computed checksum (\d+)", str(found.value))
    assert checksum
    content[0:8] = int(checksum[1]).to_bytes(8, "little")
    store.path.write_bytes(content)
    with pytest.raises(OneplanError, match="another version of DuckDB"), store.open():
        pass
