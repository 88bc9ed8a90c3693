"""The command line as a script sees it: arguments in, exit code, stdout and stderr out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from assistant.cli import run


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def data(self) -> Any:
        document = self.json
        assert document["schema_version"] == 1
        return document["data"]


Oneplan = Callable[..., Outcome]


@pytest.fixture
def oneplan(capsys: pytest.CaptureFixture[str]) -> Oneplan:
    """Run one command line in this process; a traceback on stderr fails the test."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "unexpected" not in err, err
        return Outcome(code, out, err)

    return call
