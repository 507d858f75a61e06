"""The quantiles of the benchmarks are those of the nearest rank."""

from __future__ import annotations

import runpy

import pytest
from documents import ROOT

quantile = runpy.run_path(str(ROOT / "tests/benchmarks/table.py"))["quantile"]


@pytest.mark.parametrize(
    ("count", "share_below", "rank"),
    [(1, 0.0, 1), (1, 0.5, 1), (1, 0.99, 1), (4, 0.5, 2), (5, 0.5, 3), (100, 0.99, 99), (101, 0.99, 100), (1000, 0.99, 990), (10, 1.0, 10)],
)
def test_a_quantile_is_the_lowest_value_that_this_share_does_not_exceed(count: int, share_below: float, rank: int) -> None:
    assert quantile(range(count, 0, -1), share_below) == rank
