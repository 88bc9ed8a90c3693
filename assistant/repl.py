"""The conversation at a terminal, as one question, and as a list of turns: three hosts of the same graph."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

from rich.text import Text

from assistant.gate import Gate, LeftPending, approve, left_pending, standing_answer
from assistant.model import ChatModel, ModelError
from assistant.offline import OfflinePlanner
from assistant.plan_at_hand import PlanAtHand
from assistant.session import Workspace
from assistant.slash import COMMANDS, LOCAL, NAMES, SlashHost
from assistant.terminal import PlainTerminal, PromptTerminal, Terminal
from assistant.threads import Conversation
from assistant.transcript import Transcript
from assistant.views import clean, proposal_view
from tools.errors import ApprovalNeeded, OneplanError, UsageError
from tools.location import parse_location

BANNER = "oneplan: ask what is missing, say `plan it`, or type /help. Nothing is written without your approval."


class Consents(Protocol):
    """Consent by flag: `yes`, and which of an action's hazards it does not cover."""

    @property
    def yes(self) -> bool: ...
    def withheld(self, hazards: Iterable[str]) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class AskResult:
    """One turn. `proposals`: ids of what is pending now; `citations`: file:line of the documents that were found.
    `plan`: which plan it is about, where it is none of a conversation's."""

    answer: str
    citations: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    proposals: list[str] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)
    plan: str = ""

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "plan"}


def choose_model(workspace: Workspace, *, offline: bool = False) -> ChatModel:
    """The offline planner by choice or where neither key nor server is set, else the OpenAI-compatible model."""
    settings = workspace.settings.model
    if offline or not (settings.api_key or settings.base_url):
        return OfflinePlanner()
    from assistant.openai_model import OpenAIModel

    return OpenAIModel(settings.name, api_key=settings.api_key, base_url=settings.base_url)


def run_repl(
    workspace: Workspace,
    model: ChatModel,
    thread: str | None = None,
    terminal: Terminal | None = None,
    suggestions: Sequence[str] = (),
) -> int:
    """Talk until the person leaves: 0, or 3 when a proposal was left pending at the end of input. `suggestions`: what
    completion offers besides commands and tables."""
    with Conversation(workspace, model, thread or new_thread(), interactive=True) as talk:
        return _Repl(talk, terminal or _terminal(talk, suggestions)).run()


def ask_once(workspace: Workspace, model: ChatModel, text: str) -> AskResult:
    """One turn in a thread of its own. Nothing is written: a proposal stays pending, questions stay open.

    What is asked of a plan is answered of the one that the question names, of an unfinished run's, or of the newest.
    """
    plan = PlanAtHand(workspace, text)
    answer, tools, citations = "", list[str](), list[str]()
    if isinstance(model, OfflinePlanner):
        model = OfflinePlanner(listings=True)
    with Conversation(workspace, model, new_thread("ask"), at_hand=plan) as talk:
        for event in talk.say(text):
            if event["kind"] == "tool":
                tools.append(event["name"])
            elif event["kind"] == "result" and event["name"] == "search_knowledge":
                citations += [hit["place"] for hit in event["data"].get("items", [])]
        question = talk.question
        said = [message.content for message in talk.messages if message.role == "assistant" and message.content]
        proposals = [question["proposal"]] if question and question["kind"] == "proposal" else []
        answer = said[-1] if said else ""
        if proposals and question:
            answer = (answer + "\n\n" if answer else "") + f"This needs your approval: {question['view']['summary']}"
        return AskResult(answer, citations, tools, proposals, dict(talk.state.get("usage", {})), plan.told)


def play(
    workspace: Workspace, model: ChatModel, turns: Sequence[str], consent: Consents, terminal: Terminal | None = None
) -> int:
    """Play a list of user turns with consent by flag, on screen as in the REPL.

    Raises ApprovalNeeded, with the proposal left pending, at the first action that the flags do not cover.
    """
    with Conversation(workspace, model, new_thread("play")) as talk:
        screen = terminal or PlainTerminal()
        transcript = Transcript(screen.console)
        for text in turns:
            screen.show(Text(f"\nyou> {text}", style="bold"))
            transcript.play(talk.say(text))
            while question := talk.question:
                transcript.play(talk.resume(_by_flag(talk, question, consent, screen)))
    return 0


def _by_flag(talk: Conversation, question: dict[str, Any], consent: Consents, screen: Terminal) -> dict[str, Any]:
    standing = standing_answer(question)
    if standing:
        return standing
    screen.show(Text(), proposal_view(question["view"]))
    withheld = consent.withheld(question["view"].get("hazards", ()))
    if not consent.yes:
        raise left_pending(talk, question)
    if withheld:
        raise ApprovalNeeded(
            f"{question['view']['summary']}: carries {', '.join(withheld)}, which --yes does not cover; "
            f"add --allow {','.join(withheld)} (proposal {question['proposal']} stays pending)",
            proposal_id=question["proposal"],
        )
    screen.show(Text("your answer: a   (consent by flag)", style="bold"))
    return approve(talk, question, "flag")


class _Repl:
    """The loop: read, send to the graph, show; and settle what the gate asks before anything else is said."""

    def __init__(self, talk: Conversation, terminal: Terminal) -> None:
        self.talk, self.terminal = talk, terminal
        self.transcript = Transcript(terminal.console)
        self.slash = SlashHost(talk, terminal)
        self.gate = Gate(talk, terminal)

    def run(self) -> int:
        self.terminal.show(Text(BANNER), Text(f"thread {self.talk.thread} · {self.talk.model_name}", style="dim"))
        try:
            if self.talk.cut_off:
                self.terminal.show(Text("going on with what was approved before the last session ended", style="bold"))
                self._play(self.talk.go_on())
            self._settle()
            while (text := self._read()) is not None:
                self._turn(text)
                self._settle()
        except LeftPending as left:
            self.terminal.show(Text(clean(left), style="bold"))
            return left.exit_code
        return 0

    def _read(self) -> str | None:
        """The next thing said; None when the person leaves."""
        while True:
            try:
                ask = getattr(self.terminal, "command", self.terminal.line)
                text = ask("\nyou> ").strip()
            except EOFError:
                return None
            except KeyboardInterrupt:
                self.terminal.show(Text("(Ctrl-D or /quit leaves)", style="dim"))
                continue
            if text in ("/quit", "/exit", "quit", "exit"):
                return None
            if text:
                return text

    def _turn(self, text: str) -> None:
        name = text.split()[0]
        if name in (*LOCAL, *COMMANDS):
            self._guarded(lambda: self.slash.run(text))
        elif name.startswith("/") and name not in NAMES:
            self.terminal.show(Text(f"there is no {clean(name)}: {' '.join(NAMES)}", style="red"))
        else:
            # A slash command is plain work for the rules; the model sees later what came of it.
            self._play(self.talk.say(text, OfflinePlanner() if name.startswith("/") else None))

    def _settle(self) -> None:
        while question := self.talk.question:
            self._play(self.talk.resume(self.gate.settle(question)))

    def _play(self, events: Iterable[dict[str, Any]]) -> None:
        self._guarded(lambda: self.transcript.play(events))

    def _guarded(self, act: Any) -> None:
        try:
            act()
        except (ModelError, UsageError) as error:
            self.terminal.show(Text(clean(error), style="red"))
        except LeftPending:
            raise
        except OneplanError as error:
            self.terminal.show(Text(f"{clean(error)}", style="red"))
        except KeyboardInterrupt:
            self.terminal.show(Text("interrupted: nothing more is done in this turn", style="bold"))


def _terminal(talk: Conversation, suggestions: Sequence[str] = ()) -> Terminal:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return PlainTerminal()
    return PromptTerminal(talk.workspace.home / "history", [*NAMES, *_table_names(talk), *suggestions])


def _table_names(talk: Conversation) -> list[str]:
    """For completion, from a live database; a workspace without one, or one that cannot be read, completes none."""
    try:
        current = talk.workspace.settings.current
        if not current or parse_location(current).live is None:
            return []
        return [table.key for table in talk.belt.desk(talk.pins).current_schema.tables]
    except OneplanError:
        return []


def new_thread(prefix: str = "chat") -> str:
    return f"{prefix}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:4]}"
