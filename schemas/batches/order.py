"""Topological order of jobs and groups that depend on each other. Pure; a job or group is a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


class Cycle(Exception):  # noqa: N818 -- names what was found
    """Raised for dependencies that form a cycle: each of `nodes` waits for the next one, the last for the first, so none can start."""

    def __init__(self, nodes: Sequence[int]) -> None:
        """Take the nodes of the cycle, in order."""
        super().__init__(nodes)
        self.nodes = nodes


def find_layers(waits: Sequence[Sequence[int]], jobs: int, layers: list[int]) -> Iterator[None]:
    """Append each layer of jobs and groups to `layers`, one per step; layer 0 waits for nothing.

    Everything in a later layer waits for something in the layer before. `waits`: what each one waits for. Numbers from `jobs` on are
    groups; a group is in the last layer of its members.

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
