import asyncio
from collections.abc import Callable

from jobwire.broker.fairness import turns
from jobwire.broker.fairness.turns import Turns


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


async def test_each_turn_of_the_loop_has_time_again() -> None:
    shared = Turns(asyncio.get_running_loop())
    for _ in range(3):
        assert shared.time_left()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert turns._TURN_SECONDS < 0.01
