import asyncio
from collections.abc import Callable
from functools import partial

from jobwire.broker.fairness.cpu_shares import TURN_SECONDS
from jobwire.broker.fairness.turns import Turns


def free(public: bytes, seconds: float) -> None:
    """Charge nothing."""


async def test_who_has_much_to_do_lets_others_go_first() -> None:
    shared = Turns(asyncio.get_running_loop())
    order: list[str] = []
    done = asyncio.Event()

    def worker(name: str, steps: int) -> Callable[[], None]:
        def work() -> None:
            nonlocal steps
            order.append(name)
            while shared.time_left():
                pass
            steps -= 1
            if steps:
                shared.call_soon(work)
            elif name == "long":
                done.set()

        return work

    shared.call_soon(worker("long", 5))
    shared.call_soon(worker("short", 1))
    await asyncio.wait_for(done.wait(), 60)
    assert order == ["long", "short", "long", "long", "long", "long"]


async def test_who_has_many_streams_has_one_turn_where_another_has_one() -> None:
    shared = Turns(asyncio.get_running_loop(), lambda: 0.0005)
    order: list[str] = []
    done = asyncio.Event()
    many, few = shared.of(b"many", free), shared.of(b"few", free)

    def work(name: str) -> None:
        order.append(name)
        while shared.time_left():
            pass
        if len(order) == 8:
            done.set()

    for _ in range(6):
        many.call_soon(partial(work, "many"))
    for _ in range(2):
        few.call_soon(partial(work, "few"))
    await asyncio.wait_for(done.wait(), 60)
    assert order == ["many", "few", "many", "few", "many", "many", "many", "many"]


async def test_a_member_is_charged_for_what_it_does_in_later_turns() -> None:
    shared = Turns(asyncio.get_running_loop())
    charged: list[tuple[bytes, float]] = []
    done = asyncio.Event()
    mine = shared.of(b"mine", lambda public, seconds: charged.append((public, seconds)))

    def fail() -> None:
        while shared.time_left():
            pass
        asyncio.get_running_loop().call_soon(done.set)
        raise RuntimeError("a bug")

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    mine.call_soon(fail)
    assert not charged
    await asyncio.wait_for(done.wait(), 60)
    ((public, seconds),) = charged
    assert public == b"mine"
    assert seconds > 0


async def test_what_is_queued_again_waits_for_the_next_turn() -> None:
    shared = Turns(asyncio.get_running_loop(), lambda: 60)
    count, turns_had = 0, 0

    def again() -> None:
        nonlocal count
        count += 1
        mine.call_soon(again)

    mine = shared.of(b"mine", free)
    mine.call_soon(again)
    while turns_had < 5:
        turns_had += 1
        await asyncio.sleep(0)
    assert 1 <= count <= 5


async def test_each_turn_of_the_loop_has_time_again() -> None:
    shared = Turns(asyncio.get_running_loop())
    for _ in range(3):
        assert shared.time_left()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert TURN_SECONDS < 0.01
