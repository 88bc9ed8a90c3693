"""Slash commands. Most are plain work for the offline rules; those about the conversation itself are answered here."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable

from rich.text import Text

from assistant.model import Message
from assistant.offline_answers import HELP
from assistant.terminal import Terminal
from assistant.threads import Conversation, known_threads
from assistant.views import clean, table
from tools.errors import UsageError

LOCAL = ("/help", "/approvals", "/context", "/thread")
WORK = (
    "/gap", "/usages", "/plan", "/explain", "/rehearse", "/apply", "/verify", "/rollback", "/status", "/runs", "/board",
    "/search", "/ingest",
)  # fmt: skip
COMMANDS = (
    "/inspect", "/lint", "/export", "/monitor", "/backups", "/audit", "/report", "/doctor", "/init",
)  # fmt: skip
"""Typed as on the command line, and run as such."""
NAMES = (*LOCAL, *WORK, *COMMANDS, "/quit")

SLASH_HELP = """\
/gap /usages /plan /rehearse /apply /verify /rollback /status /runs   the migration, step by step
/explain N              one step in full
/board [ready|blocked|task ID|questions|idle|kanban|tree|mermaid|critical|history [ID]|undo|import FILE|export FILE|
       set ID STATUS|assign ID OWNER|add SECTION TEXT|split ID A; B|move ID SECTION]
/search WORDS  /ingest PATH                                   the documents
/inspect /lint /export /monitor /backups /audit /report /doctor   as on the command line: /report -o run.html
/approvals              what waits for an answer
/context [full]         what the model is sent
/thread                 this conversation's name, and the others
/quit"""


class SlashHost:
    def __init__(self, talk: Conversation, terminal: Terminal) -> None:
        self._talk, self._terminal = talk, terminal

    def run(self, text: str) -> None:
        name, _, rest = text.partition(" ")
        acts: dict[str, Callable[[str], None]] = {
            "/help": self._help, "/approvals": self._approvals, "/context": self._context, "/thread": self._thread,
        }  # fmt: skip
        if name in COMMANDS:
            self._command(name[1:], rest)
        else:
            acts[name](rest.strip())

    def _command(self, name: str, rest: str) -> None:
        """In a process of its own, which asks for itself where it has a terminal, and is refused where it has none."""
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise UsageError(f"/{name}: {error}".lower()) from error
        command = [sys.executable, "-P", "-m", "assistant", name, *words]
        if self._terminal.console.is_terminal:
            subprocess.run(command, check=False)
            return
        done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self._terminal.show(Text(clean(done.stdout + done.stderr).rstrip()))

    def _help(self, rest: str) -> None:
        self._terminal.show(Text(HELP), Text(), Text(SLASH_HELP))

    def _approvals(self, rest: str) -> None:
        from assistant.console import proposals_view

        self._terminal.show(proposals_view(self._talk.workspace.ledger.pending()))

    def _context(self, rest: str) -> None:
        """What goes to the model with the next turn: the system prompt, the pins in it, and the messages that fit."""
        messages = self._talk.context()
        usage = self._talk.state.get("usage", {})
        if rest == "full":
            for message in messages:
                self._terminal.show(Text(f"[{message.role}]", style="bold"), Text(clean(message.content)))
        else:
            rows = [(message.role, _in_short(message), len(message.content)) for message in messages]
            self._terminal.show(table(("role", "what", "characters"), rows, right=("characters",)))
        tokens = f", {usage['total_tokens']:,} tokens so far" if usage.get("total_tokens") else ""
        sends = "yes" if self._talk.workspace.settings.model.send_rows else "no"
        total = sum(len(message.content) for message in messages)
        self._terminal.show(
            Text(f"to {self._talk.model_name}: {total:,} characters{tokens}; rows of tables sent: {sends}")
        )

    def _thread(self, rest: str) -> None:
        names = [name for name in known_threads(self._talk.workspace.home) if name != self._talk.thread][:10]
        others = f"others: {', '.join(names)}" if names else "no others yet"
        self._terminal.show(Text(f"this is {self._talk.thread} (oneplan chat --thread {self._talk.thread}); {others}"))


def _in_short(message: Message) -> str:
    return ", ".join(call.name for call in message.tool_calls) or message.content[:70].partition("\n")[0]
