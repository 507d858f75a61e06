from __future__ import annotations

from jobwire.client.sockets.retreat import Retreat


def test_each_refusal_in_a_row_is_waited_for_longer_up_to_two_seconds() -> None:
    retreat = Retreat(share=1)
    waits = []
    for _ in range(7):
        retreat.begin(100.0)
        assert retreat.until is not None
        waits.append(round(retreat.until - 100, 3))
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_only_the_first_of_a_row_is_reported_and_an_admission_begins_a_new_row() -> None:
    retreat = Retreat(share=0)
    assert [retreat.begin(0.0), retreat.begin(1.0)] == [True, False]
    retreat.end()
    assert retreat.begin(2.0)


def test_it_lasts_until_its_time_has_come() -> None:
    retreat = Retreat(share=0)
    assert not retreat.lasts(0.0)
    retreat.begin(0.0)
    assert [retreat.lasts(0.049), retreat.lasts(0.05)] == [True, False]
    assert retreat.until is None
