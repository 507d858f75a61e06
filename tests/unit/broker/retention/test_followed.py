import pytest
from desk_house import key

from jobwire.broker.retention.followed import Followed
from jobwire.schemas.refusal import Code, Refused


def test_a_callback_comes_once_and_only_when_the_last_stream_of_a_job_has_ended() -> None:
    followed = Followed()
    called: list[str] = []
    for stream in (key(1), key(1), key(2)):
        followed.begin(stream)
    followed.call_when_one_is_left(once := lambda: called.append("once"))
    followed.call_when_one_is_left(once)
    followed.end(key(1))
    assert (called, key(1) in followed, len(followed)) == ([], True, 2)
    followed.end(key(1))
    followed.end(key(2))
    assert (called, len(followed)) == (["once"], 0)


def test_who_is_called_back_may_wait_again() -> None:
    followed = Followed()
    called: list[int] = []

    def look() -> None:
        called.append(len(followed))
        followed.call_when_one_is_left(look)

    followed.begin(key(1))
    followed.begin(key(2))
    followed.call_when_one_is_left(look)
    followed.end(key(1))
    followed.end(key(2))
    assert called == [1, 0]


def test_one_member_follows_no_more_than_a_quarter_and_all_together_no_more_than_there_is() -> None:
    followed = Followed(8)
    followed.demand_room(1)
    with pytest.raises(Refused) as refused:
        followed.demand_room(2)
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    for number in range(8):
        followed.begin(key(number))
    with pytest.raises(Refused):
        followed.demand_room(0)
    followed.end(key(7))
    followed.demand_room(0)
