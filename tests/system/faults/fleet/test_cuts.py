"""Each moment of a job at which its worker may be cut off, in one go, with the broker killed meanwhile; then the comparison of the soak."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet import WORKERS, Fleet
from followers import Followers
from house import Victim
from scene import Scene, new_order

pytestmark = pytest.mark.soak


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene[Fleet]]:
    made = Scene(tmp_path, Fleet(tmp_path, slots=2, separated=False))
    yield made
    print(made.logged())
    made.close()


def _cut(scene: Scene[Fleet], *names: str) -> None:
    for name in names:
        scene.house.cut(name, noticed=False)


def _mend(scene: Scene[Fleet], *names: str) -> None:
    for name in names:
        scene.house.mend(name)


def test_a_start_a_stop_an_end_and_a_follow_survive_a_cut(scene: Scene[Fleet]) -> None:
    fleet = scene.house
    followers = Followers(fleet, random.Random(1))
    ending = scene.run_gated(3)
    stopping = [new_order(rounds=1000, lines=50, pause=0.05) for _ in range(3)]
    scene.submit(*stopping)
    scene.await_writing(stopping)
    for order in (*ending[:2], stopping[0]):
        followers.add(order, fleet.admin.public)
    # While nobody can be reached: some end, some are stopped, some are new, and the broker dies.
    _cut(scene, *WORKERS)
    scene.open_gate()
    for order in stopping:
        scene.stop(order)
    starting = [new_order(status=status, lines=2000) for status in range(4)]
    scene.submit(*starting)
    scene.await_acknowledged(starting)
    fleet.kill_broker()
    fleet.start_broker()
    _mend(scene, *WORKERS)
    # And once more, each in another way.
    fleet.houses["lab1"].kill(Victim.WORKER)
    scene.submit(*(new_order(retries=2, status=3, good_at=2) for _ in range(4)))
    _cut(scene, "lab2")
    fleet.kill_broker()
    fleet.houses["lab3"].kill(Victim.SUPERVISOR)
    fleet.start()
    _mend(scene, "lab2")
    account = scene.account()
    assert account.problems + followers.problems(fleet.rows()) == []
    assert (account.jobs, account.honestly_lost) == (len(scene.orders), 0)


def test_who_is_not_trusted_gets_nothing_and_the_others_all(scene: Scene[Fleet]) -> None:
    fleet = scene.house
    for name in WORKERS[:2]:
        fleet.trust(name, trusted=False)
    orders = [new_order(status=status) for status in range(6)]
    scene.submit(*orders)
    account = scene.account()
    assert account.problems == []
    assert {fleet.place_of(order.text_id) for order in orders} == {WORKERS[2]}
