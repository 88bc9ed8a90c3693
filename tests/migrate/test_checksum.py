"""Checksums of rows: neither their order nor how they are read plays a part, and any text counts."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tools.migrate.backend import Fingerprint
from tools.migrate.checksum import Checksums
from tools.migrate.sqlite import open_sqlite

ROWS = [(1, "a", None), (2, "ü", 1.5), (3, "a\udcff", b"\x00"), (-4, "", True), (5, "7", "7")]


def fingerprint(*parts: Sequence[tuple[object, ...]]) -> Fingerprint:
    sums = Checksums(3)
    for part in parts:
        sums.add(part)
    return sums.fingerprint()


def test_rows_sum_up_the_same_in_any_order_and_in_any_parts():
    whole = fingerprint(ROWS)
    assert whole.rows == len(ROWS)
    assert fingerprint([*reversed(ROWS)]) == whole
    assert fingerprint(ROWS[:2], ROWS[2:]) == whole
    assert fingerprint(*([row] for row in ROWS)) == whole


def test_text_that_is_not_utf8_counts_like_any_other():
    """A column with such a text among others, which is read another way, sums up to the same as one by one."""
    odd, plain = [(1, "a\udcff", 1), (2, "b", 2)], [(1, "a\udcfe", 1), (2, "b", 2)]
    assert fingerprint(odd) == fingerprint(odd[:1], odd[1:])
    assert fingerprint(odd).columns[1] != fingerprint(plain).columns[1]
    assert fingerprint(odd).columns[0] == fingerprint(plain).columns[0]


def test_a_changed_value_shows_in_its_column_and_in_the_row():
    changed = [*ROWS[:-1], (5, "8", "7")]
    one, other = fingerprint(ROWS), fingerprint(changed)
    assert one.row != other.row
    assert [a == b for a, b in zip(one.columns, other.columns, strict=True)] == [True, False, True]


def test_a_file_with_text_that_is_not_utf8_is_summed_up_as_it_is_read(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'ü'), (2, 'b');"
        )
        old.execute("INSERT INTO t VALUES (3, CAST(x'61ff' AS TEXT))")
        old.commit()
    with closing(open_sqlite(tmp_path / "old.db")) as backend:
        rows = backend.query("SELECT id, name FROM t")
        assert rows[-1] == (3, "a\udcff")
        sums = Checksums(2)
        sums.add(rows)
        assert backend.fingerprint("t", ["id", "name"]) == sums.fingerprint()
        assert backend.query("SELECT name FROM t WHERE id = 3") == [("a\udcff",)], "it is read so afterwards too"
