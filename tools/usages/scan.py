"""The scan of a folder: every file that names a table is read, and what was found is kept for the next time.

The cache holds, for every file, its size, its time of change and its usages; it is good for one set of names, models
and for one version of this scanner.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from tools.errors import SourceError
from tools.files import write_atomically
from tools.schema.model import Schema
from tools.usages.files import LANGUAGES, source_files
from tools.usages.model import Names, Usage
from tools.usages.python_models import Model, models_in

_VERSION = 1
_POOL_FROM = 200
"""From so many files on, a second process pays for its start."""


def find_usages(folder: str | Path, schemas: Iterable[Schema], cache: Path | None = None) -> tuple[Usage, ...]:
    """Who reads and writes the tables and columns of these schemas, in the code below a folder; sorted.

    cache: a file (outside the code, as a rule) in which results are kept. Raises SourceError for what is no folder.
    """
    base, names = Path(folder), Names.of(schemas)
    if not names.tables:
        return ()
    files = [(path, path.stat()) for path in source_files(base)]
    stamps = {path.relative_to(base).as_posix(): f"{s.st_size}:{s.st_mtime_ns}" for path, s in files}
    kept = _kept(cache)
    declared = _declared(base, stamps, kept, names)
    models = {model.name: model for name in stamps for model in declared.get(name, [])}
    key = _digest([_VERSION, sorted((t, sorted(c)) for t, c in names.tables.items()), sorted(names.keys.items()),
                   sorted((m.name, m.table, sorted(m.columns.items())) for m in models.values())])  # fmt: skip
    known: dict[str, Any] = kept.get("files", {}) if kept.get("key") == key else {}
    fresh = [name for name, stamp in stamps.items() if known.get(name, {}).get("stamp") != stamp]
    found = {name: [Usage(*row) for row in known[name]["usages"]] for name in stamps if name not in set(fresh)}
    found |= _scan(base, fresh, names, models)
    if cache is not None and (fresh or len(known) != len(stamps)):
        _keep(cache, key, names, stamps, found, declared)
    usages = {usage for name in stamps for usage in found[name]}
    certain = {(*u.sort_key,) for u in usages if u.certainty == "certain"}
    return tuple(sorted(
        (u for u in usages if u.certainty == "certain" or u.sort_key not in certain), key=lambda u: u.sort_key
    ))  # fmt: skip


def _scan(
    base: Path, files: list[str], names: Names, models: Mapping[str, Model]
) -> dict[str, list[Usage]]:  # fmt: skip
    if len(files) < _POOL_FROM:
        return {name: file_usages(base, name, names, models) for name in files}
    with ProcessPoolExecutor(initializer=_begin, initargs=(base, names, models)) as pool:
        return dict(zip(files, pool.map(_in_process, files, chunksize=50), strict=True))


def file_usages(base: Path, name: str, names: Names, models: Mapping[str, Model]) -> list[Usage]:
    """The usages in one file; none in one that cannot be read as text."""
    try:
        text = (base / name).read_bytes()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", source=str(base / name)) from error
    if b"\0" in text[:8000]:
        return []
    language = LANGUAGES[Path(name).suffix.lower()]
    if language == "python":
        from tools.usages.python import python_usages

        return list(dict.fromkeys(python_usages(text, name, names, models)))
    if language == "sql":
        from tools.usages.sql import sql_usages

        return list(dict.fromkeys(sql_usages(text.decode("utf-8", "replace"), name, 1, names)))
    from tools.usages.typescript import typescript_usages

    return list(dict.fromkeys(typescript_usages(text, name, names, tsx=language == "tsx")))


_setting: tuple[Path, Names, Mapping[str, Model]] | None = None


def _begin(base: Path, names: Names, models: Mapping[str, Model]) -> None:
    global _setting
    _setting = (base, names, models)


def _in_process(name: str) -> list[Usage]:
    assert _setting is not None, "the pool begins with its setting"
    base, names, models = _setting
    return file_usages(base, name, names, models)


def _declared(base: Path, stamps: dict[str, str], kept: dict[str, Any], names: Names) -> dict[str, list[Model]]:
    """The models that each Python file declares; those of an unchanged file are kept, for the same names."""
    known: dict[str, Any] = kept.get("models", {}) if kept.get("names") == _names(names) else {}
    found: dict[str, list[Model]] = {}
    for name, stamp in stamps.items():
        entry = known.get(name)
        if entry and entry["stamp"] == stamp:
            found[name] = [Model(**model) for model in entry["models"]]
        elif name.endswith(".py"):
            found[name] = list(models_in((base / name).read_bytes(), names))
    return found


def _names(names: Names) -> str:
    return _digest(sorted((table, sorted(columns)) for table, columns in names.tables.items()))


def _kept(cache: Path | None) -> dict[str, Any]:
    if cache is None or not cache.is_file():
        return {}
    try:
        data = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # a cache that cannot be read is made anew
    return data if isinstance(data, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _keep(
    cache: Path, key: str, names: Names, stamps: dict[str, str], found: dict[str, list[Usage]],
    declared: dict[str, list[Model]],
) -> None:  # fmt: skip
    models = {name: {"stamp": stamps[name], "models": [asdict(m) for m in own]} for name, own in declared.items()}
    files = {name: {"stamp": stamp, "usages": [astuple(u) for u in found[name]]} for name, stamp in stamps.items()}
    data = {"key": key, "names": _names(names), "files": files, "models": models}
    cache.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(cache, json.dumps(data, separators=(",", ":")))


def _digest(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
