"""The garbage collector of a daemon: what is there for long, and is much, is left out; now and then it is not."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from jobwire.broker.own_process.collector import Collector, nothing_collected


@pytest.fixture(autouse=True)
def nothing_left_out() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


class Collections:
    """Has generations collected, at times that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.blocks = 500_000
        self.collector = Collector(lambda: self.now, lambda: self.blocks)

    def collect(self, generation: int, seconds: float = 0.0) -> None:
        self.collector.collected("start", {"generation": generation})
        self.now += seconds
        self.collector.collected("stop", {"generation": generation})


def test_what_has_grown_to_very_many_is_left_out() -> None:
    collections = Collections()
    collections.collect(0, 1.0)
    collections.collect(1, 1.0)
    assert gc.get_freeze_count() == 0
    collections.collect(1)
    assert gc.get_freeze_count() > 0


def test_all_are_looked_at_every_hour() -> None:
    collections = Collections()
    collections.collect(1)
    collections.collect(1)
    collections.now = 3599.0
    collections.collect(2)
    assert gc.get_freeze_count() > 0
    collections.now = 3600.0
    collections.collect(2, 0.001)
    assert gc.get_freeze_count() == 0


def test_what_it_took_long_to_look_at_is_left_out_again() -> None:
    collections = Collections()
    collections.now = 3600.0
    collections.collect(2, 0.05)
    assert gc.get_freeze_count() > 0
    collections.now = 3600.0 + 3599
    collections.collect(2, 0.001)
    assert gc.get_freeze_count() > 0
    collections.now = 3600.1 + 3600
    collections.collect(2, 0.001)
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("passed", [24 * 3600 - 1, 3601])
def test_very_many_are_looked_at_when_they_are_fewer_or_once_a_day(passed: float) -> None:
    collections = Collections()
    collections.blocks = 500_001
    gc.freeze()
    collections.now = passed
    collections.collect(2, 0.001)
    assert gc.get_freeze_count() > 0
    if passed < 24 * 3600 - 1:
        collections.blocks = 500_000
    else:
        collections.now += 1
    collections.collect(2, 3.0)
    # After so long a look they are left out again; the next one is counted from its end.
    assert gc.get_freeze_count() > 0
    collections.blocks = 1
    collections.now += 3599
    collections.collect(2, 0.001)
    assert gc.get_freeze_count() > 0
    collections.now += 2
    collections.collect(2, 0.001)
    assert gc.get_freeze_count() == 0


def test_few_objects_that_are_made_meanwhile_are_collected_as_ever() -> None:
    before = gc.get_freeze_count()
    with nothing_collected():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == before


def test_very_many_objects_that_are_made_meanwhile_are_left_out() -> None:
    before = gc.get_freeze_count()
    with nothing_collected():
        kept = [[] for _ in range(200_100)]  # type: ignore[var-annotated] # reason: nothing is in them
    assert gc.get_freeze_count() >= before + len(kept)


def test_a_failure_meanwhile_does_not_leave_the_collector_off() -> None:
    with pytest.raises(LookupError), nothing_collected():
        raise LookupError
    assert gc.isenabled()
