"""The state folder, or files in it, are removed while the daemons are running."""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from processes import is_alive

from jobwire.schemas.jobs.states import EventKind, OutcomeKind, State

_SLEEP = "import time; print(flush=True); time.sleep(100)"


def _start(worker: Worker, *argv: str) -> int:
    """Start a job and return its pid."""
    with worker.client() as client:
        job = client.submit([*argv])
        return wait_until(lambda: client.job(job.id).info().pid, "it runs")


def test_a_worker_whose_lock_was_removed_stays_the_only_one(worker: Worker) -> None:
    pid = _start(worker, "sleep", "100")
    for name in ("lock", "worker.json"):
        (worker.state / name).unlink()
    assert "holds the state folder" in worker.refusal()
    wait_until(lambda: (worker.state / "lock").exists() and (worker.state / "worker.json").exists(), "they are made again")
    assert worker.described()["pid"] == worker.description["pid"]
    assert f"pid {worker.description['pid']}" in worker.refusal()
    assert json.loads(worker.command("status", "--json").stdout)["running"] == 1
    assert is_alive(pid)


@pytest.mark.parametrize("verb", ["stop", "reload"])
@pytest.mark.parametrize("other", [{"pid_namespace": "pid:[1]"}, {"boot_id": "another"}], ids=["namespace", "boot"])
def test_a_process_that_is_not_the_worker_is_never_signalled(worker: Worker, verb: str, other: dict[str, object]) -> None:
    with subprocess.Popen([sys.executable, "-c", _SLEEP], stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        said = worker.described()
        # Otherwise it writes its own words again.
        os.kill(said["pid"], signal.SIGSTOP)
        (worker.state / "worker.json").write_text(json.dumps({**said, "pid": stranger.pid, **other}))
        assert "your worker is running elsewhere" in worker.command(verb, status=1).stderr
        assert stranger.poll() is None
        stranger.kill()
    os.kill(said["pid"], signal.SIGCONT)
    wait_until(lambda: worker.described() == said, "it writes its own words again")


@pytest.mark.parametrize("words", ["garbage", "", "[]", '{"pid": 1}'], ids=["garbage", "empty", "a list", "not all"])
@pytest.mark.parametrize("moved", [False, True], ids=["written", "moved"])
def test_a_description_that_was_overwritten_is_written_again(worker: Worker, words: str, *, moved: bool) -> None:
    said = worker.described()
    other = worker.state / "other" if moved else worker.state / "worker.json"
    other.write_text(words)
    other.rename(worker.state / "worker.json")

    def told() -> dict[str, object]:
        try:
            return worker.described()
        except ValueError:
            return {}

    wait_until(lambda: told() == said, "it is written again")
    assert worker.command("status").returncode == 0


@pytest.mark.parametrize("name", ["state.db", "state.db-wal", "state.db-shm"])
@pytest.mark.parametrize("with_what", [None, "its copy", "garbage"])
def test_a_worker_exits_in_order_when_a_file_of_its_store_was_replaced(worker: Worker, name: str, with_what: str | None) -> None:
    """Otherwise everything that it acknowledges from then on would be written to a file without a name, and lost in a crash."""
    path = worker.state / name
    with worker.client() as client:
        client.run(["true"])
        if with_what is None:
            path.unlink()
        else:
            other = worker.folder / "other"
            if with_what == "garbage":
                other.write_text("garbage")
            else:
                shutil.copy(path, other)
            other.rename(path)
    assert worker.process is not None
    worker.process.wait(60)
    what = "removed" if with_what is None else "replaced by another file"
    assert f"{path} was {what}: this worker exits" in worker.log.read_text()
    if name != "state.db":
        # Their content is in the store now.
        worker.start()
        with worker.client() as client:
            assert len(list(client.list(all=True))) == 1


def _put_backup_in_place(worker: Worker) -> None:
    """Take a backup of the store, add to the store, kill the worker with its log beside it, and put the backup in the store's place."""
    path = worker.state / "state.db"
    with worker.client() as client:
        client.run(["true"])
        worker.kill(signal.SIGTERM)
        shutil.copy(path, worker.folder / "backup")
        worker.start()
    with worker.client() as client:
        client.run(["true"])
    worker.kill()
    assert path.with_name("state.db-wal").stat().st_size
    (worker.folder / "backup").rename(path)


def test_the_log_of_a_store_is_not_applied_to_a_file_in_its_place(worker: Worker) -> None:
    _put_backup_in_place(worker)
    path = worker.state / "state.db"
    said = worker.refusal()
    assert f"{path} cannot be used: it was replaced, and the log beside it, state.db-wal, is that of the one before" in said
    assert f"jobwire worker rebuild --state {worker.state}" in said
    # The other way that it names.
    path.with_name("state.db-wal").rename(path.with_name("state.db-wal.before"))
    worker.start()
    with worker.client() as client:
        assert len(list(client.list(all=True))) == 1


def test_a_store_is_made_anew_where_another_one_is_in_its_place(worker: Worker) -> None:
    _put_backup_in_place(worker)
    found = json.loads(worker.command("rebuild", "--json").stdout)
    assert "it was replaced" in found["damage"]
    assert found["ended"] == 2
    assert (worker.state / f"{found['kept']}-wal").exists()
    worker.start()


def test_a_store_that_was_removed_is_not_made_anew_as_long_as_its_log_is_there(worker: Worker) -> None:
    """SQLite would remove that log, and the jobs in it that were not started yet."""
    worker.kill()
    path, aside = worker.state / "state.db", worker.state / "aside"
    path.rename(aside)
    assert "it is gone, or empty, while its log state.db-wal is there" in worker.refusal()
    assert (worker.state / "state.db-wal").stat().st_size
    # Without a worker, supervisor and keeper would stay for a minute.
    aside.rename(path)
    worker.start()


def test_a_copied_store_is_used_with_its_log(worker: Worker, tmp_path: Path) -> None:
    with worker.client() as client:
        client.run(["true"])
    worker.kill()
    # Copied before either is moved: both stay under their old inodes until then.
    for name in ("state.db", "state.db-wal"):
        shutil.copy(worker.state / name, tmp_path / name)
    for name in ("state.db", "state.db-wal"):
        (tmp_path / name).rename(worker.state / name)
    worker.start()
    with worker.client() as client:
        assert len(list(client.list(all=True))) == 1


@pytest.mark.parametrize("by", ["", "a file", "a link", "a socket"])
def test_a_supervisor_whose_socket_was_removed_or_replaced_is_found_and_stays_the_only_one(worker: Worker, by: str) -> None:
    pid = _start(worker, "sleep", "100")
    supervisor, keeper = (worker.described()[name] for name in ("supervisor_pid", "keeper_pid"))
    path = worker.state / "supervisor.sock"
    if by == "a socket":
        # As if another program had made it, and renamed over it.
        os.mknod(worker.state / "foreign", stat.S_IFSOCK | 0o600)
        (worker.state / "foreign").rename(path)
    else:
        path.unlink()
    if by == "a file":
        path.write_text("x")
    elif by == "a link":
        path.symlink_to("worker.json")
    wait_until((worker.state / "supervisor.sock.anew").exists, "it is made again")
    wait_until(lambda: path.is_socket() and not path.is_symlink(), "it listens there")
    worker.kill()
    worker.start()
    assert (worker.description["supervisor_pid"], worker.description["keeper_pid"]) == (supervisor, keeper)
    # The keeper starts the next one, which listens at a socket of its own too.
    worker.kill_supervisor()
    worker.kill()
    worker.start()
    assert worker.description["keeper_pid"] == keeper
    assert is_alive(pid)


@pytest.mark.parametrize("killed", [(), ("pid",), ("pid", "keeper_pid")], ids=["nobody", "worker", "worker and keeper"])
def test_no_daemon_stays_when_the_state_folder_is_removed(worker: Worker, tmp_path: Path, killed: tuple[str, ...]) -> None:
    """What runs is not ended: it is waited for."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    pid = _start(worker, "sh", "-c", f"read line < {gate}")
    daemons = worker.described()
    for name in killed:
        os.kill(daemons[name], signal.SIGKILL)
        wait_until(lambda name=name: not is_alive(daemons[name]), f"{name} ends")
    # In one step, as it restores files that are removed.
    shutil.rmtree(worker.state.rename(tmp_path / "away"))
    assert worker.process is not None
    worker.process.wait(60)
    if not killed:
        assert f"the state folder {worker.state} was removed: this worker exits" in worker.log.read_text()
    assert is_alive(pid)
    assert is_alive(daemons["supervisor_pid"])
    gate.write_text("go on\n")
    for name in ("supervisor_pid", "keeper_pid"):
        wait_until(lambda name=name: not is_alive(daemons[name]), f"{name} ends")
    assert not worker.state.exists()


@pytest.mark.parametrize("killed", ["supervisor", "supervisor and keeper", "all"])
def test_a_job_whose_process_is_alive_is_never_recorded_as_lost_if_its_folder_was_removed(
    worker: Worker, tmp_path: Path, killed: str
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    reader, sleeper = (_start(worker, *argv) for argv in (("sh", "-c", f"read line < {gate}; echo late"), ("sleep", "1000")))
    daemons = worker.described()
    if killed == "all":
        worker.kill()
    if killed != "supervisor":
        os.kill(daemons["keeper_pid"], signal.SIGKILL)
        wait_until(lambda: not is_alive(daemons["keeper_pid"]), "the keeper ends")
    shutil.rmtree(worker.logs)
    os.kill(daemons["supervisor_pid"], signal.SIGKILL)
    if killed == "all":
        worker.start()
    wait_until(lambda: len(list(worker.logs.glob("*_*/stdout"))) == 2, "both are taken over")
    with worker.client() as client:
        jobs = {job.pid: client.job(job.id) for job in client.list()}
        assert {jobs[pid].info().state for pid in (reader, sleeper)} == {State.RUNNING}
        jobs[sleeper].stop()
        wait_until(lambda: not is_alive(sleeper), "it is stopped")
        assert wait_until(lambda: jobs[sleeper].info().outcome, "it has ended").kind is not OutcomeKind.LOST
        gate.write_text("go on\n")
        outcome = wait_until(lambda: jobs[reader].info().outcome, "it ends")
        # The status of a process that is not a child is known only if the kernel reports it (PIDFD_GET_INFO, Linux 6.15).
        assert outcome.kind is OutcomeKind.EXITED or "this kernel reports it to no other process" in outcome.sentence
        assert jobs[reader].read_range("stdout", 0, 100)[0] == b"late\n"


@pytest.mark.parametrize("how", ["removed", "cut off", "a FIFO"])
def test_a_job_whose_process_is_alive_is_never_recorded_as_lost_if_its_job_file_was_removed_or_damaged(
    worker: Worker, tmp_path: Path, how: str
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    _start(worker, "sh", "-c", f"echo early; read line < {gate}; echo late; exit 7")
    file = next(worker.logs.glob("*_*/job"))
    file.unlink()
    if how == "a FIFO":
        os.mkfifo(file)
    elif how == "cut off":
        file.write_text("{")
    with worker.client() as client, client.events(timeout=60) as events:
        os.kill(worker.described()["supervisor_pid"], signal.SIGKILL)
        # The worker, which has what was submitted, writes it again, and then has the supervisor adopt the job.
        while next(events).kind is not EventKind.ADOPTED:
            pass
        assert file.is_file()
        assert file.read_text().endswith("}")
        (job,) = client.list()
        handle = client.job(job.id)
        gate.write_text("go on\n")
        outcome = wait_until(lambda: handle.info().outcome, "it ends")
        # As above; or it has ended between the repair of the file and its adoption.
        unknown = ("this kernel reports it to no other process", "it ended before the next supervisor could use them")
        assert outcome.exit_status == 7 or any(why in outcome.sentence for why in unknown)
        assert handle.read_range("stdout", 0, 100)[0] == b"early\nlate\n"


def test_a_copy_of_the_state_folder_is_refused_and_touches_no_job_of_the_original(worker: Worker) -> None:
    pid = _start(worker, "sh", "-c", "trap '' PIPE; while sleep 0.1; do echo line || exit 9; done")
    other = copy.copy(worker)
    other.state = worker.state.with_name("copy")
    shutil.copytree(worker.state, other.state, symlinks=True, ignore=lambda *_: ["supervisor.sock"])
    assert f"is a copy of {worker.state}" in other.refusal()
    assert not (other.state / "supervisor.sock").exists()
    # As the refusal advises.
    (other.state / "worker.json").unlink()
    other.start()
    with other.client() as client:
        (job,) = client.list(all=True)
        assert job.outcome is not None
        assert job.outcome.kind is OutcomeKind.LOST
        assert "the state folder is a copy" in job.outcome.sentence
    other.clean()
    (log,) = worker.logs.glob("*_*/stdout")
    size = log.stat().st_size
    wait_until(lambda: log.stat().st_size > size + 10, "its output still comes to the original")
    assert is_alive(pid)


def test_a_state_folder_that_was_moved_is_the_same_and_so_is_one_of_another_name(worker: Worker, tmp_path: Path) -> None:
    pid = _start(worker, "sleep", "100")
    original = worker.state
    worker.state = tmp_path / "link"
    worker.state.symlink_to(original)
    assert "holds the state folder" in worker.refusal()
    worker.state = original.rename(tmp_path / "moved")
    assert worker.process is not None
    worker.process.wait(60)
    keeper = worker.description["keeper_pid"]
    worker.start()
    assert worker.description["keeper_pid"] == keeper
    with worker.client() as client:
        assert [job.pid for job in client.list()] == [pid]


@pytest.mark.parametrize("killed", [(), ("keeper_pid",)], ids=["both live", "keeper killed"])
def test_a_pair_whose_lock_and_socket_were_removed_stays_the_only_one(worker: Worker, killed: tuple[str, ...]) -> None:
    """It creates the socket again, but only after another worker has not found it."""
    pid = _start(worker, "sleep", "100")
    described = worker.described()
    for name in killed:
        os.kill(described[name], signal.SIGKILL)
        wait_until(lambda name=name: not is_alive(described[name]), f"{name} ends")
    worker.kill()
    os.kill(described["supervisor_pid"], signal.SIGSTOP)
    lock = worker.state / "supervisor.lock"
    for path in (lock, worker.state / "supervisor.sock"):
        path.unlink()

    def go_on() -> None:
        try:
            wait_until(lock.exists, "another keeper begins")
        finally:
            os.kill(described["supervisor_pid"], signal.SIGCONT)

    with ThreadPoolExecutor(1) as thread:
        going_on = thread.submit(go_on)
        worker.start()
        going_on.result()
    assert worker.described()["supervisor_pid"] == described["supervisor_pid"]
    with worker.client() as client:
        assert [job.pid for job in client.list()] == [pid]
