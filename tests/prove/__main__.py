"""Write docs/reliability.md: everything that it says is measured here, now.

`make prove`, or python -m tests.prove [PART…] [--sample N].

A part that is not named keeps what the page says of it.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.prove import gate, pages, parts, soak

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
HEAD = """# Reliability, measured

Made by `make prove`, which fails when one of these does not hold; `make test` tries a sample of the same. What was
measured when, and on what, stands with each part.
"""
PARTS: dict[str, Callable[[], pages.Part]] = {
    "crashes": parts.crashes,
    "faults": parts.faults,
    "gate": gate.gate,
    "misuse": gate.misuse,
    "soak": soak.part,
    "speed": parts.speed,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="only these; else all")
    parser.add_argument("--sample", type=int, help="crash points of an engine and a way, drawn by chance; else all")
    arguments = parser.parse_args()
    chosen = arguments.parts or list(PARTS)
    parts.SAMPLE = arguments.sample
    kept, failures = _kept(), list[str]()
    for name in chosen:
        started = time.perf_counter()
        part = PARTS[name]()
        kept[name] = _section(name, part, time.perf_counter() - started)
        failures += [f"{name}: {failure}" for failure in part.failures]
        PAGE.write_text("\n".join([HEAD, *(kept[known] for known in PARTS if known in kept)]), encoding="utf-8")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _kept() -> dict[str, str]:
    if not PAGE.exists():
        return {}
    found = re.split(r"(?m)^(?=<!-- part: )", PAGE.read_text(encoding="utf-8"))[1:]
    return {text.split()[2]: text.rstrip() + "\n" for text in found}


def _section(name: str, part: pages.Part, seconds: float) -> str:
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine}, in {seconds:,.0f} s"
    failed = "".join(f"\n- FAILED: {failure}" for failure in part.failures)
    return f"<!-- part: {name} -->\n## {part.title}\n\n{part.text.strip()}\n{failed}\n\n_{made}._\n"


if __name__ == "__main__":
    sys.exit(main())
