from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.batches.order import Cycle, find_layers


def layers(waits: list[list[int]], jobs: int | None = None) -> list[int]:
    found: list[int] = []
    for _ in find_layers(waits, len(waits) if jobs is None else jobs, found):
        pass
    return found


def test_a_thing_is_one_layer_after_the_last_that_it_waits_for() -> None:
    assert layers([[], [0], [0, 1], []]) == [0, 1, 2, 0]
    assert layers([[2], [], [1]]) == [2, 0, 1]


def test_a_group_is_in_the_last_layer_of_its_parts() -> None:
    assert layers([[], [], [3], [0, 1]], jobs=3) == [0, 0, 1, 1]


def test_a_circle_is_told_in_its_order() -> None:
    with pytest.raises(Cycle) as found:
        layers([[2], [0], [1], [0]])
    assert found.value.nodes in ([0, 2, 1], [2, 1, 0], [1, 0, 2])
    with pytest.raises(Cycle) as alone:
        layers([[], [1]])
    assert alone.value.nodes == [1]


@given(st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=10, max_size=10))
def test_either_each_thing_is_behind_what_it_waits_for_or_there_is_a_circle(waits: list[list[int]]) -> None:
    try:
        found = layers(waits)
    except Cycle as cycle:
        for node, following in zip(cycle.nodes, [*cycle.nodes[1:], cycle.nodes[0]], strict=True):
            assert following in waits[node]
    else:
        assert all(found[node] == max((found[target] + 1 for target in targets), default=0) for node, targets in enumerate(waits))
