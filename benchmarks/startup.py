"""How long `oneplan --help` takes beside importing langgraph, as a ratio measured in one run.

The promise: under a quarter. The two run in turn, so that a machine that slows down slows both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 9
OURS = [sys.executable, "-c", "from assistant.cli import run; run(['--help'])"]
THEIRS = [sys.executable, "-c", "import langgraph.graph"]


def seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def main() -> None:
    for command in (OURS, THEIRS):  # the first run of each fills the file cache
        seconds(command)
    pairs = [(seconds(OURS), seconds(THEIRS)) for _ in range(RUNS)]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"oneplan --help {ours * 1000:.0f} ms, import langgraph {theirs * 1000:.0f} ms: "
        f"ratio {ratio:.2f} (promised: under 0.25)"
    )


if __name__ == "__main__":
    main()
