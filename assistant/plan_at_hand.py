"""The plan that a question outside the chat is about: the file that it names, else the workspace's newest plan."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import Refused, SourceError

if TYPE_CHECKING:
    from assistant.session import Workspace
    from tools.plan.model import Plan

_FILE = re.compile(r"(?:\b(?P<out>to|as|into)\s+)?[\"'`(]*(?P<path>[^\s\"'`()]+\.ya?ml)\b", re.IGNORECASE)
_HEAD = re.compile(r"^oneplan:\s*\d", re.MULTILINE)
_LOOKED_AT = 4_000
"""Characters of a YAML file that tell whether it is a plan: comments stand before its first key."""


class PlanAtHand:
    """Looked for when a tool asks for it, and only then. `told`: which one was taken, "" for none."""

    def __init__(self, workspace: Workspace, question: str) -> None:
        self._workspace = workspace
        # What comes behind `to` or `as` is where something shall be written.
        self._files = [match["path"] for match in _FILE.finditer(question) if not match["out"]]
        self.told = ""

    def named(self) -> Plan | None:
        """The plan in the file that the question names. SourceError where that is none."""
        if not self._files:
            return None
        typed = Path(self._files[0])
        here = self._workspace.settings.folder / typed
        return self._read(here if here.exists() and not typed.exists() else typed, self._files[0])

    def newest(self) -> Plan | None:
        """The plan file of the workspace that was written last, or what its store was given since; None for none."""
        from knowledge.records import Records
        from tools.plan.files import plan_from_yaml

        path = max(self._plan_files(), key=_written, default=None)
        kept = next(iter(Records(self._workspace.store).plans(1)), None)
        if path is not None and (kept is None or kept.at <= _written(path)):
            return self._read(path, path.name)
        if kept is None:
            return None
        if path is not None:
            with suppress(SourceError, Refused):  # a file that is no plan any more is not the one that was kept since
                if (plan := self._read(path, path.name)).digest == kept.digest:
                    return plan
        self.told = f"the plan {kept.digest[:12]} that this workspace keeps since {kept.at:%Y-%m-%d %H:%M} UTC"
        return plan_from_yaml(kept.body, f"plan {kept.digest[:12]}")

    def _read(self, path: Path, name: str) -> Plan:
        from assistant.commands.plans import load_plan

        plan = load_plan(path)
        self.told = name
        return plan

    def _plan_files(self) -> list[Path]:
        folder = self._workspace.settings.folder
        return [path for path in (*folder.glob("*.yaml"), *folder.glob("*.yml")) if path.is_file() and _is_plan(path)]


def _is_plan(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return _HEAD.search(file.read(_LOOKED_AT)) is not None
    except OSError:  # another's file, which they may not read, is none that they ask about
        return False


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
