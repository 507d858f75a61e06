"""How a private worker is asked to make way for a better one, and what its user is called in its roster."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import resource
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import own_descriptors

from jobwire.client.private_worker import state_folder
from jobwire.client.private_worker.ensure import _ask_to_make_way, _enroll
from jobwire.keys import holder, identity
from jobwire.keys.files.user_folders import roster_path
from jobwire.keys.members import roster
from jobwire.schemas.refusal import Refused

# Descriptors that select(2) takes.
_SELECTABLE = 1024


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * _SELECTABLE, limits[1]), limits[1]))
    first = os.open("/dev/null", os.O_RDONLY)
    taken = [first]
    while taken[-1] < _SELECTABLE:
        taken.append(os.dup(first))
    yield
    for fd in taken:
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_program_with_many_descriptors_can_ask_a_worker_to_make_way(many_descriptors: None, tmp_path: Path) -> None:
    worker = subprocess.Popen(["sleep", "60"])
    said = {**holder.identify(), "pid": worker.pid, "start_ticks": holder._start_ticks(worker.pid)}
    (tmp_path / holder.DESCRIPTION).write_text(json.dumps(said))
    with (tmp_path / holder.LOCK).open("w") as lock:
        lock.write(str(worker.pid))
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            _ask_to_make_way(tmp_path)
        finally:
            ended = worker.poll()
            worker.kill()
            worker.wait()

    assert ended == -signal.SIGUSR1


@pytest.mark.parametrize(
    ("user", "member"), [("alice", "alice"), (".alice", "alice"), ("Älice", "lice"), ("a" * 200, "a" * 48), ("Ä", f"uid-{os.getuid()}")]
)
def test_any_user_can_have_a_private_worker(user: str, member: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path))
    me = pwd.getpwuid(os.getuid())
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd((user, *me[1:])))
    _enroll(identity.generate())
    _enroll(identity.generate())

    first, second = roster.list_members(roster_path())
    assert first.name == member
    assert second.name.startswith(f"{member}-")


def test_an_interruption_while_the_lock_is_taken_leaves_it_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that goes on after it, such as a notebook, would otherwise keep everybody from starting a worker."""
    path = tmp_path / "starting.lock"
    opened = state_folder.open_private

    def open_interrupted(at: Path, flags: int) -> int:
        fd = opened(at, flags)
        signal.raise_signal(signal.SIGINT)
        return fd

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    descriptors = own_descriptors()
    try:
        monkeypatch.setattr(state_folder, "open_private", open_interrupted)
        with pytest.raises(KeyboardInterrupt), state_folder.locked(path, fcntl.LOCK_EX):
            pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert own_descriptors() == descriptors


@pytest.mark.parametrize("exists", [True, False])
def test_a_lock_that_is_a_link_is_refused_and_what_it_leads_to_is_left_alone(tmp_path: Path, *, exists: bool) -> None:
    """As root, the mode of any file would be changed."""
    other = tmp_path / "other"
    if exists:
        other.touch(0o644)
    (tmp_path / "starting.lock").symlink_to(other)
    with (
        pytest.raises(Refused, match=r"starting.lock is a link, not a file"),
        state_folder.locked(tmp_path / "starting.lock", fcntl.LOCK_SH),
    ):
        pass
    assert other.exists() == exists
    assert not exists or stat.S_IMODE(other.stat().st_mode) == 0o644


def test_a_log_that_is_a_link_is_followed_and_keeps_its_mode(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.touch()
    other.chmod(0o640)
    (tmp_path / "worker.log").symlink_to(other)
    os.close(state_folder.open_private(tmp_path / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    assert stat.S_IMODE(other.stat().st_mode) == 0o640
