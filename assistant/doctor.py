"""Is all set up? One finding a part, each found by using the part, with what to do where it does not work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tools.errors import OneplanError

if TYPE_CHECKING:
    from assistant.session import Workspace


@dataclass(frozen=True)
class Finding:
    part: str
    ok: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok ' if self.ok else 'NOT'} {self.part}: {self.detail}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(workspace: Workspace) -> list[Finding]:
    """Every part tried in turn; one that fails does not keep the others from being tried."""
    return [_try(part, probe, workspace) for part, probe in _PARTS]


def _try(part: str, probe: Callable[[Workspace], str], workspace: Workspace) -> Finding:
    try:
        return Finding(part, True, probe(workspace))
    except (OneplanError, OSError, ImportError) as error:
        return Finding(part, False, " ".join(str(error).split()))


def _settings(workspace: Workspace) -> str:
    from assistant.settings import FILE_NAME

    path = workspace.settings.folder / FILE_NAME
    return f"{path}" if path.exists() else "no oneplan.toml here or above: defaults hold (`oneplan init` writes one)"


def _store(workspace: Workspace) -> str:
    with workspace.store.open() as connection:
        connection.execute("SELECT 1")
    return f"{workspace.home / 'knowledge.duckdb'} opens for writing, acting as {workspace.actor}"


def _search(workspace: Workspace) -> str:
    from knowledge.search import search

    search(workspace.store, "probe", limit=1)
    return "the full-text extension loads without a network"


def _databases(workspace: Workspace) -> str:
    from tools.schema.source import read_schema

    named = {"current": workspace.settings.current, "desired": workspace.settings.desired}
    read = []
    for name, location in named.items():
        if location:
            schema = read_schema(location, fallback=workspace.settings.project.dialect)
            read.append(f"{name}: {len(schema.tables)} tables in {schema.source}")
    return "; ".join(read) or "none named in oneplan.toml"


def _embedded(workspace: Workspace) -> str:
    from tools.embedded import server

    with server():
        return "starts: Postgres plans can be rehearsed without a server of yours"


def _model(workspace: Workspace) -> str:
    settings = workspace.settings.model
    if not (settings.api_key or settings.base_url):
        return f"no key in {settings.api_key_env} and no base_url: the offline planner answers"
    from assistant.model import Message
    from assistant.repl import choose_model

    pieces: list[str] = []
    choose_model(workspace).reply([Message(role="user", content="Answer with the word ok.")], [], pieces.append)
    return f"{settings.name} at {settings.base_url or 'OpenAI'} answers, in {len(pieces)} streamed pieces"


_PARTS: tuple[tuple[str, Callable[[Workspace], str]], ...] = (
    ("settings", _settings),
    ("store", _store),
    ("search", _search),
    ("databases", _databases),
    ("embedded Postgres", _embedded),
    ("model", _model),
)
