"""The gate as a person meets it: what would be done, and the question. Nothing but a clear yes is a yes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.text import Text

from assistant.questions import sentence
from assistant.terminal import Settled, Terminal
from assistant.threads import Conversation
from assistant.views import clean, proposal_view
from tools.errors import ApprovalNeeded, OneplanError
from tools.toolbox.answers import question_of

KEYS = "[a]pprove  the whole [p]hase  [e]dit  [r]eject  [l]ook into  [q]uit for now"
WORDS = {
    "a": "approve", "approve": "approve", "p": "phase", "phase": "phase", "e": "edit", "edit": "edit",
    "r": "reject", "reject": "reject", "l": "look", "look": "look", "q": "quit", "quit": "quit",
}  # fmt: skip

Answer = dict[str, Any]


class LeftPending(ApprovalNeeded):
    """The person left without an answer; whatever was asked stays open."""


class Gate:
    """Where a person answers, at one terminal, in one sitting."""

    def __init__(self, talk: Conversation, terminal: Terminal) -> None:
        self._talk, self._terminal = talk, terminal
        self._agreed: dict[str, Answer] = {}

    def settle(self, question: Answer) -> Answer:
        """A person's answer to what is asked. Raises LeftPending at the end of input, for Ctrl-C and for [q]uit."""
        try:
            if question["kind"] == "questions":
                return _ask_questions(question, self._terminal)
            return standing_answer(question) or self._agreed_answer(question) or self._ask(question)
        except (EOFError, KeyboardInterrupt):
            raise left_pending(self._talk, question) from None

    def _ask(self, question: Answer) -> Answer:
        terminal = self._terminal
        terminal.show(Text(), proposal_view(question["view"]))
        acts: dict[str, Callable[[], Answer | None]] = {
            "approve": lambda: approve(self._talk, question, "repl"),
            "phase": lambda: self._phase(question),
            "edit": lambda: _edit(question, terminal),
            "reject": lambda: _reject(question, terminal),
            "look": lambda: _look(self._talk, question, terminal),
        }
        watch = watcher(self._talk, question["proposal"])
        while True:
            terminal.show(Text(KEYS, style="bold"))
            try:
                word = WORDS.get(terminal.line("your answer: ", watch).strip().lower())
            except Settled as settled:
                terminal.show(Text(clean(settled.found.pop("note")), style="bold"))
                return settled.found
            if word == "quit":
                raise EOFError
            if word is None:
                terminal.show(Text("please answer a, p, e, r, l or q: nothing is done without a clear answer"))
                continue
            try:
                answer = acts[word]()
            except OneplanError as error:
                terminal.show(Text(clean(error), style="red"))
                continue
            except KeyboardInterrupt:
                terminal.show(Text("nothing was answered"))
                continue
            if answer is not None:
                return answer

    def _phase(self, question: Answer) -> Answer | None:
        talk, terminal = self._talk, self._terminal
        offered = talk.belt.propose_phase(talk.state)
        if offered is None:
            terminal.show(Text("this proposal has no phase: approve it by itself"))
            return None
        proposal, view = offered
        terminal.show(proposal_view(view))
        agreed = yes_or_no(terminal, "approve all of it?")
        if "agreed" in view:
            self._agreed = {one["id"]: one for one in view["agreed"]} if agreed else {}
            return self._agreed_answer(question)
        return _answer_phase(talk, question, proposal, agreed)

    def _agreed_answer(self, question: Answer) -> Answer | None:
        """A yes to what the person has agreed to in this sitting: the very SQL that was shown, and no new hazard."""
        view = question["view"]
        shown = self._agreed.pop(view.get("id", ""), None)
        if shown is None or shown["sql"] != view.get("sql") or not set(view["hazards"]) <= set(shown["hazards"]):
            self._agreed = {}
            return None
        return approve(self._talk, question, "repl")


def standing_answer(question: Answer) -> Answer | None:
    """The answer where an approval was given before: with its phase, or for a step that was cut off."""
    if not question.get("standing"):
        return None
    return {"decision": "approve", "proposal": question["proposal"], "approval_ids": [question["standing"]]}


def left_pending(talk: Conversation, question: Answer) -> LeftPending:
    again = f"`oneplan chat --thread {talk.thread}` asks again"
    if question["kind"] == "questions":
        return LeftPending(f"nothing was answered: the questions stay open; {again}")
    proposal = question["proposal"]
    return LeftPending(
        f"nothing was approved: proposal {proposal} stays pending; {again}, or `oneplan approvals approve {proposal}`",
        proposal_id=proposal,
    )


def approve(talk: Conversation, question: Answer, via: Any) -> Answer:
    """Write the person's yes into the ledger: the only way by which an approval comes to be here."""
    workspace = talk.workspace
    given = workspace.ledger.approve(
        question["proposal"], approver=workspace.actor, via=via, ttl=workspace.proposal_life
    )
    return {"decision": "approve", "proposal": question["proposal"], "approval_ids": [a.id for a in given]}


def watcher(talk: Conversation, proposal_id: str) -> Callable[[], Answer | None]:
    """Notices an answer given from another terminal. The store is opened only when its files have changed."""
    ledger, path = talk.workspace.ledger, talk.workspace.store.path
    seen: list[Any] = []

    def stamps() -> list[Any]:
        found: list[Any] = []
        for file in (path, path.with_name(path.name + ".wal")):
            if file.exists():
                status = file.stat()
                found.append((status.st_mtime_ns, status.st_size))
        return found

    def look() -> Answer | None:
        now = stamps()
        if now == seen:
            return None
        seen[:] = now
        proposal = ledger.get(proposal_id)
        answer: Answer = {"proposal": proposal_id}
        if proposal.status == "approved":
            ids = [approval.id for approval in ledger.approvals(proposal_id)]
            note = f"approved by {proposal.decided_by} from another terminal"
            return answer | {"decision": "approve", "approval_ids": ids, "note": note}
        if proposal.status == "rejected":
            note = f"rejected by {proposal.decided_by} from another terminal: {proposal.reason}"
            return answer | {"decision": "reject", "reason": proposal.reason, "note": note}
        return None

    return look


def _answer_phase(talk: Conversation, question: Answer, proposal: str, agreed: bool) -> Answer | None:
    ledger, actor = talk.workspace.ledger, talk.workspace.actor
    if not agreed:
        if proposal != question["proposal"]:
            ledger.reject(proposal, approver=actor, reason="the phase was not approved as a whole")
        return None
    given = ledger.approve(proposal, approver=actor, via="repl", ttl=talk.workspace.proposal_life)
    if proposal != question["proposal"]:
        ledger.reject(question["proposal"], approver=actor, reason=f"approved with its phase as {proposal}")
    ids = [approval.id for approval in given]
    return {"decision": "approve_phase", "proposal": question["proposal"], "approval_ids": ids}


def _edit(question: Answer, terminal: Terminal) -> Answer | None:
    sql = question["view"].get("sql") or []
    if not sql:
        terminal.show(Text("there is no SQL to edit here"))
        return None
    before = ";\n".join(statement.strip().rstrip(";") for statement in sql) + ";\n"
    after = terminal.edit(before)
    if not after.strip() or after.strip() == before.strip():
        terminal.show(Text("not changed"))
        return None
    return {"decision": "edit", "proposal": question["proposal"], "sql": after}


def _reject(question: Answer, terminal: Terminal) -> Answer | None:
    reason = terminal.line("reason: ").strip()
    if not reason:
        terminal.show(Text("a rejection needs its reason: nothing was answered"))
        return None
    return {"decision": "reject", "proposal": question["proposal"], "reason": reason}


def _look(talk: Conversation, question: Answer, terminal: Terminal) -> None:
    from assistant.look import look_into

    terminal.show(*look_into(talk, question["view"]))


def _ask_questions(question: Answer, terminal: Terminal) -> Answer:
    renames: list[bool | None] = []
    taken: set[tuple[str | None, str, str]] = set()
    for facts in question["renames"]:
        asked = question_of(facts)
        ends = {(asked.table, "from", asked.before), (asked.table, "to", asked.after)}
        if ends & taken:  # a yes has used up the one or the other
            renames.append(None)
            continue
        evidence = f" ({'; '.join(asked.evidence)})" if asked.evidence else ""
        renames.append(_yes_no_later(terminal, clean(sentence(asked) + evidence)))
        taken |= ends if renames[-1] else set()
    fills: list[str | None] = []
    for fill in question["fills"]:
        prompt = f"value for old rows of {fill['table']}.{fill['column']} (SQL expression, empty: later): "
        fills.append(terminal.line(clean(prompt)).strip() or None)
    return {"decision": "answers", "renames": renames, "fills": fills}


def yes_or_no(terminal: Terminal, question: str) -> bool:
    while True:
        word = terminal.line(f"{question} [y/n] ").strip().lower()
        if word in ("y", "yes", "n", "no"):
            return word[0] == "y"
        terminal.show(Text("please answer y or n"))


def _yes_no_later(terminal: Terminal, question: str) -> bool | None:
    while True:
        word = terminal.line(f"{question} [y/n, l for later] ").strip().lower()
        if word in ("y", "yes", "n", "no"):
            return word[0] == "y"
        if word in ("l", "later"):
            return None
        terminal.show(Text("please answer y, n or l"))
