"""Each fault point: a daemon kills itself between two steps, is started again as by users, and nothing is missing or duplicated."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from daemons import wait_until
from house import PATIENCE_SECONDS, Victim
from orders import Deed, Order
from scene import Scene, new_order

from jobwire.schemas import fault_points
from jobwire.worker.supervisor.containment.processes import read_stat

_OF_WORKER = ("in-group-commit", "after-commit-before-reply", "after-commit-before-publish", "after-intent-before-start")
_OF_SUPERVISOR = (
    "after-intent-before-fork",
    "after-fork-before-record",
    "after-exit-before-outcome",
    "after-outcome-before-reap",
    "after-outcome-before-rename",
    "after-rename-before-report",
)


def _env(folder: Path, fault: str) -> dict[str, str]:
    spent = folder / "spent"
    spent.mkdir()
    return {"JOBWIRE_FAULT": fault, "JOBWIRE_FAULT_SPENT": str(spent)}


def _await_spent(folder: Path, point: str) -> None:
    wait_until((folder / "spent" / point).exists, f"{point} is reached", PATIENCE_SECONDS)


def _orders() -> list[Order]:
    return [new_order(status=3), new_order(deed=Deed.KILL_ITSELF), new_order(lines=3000, status=1), new_order(deed=Deed.NO_PROGRAM)]


def _check(scene: Scene) -> None:
    account = scene.account()
    assert account.problems == []
    assert (account.jobs, account.honestly_lost) == (len(scene.orders), 0)


@pytest.mark.parametrize("passes", [1, pytest.param(3, marks=pytest.mark.soak)])
@pytest.mark.parametrize("point", _OF_WORKER)
def test_a_worker_that_dies_there_loses_nothing(stage: Callable[..., Scene], tmp_path: Path, point: str, passes: int) -> None:
    # A worker that starts commits once.
    passes += point == "in-group-commit"
    scene = stage(env=_env(tmp_path, f"{point}:{passes}"))
    for order in _orders():
        scene.submit(order)
    _await_spent(tmp_path, point)
    scene.house.await_death_of_worker()
    scene.house.start()
    _check(scene)


@pytest.mark.parametrize("passes", [1, pytest.param(3, marks=pytest.mark.soak)])
@pytest.mark.parametrize("point", _OF_SUPERVISOR)
def test_a_supervisor_that_dies_there_loses_nothing(stage: Callable[..., Scene], tmp_path: Path, point: str, passes: int) -> None:
    scene = stage(env=_env(tmp_path, f"{point}:{passes}"))
    scene.submit(*_orders())
    _await_spent(tmp_path, point)
    _check(scene)


def test_a_worker_that_dies_during_recovery_loses_nothing(stage: Callable[..., Scene], tmp_path: Path) -> None:
    scene = stage()
    scene.run_gated(3)
    scene.house.kill(Victim.WORKER)
    scene.house.worker.env = _env(tmp_path, "during-recovery")
    with pytest.raises(AssertionError, match="ended instead of getting ready"):
        scene.house.start()
    scene.house.await_death_of_worker()
    scene.house.start()
    scene.open_gate()
    _check(scene)


def test_a_supervisor_that_dies_during_adoption_loses_nothing(stage: Callable[..., Scene], tmp_path: Path) -> None:
    scene = stage(env=_env(tmp_path, "during-adoption"))
    scene.run_gated(3)
    scene.house.kill(Victim.SUPERVISOR)
    _await_spent(tmp_path, "during-adoption")
    scene.open_gate()
    _check(scene)


def test_a_keeper_that_dies_after_a_deposit_loses_nothing(stage: Callable[..., Scene], tmp_path: Path) -> None:
    scene = stage(env=_env(tmp_path, "after-deposit"))
    scene.submit(*_orders())
    _await_spent(tmp_path, "after-deposit")
    _check(scene)


def test_a_keeper_that_dies_before_it_starts_a_supervisor_loses_no_job_that_runs_on(stage: Callable[..., Scene], tmp_path: Path) -> None:
    scene = stage(env=_env(tmp_path, "before-next-supervisor"))
    scene.run_gated(3)
    scene.house.allow_loss_until_whole()
    assert scene.house.pid_of(Victim.SUPERVISOR)
    scene.house.kill(Victim.SUPERVISOR)
    _await_spent(tmp_path, "before-next-supervisor")
    scene.house.await_whole()
    scene.open_gate()
    account = scene.account()
    assert account.problems == []
    assert account.jobs == 3


def test_a_worker_that_is_suspended_there_continues(stage: Callable[..., Scene], tmp_path: Path) -> None:
    point = "after-commit-before-reply"
    scene = stage(env=_env(tmp_path, f"{point}:stop"))
    scene.submit(*_orders())
    _await_spent(tmp_path, point)
    worker = scene.house.pid_of(Victim.WORKER)
    wait_until(lambda: (stat := read_stat(worker)) and stat.state == b"T", "it is suspended")
    assert scene.acknowledged.look().jobs == set()
    os.kill(worker, signal.SIGCONT)
    _check(scene)


def test_every_point_is_tried_here() -> None:
    others = {"during-recovery", "during-adoption", "after-deposit", "before-next-supervisor"}
    # Where files and input travel: tests/system/files/test_fault_points.py.
    travelling = {point for point in fault_points.POINTS if "upload" in point or "content" in point or "files" in point or "input" in point}
    # Where batches are staged: tests/system/order/test_staging.py and test_batch_schedules.py.
    travelling |= {"after-commit-of-a-batch", "after-slice", "after-start-of-a-run"}
    travelling |= {"after-name-before-answer", "after-unpack-before-start"}
    assert {*_OF_WORKER, *_OF_SUPERVISOR, *others, *travelling} == fault_points.POINTS.keys()
