"""chat, ask and demo: the conversation, one turn of it, and a worked example."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.commands.output import DONE, print_json, say
from assistant.commands.schema import AsJson
from assistant.session import Workspace
from tools.errors import UsageError

DEMOS = ("sqlite", "duckdb", "postgres")
OfflineOption = Annotated[bool, typer.Option("--offline", help="The offline planner, even where a model is set.")]


def register(app: typer.Typer) -> None:
    app.command("chat")(chat)
    app.command("ask")(ask)
    app.command("demo")(demo)


def chat(
    thread: Annotated[str | None, typer.Option("--thread", metavar="ID", help="Go on with this conversation.")] = None,
    offline: OfflineOption = False,
) -> int:
    """Talk with the assistant. It plans and rehearses; every write waits for your approval."""
    return open_chat(thread, offline)


def open_chat(thread: str | None, offline: bool) -> int:
    from assistant.repl import choose_model, run_repl

    workspace = Workspace()
    return run_repl(workspace, choose_model(workspace, offline=offline), thread=thread)


def ask(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.")],
    offline: OfflineOption = False,
    as_json: AsJson = False,
) -> int:
    """Ask once. Nothing is written: what the assistant would do is printed and stays pending.

    What is asked of a plan ("why this order?", "what if I skip step 4?") is answered of the plan file that the question
    names, else of the run that is under way, else of the workspace's newest plan.
    """
    from assistant.repl import ask_once, choose_model

    if not text.strip():
        raise UsageError("ask what? Give the question as one argument")
    workspace = Workspace()
    result = ask_once(workspace, choose_model(workspace, offline=offline), text)
    if result.plan:
        say(f"of {result.plan}")
    if as_json:
        print_json("ask", result.as_json())
    else:
        print(result.answer)
        for proposal in result.proposals:
            print(f"pending: {proposal} (oneplan approvals show {proposal})")
    return DONE


def demo(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="sqlite, duckdb or postgres.")] = "sqlite",
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where to make the workspace.")] = Path("demo"),
    yes: Annotated[bool, typer.Option("--yes", help="Consent to every step, and play without asking.")] = False,
) -> int:
    """A worked example on an embedded database: from gap to rollback."""
    if name not in DEMOS:
        raise UsageError(f"no demo {name!r}: one of {', '.join(DEMOS)}")
    from assistant.demo.play import play_demo

    return play_demo(name, folder, yes)
