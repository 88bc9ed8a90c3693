"""Processes to be killed: forked from one that has everything imported, so that each costs milliseconds.

The process itself opens no database and starts no thread, so that a fork of it is as good as new.
"""

from __future__ import annotations

import base64
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOADED = (
    "tests.prove.crashes",
    "tests.prove.faults",
    "tests.prove.disk",
    "duckdb",
    "psycopg",
    "sqlglot",
    "tools.schema.postgres",
)


@dataclass(frozen=True)
class Ended:
    """How a process ended. signal: the one that killed it, or 0; value: what its function gave."""

    signal: int
    value: Any


class Zygote:
    """A context manager; `call(function, *arguments)` runs a module's function in a process of its own."""

    def __enter__(self) -> Zygote:
        script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.prove.zygote import serve; serve()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def begin(self, function: Callable[..., Any], *arguments: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(_packed((function, arguments)) + "\n")
        self._process.stdin.flush()

    def end(self) -> Ended:
        """Raises AssertionError with the traceback of a function that raised."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the process that forks has died"
        signal, value, error = _unpacked(line)
        assert not error, error
        return Ended(signal, value)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Ended:
        self.begin(function, *arguments)
        return self.end()


def serve() -> None:
    for name in LOADED:
        __import__(name)
    # DuckDB looks for it at every statement; where it is not installed, that costs more than the statement does.
    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        answers.write(_packed(_forked(line)) + "\n")
        answers.flush()


def _forked(line: str) -> tuple[int, Any, str]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(line, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status), None, ""
    value, error = pickle.loads(told)
    return 0, value, error


def _work(line: str, writing: int) -> None:
    """In the child: it ends here, whatever happens, without its parent's clean-up."""
    value, error = None, ""
    try:
        function, arguments = _unpacked(line)
        value = function(*arguments)
    except BaseException:
        error = traceback.format_exc()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(pickle.dumps((value, error)))
    os._exit(0)


def _packed(value: Any) -> str:
    return base64.b64encode(pickle.dumps(value)).decode("ascii")


def _unpacked(text: str) -> Any:
    return pickle.loads(base64.b64decode(text))
