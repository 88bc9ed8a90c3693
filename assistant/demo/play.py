"""Play the demo: make the workspace, then the conversation, by hand at a terminal or by consent given by flag."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from assistant.commands.output import interactive, say
from assistant.consent import Consent
from assistant.demo.create import create, prepare_folder
from assistant.session import Workspace
from tools.errors import ApprovalNeeded
from tools.location import Dialect
from tools.plan.model import Hazard

TURNS = ("what is missing?", "plan it", "apply it", "verify", "roll back", "verify")
OWN_DATABASE = Consent(yes=True, allow=frozenset({Hazard.DELETES_DATA}))
"""`demo --yes` covers what the plan removes: the database and every row in it are the demo's own."""


def play_demo(name: str, folder: Path, yes: bool) -> int:
    """Make the workspace in `folder` and hold the conversation; the exit code of the whole."""
    if not yes and not interactive():
        raise ApprovalNeeded("the demo writes to a database of its own, and there is no terminal to ask at: pass --yes")
    from assistant.repl import choose_model, play, run_repl

    dialect = cast(Dialect, name)
    prepare_folder(folder)
    with _database(dialect, folder) as database, _inside(folder):
        create(Path(), dialect, database)
        workspace = Workspace()
        say(
            f"{folder} holds a {dialect} database with 182 agents and two legacy tables; {folder / 'desired.sql'} is "
            f"the schema that the team wants, and {folder / 'answers.yaml'} is what only people know"
        )
        model = choose_model(workspace)
        if yes:
            return play(workspace, model, TURNS, OWN_DATABASE)
        say("try, in this order: " + " · ".join(TURNS[:5]))
        return run_repl(workspace, model)


@contextmanager
def _database(dialect: Dialect, folder: Path) -> Iterator[str]:
    """The location of the demo's database, as seen from its folder; an embedded Postgres runs for as long as this."""
    if dialect != "postgres":
        yield f"{dialect}:///app.{'db' if dialect == 'sqlite' else 'duckdb'}"
        return
    from tools.embedded import server

    with server(folder.resolve() / "postgres") as url:
        os.environ["DATABASE_URL"] = url
        yield url


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        sys.stdout.flush()
