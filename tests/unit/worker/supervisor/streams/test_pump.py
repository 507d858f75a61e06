import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobwire.keys.files import inotify
from jobwire.worker.supervisor.loop import Loop
from jobwire.worker.supervisor.streams import pump as pumps
from jobwire.worker.supervisor.streams.pump import Pump, Quota, Stream


class Owner:
    """Hears what happens to the output."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def output_arrived(self, stream: str, size: int) -> None:
        """Counted by the tests of arrivals."""

    def output_exceeded(self) -> None:
        self.heard.append("exceeded")

    def output_failed(self, stream: str, why: str) -> None:
        self.heard.append(f"{stream}: {why}")

    def output_waits(self) -> None:
        self.heard.append("waits")

    def output_closed(self) -> None:
        self.heard.append("closed")


def pump_of(loop: Loop, end: int, file: int, size: int = 0, reopen: Callable[[], int] | None = None) -> Pump:
    return Pump(loop, Stream("stdout", end, file, size, reopen=reopen), Quota(), Owner())


class Job:
    """The writing end of a pipe, its pump, and the log."""

    def __init__(self, tmp_path: Path) -> None:
        self.loop = Loop()
        self.log = tmp_path / "stdout"
        # As a job's: its reading end waits where one does not see to it.
        read_end, self.end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.end, False)
        self.pump = pump_of(self.loop, read_end, os.open(self.log, os.O_WRONLY | os.O_CREAT))
        self.pump.begin()

    def close(self) -> None:
        if self.end >= 0:
            os.close(self.end)
            self.end = -1

    def run_until(self, condition: Callable[[], bool]) -> None:
        def look() -> None:
            if condition():
                self.loop.end()

        self.loop.before_sleep(look)
        self.loop.after(60, lambda: pytest.fail("in vain waited"))
        self.loop.run()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_bytes_arrive_and_hang_up_closes(job: Job) -> None:
    data = os.urandom(10_000)
    os.write(job.end, data)
    job.close()
    job.run_until(lambda: not job.pump.is_open)
    assert job.log.read_bytes() == data
    assert job.pump.size == len(data)


def test_draining_takes_all_that_is_there_and_keeps_the_pipe(job: Job) -> None:
    fcntl.fcntl(job.end, fcntl.F_SETPIPE_SZ, 1 << 20)
    data = b"x" * os.write(job.end, b"x" * (1 << 20))
    assert job.pump.drain()
    assert job.log.read_bytes() == data
    assert job.pump.is_open
    job.close()
    assert job.pump.drain()
    assert not job.pump.is_open


def test_an_adopted_pump_continues_at_the_end_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_bytes(b"before ")
    read_end, end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    file = os.open(tmp_path / "stdout", os.O_WRONLY)
    pump = pump_of(Loop(), read_end, file, os.lseek(file, 0, os.SEEK_END))
    os.write(end, b"after")
    os.close(end)
    assert pump.drain()
    pump.close()
    assert (tmp_path / "stdout").read_bytes() == b"before after"
    assert pump.size == 12


def test_a_full_disk_pauses_and_loses_nothing(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    splice, full = os.splice, [errno.ENOSPC]

    def limited(*args: int, **options: int) -> int:
        if full:
            raise OSError(full[0], "full")
        return splice(*args, **options)

    monkeypatch.setattr(os, "splice", limited)
    monkeypatch.setattr(pumps, "RETRY_SECONDS", 0.01)
    os.write(job.end, b"data")
    assert not job.pump.drain()
    job.loop.after(0.05, full.clear)
    job.run_until(lambda: job.pump.size == 4)
    assert job.log.read_bytes() == b"data"
    job.close()
    assert job.pump.drain()


def test_a_log_that_was_removed_while_it_waits_for_space_gives_back_what_it_has(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    splice, log = os.splice, os.open(job.log, os.O_RDONLY)
    os.write(job.end, b"data")
    assert job.pump.drain()

    def limited(*args: int, **options: int) -> int:
        # What fills the disk is this very log.
        if os.fstat(log).st_size >= 4:
            raise OSError(errno.ENOSPC, "full")
        return splice(*args, **options)

    monkeypatch.setattr(os, "splice", limited)
    monkeypatch.setattr(pumps, "RETRY_SECONDS", 0.01)
    os.write(job.end, b"rest")
    assert not job.pump.drain()
    job.log.unlink()
    job.close()
    job.run_until(lambda: not job.pump.is_open)
    assert job.pump.problem == "its log was removed while it ran"
    os.close(log)


def test_a_file_system_without_splice_is_written_to(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: int, **_options: int) -> int:
        raise OSError(errno.EINVAL, "no splice")

    monkeypatch.setattr(os, "splice", refused)
    os.write(job.end, b"data")
    job.run_until(lambda: job.pump.size == 4)
    assert (job.log.read_bytes(), job.pump.problem) == (b"data", "")
    job.close()
    job.pump.close()


def test_a_disk_that_fails_is_reported_and_the_job_continues(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(*_args: object, **_options: object) -> int:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "splice", failed)
    monkeypatch.setattr(os, "write", failed)
    with open(job.end, "wb", buffering=0, closefd=False) as end:
        end.write(b"data")
    job.run_until(lambda: bool(job.pump.problem))
    assert job.pump.problem == "Input/output error"
    job.close()
    job.pump.close()


@pytest.mark.parametrize("nudge", [False, True])
def test_followers_are_notified_by_inotify(job: Job, monkeypatch: pytest.MonkeyPatch, nudge: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    if not nudge and pumps._NUDGE:
        pytest.skip("this kernel tells inotify of no splice")
    monkeypatch.setattr(pumps, "_NUDGE", nudge)
    with inotify.Inotify() as watch:
        watch.add_watch(job.log, inotify.MODIFY)
        os.write(job.end, b"data")
        assert job.pump.drain()
        assert watch.read(60_000)[0].mask & inotify.MODIFY
    assert job.log.read_bytes() == b"data"
    job.close()
    job.pump.close()


@pytest.mark.parametrize(("release", "noticed"), [("6.18.44-fc-v669", True), ("6.9", True), ("6.8.0-1-amd64", False), ("5.15+", False)])
def test_kernels_are_distinguished(release: str, noticed: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    assert pumps._splice_is_noticed(release) is noticed


def test_no_more_than_the_quota_gets_into_the_logs_and_the_rest_is_dropped_and_reported_once(tmp_path: Path) -> None:
    loop, owner, quota = Loop(), Owner(), Quota(10)
    pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(2)]
    files = [tmp_path / name for name in ("stdout", "stderr")]
    streams = [Stream(file.name, read, os.open(file, os.O_WRONLY | os.O_CREAT)) for (read, _), file in zip(pipes, files, strict=True)]
    pumps = [Pump(loop, stream, quota, owner) for stream in streams]
    (_, stdout), (_, stderr) = pipes
    for end, data in ((stdout, b"123456"), (stderr, b"7890")):
        os.write(end, data)
        assert [pump.drain() for pump in pumps] == [True, True]
    assert owner.heard == []
    for end in (stdout, stderr):
        os.write(end, b"more")
        assert [pump.drain() for pump in pumps] == [True, True]
        os.close(end)
    assert owner.heard.count("exceeded") == 1
    assert [pump.drain() for pump in pumps] == [True, True]
    assert [file.read_bytes() for file in files] == [b"123456", b"7890"]
    assert not any(pump.is_open for pump in pumps)


def test_what_was_paused_by_a_full_disk_leaves_the_first_room_to_others(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    splice, full = os.splice, [errno.ENOSPC]

    def limited(*args: int, **options: int) -> int:
        if full:
            raise OSError(full.pop(), "full")
        return splice(*args, **options)

    monkeypatch.setattr(os, "splice", limited)
    os.write(job.end, b"data")
    assert not job.pump.drain()
    with monkeypatch.context() as little:
        little.setattr(pumps, "_ROOM_BYTES", 1 << 62)
        little.setattr(pumps, "_ROOM_PART", 1)
        assert not job.pump.drain()
    assert job.pump.drain()
    assert job.log.read_bytes() == b"data"
    job.close()
    assert job.pump.drain()


def test_a_log_of_which_nothing_is_known_does_not_wait_for_ever(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    splice, full = os.splice, [errno.ENOSPC]

    def limited(*args: int, **options: int) -> int:
        if full:
            raise OSError(full.pop(), "full")
        return splice(*args, **options)

    def gone(_: int) -> os.stat_result:
        raise OSError(errno.ESTALE, "removed elsewhere")

    monkeypatch.setattr(pumps, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(os, "splice", limited)
    os.write(job.end, b"data")
    job.pump.begin()
    job.run_until(lambda: job.pump.waits)
    monkeypatch.setattr(os, "fstatvfs", gone)
    job.run_until(lambda: job.pump.size == 4)
    job.close()
    assert job.pump.drain()


def test_a_pump_that_was_taken_over_leaves_the_room_that_is_kept_for_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = [False]
    monkeypatch.setattr(pumps, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(Pump, "_has_room", lambda _: room[0])
    job = Job(tmp_path)
    job.pump.close()
    read_end, job.end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    job.pump = pump_of(job.loop, read_end, os.open(job.log, os.O_WRONLY), reopen=lambda: pytest.fail("it is open"))
    os.write(job.end, b"data")
    job.pump.begin()
    assert job.pump.waits
    assert not job.pump.drain()
    assert job.log.read_bytes() == b""
    room[0] = True
    job.run_until(lambda: job.pump.size == 4)
    job.close()
    assert job.pump.drain()


def test_a_log_that_cannot_be_opened_yet_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pumps, "RETRY_SECONDS", 0.01)
    job = Job(tmp_path)
    job.pump.close()
    read_end, job.end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    refusals = [OSError(errno.EROFS, "read-only")] * 3

    def reopen() -> int:
        if refusals:
            raise refusals.pop()
        return os.open(job.log, os.O_WRONLY)

    job.pump = pump_of(job.loop, read_end, -1, reopen=reopen)
    os.write(job.end, b"data")
    job.pump.begin()
    assert job.pump.waits
    job.run_until(lambda: job.pump.size == 4)
    assert job.log.read_bytes() == b"data"
    job.close()
    assert job.pump.drain()


def test_without_splice_a_full_disk_is_waited_for_and_an_empty_or_closed_pipe_is_none(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: int, **_options: int) -> int:
        raise OSError(errno.EINVAL, "no splice")

    write, full = os.write, [errno.ENOSPC]

    def limited(fd: int, data: bytes) -> int:
        if full and fd != job.end:
            raise OSError(full[0], "full")
        return write(fd, data[:3])

    monkeypatch.setattr(os, "splice", refused)
    monkeypatch.setattr(os, "write", limited)
    monkeypatch.setattr(pumps, "RETRY_SECONDS", 0.01)
    assert job.pump.drain()
    write(job.end, b"data")
    assert not job.pump.drain()
    assert (job.log.read_bytes(), job.pump.waits) == (b"", True)
    job.loop.after(0.05, full.clear)
    job.run_until(lambda: job.pump.size == 4)
    assert (job.log.read_bytes(), job.pump.problem) == (b"data", "")
    job.close()
    assert job.pump.drain()
    assert not job.pump.is_open


@pytest.mark.parametrize("more", [b"", b"later, and longer\n"], ids=["nothing follows", "more follows"])
@pytest.mark.parametrize(
    ("how", "why"), [(Path.unlink, "removed"), (lambda log: os.truncate(log, 2), "shortened")], ids=["removed", "shortened"]
)
def test_output_is_not_whole_if_somebody_removes_or_shortens_the_log(job: Job, how: Callable[[Path], None], why: str, more: bytes) -> None:
    os.write(job.end, b"early\n")
    assert job.pump.drain()
    how(job.log)
    os.write(job.end, more)
    job.close()
    job.run_until(lambda: not job.pump.is_open)
    assert job.pump.problem == f"its log was {why} while it ran"


def test_a_removed_log_is_noticed_at_the_end_of_a_job_of_which_a_process_goes_on(job: Job) -> None:
    os.write(job.end, b"early\n")
    assert job.pump.drain()
    job.log.unlink()
    assert job.pump.drain()
    assert job.pump.is_open
    assert job.pump.problem == "its log was removed while it ran"
    job.close()
    job.run_until(lambda: not job.pump.is_open)


def test_a_log_that_cannot_be_looked_at_any_more_holds_up_no_end(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    os.write(job.end, b"early\n")
    assert job.pump.drain()

    look, log = os.fstat, job.log.stat()

    def stale(file: int) -> os.stat_result:
        if os.path.samestat(found := look(file), log):
            raise OSError(errno.ESTALE, "Stale file handle")
        return found

    monkeypatch.setattr(os, "fstat", stale)
    job.close()
    job.run_until(lambda: not job.pump.is_open)
    assert job.pump.problem == f"its log cannot be checked: {os.strerror(errno.ESTALE)}"


def test_a_log_in_which_nothing_was_is_not_looked_at(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    look, log = os.fstat, job.log.stat()
    looks: list[os.stat_result] = []

    def note(file: int) -> os.stat_result:
        looks.append(look(file))
        return looks[-1]

    monkeypatch.setattr(os, "fstat", note)
    job.close()
    job.run_until(lambda: not job.pump.is_open)
    assert [one for one in looks if os.path.samestat(one, log)] == []
    assert not job.pump.problem


def test_a_log_in_which_nothing_was_is_not_missed(job: Job) -> None:
    job.log.unlink()
    job.close()
    job.run_until(lambda: not job.pump.is_open)
    assert not job.pump.problem
