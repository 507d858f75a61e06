"""Questions for a sign of life: what a conversation asks, and what it makes of what a broker says about the workers behind it."""

from __future__ import annotations

from conversation_house import ME, House, follow

from jobwire.schemas.generated import job_pb2
from jobwire.schemas.refusal import Code, Refused


def test_a_question_for_a_sign_is_nobodys_exchange_and_its_answer_nobodys_news(house: House) -> None:
    house.conversation.ask_for_a_sign()
    (asked,) = house.sent()
    assert (asked.WhichOneof("verb"), asked.hello.HasField("about")) == ("hello", False)
    assert not house.conversation.waits
    assert house.greet(asked) == []
    assert house.conversation.signs.silent_worker is None


def test_a_broker_is_asked_about_the_job_that_is_waited_for_and_says_whether_its_worker_is_silent() -> None:
    house = House()
    house.conversation.connected()
    house.greet(house.sent()[0], kind="broker")
    house.conversation.ask(follow())
    house.sent()
    house.conversation.ask_for_a_sign()
    (asked,) = house.sent()
    assert asked.hello.about.id == b"j" * 16
    assert house.greet(asked, kind="broker", silent_worker="lab", silent_ms=2500) == []
    assert house.conversation.signs.silent_worker == ("lab", 2.5)
    house.conversation.ask_for_a_sign()
    assert house.greet(house.sent()[0], kind="broker") == []
    assert house.conversation.signs.silent_worker is None


def test_a_broker_is_asked_about_one_job_after_the_other_until_one_is_on_a_silent_worker() -> None:
    house = House()
    house.conversation.connected()
    house.greet(house.sent()[0], kind="broker")
    jobs = [job_pb2.JobKey(owner=ME.public, id=bytes([number]) * 16) for number in range(3)]

    def ask(silent: str = "") -> bytes:
        house.conversation.ask_for_a_sign(jobs)
        assert house.conversation.signs.number is not None
        (asked,) = house.sent()
        house.greet(asked, kind="broker", silent_worker=silent)
        assert house.conversation.signs.number is None
        return bytes(asked.hello.about.id[:1])

    def ask_for_long() -> list[bytes]:
        """As often as it takes to ask about each of three, and begin with the first one again."""
        return [ask() for _ in range(12)]

    asked = ask_for_long()
    assert asked == [each for each in asked[::4] for _ in range(4)]
    assert set(asked) == {b"\0", b"\1", b"\2"}
    silent = ask("lab")
    assert [ask("lab") for _ in range(10)] == [silent] * 10
    assert house.conversation.signs.silent_worker == ("lab", 0)
    assert ask() == silent
    assert house.conversation.signs.silent_worker is None
    assert set(ask_for_long()) == {b"\0", b"\1", b"\2"}
    # It has ended, or is not looked at any more.
    gone = ask("lab")
    jobs.remove(next(job for job in jobs if job.id[:1] == gone))
    assert set(ask_for_long()) == {job.id[:1] for job in jobs}


def test_a_refused_question_for_a_sign_is_an_answer_too(house: House) -> None:
    house.conversation.ask_for_a_sign()
    assert house.refuse(house.sent()[0], Refused(Code.UNIMPLEMENTED, "no")) == []


def test_what_a_broker_said_of_a_worker_is_forgotten_with_the_connection() -> None:
    house = House()
    house.conversation.connected()
    house.greet(house.sent()[0], kind="broker")
    house.conversation.ask_for_a_sign()
    (asked,) = house.sent()
    house.greet(asked, kind="broker", silent_worker="lab", silent_ms=2500)
    house.conversation.lost()
    assert house.conversation.signs.silent_worker is None
    # A late answer of the last connection is none of this one.
    house.greet(asked, kind="broker", silent_worker="lab", silent_ms=2500)
    assert house.conversation.signs.silent_worker is None
