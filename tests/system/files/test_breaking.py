"""Files under blows: daemons that are killed at each step, full disks, and what is removed afterwards."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import Home, command

from jobwire.client.protocol.exchange import Chunk
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.brought_files import BroughtFile
from jobwire.schemas.naming import new_id
from jobwire.schemas.refusal import Reason, Refused


def _blobs(worker: Worker) -> list[Path]:
    return sorted(path for path in (worker.state / "blobs").rglob("*") if path.is_file())


def _folders(worker: Worker) -> list[Path]:
    work = worker.state / "work"
    return list(work.iterdir()) if work.exists() else []


def _outcome(home: Home, job: str) -> dict[str, object]:
    outcome: dict[str, object] = home.records("show", job)[0]["outcome"]
    return outcome


def _large(path: Path, mebibytes: int) -> str:
    hasher = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(mebibytes):
            data = os.urandom(1 << 20)
            hasher.update(data)
            file.write(data)
    return hasher.hexdigest()


def test_an_upload_continues_where_it_was_when_the_worker_was_killed(own_home: Home, worker: Worker) -> None:
    digest = _large(own_home.folder / "large", 150)
    sending = own_home.start("run", "--put", "large", "--", "sha256sum", "large")
    wait_until(lambda: any(path.name.endswith(".part") and path.stat().st_size > 5e6 for path in _blobs(worker)), "a part")
    worker.kill()
    (part,) = _blobs(worker)
    reached = part.stat().st_size
    worker.start()

    out, err = sending.communicate(timeout=120)

    assert sending.returncode == 0, err
    assert out.decode().split()[0] == digest
    assert 5e6 < reached < 150 << 20
    assert [path.name for path in _blobs(worker)] == [digest]


def test_a_job_whose_files_were_being_unpacked_starts_after_the_worker_was_killed(own_home: Home, worker: Worker) -> None:
    digest = _large(own_home.folder / "large", 120)
    own_home.jobwire("run", "--put", "large", "--", "true")
    job = own_home.submit("--put", "large", "--", "sha256sum", "large")
    worker.kill()
    worker.start()

    own_home.jobwire("wait", job)

    assert own_home.jobwire("logs", job).stdout.decode().split()[0] == digest
    assert own_home.records("list", "-a")[-1]["attempt"] == 1


def test_a_folder_goes_with_its_job_and_contents_an_hour_after_the_last_one(own_home: Home, worker: Worker) -> None:
    (own_home.folder / "data").write_text("data")
    first = own_home.submit("--put", "data", "--", "true")
    second = own_home.submit("--put", "data", "--", "true")
    own_home.jobwire("wait", first, second)
    assert len(_folders(worker)) == 2
    assert len(_blobs(worker)) == 1

    own_home.jobwire("forget", first)
    wait_until(lambda: len(_folders(worker)) == 1, "one folder is removed")
    worker.kill()
    for path in _blobs(worker):
        os.utime(path, (1, 1))
    worker.start()
    assert own_home.jobwire("rerun", "--follow", second).returncode == 0
    assert len(_blobs(worker)) == 1

    for job in own_home.records("list", "-a"):
        own_home.jobwire("forget", job["id"])
    wait_until(lambda: not _folders(worker), "all folders are removed")
    worker.kill()
    for path in _blobs(worker):
        os.utime(path, (1, 1))
    worker.start()
    wait_until(lambda: not _blobs(worker), "the content is removed")


def test_the_folder_of_a_job_that_nobody_knows_is_removed_at_the_next_start(own_home: Home, worker: Worker) -> None:
    worker.kill()
    left = worker.state / "work" / f"{'12' * 16}.{'34' * 32}" / "1"
    left.mkdir(parents=True)
    (left / "file").touch()
    strange = worker.state / "work" / "not-ours"
    strange.mkdir()

    worker.start()

    wait_until(lambda: not left.parent.exists(), "the folder is removed")
    assert strange.exists()


def test_a_job_that_is_stopped_while_its_files_are_unpacked_leaves_no_folder(own_home: Home, worker: Worker) -> None:
    _large(own_home.folder / "large", 160)
    own_home.jobwire("run", "--put", "large", "--", "true")
    job = own_home.submit("--put", "large", "--", "sleep", "100")
    own_home.jobwire("stop", "--now", job)

    own_home.jobwire("wait", job, status=None)

    outcome = _outcome(own_home, job)
    assert outcome["kind"] in {"cancelled", "signaled"}
    if outcome["kind"] == "cancelled":
        wait_until(lambda: len(_folders(worker)) == 1, "only the folder of the first job is left")


def test_contents_that_are_missing_are_named_and_only_they_are_sent(worker: Worker) -> None:
    one, two = (BroughtFile(name, hashlib.sha256(name).digest(), len(name)) for name in (b"one", b"two"))
    with worker.client() as client:

        def start(*files: BroughtFile) -> request_pb2.Request:
            sent = [job_pb2.JobFile(path=file.path, digest=file.digest, size=file.size, kind=job_pb2.FILE_KIND_FILE) for file in files]
            job = request_pb2.NewJob(id=new_id(), spec=job_pb2.JobSpec(argv=[b"true"], files=sent))
            return request_pb2.Request(start=request_pb2.Start(jobs=[job]))

        with pytest.raises(Refused, match="does not have the content of 2 files") as caught:
            client.connection.call(start(one, two))
        assert caught.value.reason is Reason.FILES_MISSING
        assert set(caught.value.missing) == {one.digest, two.digest}


def test_a_member_has_as_many_bytes_of_files_as_the_roster_allows(own_home: Home, worker: Worker) -> None:
    text = worker.roster.read_text()
    worker.roster.write_text(text.replace('role = "admin"', 'role = "admin"\nfile_bytes = "5M"'))
    wait_until(lambda: worker.lets_in(worker.admin), "the roster is in force")
    _large(own_home.folder / "small", 4)
    _large(own_home.folder / "large", 6)
    own_home.jobwire("run", "--put", "small", "--", "true")

    for name in ("large", "small2"):
        _large(own_home.folder / "small2", 2)
        refused = own_home.jobwire("run", "--put", name, "--", "true", status=1)
        assert b"but the limit is 5 MiB" in refused.stderr
    own_home.jobwire("run", "--put", "small", "--", "true")


def test_a_file_that_changes_before_it_is_sent_is_refused(own_home: Home, worker: Worker) -> None:
    with worker.client() as client:
        wrong = request_pb2.Put(digest=b"x" * 32, size=3)
        exchange = client.connection.ask(request_pb2.Request(put=wrong))
        assert exchange.uploading is not None
        while not exchange.uploading.room:
            client.connection.pump()
        client.connection.feed(exchange, b"abc")
        while not exchange.ended:
            client.connection.pump()
        assert exchange.refusal is not None
        assert "is not the announced one" in exchange.refusal.message
    assert _blobs(worker) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted by root only")
def test_a_full_disk_at_the_worker_is_told_and_what_waits_starts_when_there_is_space(tmp_path: Path, bytecode: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60M", "tmpfs", str(disk)], check=False, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    worker = Worker(tmp_path, options=["--keep-free", "0"])
    worker.state = disk / "state"
    try:
        worker.start()
        home = Home(tmp_path / "home", bytecode, "admin")
        home.use(worker, worker.admin)
        _large(home.folder / "large", 100)
        _large(home.folder / "fits", 8)

        refused = home.jobwire("run", "--put", "large", "--", "true", status=1)
        assert b"disk is full" in refused.stderr
        assert _blobs(worker) == []

        # Into the folder of a job that runs, too; what it has is left alone, and with some space it goes on.
        running = home.submit("--get", ".", "--", "sleep", "600")
        home.until_running(running)
        home.jobwire("put", running, "fits:large")
        refused = home.jobwire("put", running, "fits:new", "large", status=1)
        assert b"disk is full" in refused.stderr
        (folder,) = (path / "1" for path in _folders(worker))
        assert {path.name: path.stat().st_size for path in folder.iterdir()} == {"large": 8 << 20}
        assert [path.name for path in folder.parent.iterdir()] == ["1"]
        home.jobwire("put", running, "fits:new")
        home.jobwire("stop", "--now", running)
        home.jobwire("forget", running)

        home.jobwire("run", "--put", "fits", "--", "true")
        filler = disk / "filler"
        with filler.open("wb") as file:
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            file.write(bytes(max(0, free - (4 << 20))))
        job = home.submit("--put", "fits", "--", "cmp", "fits", str(home.folder / "fits"))
        wait_until(lambda: "disk is full" in str(home.records("show", job)[0]["waits_for"]), "the job waits for space")
        filler.unlink()
        home.jobwire("wait", job)
    finally:
        print(worker.logged())
        worker.clean()
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_full_disk_here_is_told_and_nothing_incomplete_is_left(home: Home) -> None:
    job = home.submit("--get", ".", "--", "sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x > file")
    home.jobwire("wait", job)

    limited = ["prlimit", "--fsize=1000000", *command("get", job, "file")]
    ended = subprocess.run(limited, env=home.env, cwd=home.folder, capture_output=True, timeout=60, check=False)

    assert ended.returncode == 125
    assert b"'file' cannot be written: File too large" in ended.stderr
    assert list(home.folder.glob("*file*")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted by root only")
def test_a_full_disk_here_takes_a_file_or_a_folder_when_there_is_space(home: Home) -> None:
    job = home.submit("--wait", "--get", ".", "--", "sh", "-c", "mkdir -p tree/in; head -c 6M /dev/urandom | tee tree/in/side > file")
    disk = home.folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M", "tmpfs", str(disk)], check=False, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        (disk / "filler").write_bytes(bytes(4 << 20))
        (disk / "file").write_text("as it was")
        for path in ("file", "tree"):
            refused = home.jobwire("get", job, f"{path}:{disk}/{path}", status=125)
            assert f"{path} of job {job[:8]} was not fetched: '{disk}/{path}' cannot be written: No space left".encode() in refused.stderr
        assert sorted(path.name for path in disk.iterdir()) == ["file", "filler"]
        assert (disk / "file").read_text() == "as it was"
        (disk / "filler").unlink()
        home.jobwire("get", job, f"file:{disk}/file")
        assert (disk / "file").stat().st_size == 6 << 20
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_fetch_continues_from_the_byte_reached_if_nothing_has_changed(worker: Worker) -> None:
    with worker.client() as client:
        start = request_pb2.NewJob(
            id=new_id(), spec=job_pb2.JobSpec(argv=[b"sh", b"-c", b"mkdir d; head -c 3000000 /dev/urandom > d/file"], outputs=[b""])
        )
        client.connection.call(request_pb2.Request(start=request_pb2.Start(jobs=[start])))
        job = client.job_by_key(client.connection.identity.public, start.id)
        job.wait()

        def read(begin: int, validator: bytes = b"") -> tuple[bytes, request_pb2.FetchEnd, bytes]:
            fetch = request_pb2.Fetch(key=job_pb2.JobKey(id=start.id), path=b"d", start=begin, validator=validator)
            exchange = client.connection.ask(request_pb2.Request(fetch=fetch))
            data = b""
            while True:
                item = client.connection.next(exchange)
                if isinstance(item, Chunk):
                    data += item.data
                else:
                    assert item is not None
                    return data, item.fetch_end, exchange.request.fetch.validator

        whole, end, validator = read(0)
        assert end.size == len(whole)
        assert end.digest == hashlib.sha256(whole).digest()
        for begin in (1, 1000, 2_000_000, len(whole)):
            rest, again, _ = read(begin, validator)
            assert rest == whole[begin:]
            assert again.digest == end.digest
        (next((worker.state / "work").glob("*")) / "1" / "d" / "more").touch()
        with pytest.raises(Refused, match="changed while it was being read"):
            read(1000, validator)
