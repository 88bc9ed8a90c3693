"""What can be started and what waits, over 1,000 and over 10,000 tasks, against importing the larger board.

Prints seconds and ratios; the boards are made here, with a fixed seed. Run it by `make bench`.
"""

from __future__ import annotations

import random
import time
import timeit
from collections.abc import Callable

from tools.tasks.export import board_to_markdown
from tools.tasks.markdown import board_from_markdown
from tools.tasks.model import Board
from tools.tasks.ready import blocked, ready

ROWS = 50
HEAD = "| Task Description | Owner | Priority | Dependencies | Status |\n|---|---|---|---|---|\n"


def document(tasks: int, rng: random.Random) -> str:
    """Sections of ROWS tasks that wait for rows above, single tasks, whole sections, or nothing."""
    parts: list[str] = ["# Board\n"]
    for key in range(1, tasks // ROWS + 1):
        parts.append(f"\n### {key}. Part {key}\n{HEAD}")
        for row in range(1, ROWS + 1):
            choices = ["", "", "All above", f"{key}.{rng.randint(1, row - 1)}" if row > 1 else ""]
            choices.append(f"Part {rng.randint(1, key - 1)}" if key > 1 else "")
            choices.append(f"Step {rng.randint(1, row - 1)} of part {key}" if row > 1 else "")
            depends, priority = rng.choice(choices), rng.choice(["High", "Medium", "Low"])
            mark = rng.choice(["[ ]", "[ ]", "[/]", "[x]"])
            parts.append(f"| Step {row} of part {key} | Ann | {priority} | {depends} | {mark} |\n")
    return "".join(parts)


def seconds(work: Callable[[], object], times: int = 5) -> float:
    """Of this process, the best of some runs: the others were disturbed. As timeit does, without garbage collection."""
    return min(timeit.repeat(work, timer=time.process_time, number=1, repeat=times))


def both(board: Board) -> tuple[object, object]:
    found = blocked(board)
    return ready(board), [one.task.id for one in found]


def main() -> None:
    rng = random.Random(7)
    small, large = document(1_000, rng), document(10_000, rng)
    few, many = board_from_markdown(small), board_from_markdown(large)
    assert board_to_markdown(many).text == large
    importing = seconds(lambda: board_from_markdown(large), 2)
    one, ten = seconds(lambda: both(few), 40), seconds(lambda: both(many), 20)
    print(f"ready and blocked, 1,000 tasks: {one * 1000:.1f} ms")
    print(f"ready and blocked, 10,000 tasks: {ten * 1000:.1f} ms, {ten / one:.1f} times that (at most 12)")
    print(f"importing 10,000 tasks: {importing:.2f} s; ready and blocked take {ten / importing:.2f} of it (at most 1)")


if __name__ == "__main__":
    main()
