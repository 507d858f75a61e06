"""The order of things that wait for each other. Pure; the things are numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


class Cycle(Exception):  # noqa: N818 -- names what was found
    """Things wait for each other, so that none of them can begin: each of `nodes` waits for the next one, the last for the first."""

    def __init__(self, nodes: Sequence[int]) -> None:
        """Take the things in order."""
        super().__init__(nodes)
        self.nodes = nodes


def find_layers(waits: Sequence[Sequence[int]], jobs: int, layers: list[int]) -> Iterator[None]:
    """Append the layer of each thing to `layers`, one thing a step; layer 0 waits for nothing, every other for something of the one before.

    `waits`: for each thing, what it waits for. Those from number `jobs` on are groups, which are in the last layer of their parts.

    Raises Cycle.
    """
    layers.extend([0] * len(waits))
    left = [len(targets) for targets in waits]
    waiting: list[list[int]] = [[] for _ in waits]
    for node, targets in enumerate(waits):
        for target in targets:
            waiting[target].append(node)
        yield
    ready = [node for node, count in enumerate(left) if not count]
    for node in ready:
        after = layers[node] + (node < jobs)
        for other in waiting[node]:
            layers[other] = max(layers[other], after)
            left[other] -= 1
            if not left[other]:
                ready.append(other)
        yield
    if len(ready) < len(waits):
        raise Cycle(_find_cycle(waits, left))


def _find_cycle(waits: Sequence[Sequence[int]], left: Sequence[int]) -> list[int]:
    node = next(node for node, count in enumerate(left) if count)
    seen: dict[int, None] = {}
    while node not in seen:
        seen[node] = None
        node = next(target for target in waits[node] if left[target])
    path = list(seen)
    return path[path.index(node) :]
