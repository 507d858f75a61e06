"""Each fault point where files and input travel: a daemon kills itself there; what was sent is whole, and the job starts exactly once."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from daemons import Worker, wait_until
from home import Home, command

from jobwire.schemas import fault_points

IN_UPLOADS = (
    "in-an-upload",
    "after-content-before-name",
    "after-name-before-answer",
    "while-files-are-unpacked",
    "after-unpack-before-start",
)
IN_PUTS = ("while-files-are-kept", "while-files-are-placed")
IN_FEEDS = ("after-input-before-given", "while-input-is-given")


def _beset(folder: Path, home: Home, *points: str) -> Worker:
    """Return a worker that reaches each of these points once, and the home of its admin."""
    spent = folder / "spent"
    spent.mkdir()
    worker = Worker(folder, env={"JOBWIRE_FAULT": ",".join(points), "JOBWIRE_FAULT_SPENT": str(spent)}).start()
    home.use(worker, worker.admin)
    return worker


def _ended(worker: Worker, running: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """Wait for the end of a command, and start the worker again each time that it died."""

    def look() -> bool:
        if worker.process is not None and worker.process.poll() is not None:
            # It may reach the next point before it is ready.
            worker.try_start()
        return running.poll() is not None

    wait_until(look, "the command ends", 120)
    out, err = running.communicate()
    return running.returncode, out, err


def _clean(worker: Worker, *points: str) -> None:
    print(worker.logged())
    reached = {path.name for path in (worker.folder / "spent").iterdir()}
    worker.clean()
    assert reached == set(points)


def _content(path: Path, size: int) -> str:
    content = os.urandom(size)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def test_a_job_starts_once_with_all_its_files_wherever_the_worker_dies(tmp_path: Path, bytecode: Path) -> None:
    home = Home(tmp_path / "home", bytecode, "admin")
    worker = _beset(tmp_path, home, *IN_UPLOADS)
    digest = _content(home.folder / "large", 9_000_000)
    (home.folder / "many").mkdir()
    for number in range(100):
        (home.folder / "many" / str(number)).write_text(str(number))
    script = f"echo started >> {home.folder}/starts; sha256sum large; cat many/* | sha256sum; ls many | wc -l"

    status, out, err = _ended(worker, home.start("run", "--put", "large", "--put", "many", "--", "sh", "-c", script))

    whole = hashlib.sha256("".join(sorted(map(str, range(100)))).encode()).hexdigest()
    assert (status, [line.split()[0] for line in out.decode().splitlines()]) == (0, [digest, whole, "100"]), err
    assert (home.folder / "starts").read_text() == "started\n"
    assert [path.name for path in (worker.state / "blobs").rglob(".*")] == []
    _clean(worker, *IN_UPLOADS)


def test_what_is_put_is_whole_wherever_the_worker_dies(tmp_path: Path, bytecode: Path) -> None:
    home = Home(tmp_path / "home", bytecode, "admin")
    worker = _beset(tmp_path, home, *IN_PUTS)
    digests = {name: _content(home.folder / name, 2_000_000) for name in ("one", "two", "three")}
    queued = home.submit("--hold", "--get", ".", "--", "sh", "-c", f"echo started >> {home.folder}/starts; sha256sum one two three")
    running = home.submit("--get", ".", "--", "sh", "-c", "while ! [ -e go ]; do sleep 0.05; done; sha256sum one two three")
    home.until_running(running)

    for job in (queued, running):
        status, _, err = _ended(worker, home.start("put", job, *digests))
        assert status == 0, err
    (home.folder / "go").touch()
    home.jobwire("put", running, "go")
    home.jobwire("release", queued)
    home.jobwire("wait", queued, running)

    for job in (queued, running):
        found = home.jobwire("logs", job).stdout.decode().splitlines()
        assert {line.split()[1]: line.split()[0] for line in found} == digests
    assert (home.folder / "starts").read_text() == "started\n"
    _clean(worker, *IN_PUTS)


def test_a_job_reads_each_byte_once_wherever_a_daemon_dies(tmp_path: Path, bytecode: Path) -> None:
    home = Home(tmp_path / "home", bytecode, "admin")
    worker = _beset(tmp_path, home, *IN_FEEDS)
    digest = _content(home.folder / "large", 20_000_000)
    with (home.folder / "large").open("rb") as stdin:
        run = command("run", "--", "sh", "-c", f"echo started >> {home.folder}/starts; sha256sum")
        running = subprocess.Popen(run, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home.env, cwd=home.folder)
    status, out, err = _ended(worker, running)
    assert (status, out.split()[:1]) == (0, [digest.encode()]), err
    assert (home.folder / "starts").read_text() == "started\n"
    _clean(worker, *IN_FEEDS)


def test_these_are_points() -> None:
    assert {*IN_UPLOADS, *IN_PUTS, *IN_FEEDS} <= fault_points.POINTS.keys()
