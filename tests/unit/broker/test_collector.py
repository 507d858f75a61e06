"""The garbage collector of a daemon: what is there for long, and is much, is left out; now and then it is not."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from jobwire.broker.collector import Collector, nothing_collected


@pytest.fixture(autouse=True)
def nothing_left_out() -> Iterator[None]:
    yield
    gc.unfreeze()


def collect(collector: Collector, now: list[float], seconds: float) -> None:
    """Have the oldest generation collected, which takes so long."""
    collector.collected("start", {"generation": 2})
    now[0] += seconds
    collector.collected("stop", {"generation": 2})


def test_what_takes_long_to_look_at_is_left_out_for_an_hour() -> None:
    now = [0.0]
    collector = Collector(lambda: now[0])
    before = gc.get_freeze_count()
    collect(collector, now, 0.001)
    assert gc.get_freeze_count() == before
    collect(collector, now, 0.5)
    assert gc.get_freeze_count() > before
    now[0] = 3599.0
    collector.collected("start", {"generation": 2})
    assert gc.get_freeze_count() > before
    now[0] = 3601.0
    collector.collected("start", {"generation": 2})
    assert gc.get_freeze_count() == 0


def test_young_objects_are_nobodys_business() -> None:
    now = [0.0]
    collector = Collector(lambda: now[0])
    before = gc.get_freeze_count()
    for phase in ("start", "stop"):
        collector.collected(phase, {"generation": 0})
        now[0] += 1.0
    assert gc.get_freeze_count() == before


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
