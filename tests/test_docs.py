"""Documentation that cannot say anything else than the code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from assistant.demo.create import create, prepare_folder
from tests.commandline import Oneplan

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def test_the_cli_page_is_made_from_the_code() -> None:
    spec = importlib.util.spec_from_file_location("make_cli", ROOT / "docs" / "make_cli.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TARGET.read_text(encoding="utf-8") == module.render(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_commands_of_the_readme_run(oneplan: Oneplan, workspace: Path) -> None:
    """Each command of the README's list, on the demo's database."""
    prepare_folder(workspace / "demo")
    create(workspace / "demo", "sqlite", "sqlite:///app.db")
    for name in ("app.db", "desired.sql", "answers.yaml"):
        (workspace / "demo" / name).rename(workspace / name)
    block = re.search(r"## Use\n\n```\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block
    commands = [line.split("#")[0].split()[1:] for line in block[1].splitlines()]
    consent = {"apply": ["--yes", "--allow", "DELETES_DATA"], "rollback": ["--yes"]}
    for words in filter(None, commands):
        done = oneplan(*words, *consent.get(words[0], []))
        assert done.code == (2 if words[0] == "gap" else 0), (words, done.err)
