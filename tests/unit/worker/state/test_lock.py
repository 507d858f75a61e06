"""Who holds a state folder, whatever is removed from it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobwire.keys.holder import Whereabouts, holder_of, identify, locate
from jobwire.schemas.refusal import Code, Refused
from jobwire.worker.state import layout
from jobwire.worker.state.lock import StateLock, last_description, open_process, running
from jobwire.worker.state.store_files import strange_log

_LOOK = """if True:
    import fcntl, os, select, sys
    fcntl.flock(os.open(sys.argv[1], 0), fcntl.LOCK_SH)
    print(flush=True)
    select.poll().poll(300)
"""


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[StateLock]:
    """Return the lock of a worker that has described itself."""
    made = StateLock(tmp_path / "state")
    made.describe(identify())
    (tmp_path / "state" / layout.STORE).touch()
    made.note_store()
    yield made
    made.release()


@pytest.mark.parametrize("removed", [["lock"], ["lock", "worker.json"], [layout.STORE, "lock", "worker.json"]])
def test_a_folder_has_one_worker_whatever_is_removed_from_it(lock: StateLock, tmp_path: Path, removed: list[str]) -> None:
    assert not lock.loss()
    for name in removed:
        (tmp_path / "state" / name).unlink()
    with pytest.raises(Refused, match="another worker holds the state folder"):
        StateLock(tmp_path / "state")
    assert holder_of(tmp_path / "state") == ""


def test_a_lock_that_somebody_put_in_the_place_of_the_removed_one_lets_nobody_in(lock: StateLock, tmp_path: Path) -> None:
    assert not lock.loss()
    (tmp_path / "state" / "lock").unlink()
    (tmp_path / "state" / "lock").write_text("1\n")
    with pytest.raises(Refused, match=r"another worker \(pid 1\) holds the state folder"):
        StateLock(tmp_path / "state")


def test_a_worker_of_an_earlier_version_that_locks_only_the_file_is_met(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with (tmp_path / "lock").open("w") as file:
        file.write(f"{os.getpid()}\n")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        assert holder_of(tmp_path) == str(os.getpid())
        with pytest.raises(Refused, match=f"pid {os.getpid()}"):
            StateLock(tmp_path)
    assert holder_of(tmp_path) is None
    StateLock(tmp_path).release()


def test_who_only_looks_keeps_no_worker_out(tmp_path: Path) -> None:
    """Somebody shares the lock and lets it go half a second later."""
    looker = subprocess.Popen([sys.executable, "-c", _LOOK, str(tmp_path)], stdout=subprocess.PIPE)
    with looker:
        assert looker.stdout is not None
        looker.stdout.readline()
        StateLock(tmp_path).release()


def test_files_that_were_removed_are_made_again(lock: StateLock, tmp_path: Path) -> None:
    for name in ("lock", "worker.json"):
        (tmp_path / "state" / name).unlink()
    assert lock.loss() == ""
    with pytest.raises(Refused, match="is not ready yet"):
        running(tmp_path / "state")
    lock.make_again()
    assert holder_of(tmp_path / "state") == str(os.getpid())
    assert (running(tmp_path / "state") or {})["pid"] == os.getpid()


def test_a_description_that_cannot_be_written_is_named_and_written_later(lock: StateLock, tmp_path: Path) -> None:
    place = tmp_path / "state" / "worker.json"
    place.unlink()
    place.mkdir()
    with pytest.raises(Refused, match=r"worker\.json cannot be written: Is a directory; check that its disk has free space"):
        lock.describe(identify() | {"slots": 7})
    place.rmdir()
    lock.make_again()
    assert json.loads(place.read_bytes())["slots"] == 7


def test_what_a_worker_cannot_go_on_without_is_named(lock: StateLock, tmp_path: Path) -> None:
    state = tmp_path / "state"
    (tmp_path / "other").touch()
    (tmp_path / "other").rename(state / layout.STORE)
    assert lock.loss() == f"the store {state / layout.STORE} was replaced by another file"
    (state / layout.STORE).unlink()
    assert lock.loss() == f"the store {state / layout.STORE} was removed"
    state.rename(tmp_path / "old")
    assert lock.loss() == f"the state folder {state} was removed"
    state.mkdir()
    assert lock.loss() == f"the state folder {state} was replaced by another"
    with pytest.raises(Refused, match="another worker"):
        StateLock(tmp_path / "old")


def test_a_lock_that_is_passed_on_is_neither_released_nor_exchanged(tmp_path: Path) -> None:
    state = tmp_path / "state"
    before = StateLock(state)
    before.describe(identify())
    passed_on = before.pass_on()
    before.release()
    (state / "lock").unlink()
    # As when a file of the folder is removed in this very moment.
    before.make_again()
    with pytest.raises(Refused, match="another worker holds the state folder"):
        StateLock(state)
    # What an exec closes.
    os.close(before._folder)
    after = StateLock(state, passed_on)
    after.make_again()
    assert holder_of(state) == str(os.getpid())
    after.release()
    StateLock(state).release()


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({}, Whereabouts.HERE),
        ({"start_ticks": 1}, Whereabouts.GONE),
        ({"pid": 2**22 + 1}, Whereabouts.GONE),
        ({"pid": "1"}, Whereabouts.GONE),
        ({"boot_id": "of another machine"}, Whereabouts.ELSEWHERE),
        ({"pid_namespace": "pid:[1]"}, Whereabouts.ELSEWHERE),
    ],
)
def test_a_process_is_known_by_more_than_its_pid(lock: StateLock, tmp_path: Path, said: dict[str, object], where: Whereabouts) -> None:
    assert not lock.loss()
    described = {**identify(), **said}
    assert locate(described) is where
    if where is Whereabouts.HERE:
        process = open_process(tmp_path / "state", described)
        assert process is not None
        os.close(process)
    else:
        is_next = isinstance(said.get("pid"), int)
        words = rf"exited, and another one \(pid {os.getpid()}\) holds" if is_next else "your worker is running elsewhere"
        with pytest.raises(Refused, match=f"{words}.*; nothing was signalled") as caught:
            open_process(tmp_path / "state", described)
        assert (caught.value.code is Code.UNAVAILABLE) == is_next


def test_a_worker_that_has_ended_meanwhile_is_no_worker_elsewhere(tmp_path: Path) -> None:
    assert open_process(tmp_path, {**identify(), "start_ticks": 1}) is None


@pytest.mark.parametrize(
    ("noted", "is_copy"),
    [
        ({}, False),
        ({"folder_inode": 1}, True),
        ({"folder_device": 1}, True),
        ({"folder_device": 1, "pid_namespace": "pid:[1]"}, False),
        ({"folder_inode": 1, "boot_id": "of another day"}, False),
        ({"folder_inode": None}, False),
    ],
)
def test_a_copied_folder_is_known_by_what_the_last_worker_noted_of_its_own(
    tmp_path: Path, noted: dict[str, object], *, is_copy: bool
) -> None:
    lock = StateLock(tmp_path / "state")
    lock.describe(identify())
    lock.release()
    file = tmp_path / "state" / "worker.json"
    file.write_text(json.dumps({**json.loads(file.read_bytes()), **noted}))
    with pytest.raises(Refused, match="is a copy of") if is_copy else contextlib.nullcontext():
        StateLock(tmp_path / "state").release()


@pytest.mark.parametrize("before", [{"pid": 2**22 + 1}, {"pid": 1, "start_ticks": 1}])
def test_a_worker_that_is_starting_is_not_taken_for_the_one_before(tmp_path: Path, before: dict[str, object]) -> None:
    state = tmp_path / "state"
    lock = StateLock(state)
    lock.describe({**identify(), **before})
    with pytest.raises(Refused, match=f"a worker \\(pid {os.getpid()}\\) holds .*, but is not ready yet"):
        running(state)
    lock.describe(identify())
    assert (running(state) or {})["pid"] == os.getpid()
    lock.release()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ([], ""),
        ([layout.STORE], "it was replaced"),
        # Of a backup of all, or of a copied folder.
        ([layout.STORE, f"{layout.STORE}-wal"], ""),
        ([f"{layout.STORE}-wal"], ""),
    ],
)
def test_a_log_belongs_to_the_store_that_it_was_written_for(tmp_path: Path, other: list[str], words: str) -> None:
    state = tmp_path / "state"
    lock = StateLock(state)
    for name in (layout.STORE, f"{layout.STORE}-wal"):
        (state / name).write_bytes(b"x")
    lock.note_store()
    lock.describe(identify())
    lock.release()
    for name in other:
        (tmp_path / "other").write_bytes(b"x")
        (tmp_path / "other").rename(state / name)
    assert words in strange_log(state, json.loads((state / "worker.json").read_bytes()))
    assert bool(words) == bool(strange_log(state, json.loads((state / "worker.json").read_bytes())))
    assert strange_log(state, None) == ""
    (state / f"{layout.STORE}-wal").write_bytes(b"")
    assert strange_log(state, json.loads((state / "worker.json").read_bytes())) == ""


@pytest.mark.parametrize("left", ["nothing", "an empty file"])
def test_a_log_without_a_store_is_not_thrown_away(tmp_path: Path, left: str) -> None:
    (tmp_path / f"{layout.STORE}-wal").write_bytes(b"x")
    if left != "nothing":
        (tmp_path / layout.STORE).touch()
    assert "gone, or empty, while its log" in strange_log(tmp_path, None)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.fspath(path))


@pytest.mark.parametrize("name", ["lock", layout.STORE, layout.SUPERVISOR_LOG, layout.BOOT, "ballast"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [(os.mkfifo, "is a pipe, not a file; remove it"), (Path.mkdir, "is a folder, not a file"), (_socket, "is a socket, not a file")],
)
def test_what_is_no_file_but_has_the_name_of_one_is_named(tmp_path: Path, name: str, make: Callable[[Path], None], kind: str) -> None:
    tmp_path.chmod(0o700)
    make(tmp_path / name)
    with pytest.raises(Refused, match=f"the state folder {tmp_path} cannot be used: {name} {kind}"):
        StateLock(tmp_path)
    (tmp_path / name).rename(tmp_path / "away")
    StateLock(tmp_path).release()


@pytest.mark.parametrize(
    ("name", "kind"), [(layout.SOCKET, "a socket"), (layout.SOCKET_ANEW, "a file"), ("worker.json", "a file"), (layout.BLOBS, "")]
)
def test_what_is_no_file_but_has_the_name_of_what_is_replaced_is_named(tmp_path: Path, name: str, kind: str) -> None:
    tmp_path.chmod(0o700)
    if kind:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).touch()
    said = f"it is a folder, not {kind}" if kind else "it is not a folder"
    with pytest.raises(Refused, match=f"the state folder {tmp_path} cannot be used: {name}: {said}; remove it, or move it away"):
        StateLock(tmp_path)
    (tmp_path / name).rename(tmp_path / "away")
    # Anything else in place of a socket is replaced.
    if kind:
        os.mkfifo(tmp_path / name)
    StateLock(tmp_path).release()


@pytest.mark.parametrize("name", ["lock", layout.SUPERVISOR_LOCK, layout.BOOT, "ballast"])
def test_a_link_in_place_of_a_file_of_the_daemons_is_not_written_through(tmp_path: Path, name: str) -> None:
    tmp_path.chmod(0o700)
    other = tmp_path / "of somebody"
    other.write_text("precious")
    (tmp_path / name).symlink_to(other)
    with pytest.raises(Refused, match=f"{name}(: it)? is a link, not a file; remove it"):
        StateLock(tmp_path)
    assert other.read_text() == "precious"


def test_a_link_in_place_of_what_is_replaced_is_replaced_and_not_what_it_leads_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    other = tmp_path / "of somebody"
    other.write_text("precious")
    description = tmp_path / "worker.json"
    description.symlink_to(other)
    lock = StateLock(tmp_path)
    lock.describe({"pid": 1})
    assert (other.read_text(), description.is_symlink(), json.loads(description.read_text())["pid"]) == ("precious", False, 1)
    # Also while it runs.
    description.unlink()
    description.symlink_to(other)
    lock.make_again()
    assert (other.read_text(), description.is_symlink()) == ("precious", False)
    lock.release()


@pytest.mark.parametrize("name", [layout.STORE, layout.SUPERVISOR_LOG])
def test_a_link_that_leads_back_to_itself_is_named(tmp_path: Path, name: str) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / name).symlink_to(name)
    with pytest.raises(Refused, match=f"{name} is a symbolic link that points to itself; remove it, or move it away; use another"):
        StateLock(tmp_path)


def test_a_link_that_leads_nowhere_is_not_the_store_nor_a_pipe_the_logs(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / layout.STORE).symlink_to(tmp_path / "unmounted" / "db")
    with pytest.raises(Refused, match=rf"{layout.STORE} is a broken symbolic link"):
        StateLock(tmp_path)
    (tmp_path / layout.STORE).unlink()
    os.mkfifo(tmp_path / layout.LOGS)
    with pytest.raises(Refused, match="logs: it is not a folder"):
        StateLock(tmp_path)


@pytest.mark.parametrize("said", ["[" * 100_000, '{"pid": 1e999}', "null"])
def test_a_description_that_cannot_be_understood_is_none(tmp_path: Path, said: str) -> None:
    (tmp_path / "worker.json").write_text(said)
    assert last_description(tmp_path) is None
    StateLock(tmp_path).release()
