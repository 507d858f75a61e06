from collections.abc import Iterable

import pytest

from jobwire.broker.admission import Admission
from jobwire.keys.limits import Limits
from jobwire.schemas.refusal import Code, Refused

ME, OTHER = b"m", b"o"


class Desk:
    def __init__(self) -> None:
        self.waiting = {ME: 3, OTHER: 0}
        self.known: set[bytes] = set()
        self.admission = Admission(lambda _: Limits(queued_jobs=5), self.waiting.__getitem__, self.unknown)

    def unknown(self, owner: bytes, ids: Iterable[bytes]) -> int:
        return len(set(ids) - self.known)


def test_those_that_wait_and_those_that_arrive_are_counted_together() -> None:
    desk = Desk()
    desk.admission.enter(ME, [b"1"])
    with pytest.raises(Refused) as refused:
        desk.admission.enter(ME, [b"2", b"3"])
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    desk.admission.enter(OTHER, [b"1", b"2", b"3", b"4", b"5"])
    desk.admission.leave(ME, 1)
    desk.admission.enter(ME, [b"2", b"3"])


def test_a_start_that_is_repeated_is_let_in_however_many_wait() -> None:
    desk = Desk()
    desk.known = {b"1", b"2", b"3"}
    desk.waiting[ME] = 100
    desk.admission.enter(ME, [b"1", b"2", b"3"])
    with pytest.raises(Refused):
        desk.admission.enter(ME, [b"1", b"4"])
