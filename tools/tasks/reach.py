"""What leads where in a graph of numbered nodes: `needs[node]` are the nodes that it needs."""

from __future__ import annotations

from collections.abc import Sequence


def reached_by(needs: Sequence[Sequence[int]], tasks: int) -> list[int]:
    """For each node that needs nothing, how many of the nodes below `tasks` lead to it.

    What needs one node alone leads wherever that one leads: it is a number there (`alone`). What needs several has bits
    of its own, so that it is counted once where its ways meet.
    """
    reached, alone, counts = [0] * len(needs), [0] * len(needs), [0] * len(needs)
    bits = 0
    for node in above_first(needs):
        mine, reached[node], below = reached[node], 0, needs[node]  # what is let go at once makes room for the next
        if not below:
            counts[node] = alone[node] + mine.bit_count()
            continue
        size = alone[node] + (node < tasks)
        if len(below) == 1:
            alone[below[0]] += size
        elif size:
            mine |= ((1 << size) - 1) << bits
            bits += size
        if mine:
            for name in below:
                # Most of a group is reached through the group alone: they share one number instead of a copy each.
                reached[name] = reached[name] | mine if reached[name] else mine
    return counts


def above_first(needs: Sequence[Sequence[int]]) -> Sequence[int]:
    """The nodes, each before those it needs; without those on a cycle or above one."""
    waiting = [0] * len(needs)
    for below in needs:
        for name in below:
            waiting[name] += 1
    order = _peeled(waiting, needs)
    # From above a cycle hides what is below it; from below, what is above.
    return order if len(order) == len(needs) else below_first(needs)[::-1]


def below_first(needs: Sequence[Sequence[int]]) -> list[int]:
    """The nodes, each after those it needs; without those on a cycle or above one."""
    above: list[list[int]] = [[] for _ in needs]
    for node, below in enumerate(needs):
        for name in below:
            above[name].append(node)
    return _peeled([len(below) for below in needs], above)


def _peeled(left: list[int], edges: Sequence[Sequence[int]]) -> list[int]:
    """Kahn's order: nodes whose count in `left` is 0; each takes one from the counts of those that it leads to."""
    order = [node for node, count in enumerate(left) if not count]
    for node in order:
        for name in edges[node]:
            left[name] -= 1
            if not left[name]:
                order.append(name)
    return order
