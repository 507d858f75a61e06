from __future__ import annotations

from jobwire.client.sockets.backoff import Backoff


def test_each_refusal_in_a_row_is_waited_for_longer_up_to_two_seconds() -> None:
    backoff = Backoff(share=1)
    waits = []
    for _ in range(7):
        backoff.begin(100.0)
        assert backoff.until is not None
        waits.append(round(backoff.until - 100, 3))
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_only_the_first_of_a_row_is_reported_and_an_admission_begins_a_new_row() -> None:
    backoff = Backoff(share=0)
    assert [backoff.begin(0.0), backoff.begin(1.0)] == [True, False]
    backoff.end()
    assert backoff.begin(2.0)


def test_it_lasts_until_its_time_has_come() -> None:
    backoff = Backoff(share=0)
    assert not backoff.lasts(0.0)
    backoff.begin(0.0)
    assert [backoff.lasts(0.049), backoff.lasts(0.05)] == [True, False]
    assert backoff.until is None
