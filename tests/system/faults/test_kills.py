"""kill -9 of worker, supervisor, keeper and of several together, at each moment of a job's life; and SIGSTOP of each of them."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Sequence

import pytest
from house import Victim
from orders import Deed
from scene import Scene, new_order

_SETS = [victims for size in (1, 2, 3) for victims in itertools.combinations(Victim, size)]
_MOMENTS = ("queued", "starting", "running", "writing", "ending")
# Those that a change breaks first; the others are run by `make soak`.
_OFTEN = {
    ("worker", "starting"),
    ("worker", "ending"),
    ("supervisor", "starting"),
    ("supervisor", "writing"),
    ("keeper", "running"),
    ("worker+supervisor", "queued"),
    ("supervisor+keeper", "running"),
    ("worker+supervisor+keeper", "writing"),
}
_STILL_SECONDS = 10


def _name(victims: Sequence[Victim]) -> str:
    return "+".join(victim.value for victim in victims)


def _cases() -> list[object]:
    return [
        pytest.param(victims, moment, id=f"{_name(victims)}-{moment}", marks=() if (_name(victims), moment) in _OFTEN else pytest.mark.soak)
        for victims in _SETS
        for moment in _MOMENTS
    ]


def _bring_to(scene: Scene, moment: str) -> None:
    """Bring jobs to one moment of their lives."""
    match moment:
        case "queued":
            scene.run_gated(3)
            waiting = [new_order(status=7), new_order(deed=Deed.NO_PROGRAM), new_order(deed=Deed.KILL_ITSELF), new_order(lines=5000)]
            scene.submit(*waiting)
            scene.await_acknowledged(waiting)
        case "starting":
            orders = [new_order(status=status) for status in range(6)]
            scene.submit(*orders)
            scene.await_acknowledged(orders)
        case "running":
            scene.run_gated(3)
        case "writing":
            writers = [new_order(rounds=20, lines=2000, pause=0.02, status=5) for _ in range(3)]
            scene.submit(*writers)
            scene.await_writing(writers)
        case _:
            scene.run_gated(6)
            scene.open_gate()


@pytest.mark.parametrize(("victims", "moment"), _cases())
def test_nothing_is_lost_when_a_process_is_killed(stage: Callable[..., Scene], victims: tuple[Victim, ...], moment: str) -> None:
    scene = stage(slots=3 if moment == "queued" else 6)
    _bring_to(scene, moment)
    scene.house.kill(*victims)
    scene.house.start()
    scene.open_gate()
    account = scene.account()
    assert account.problems == []
    assert account.jobs == len(scene.orders)


def test_a_killed_client_leaves_jobs_that_its_successor_finds_under_their_ids(stage: Callable[..., Scene]) -> None:
    scene = stage()
    orders = [new_order(status=status) for status in range(8)]
    for order in orders:
        scene.submit(order)
    scene.await_acknowledged(orders[:1])
    scene.submitters[0].kill_and_replace()
    account = scene.account()
    assert (account.problems, account.jobs) == ([], 8)


@pytest.mark.parametrize("moment", ["starting", "writing"])
@pytest.mark.parametrize("victim", Victim, ids=lambda victim: victim.value)
@pytest.mark.soak
@pytest.mark.timeout(120)
def test_nothing_is_lost_when_a_process_is_suspended_for_ten_seconds(stage: Callable[..., Scene], victim: Victim, moment: str) -> None:
    _stand_still(stage(slots=6), victim, moment, _STILL_SECONDS)


def test_nothing_is_lost_when_the_supervisor_is_suspended_for_a_moment(stage: Callable[..., Scene]) -> None:
    _stand_still(stage(slots=6), Victim.SUPERVISOR, "writing", 1)


def _stand_still(scene: Scene, victim: Victim, moment: str, seconds: float) -> None:
    if moment != "starting":
        _bring_to(scene, moment)
    scene.house.signal(victim, signal.SIGSTOP)
    if moment == "starting":
        scene.submit(*(new_order(status=status) for status in range(6)))
    # The time itself is tested here: there is no event to wait for.
    signal.sigtimedwait([], seconds)
    scene.house.signal(victim, signal.SIGCONT)
    account = scene.account()
    assert account.problems == []
    assert account.jobs == len(scene.orders)
