"""The REPL in a real pseudo-terminal: prompt-toolkit's prompts, keys, Ctrl-C and end of input."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

from assistant.session import Workspace

HOST = Path(__file__).parent / "pty_chat.py"
WIDTH, HEIGHT = 110, 60


class Chat:
    """A child in a pseudo-terminal, and the screen as a person would see it."""

    def __init__(self, folder: Path, script: str) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.ByteStream(self.screen)
        arguments = ["-W", "error", "-P", str(HOST), str(folder), script]
        environment = {**os.environ, "TERM": "xterm-256color"}
        self.child = pexpect.spawn(
            sys.executable, arguments, dimensions=(HEIGHT, WIDTH), timeout=30, env=environment
        )  # fmt: skip
        self.child.logfile_read = self  # type: ignore[assignment]

    def write(self, data: bytes) -> None:
        self._stream.feed(data)
        if b"\x1b[6n" in data:  # prompt-toolkit asks where the cursor is, and waits for the answer
            self.child.send(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")

    def flush(self) -> None:
        """Part of what a log file is."""

    def until(self, text: str) -> None:
        """Read until the screen shows the text, whatever escape codes lie in between."""
        for _ in range(300):
            if text in self.text:
                return
            self.child.expect([r".+", pexpect.TIMEOUT], timeout=0.1)
        raise AssertionError(f"{text!r} did not appear on:\n{self.text}")

    def at_prompt(self, prompt: str = "you>") -> None:
        """Read until the last thing shown is an empty prompt: keys sent earlier may be lost."""
        for _ in range(300):
            shown = self.text.strip().splitlines()
            if shown and shown[-1].strip() == prompt:
                return
            self.child.expect([r".+", pexpect.TIMEOUT], timeout=0.1)
        raise AssertionError(f"no prompt {prompt!r} at the end of:\n{self.text}")

    @property
    def text(self) -> str:
        return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in self.screen.display))

    def say(self, text: str) -> None:
        self.child.send(text + "\r")

    def ends(self, code: int) -> None:
        self.until(f"exit code {code}")
        self.child.expect(pexpect.EOF)
        self.child.close()
        assert self.child.exitstatus == code


@pytest.fixture
def chat(workspace: Path) -> Iterator[Callable[[str], Chat]]:
    opened: list[Chat] = []

    def open_chat(script: str) -> Chat:
        opened.append(Chat(workspace, script))
        opened[-1].at_prompt()
        return opened[-1]

    yield open_chat
    for one in opened:
        one.child.close(force=True)


def written(workspace: Path) -> list[str]:
    notes = workspace / "notes.txt"
    return notes.read_text().splitlines() if notes.exists() else []


def test_a_wrong_answer_then_a_yes_then_no_more_input(chat: Callable[[str], Chat], workspace: Path) -> None:
    talk = chat("two")
    talk.say("write both")
    talk.at_prompt("your answer:")
    talk.say("yes!")
    talk.until("nothing is done without a clear answer")
    assert written(workspace) == []
    talk.say("a")
    talk.until("append 'two'")
    talk.at_prompt("your answer:")
    assert written(workspace) == ["one"]
    talk.child.sendeof()
    talk.ends(3)
    assert len(Workspace().ledger.pending()) == 1


def test_ctrl_c_at_the_gate_means_no(chat: Callable[[str], Chat], workspace: Path) -> None:
    talk = chat("two")
    talk.say("write both")
    talk.at_prompt("your answer:")
    talk.child.sendintr()
    talk.ends(3)
    assert written(workspace) == []


def test_the_pending_question_is_shown_again_on_return(chat: Callable[[str], Chat], workspace: Path) -> None:
    talk = chat("two")
    talk.say("write both")
    talk.at_prompt("your answer:")
    talk.say("q")
    talk.ends(3)
    again = Chat(workspace, "rest")
    again.at_prompt("your answer:")
    assert "append 'one'" in again.text
    again.say("p")
    again.at_prompt("approve all of it? [y/n]")
    again.say("y")
    again.until("Here again.")
    again.at_prompt()
    again.say("/quit")
    again.ends(0)
    assert written(workspace) == ["one", "two"]


def test_an_approval_from_another_terminal_ends_the_prompt(chat: Callable[[str], Chat], workspace: Path) -> None:
    talk = chat("two")
    talk.say("write both")
    talk.at_prompt("your answer:")
    (proposal,) = Workspace().ledger.pending()
    Workspace().ledger.approve(proposal.id, approver="ann", via="cli")
    talk.until("approved by ann from another terminal")
    talk.until("append 'two'")
    talk.say("q")
    talk.ends(3)
    assert written(workspace) == ["one"]


def test_ctrl_c_stops_long_work_and_the_conversation_goes_on(chat: Callable[[str], Chat]) -> None:
    talk = chat("slow")
    talk.say("count")
    talk.until("counting")
    talk.child.sendintr()
    talk.until("interrupted: nothing more is done in this turn")
    talk.at_prompt()
    talk.say("/thread")
    talk.until("this is pty")
    talk.at_prompt()
    talk.child.sendeof()
    talk.ends(0)


def test_ctrl_c_at_an_empty_prompt_does_not_leave(chat: Callable[[str], Chat]) -> None:
    talk = chat("rest")
    talk.child.sendintr()
    talk.until("(Ctrl-D or /quit leaves)")
    talk.at_prompt()
    talk.say("hello")
    talk.until("Here again.")
    talk.at_prompt()
    talk.child.sendeof()
    talk.ends(0)


def test_history_is_kept(chat: Callable[[str], Chat], workspace: Path) -> None:
    talk = chat("rest")
    talk.say("hello")
    talk.until("Here again.")
    talk.at_prompt()
    talk.child.sendeof()
    talk.ends(0)
    assert "+hello" in (workspace / ".oneplan" / "history").read_text()
