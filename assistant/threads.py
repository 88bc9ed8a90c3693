"""One conversation thread: its lease, its checkpoints, and the only ways to move it on."""

from __future__ import annotations

import re
import signal
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event as StopSignal
from threading import Thread, current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

from assistant.model import ChatModel, Message, Reply, ToolSpec
from assistant.session import Workspace
from assistant.state import State, new_turn, window
from assistant.toolbelt import Toolbelt
from tools.errors import Busy, Refused, UsageError
from tools.registry import TABLE, Tool
from tools.toolbox.desk import AtHand, Pins

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

THREADS = "threads.sqlite"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Event = dict[str, Any]


class Conversation:
    """A context manager that holds one thread. `say`, `resume` and `go_on` yield events as they come: `text`, `tool`,
    `result`, `progress`, `done`, `notice`; when they end, `question` is what a person is asked, or None. Ctrl-C ends
    them as KeyboardInterrupt once the work has come to a safe place.

    Raises Busy when another process has the thread open, ModelError when the model cannot answer.
    """

    def __init__(
        self, workspace: Workspace, model: ChatModel, thread: str, *, interactive: bool = False,
        table: Sequence[Tool] = TABLE, at_hand: AtHand | None = None,
    ) -> None:  # fmt: skip
        if not _NAME.fullmatch(thread):
            raise UsageError(f"{thread!r} is no name for a thread: letters, digits, dot, dash; at most 64")
        self.workspace, self.thread = workspace, thread
        self.belt = Toolbelt(workspace, thread, interactive=interactive, table=table, at_hand=at_hand)
        self._model = self._active = model
        self._config: RunnableConfig = {"configurable": {"thread_id": thread}, "recursion_limit": 10_000}
        self._stack = ExitStack()

    def __enter__(self) -> Conversation:
        # Imported here: langgraph takes most of a second, and --help must not wait for it.
        from assistant.graph import build_graph  # sets what langgraph reads when it is imported

        with ExitStack() as stack:
            from langgraph.checkpoint.sqlite import SqliteSaver

            stack.enter_context(lease(self.workspace.home, self.thread))
            path = self.workspace.home / THREADS
            # The graph runs its nodes in a thread of its own; the saver takes turns with a lock.
            connection = stack.enter_context(closing(sqlite3.connect(path, check_same_thread=False, timeout=10)))
            saver = SqliteSaver(connection)
            self._compile: Callable[[ChatModel], CompiledStateGraph[Any]] = lambda model: build_graph(
                _Stoppable(model, self.belt), self.belt, saver
            )
            self._graph = self._compile(self._model)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def state(self) -> State:
        return cast(State, {"messages": [], "calls": []} | self._graph.get_state(self._config).values)

    @property
    def messages(self) -> list[Message]:
        return [Message.model_validate(message) for message in self.state.get("messages", [])]

    @property
    def model_name(self) -> str:
        return self._model.name

    def context(self) -> list[Message]:
        """What the model would be sent now."""
        state = self.state
        return [Message(role="system", content=self.belt.system(state)), *window(state.get("messages", []))]

    @property
    def pins(self) -> Pins:
        return self.belt.pins(self.state)

    @property
    def question(self) -> dict[str, Any] | None:
        """What the gate waits for, at the thread's head."""
        pending = self._graph.get_state(self._config).interrupts
        return pending[0].value if pending else None

    @property
    def cut_off(self) -> bool:
        """Whether an answer that was given was not acted on yet: the process ended between the two."""
        snapshot = self._graph.get_state(self._config)
        return "execute" in snapshot.next and not snapshot.interrupts

    def say(self, text: str, model: ChatModel | None = None) -> Iterator[Event]:
        """One user turn, answered by the thread's model or by another one for this turn."""
        if model is not None and model is not self._active:
            self._graph, self._active = self._compile(model), model
        elif model is None and self._active is not self._model:
            self._graph, self._active = self._compile(self._model), self._model
        return self._run(new_turn(text))

    def resume(self, answer: dict[str, Any]) -> Iterator[Event]:
        """Go on with a person's answer to the question at the thread's head; Refused when it answers another one."""
        from langgraph.types import Command

        question = self.question
        if question is None:
            raise Refused(f"thread {self.thread!r} asks nothing now: the answer came too late or twice")
        if question.get("kind") == "proposal" and answer.get("proposal") != question["proposal"]:
            raise Refused(
                f"the answer is for proposal {answer.get('proposal')!r}, the thread asks {question['proposal']!r}"
            )
        return self._run(Command(resume=dict(answer)))

    def go_on(self) -> Iterator[Event]:
        """Do again the step that a dead process left in the middle; the ledger and the journal know how far it came."""
        return self._run(None)

    def _run(self, given: Any) -> Iterator[Event]:
        self.belt.stop.clear()
        stream = cast(
            "Generator[Event]", self._graph.stream(given, self._config, stream_mode="custom", durability="sync")
        )
        with interrupt_sets(self.belt.stop), closing(stream):
            yield from stream
        if self.belt.stop.is_set():
            raise KeyboardInterrupt


class _Stoppable:
    """A model that can be left in the middle of its answer, also while nothing of it has come yet."""

    def __init__(self, model: ChatModel, belt: Toolbelt) -> None:
        self._model, self._belt, self.name = model, belt, model.name

    def reply(self, messages: list[Message], tools: list[ToolSpec], on_text: Callable[[str], None]) -> Reply:
        came: SimpleQueue[str | Reply | BaseException] = SimpleQueue()

        def ask() -> None:
            try:
                came.put(self._model.reply(messages, tools, came.put))
            except BaseException as error:  # handed to whoever waits
                came.put(error)

        if self._belt.stop.is_set():  # asked to stop before: not a token is spent
            raise KeyboardInterrupt
        # A thread of its own, since nothing ends a read from a socket; left behind, it ends with its time-out.
        Thread(target=ask, daemon=True).start()
        while not self._belt.stop.is_set():
            try:
                piece = came.get(timeout=0.1)
            except Empty:
                continue
            if isinstance(piece, Reply):
                return piece
            if isinstance(piece, BaseException):
                raise piece
            on_text(piece)
        raise KeyboardInterrupt


@contextmanager
def interrupt_sets(stop: StopSignal) -> Iterator[None]:
    """While the graph runs, Ctrl-C asks its node to end at the next safe place; a second one does not wait for that.

    An exception in mid-stream would only make langgraph wait for the node, which then nobody has told to end.
    """
    if current_thread() is not main_thread():  # only the main thread is told of signals
        yield
        return

    def asked(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, asked)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def lease(home: Path, thread: str) -> Iterator[None]:
    """Hold a thread, one process at a time. The lock is SQLite's on an empty file: it dies with its process."""
    folder = home / "leases"
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / thread, isolation_level=None, timeout=0)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise Busy(f"thread {thread!r} is open in another terminal: use --thread with another name") from error
        yield


def known_threads(home: Path) -> list[str]:
    """The threads with a checkpoint, the one used last first."""
    path = home / THREADS
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        try:
            rows = connection.execute(
                "SELECT thread_id FROM checkpoints GROUP BY thread_id ORDER BY max(checkpoint_id) DESC"
            ).fetchall()
        except sqlite3.OperationalError:  # made, but never written to
            return []
    return [row[0] for row in rows]
