"""The memory controller of both versions of cgroups, with folders in place of the kernel's."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobwire.worker.supervisor.containment import memory_controller
from jobwire.worker.supervisor.containment.cgroup_tree import Tree
from jobwire.worker.supervisor.containment.memory import Joined
from jobwire.worker.supervisor.containment.memory_controller import FormerMemory, UnifiedMemory, open_memory
from jobwire.worker.supervisor.loop import Loop

HANDLE = f"{'a' * 32}.{'b' * 64}"


def kernel_file(folder: Path, name: str, text: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


class Place(Tree):
    """A cgroup that this process is said to be in."""

    def __init__(self, folder: Path) -> None:
        super().__init__("", "")
        self._folder = folder

    def folder_of(self, pid: int) -> str:
        del pid
        return str(self._folder)


@pytest.fixture
def unified(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with version 2 only."""
    monkeypatch.setattr(memory_controller, "find_tree", lambda _: None)


def test_with_version_2_the_cgroup_of_the_box_gets_the_limit_without_swap_and_is_killed_as_a_whole(tmp_path: Path) -> None:
    subtree = kernel_file(tmp_path, "cgroup.subtree_control")
    box = tmp_path / f"job-{HANDLE}"
    for name in ("memory.max", "memory.swap.max", "memory.oom.group"):
        kernel_file(box, name)
    events = kernel_file(box, "memory.events", "low 0\nhigh 0\nmax 9\noom 0\noom_kill 0\noom_group_kill 0\n")
    kernel_file(box, "memory.peak", "4096\n")
    group = UnifiedMemory(str(tmp_path)).make(HANDLE)
    group.limit(1 << 30)
    assert subtree.read_text() == "+memory"
    assert [(box / name).read_text() for name in ("memory.max", "memory.swap.max", "memory.oom.group")] == ["1073741824", "0", "1"]
    assert (group.is_exceeded(), group.peak_bytes()) == (False, 4096)
    # Killed for a limit above, or for the machine.
    events.write_text("max 9\noom 0\noom_kill 1\n")
    assert not group.is_exceeded()
    events.write_text("max 9\noom 1\noom_kill 1\n")
    assert group.is_exceeded()
    group.release(Loop())
    assert UnifiedMemory(str(tmp_path)).find(HANDLE) is not None
    assert UnifiedMemory(str(tmp_path / "elsewhere")).find(HANDLE) is None


@pytest.mark.usefixtures("unified")
def test_with_version_2_a_cgroup_that_passes_the_controller_on_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Place(tmp_path)
    kernel_file(tmp_path, "cgroup.controllers", "cpu pids\n")
    subtree = kernel_file(tmp_path, "cgroup.subtree_control")
    assert open_memory("jobwire-1-2", None).why_not == "there is no cgroup that the worker may write to"
    assert open_memory("jobwire-1-2", here).why_not == f"the cgroup {tmp_path} has no memory controller"
    kernel_file(tmp_path, "cgroup.controllers", "cpu memory pids\n")
    assert open_memory("jobwire-1-2", here).why_not == ""
    assert subtree.read_text() == "+memory"

    def refuse(*_: object) -> None:
        raise OSError(errno.EBUSY, "busy")

    subtree.write_text("cpu")
    monkeypatch.setattr(memory_controller, "_write", refuse)
    assert (
        open_memory("jobwire-1-2", here).why_not
        == f"the cgroup {tmp_path} does not enable its memory controller for others: the worker itself is in it"
    )
    subtree.write_text("cpu memory")
    assert open_memory("jobwire-1-2", here).why_not == ""


def test_jobs_are_beside_the_leaf_for_workers(tmp_path: Path) -> None:
    assert Place(tmp_path / "jobwire-workers").above(1) == str(tmp_path)
    assert Place(tmp_path / "workers").above(1) == str(tmp_path / "workers")


def test_with_version_1_a_job_has_a_cgroup_of_its_own_which_is_removed(tmp_path: Path) -> None:
    home = kernel_file(tmp_path, "cgroup.procs")
    memory = FormerMemory(Place(tmp_path), "jobwire-1-2")
    assert memory.find(HANDLE) is None
    group = memory.make(HANDLE)
    box = tmp_path / "jobwire-1-2" / f"job-{HANDLE}"
    for name in ("cgroup.procs", "memory.limit_in_bytes", "cgroup.event_control"):
        kernel_file(box, name)
    group.enter()
    assert (box / "cgroup.procs").read_text() == "0"
    group.leave()
    assert home.read_text() == "0"
    # This kernel does not account for swap.
    group.limit(1 << 30)
    assert (box / "memory.limit_in_bytes").read_text() == "1073741824"
    kernel_file(box, "memory.max_usage_in_bytes", str(1 << 29))
    kernel_file(box, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    # Killed for a limit above.
    assert not group.is_exceeded()
    kernel_file(box, "memory.max_usage_in_bytes", str(1 << 30))
    assert (group.is_exceeded(), group.peak_bytes()) == (True, 1 << 30)
    kernel_file(box, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n")
    assert not group.is_exceeded()
    assert memory.find(HANDLE) is not None
    for file in box.iterdir():
        file.unlink()
    loop, called = Loop(), []
    kernel_file(box, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
    kernel_file(box, "cgroup.event_control")
    group.await_excess(loop, lambda: called.append(1))
    eventfd, control = map(int, (box / "cgroup.event_control").read_text().split())
    assert (str(Path(f"/proc/self/fd/{eventfd}").readlink()), control != eventfd, called) == ("anon_inode:[eventfd]", True, [])
    for file in box.iterdir():
        file.unlink()
    group.release(loop)
    assert not box.exists()
    memory.close()
    assert not (tmp_path / "jobwire-1-2").exists()
    os.close(memory._home)


def test_a_box_is_left_if_the_cgroup_of_its_memory_cannot_be_entered(recorded: list[str]) -> None:
    class Recorded:
        def __init__(self, name: str, enter: Callable[[], object] = int) -> None:
            self.name, self._enter = name, enter

        def enter(self) -> None:
            self._enter()
            recorded.append(f"enter {self.name}")

        def leave(self) -> None:
            recorded.append(f"leave {self.name}")

    def refuse() -> None:
        raise OSError(errno.ENODEV, "removed")

    joined = Joined(Recorded("box"), Recorded("memory"))  # type: ignore[arg-type] # reason: a double
    joined.enter()
    joined.leave()
    assert recorded == ["enter box", "enter memory", "leave memory", "leave box"]
    recorded.clear()
    with pytest.raises(OSError, match="removed"):
        Joined(Recorded("box"), Recorded("memory", refuse)).enter()  # type: ignore[arg-type] # reason: a double
    assert recorded == ["enter box", "leave box"]


@pytest.fixture
def recorded() -> list[str]:
    return []
