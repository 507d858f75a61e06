"""jobwire put: files and folders into the folder of a job that waits, runs or has ended; what exists there, and what is refused."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from daemons import Worker, wait_until
from home import Home, command

ON_A_SLOT = ("sh", "-c", "until [ -e go ]; do sleep 0.05; done")


def _running(home: Home) -> str:
    job = home.submit("--get", ".", "--", "sh", "-c", "until [ -e go ]; do sleep 0.05; done; find . | sort; cat go")
    wait_until(lambda: home.records("show", job)[0]["state"] == "running", "the job runs")
    return job


def _ended(home: Home, script: str = "true") -> str:
    job = home.submit("--get", ".", "--", "sh", "-c", script)
    home.jobwire("wait", job)
    return job


def _listed(home: Home, job: str) -> list[str]:
    home.jobwire("get", job, f".:{home.folder}/listed", status=None)
    found = sorted(str(path.relative_to(home.folder / "listed")) for path in (home.folder / "listed").rglob("*"))
    subprocess.run(["rm", "-rf", str(home.folder / "listed")], check=True)
    return found


def test_a_running_job_finds_what_is_put_into_its_folder(home: Home) -> None:
    job = _running(home)
    (home.folder / "in").mkdir()
    (home.folder / "in" / "tool").write_text("tool")
    (home.folder / "in" / "tool").chmod(0o750)
    (home.folder / "in" / "link").symlink_to("tool")
    (home.folder / "go").write_text("gone\n")

    home.jobwire("put", job, "in", "in:deep/er/", "in/tool:other", "go")
    home.jobwire("wait", job)

    shown = home.jobwire("logs", job).stdout.decode().splitlines()
    assert shown[-1] == "gone"
    assert {"./in/tool", "./in/link", "./deep/er/in/tool", "./other"} <= set(shown)
    home.jobwire("get", job, "deep/er:back")
    assert (home.folder / "back" / "in" / "tool").stat().st_mode & 0o777 == 0o750
    assert (home.folder / "back" / "in" / "link").readlink() == Path("tool")


def test_a_job_that_waits_finds_it_when_it_starts_also_after_the_worker_was_killed(own_home: Home, worker: Worker) -> None:
    slots = int(own_home.records("status")[0]["slots"]) if "slots" in own_home.records("status")[0] else 8
    holders = [own_home.submit("--", "sleep", "1000") for _ in range(slots)]
    (own_home.folder / "brought").write_text("brought\n")
    job = own_home.submit("--put", "brought", "--", "sh", "-c", "cat brought; cat d/new; cat d/link; ls -a d | wc -l")
    (own_home.folder / "d").mkdir()
    (own_home.folder / "d" / "new").write_text("first\n")
    own_home.jobwire("put", job, "d")
    (own_home.folder / "d" / "new").write_text("second\n")
    (own_home.folder / "d" / "link").symlink_to("new")
    own_home.jobwire("put", job, "d")
    (own_home.folder / "brought").write_text("replaced\n")
    own_home.jobwire("put", job, "brought")
    assert own_home.records("show", job)[0]["state"] == "queued"

    worker.kill()
    worker.start()
    own_home.jobwire("stop", "--now", *holders)
    own_home.jobwire("wait", job)

    assert own_home.jobwire("logs", job).stdout == b"replaced\nsecond\nsecond\n4\n"


def test_the_folder_of_a_job_that_has_ended_takes_more_and_is_fetched_with_it(home: Home) -> None:
    job = _ended(home, "echo old > kept; mkdir d; echo old > d/a; echo old > d/b")
    (home.folder / "d").mkdir()
    (home.folder / "d" / "b").write_text("new")
    (home.folder / "d" / "c").write_text("new")

    home.jobwire("put", job, "d")

    assert _listed(home, job) == ["d", "d/a", "d/b", "d/c", "kept"]
    home.jobwire("get", job, "d:back")
    assert [(home.folder / "back" / name).read_text() for name in "abc"] == ["old\n", "new", "new"]


def test_files_replace_files_and_links_but_no_folder_and_links_are_not_followed(home: Home, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("outside")
    script = f"mkdir d; mkdir d/e; touch f; mkfifo p; ln -s {tmp_path}/outside away; ln -s {tmp_path}/outside/file alias; touch d/x"
    job = _ended(home, script)
    (home.folder / "file").write_text("new")
    (home.folder / "tree").mkdir()
    (home.folder / "tree" / "e").write_text("a file where a folder is")
    (home.folder / "tree" / "w").write_text("never seen")

    home.jobwire("put", job, "file:alias", "file:p", "file:f", "file:d/")
    for said, why in (
        ("file:d", b"d is a folder in the folder of the job, and cannot be replaced by a file; to put the file into it, write d/"),
        ("tree:f", b"f in the folder of the job is not a folder, and cannot be replaced by one"),
        ("tree:away", b"away is a symbolic link in the folder of the job; links are not followed"),
        ("file:away/file", b"away is a symbolic link"),
        ("file:f/g", b"f in the folder of the job is not a folder"),
        ("tree:d", b"d/e is a folder in the folder of the job, and cannot be replaced by a file"),
    ):
        refused = home.jobwire("put", job, said, status=1)
        assert why in refused.stderr, refused.stderr

    assert (tmp_path / "outside" / "file").read_text() == "outside"
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["file"]
    assert "d/w" not in _listed(home, job)
    home.jobwire("get", job, "alias", "p", "f", "d")
    assert {(home.folder / name).read_text() for name in ("alias", "p", "f", "d/file")} == {"new"}


def test_who_may_not_stop_a_job_puts_nothing_into_its_folder(home: Home, shared_worker: Worker, tmp_path: Path) -> None:
    job = _ended(home)
    owner = home.records("show", job)[0]["owner"]
    (home.folder / "file").write_text("new")
    for role, status, why in (("submitter", 1, b"there is no job"), ("operator", 0, b"")):
        other = Home(tmp_path / role, tmp_path / "bytecode", role)
        other.use(shared_worker, shared_worker.admit(f"{role}-of-{home.name}", role))
        (other.folder / "file").write_text(role)
        put = other.jobwire("put", job if role == "submitter" else home.records("show", job)[0]["id"], "file", status=status)
        assert why in put.stderr
    assert owner
    home.jobwire("get", job, "file:back")
    assert (home.folder / "back").read_text() == "operator"


def test_a_job_without_a_folder_and_what_cannot_be_read_are_refused(home: Home) -> None:
    (home.folder / "file").write_text("new")
    plain = home.submit("--", "true")
    home.jobwire("wait", plain)
    assert b"has no folder of its own" in home.jobwire("put", plain, "file", status=1).stderr
    for said in ("nope", "file:../x", "file:/x", "/dev/null", "/proc/self/fd"):
        home.jobwire("put", plain, said, status=2)
    assert b"missing argument 'FILE[:PATH]'" in home.jobwire("put", plain, status=2).stderr


def test_names_that_are_not_utf8_are_refused_as_others_are_and_the_end_of_a_job_that_could_not_start_is_told(home: Home) -> None:
    name = os.fsdecode(b"b\xff")
    (home.folder / "file").write_text("new")
    (home.folder / "d").mkdir()
    job = home.submit("--get", ".", "--put", f"d:{name}", "--", "sh", "-c", "until [ -e go ]; do sleep 0.05; done")
    wait_until(lambda: home.records("show", job)[0]["state"] == "running", "the job runs")
    assert rb"b\xff is a folder in the folder of the job" in home.jobwire("put", job, f"file:{name}", status=1).stderr
    assert rb"there is no b\xff/x in the folder of the job" in home.jobwire("get", job, f"{name}/x", status=None).stderr
    waiting = home.submit("--hold", "--put", f"d:{name}", "--", "true")
    home.jobwire("put", waiting, f"file:{name}")
    home.jobwire("release", waiting)
    assert rb"b\xff is a folder in the folder of the job" in home.jobwire("wait", waiting, status=125).stderr
    home.jobwire("put", job, "file:go")
    home.jobwire("wait", job)


def test_two_hundred_files_at_once_and_the_same_one_in_several_places(home: Home) -> None:
    job = _ended(home)
    for number in range(200):
        (home.folder / f"f{number}").write_text(f"{number}")

    home.jobwire("put", job, *(f"f{number}:d/{number}" for number in range(200)), *(f"f7:same{number}" for number in range(3)))

    home.jobwire("get", job, ".:back")
    assert all((home.folder / "back" / "d" / f"{number}").read_text() == f"{number}" for number in range(200))
    assert {(home.folder / "back" / f"same{number}").read_text() for number in range(3)} == {"7"}


def test_an_interrupted_put_continues_and_leaves_nothing_half_written(own_home: Home, worker: Worker) -> None:
    job = _ended(own_home)
    with (own_home.folder / "large").open("wb") as file:
        for _ in range(300):
            file.write(os.urandom(1 << 20))
    folder = next((worker.state / "work").glob("*")) / "1"
    blobs = worker.state / "blobs"

    def part() -> int:
        return max((path.stat().st_size for path in blobs.rglob(".*.part")), default=0)

    sending = own_home.start("put", job, "large")
    wait_until(lambda: part() > 20e6, "a part")
    worker.kill()
    assert list(folder.iterdir()) == []
    worker.start()
    wait_until(lambda: part() > 60e6, "more")
    sending.terminate()
    sending.communicate(timeout=60)
    reached = part()
    assert 60e6 < reached < 300 << 20
    assert list(folder.iterdir()) == []

    own_home.jobwire("put", job, "large")

    assert subprocess.run(["cmp", str(folder / "large"), str(own_home.folder / "large")], check=False).returncode == 0
    assert [path for path in blobs.rglob("*") if path.is_file()] == []


def test_a_file_that_changes_while_it_is_sent_is_refused(own_home: Home, worker: Worker) -> None:
    job = _ended(own_home)
    with (own_home.folder / "large").open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(1 << 20))
    sending = own_home.start("put", job, "large")
    wait_until(lambda: any(path.stat().st_size > 5e6 for path in (worker.state / "blobs").rglob(".*.part")), "a part")
    with (own_home.folder / "large").open("ab") as file:
        file.write(b"more")

    _, err = sending.communicate(timeout=60)

    assert sending.returncode == 1, err
    assert re.search(rb"large changed while it was being read; try again", err)
    assert list((next((worker.state / "work").glob("*")) / "1").iterdir()) == []


def test_nobody_sees_a_half_written_file(own_home: Home) -> None:
    for letter in "ab":
        (own_home.folder / letter).write_bytes(letter.encode() * 4_000_000)
    script = "until [ -e end ]; do cat x 2>/dev/null | md5sum; done | sort -u | wc -l"
    job = own_home.submit("--get", ".", "--", "sh", "-c", script)
    wait_until(lambda: own_home.records("show", job)[0]["state"] == "running", "the job runs")
    for letter in "ababab":
        own_home.jobwire("put", job, f"{letter}:x")
    own_home.jobwire("put", job, "a:end")
    own_home.jobwire("wait", job)
    # Of nothing, and of the two.
    assert int(own_home.jobwire("logs", job).stdout) <= 3


def test_a_full_disk_here_or_a_limit_of_the_roster_is_told(own_home: Home, worker: Worker) -> None:
    job = _ended(own_home)
    text = worker.roster.read_text()
    worker.roster.write_text(text.replace('role = "admin"', 'role = "admin"\nfile_bytes = "5M"'))
    wait_until(lambda: worker.lets_in(worker.admin), "the roster is in force")
    (own_home.folder / "large").write_bytes(bytes(6_000_000))
    (own_home.folder / "small").write_bytes(b"x" * 3_000_000)

    assert b"but the limit is 5 MiB" in own_home.jobwire("put", job, "large", status=1).stderr
    for number in range(4):
        own_home.jobwire("put", job, f"small:s{number}")


def test_put_is_quiet_and_says_that_the_worker_is_gone(own_home: Home) -> None:
    job = _ended(own_home)
    (own_home.folder / "file").write_text("new")
    done = subprocess.run(command("put", job, "file"), env=own_home.env, cwd=own_home.folder, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_order_of_scp_is_explained(home: Home) -> None:
    file = home.folder / "a b"
    file.write_text("x")
    said = home.jobwire("put", str(file), "job:", status=2).stderr.decode()
    assert f"the job comes first: jobwire put job '{file}'" in said
    said = home.jobwire("put", "job", "no-such-file", status=2).stderr.decode()
    assert "the job comes first" not in said


def test_a_path_behind_the_job_and_the_name_of_a_run_are_explained(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (home.folder / "file").touch()
    said = home.jobwire("put", "build:in/", str(tmp_path / "file"), status=1).stderr.decode()
    assert said.endswith(f"; a path is an argument of its own, below the job's folder: jobwire put build {tmp_path / 'file'}:in/\n")
    said = home.jobwire("get", "build:out dir", status=1).stderr.decode()
    assert said.endswith("; a path is an argument of its own, below the job's folder: jobwire get build 'out dir'\n")
    # What is said to type is accepted.
    for typed, meant in (("build:/out", "build out"), ("build:/", "build .")):
        assert home.jobwire("get", typed, status=None).stderr.decode().endswith(f": jobwire get {meant}\n")
    job = home.submit("--hold", "-n", "build", "--get", ".", "true")
    for typed, meant in (("build:/in/", "file:in/"), ("build:/", "file")):
        assert home.jobwire("put", typed, "file", status=None).stderr.decode().endswith(f": jobwire put build {meant}\n")
        home.jobwire("put", "build", meant)
    home.jobwire("stop", job)
    home.jobwire("submit", "--wait", "--array", "1-2", "-n", "cut", "true")
    run = home.records("list", "--runs")[0]["run"]
    for name in ("cut", run):
        get, put = ["get", name, "x"], ["put", name, str(tmp_path / "file")]
        for arguments in (get, put, ["attach", "--read-only", name], ["show", "--proof", name, "-o", "-"]):
            said = home.jobwire(*arguments, status=1).stderr.decode()
            assert said == (
                f"jobwire: there is no job {name}; that names run {run} (cut); name one of its jobs: jobwire list {name} shows them\n"
            )
