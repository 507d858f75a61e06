import pytest
from desk_house import OWNER, key

from jobwire.broker.retention.followed import Followed
from jobwire.schemas.refusal import Code, Refused


def test_a_callback_comes_once_and_only_when_the_last_stream_of_a_job_has_ended() -> None:
    followed = Followed()
    called: list[str] = []
    for stream in (key(1), key(1), key(2)):
        followed.begin(stream, OWNER)
    followed.call_when_one_is_left(once := lambda: called.append("once"))
    followed.call_when_one_is_left(once)
    followed.end(key(1), OWNER)
    assert (called, key(1) in followed, len(followed)) == ([], True, 2)
    followed.end(key(1), OWNER)
    followed.end(key(2), OWNER)
    assert (called, len(followed)) == (["once"], 0)


def test_who_is_called_back_may_wait_again() -> None:
    followed = Followed()
    called: list[int] = []

    def look() -> None:
        called.append(len(followed))
        followed.call_when_one_is_left(look)

    followed.begin(key(1), OWNER)
    followed.begin(key(2), OWNER)
    followed.call_when_one_is_left(look)
    followed.end(key(1), OWNER)
    followed.end(key(2), OWNER)
    assert called == [1, 0]


def test_one_member_follows_no_more_than_a_quarter_and_all_together_no_more_than_there_is() -> None:
    followed = Followed(8)
    members = [b"%032d" % number for number in range(5)]
    for number in range(8):
        followed.demand_room(members[number // 2])
        followed.begin(key(number), members[number // 2])
        if number % 2:
            with pytest.raises(Refused) as refused:
                followed.demand_room(members[number // 2])
            assert refused.value.code is Code.RESOURCE_EXHAUSTED
    with pytest.raises(Refused):
        followed.demand_room(members[4])
    followed.end(key(7), members[3])
    followed.demand_room(members[4])
    followed.demand_room(members[3])
