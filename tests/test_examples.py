"""The examples run as their README says."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.commandline import Oneplan

EXAMPLES = Path(__file__).parents[1] / "examples"
CONSENT = {"apply": ["--yes", "--allow", "DELETES_DATA"], "rollback": ["--yes"]}
CUSTOMERS = "SELECT id, name, mail, birth_year, tier, fax FROM customers ORDER BY id"


def test_the_shop(oneplan: Oneplan, workspace: Path) -> None:
    for path in (EXAMPLES / "shop").iterdir():
        shutil.copy(path, workspace)
    with closing(sqlite3.connect("shop.db")) as connection:
        connection.executescript(Path("current.sql").read_text())
        before = connection.execute(CUSTOMERS).fetchall()
    commands = re.findall(r"^oneplan (.*)$", Path("README.md").read_text(), re.MULTILINE)
    assert [command.split()[0] for command in commands][-3:] == ["apply", "verify", "rollback"]
    for command in commands:
        words = command.split()
        done = oneplan(*words, *CONSENT.get(words[0], []))
        assert done.code == (2 if words[0] == "gap" else 0), (command, done.err)
        if words[0] == "apply":
            with closing(sqlite3.connect("shop.db")) as connection:
                after = connection.execute("SELECT email, birth_year, tier FROM customers ORDER BY id").fetchall()
            assert after == [("desk@harbour.example", 1988, "gold"), (None, 2001, "standard"),
                             ("mill@old.example", None, "standard")]  # fmt: skip
    with closing(sqlite3.connect("shop.db")) as connection:
        assert connection.execute(CUSTOMERS).fetchall() == before
