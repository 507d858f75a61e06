"""Which connections may begin their handshake. Time is a number here."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.sockets import handshake_gate as under_test
from jobwire.broker.sockets.handshake_gate import A_SECOND, AT_ONCE, Gate

HERE, THERE = b"here", b"ther"
# Between two that may begin.
STEP = 1 / A_SECOND


def full(now: float = 0.0) -> Gate[str]:
    """A gate from which no more may begin at once from HERE."""
    gate: Gate[str] = Gate()
    for number in range(AT_ONCE):
        assert gate.arrive(HERE, f"first {number}", now) == [f"first {number}"]
    return gate


def test_some_begin_at_once_and_the_next_one_when_time_has_passed() -> None:
    gate = full()
    assert gate.arrive(HERE, "next", 0.0) == []
    due = gate.due_in(0.0)
    assert due == pytest.approx(STEP)
    assert gate.admit(due - 0.001) == []
    assert gate.admit(due + 0.001) == ["next"]
    assert gate.due_in(due) is None


def test_another_address_does_not_wait() -> None:
    gate = full()
    gate.arrive(HERE, "next", 0.0)
    assert gate.arrive(THERE, "other", 0.0) == ["other"]


def test_a_connection_that_is_used_admits_the_next() -> None:
    gate = full()
    assert gate.arrive(HERE, "next", 0.0) == []
    assert gate.speak(HERE, 0.0) == []
    assert gate.speak(HERE, 0.0) == ["next"]


def test_connections_that_are_used_may_be_four_times_as_many() -> None:
    gate: Gate[int] = Gate()
    begun = 0
    for number in range(1000):
        for _ in gate.arrive(HERE, number, 0.0):
            begun += 1
            gate.speak(HERE, 0.0)
    assert 4 * AT_ONCE - 4 <= begun <= 4 * AT_ONCE


def test_a_client_that_reconnects_at_once_does_not_keep_a_waiting_one_from_its_turn() -> None:
    gate = full()
    gate.arrive(HERE, "again 0", 0.0)
    gate.arrive(HERE, "waits", 0.0)
    numbers = count(1)
    now = 0.0
    admitted: list[str] = []
    while "waits" not in admitted:
        now += STEP * 1.001
        admitted += gate.admit(now)
        gate.arrive(HERE, f"again {next(numbers)}", now)
        assert now < 3 * STEP


def test_a_newcomer_does_not_wait_behind_all_who_came_before() -> None:
    gate = full()
    for number in range(1000):
        gate.arrive(HERE, f"before {number}", 0.0)
    gate.arrive(HERE, "newcomer", 0.0)
    assert "newcomer" in gate.admit(2 * STEP * 1.001)


def test_a_newcomer_at_the_moment_of_a_turn_does_not_take_it_from_those_that_wait() -> None:
    gate = full()
    waiting = {f"waits {number}" for number in range(4)}
    for one in sorted(waiting):
        gate.arrive(HERE, one, 0.0)
    now, numbers = 0.0, count()
    while waiting:
        now += STEP * 1.001
        waiting.difference_update(gate.arrive(HERE, f"in between {next(numbers)}", now), gate.admit(now))
        assert now < 20 * STEP


def test_a_connection_that_has_left_is_not_admitted() -> None:
    gate = full()
    for one in ("stays", "leaves"):
        gate.arrive(HERE, one, 0.0)
    gate.leave(HERE, "leaves")
    gate.leave(HERE, "first 0")
    gate.leave(THERE, "unknown")
    assert gate.admit(1.0) == ["stays"]
    assert gate.due_in(1.0) is None


def test_addresses_are_forgotten_but_not_those_from_which_somebody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MOST_ADDRESSES", 10)
    gate = full()
    gate.arrive(HERE, "waits", 0.0)
    for number in range(1000):
        assert gate.arrive(number.to_bytes(4, "big"), "passes", 0.0) == ["passes"]
    assert len(gate._addresses) <= 12
    assert gate.admit(1.0) == ["waits"]


@given(st.lists(st.tuples(st.sampled_from(["arrive", "speak", "leave", "admit"]), st.sampled_from([HERE, THERE]), st.floats(0, 0.2))))
def test_nobody_is_let_in_twice_or_lost_and_never_more_than_may_be(steps: list[tuple[str, bytes, float]]) -> None:
    gate: Gate[int] = Gate()
    waiting: dict[bytes, set[int]] = {HERE: set(), THERE: set()}
    # From one address: how many began, and how many more may because something was said.
    begun, spoken = {HERE: 0, THERE: 0}, {HERE: 0, THERE: 0}
    now = 0.0
    for number, (step, address, seconds) in enumerate(steps):
        now += seconds
        admitted: list[int] = []
        if step == "arrive":
            waiting[address].add(number)
            admitted = gate.arrive(address, number, now)
        elif step == "speak":
            spoken[address] += 1
            admitted = gate.speak(address, now)
        elif step == "leave" and waiting[address]:
            gate.leave(address, waiting[address].pop())
        elif step == "admit":
            admitted = gate.admit(now)
        for one in admitted:
            (whence,) = (where for where, those in waiting.items() if one in those)
            waiting[whence].remove(one)
            begun[whence] += 1
        for where in (HERE, THERE):
            assert begun[where] <= AT_ONCE + now * A_SECOND + spoken[where] + 0.001
        assert (gate.due_in(now) is None) == (not any(waiting.values()))
