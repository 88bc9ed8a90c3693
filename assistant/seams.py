"""What the conversation needs of its surroundings, as protocols: `session.Workspace` satisfies them.

The commands call `assistant.repl.run_repl(workspace, model, thread=…)`, `assistant.repl.ask_once(workspace, model,
text)` and `assistant.repl.play(workspace, model, turns, consent)`; a model comes from `assistant.repl.choose_model`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from knowledge.approvals import Ledger
    from knowledge.store import Store
    from tools.schema.model import Answers


class ModelSettings(Protocol):
    """`name`: the model's name at the server. `base_url`: an OpenAI-compatible server, None for OpenAI's own.
    `send_rows`: rows of the user's tables may be part of what the model reads."""

    @property
    def name(self) -> str: ...
    @property
    def base_url(self) -> str | None: ...
    @property
    def api_key(self) -> str | None: ...
    @property
    def send_rows(self) -> bool: ...


class Settings(Protocol):
    """Locations as the user wrote them; `answers`: the file with renames and fills, if the settings name one."""

    @property
    def current(self) -> str | None: ...
    @property
    def desired(self) -> str | None: ...
    @property
    def shadow(self) -> str | None: ...
    @property
    def answers(self) -> Path | None: ...
    @property
    def model(self) -> ModelSettings: ...


class Workspace(Protocol):
    """`home` is the .oneplan folder, which exists; `actor` is who answers at this terminal; `answers(None)` is what the
    settings' answers file says."""

    @property
    def settings(self) -> Settings: ...
    @property
    def store(self) -> Store: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def home(self) -> Path: ...
    @property
    def actor(self) -> str: ...
    @property
    def proposal_life(self) -> timedelta: ...
    def answers(self, typed: str | None) -> Answers: ...
