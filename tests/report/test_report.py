"""The page of a run: what stands on it, and how a real browser draws it."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.conftest import ANSWERS, DESIRED, build_sqlite
from tests.commandline import Oneplan
from tools.plan.model import Plan
from tools.report.pictures import gantt, schema_difference
from tools.schema.ddl import read_ddl

DATABASE = "sqlite:///app.sqlite"
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)


@pytest.fixture
def page(oneplan: Oneplan, workspace: Path) -> Path:
    (workspace / "desired.sql").write_text(DESIRED)
    (workspace / "answers.yaml").write_text(ANSWERS)
    build_sqlite(workspace / "app.sqlite")
    assert oneplan("plan", DATABASE, "desired.sql", "-o", "plan.yaml", "--renames", "answers.yaml").code == 0
    assert oneplan("apply", "plan.yaml", "--database", DATABASE, "--yes", "--allow", "DELETES_DATA").code == 0
    made = oneplan("report", "--database", DATABASE, "-o", "page.html")
    assert made.code == 0, made.err
    return workspace / "page.html"


class Outline(HTMLParser):
    """Ids, and the rectangles of the pictures with their classes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.bars: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.sources += [value for name, value in attrs if name in ("src", "href") and value]
        if tag == "rect":
            self.bars.append(values.get("class") or "")


def test_the_page_tells_what_was_done_and_who_allowed_it(page: Path, oneplan: Oneplan) -> None:
    text = page.read_text(encoding="utf-8")
    found = Outline(text)
    assert {"changes", "plan", "proof", "metrics", "backups", "gantt", "schema"} <= set(found.ids)
    assert found.sources == [], "the page needs nothing from elsewhere"
    changed = re.search(r'id="changes">.*?</ul>', text, re.S)
    assert changed
    assert "customers.mail is now called email" in changed[0]
    assert "customers.old_note was removed" in changed[0]
    assert "is to be" not in changed[0]
    assert "<script" not in text
    assert "done, proven" in text
    steps = oneplan("status", "--database", DATABASE, "--json").data["run"]["steps"]
    assert len([bar for bar in found.bars if bar == "apply"]) == len(steps)
    assert all(f"<td>{step['id']}</td>" in text for step in steps)
    assert re.search(r"<td>customers</td><td class=\"n\">400</td><td class=\"n\">400</td>", text)
    backups = oneplan("backups", "list", "--json").data["backups"]
    assert all(backup["id"] in text for backup in backups)
    assert text.count("flag 20") == len(steps), "approved by flag, and when"
    assert "coupons" in text
    assert oneplan("report", "--database", DATABASE, "-o", "page.html").code == 64, "overwriting takes --yes"
    assert oneplan("report", "nothing", "--database", DATABASE, "-o", "other.html").code == 64


def test_a_run_taken_back_shows_both_ways(page: Path, oneplan: Oneplan) -> None:
    assert oneplan("rollback", "--database", DATABASE, "--yes").code == 0
    assert oneplan("report", "--database", DATABASE, "-o", "page.html", "--yes").code == 0
    text = page.read_text(encoding="utf-8")
    assert "rolled back, proven" in text
    bars = Outline(text).bars
    assert bars.count("undo") == bars.count("apply") > 5


def test_pictures_escape_names_and_mark_what_changed() -> None:
    before = read_ddl('CREATE TABLE "a<b" (id integer PRIMARY KEY, gone text, kept text);', "sqlite")
    after = read_ddl(
        'CREATE TABLE "a<b" (id integer PRIMARY KEY, kept text, came text); CREATE TABLE n (x text);', "sqlite"
    )
    picture = schema_difference(before, after)
    assert "a&lt;b" in picture
    assert "a<b" not in picture
    assert re.search(r'class="column added">\+ came', picture)
    assert re.search(r'class="column removed">- gone', picture)
    assert re.search(r'class="title added">\+ n<', picture)
    assert "<svg" in gantt(Plan("sqlite", "", ""), ())


def test_the_order_of_columns_is_no_change_in_the_picture() -> None:
    before, after = (read_ddl(f"CREATE TABLE T ({names});", "sqlite") for names in ("a text, b text", "b text, a text"))
    assert "changed" not in schema_difference(before, after)
    indexed = read_ddl("CREATE TABLE T (a text, b text); CREATE INDEX i ON T (a);", "sqlite")
    assert 'class="title changed"' in schema_difference(before, indexed)


@pytest.mark.skipif(not CHROMIUM, reason="no chromium is installed")
def test_a_real_browser_draws_the_page(page: Path, workspace: Path) -> None:
    from struct import unpack

    options = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={workspace / 'profile'}"]
    shot = workspace / "page.png"
    drawn = subprocess.run(
        [*options, f"--screenshot={shot}", "--window-size=1200,2400", page.as_uri()],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert drawn.returncode == 0, drawn.stderr
    data = shot.read_bytes()
    assert unpack(">II", data[16:24]) == (1200, 2400)
    assert len(data) > 60_000, "a page with nothing on it makes a smaller picture"
    # A script of the test's own asks the browser where everything has come to stand.
    asked = page.read_text(encoding="utf-8").replace("</body>", """<script>
      const size = e => { const b = e.getBoundingClientRect(); return [b.width, b.height, b.left, b.right] };
      const seen = [...document.querySelectorAll('#gantt rect, #schema rect')].map(size);
      const wide = document.documentElement.scrollWidth <= window.innerWidth;
      const inside = [...document.querySelectorAll('#gantt .label')].every(e => size(e)[2] >= 0);
      document.title = JSON.stringify([seen.length, seen.every(s => s[0] >= 1 && s[1] >= 1), wide, inside]);
    </script></body>""")  # fmt: skip
    (workspace / "asked.html").write_text(asked, encoding="utf-8")
    told = subprocess.run(
        [*options, "--dump-dom", "--window-size=1200,2400", (workspace / "asked.html").as_uri()],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    title = re.search(r"<title>\[(\d+),true,true,true\]</title>", told.stdout)
    assert title, told.stdout[:600]
    assert int(title[1]) > 12
