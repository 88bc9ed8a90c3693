"""The command `oneplan`: options that hold everywhere, the commands, and one place where an error becomes an exit code.

Nothing heavy is imported here or in `commands/`: `oneplan --help` must answer at once.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from assistant.commands import approvals, audit, backups, board, chat, knowledge, plans, report, runs, schema, workspace
from assistant.commands.output import fail, quiet_progress
from tools.errors import OneplanError, is_interrupt

WRONG_USAGE = 64
INTERRUPTED = 130

app = typer.Typer(
    name="oneplan",
    help="One plan to migrate safely: what is missing, the steps, a rehearsal, your approval, proof, and a way back.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (chat, workspace, schema, plans, runs, report, approvals, backups, audit, board, knowledge):
    group.register(app)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no talk on stderr.")] = False,
    log_file: Annotated[Path | None, typer.Option("--log-file", help="Write a log to this file.")] = None,
) -> None:
    if show_version:
        typer.echo(f"oneplan {installed_version()}")
        raise typer.Exit
    quiet_progress(quiet)
    logging.getLogger("oneplan").addHandler(logging.NullHandler())  # else Python prints tracebacks to stderr itself
    if log_file:
        _log_to(log_file)
    if context.invoked_subcommand is None:
        raise typer.Exit(chat.open_chat(thread=None, offline=False))


def installed_version() -> str:
    """The version of the installed package; of a checkout that is not installed, `0+unknown`."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("oneplan")
    except PackageNotFoundError:
        return "0+unknown"


def run(arguments: list[str]) -> int:
    """Run one command line and give its exit code. No exception gets out but SystemExit's own kin."""
    as_json = "--json" in arguments
    try:
        code = app(args=hoisted(arguments), prog_name="oneplan", standalone_mode=False)
        # Typer makes an exit code of its own of Ctrl-C, without a word.
        return fail("interrupted", code, "Interrupted", as_json) if code == INTERRUPTED else int(code or 0)
    except OneplanError as error:
        proposal = getattr(error, "proposal_id", "")
        return fail(str(error), error.exit_code, type(error).__name__, as_json, proposal)
    except TyperException as error:
        code = WRONG_USAGE if error.exit_code == 2 else error.exit_code
        return fail(wrong_usage(error), code, "UsageError", as_json)
    except (KeyboardInterrupt, typer.Abort):
        return fail("interrupted", INTERRUPTED, "Interrupted", as_json)
    except BrokenPipeError:
        # The reader of our output went away (`| head`); what is left unsaid is nobody's loss.
        sys.stdout = None  # type: ignore[assignment]
        return 0
    except Exception as error:
        if is_interrupt(error):
            return fail("interrupted", INTERRUPTED, "Interrupted", as_json)
        logging.getLogger("oneplan").exception("unexpected error")
        hint = "please report it; --log-file FILE writes the details"
        return fail(f"unexpected {type(error).__name__}: {error} ({hint})", 1, "Unexpected", as_json)


def wrong_usage(error: TyperException) -> str:
    """One sentence with where the help is; for a group without a subcommand, which there are."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "oneplan"
    # By its name, as Typer tells it itself: the class is private, and its message is the whole help.
    if context and type(error).__name__ == "NoArgsIsHelpError":
        names = ", ".join(context.command.list_commands(context))
        return f"{context.info_name} wants one of: {names} (see {path} --help)"
    return f"{error.format_message()} (see {path} --help)"


def hoisted(arguments: list[str]) -> list[str]:
    """The same arguments with the options that hold everywhere put first, where the parser looks for them."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in ("--version", "--quiet") or word.startswith("--log-file="):
            front.append(word)
        elif word == "--log-file":
            front += [word, *([following] if (following := next(words, None)) is not None else [])]
        else:
            rest.append(word)
    return front + rest


def main() -> NoReturn:
    sys.exit(run(sys.argv[1:]))


def _log_to(path: Path) -> None:
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"cannot write the log to {str(path)!r}: {error.strerror}") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("oneplan")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
