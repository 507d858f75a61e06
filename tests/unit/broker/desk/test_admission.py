import pytest

from jobwire.broker.desk.admission import check_waiting
from jobwire.schemas.refusal import Code, Refused


def nobody_asks() -> int:
    raise AssertionError("there is room, and the store is asked all the same")


def test_as_many_may_wait_as_the_limit_says() -> None:
    check_waiting(5, 3, 2, nobody_asks)
    with pytest.raises(Refused, match="3 jobs of this owner are waiting, and 3 more") as refused:
        check_waiting(5, 3, 3, lambda: 3)
    assert refused.value.code is Code.RESOURCE_EXHAUSTED


def test_a_start_that_is_repeated_is_let_in_however_many_wait() -> None:
    check_waiting(5, 100, 3, lambda: 0)
    with pytest.raises(Refused):
        check_waiting(5, 100, 2, lambda: 1)
