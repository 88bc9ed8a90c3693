"""The tools as a model sees them: name, what it is for, argument model, effect; and the function behind each.

`read` tools answer at once. `write` tools are jobs: they put proposals into the ledger, and perform what was approved.
Nothing here approves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from tools.toolbox.desk import Desk, Outcome
from tools.toolbox.jobs import Job


@dataclass(frozen=True)
class ReadTool:
    name: str
    description: str
    arguments: type[BaseModel]
    run: Callable[[Desk, Any], Outcome]
    effect: Literal["read"] = "read"


@dataclass(frozen=True)
class WriteTool:
    name: str
    description: str
    arguments: type[BaseModel]
    job: Job
    effect: Literal["write"] = "write"


Tool = ReadTool | WriteTool

TABLE: tuple[Tool, ...] = ()
