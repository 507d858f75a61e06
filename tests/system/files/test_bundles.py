"""What a job brings and what is fetched: scripts, files, folders, with modes and links, and nothing outside of them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from daemons import Worker
from home import Home


def _make_folder(path: Path) -> None:
    path.mkdir()
    (path / "empty").mkdir()
    (path / "tool").write_text("#!/bin/sh\necho tool $1\n")
    (path / "tool").chmod(0o755)
    (path / "link").symlink_to("tool")
    (path / "outside").symlink_to("/etc/hostname")
    Path(os.fsdecode(os.fsencode(path) + b"/a\nb \xff")).write_bytes(b"odd")
    (path / "private").write_text("private")
    (path / "private").chmod(0o600)


def _tree(path: Path) -> dict[bytes, tuple[int, bytes]]:
    found = {}
    for folder, folders, files in os.walk(os.fsencode(path)):
        for name in folders + files:
            inner = folder + b"/" + name
            status = os.lstat(inner)
            if stat.S_ISLNK(status.st_mode):
                what = (0, os.fsencode(Path(os.fsdecode(inner)).readlink()))
            else:
                what = (status.st_mode, b"" if stat.S_ISDIR(status.st_mode) else Path(os.fsdecode(inner)).read_bytes())
            found[os.path.relpath(inner, os.fsencode(path))] = what
    return found


def test_a_script_is_sent_along_and_runs_in_the_folder_of_its_job(home: Home) -> None:
    (home.folder / "say.sh").write_text('#!/bin/sh\necho "$1:$2:$PWD:$JOBWIRE_JOB_DIR"\n')

    said = home.jobwire("run", "--script", "say.sh", "--", "one", "two words").stdout.decode().strip().split(":")

    assert said[:2] == ["one", "two words"]
    assert said[2] == said[3] != str(home.folder)
    assert home.jobwire("run", "--script", "say.sh").stdout.startswith(b"::/")


def test_a_script_runs_in_another_folder_if_it_is_told_to(home: Home) -> None:
    (home.folder / "it's").write_text('#!/bin/sh\necho "$1:$2:$PWD:$0"\n')

    said = home.jobwire("run", "--script", "it's", "-C", "/usr", "--", "one", "$two words").stdout.decode().strip().split(":")

    assert said[:3] == ["one", "$two words", "/usr"]
    assert said[3].endswith("/1/it's")


def test_a_path_with_a_slash_at_its_end_is_a_folder_to_put_it_into(home: Home) -> None:
    (home.folder / "in").mkdir()
    (home.folder / "in" / "file").write_text("1")

    ran = home.jobwire("run", "--put", "in:deep/", "--put", "in/file:other/", "--put", "in/file:.", "--", "find", ".", "-type", "f")

    assert sorted(ran.stdout.split()) == [b"./deep/in/file", b"./file", b"./other/file"]


def test_a_folder_arrives_and_comes_back_as_it_was(home: Home) -> None:
    _make_folder(home.folder / "in")

    home.jobwire("run", "--put", "in", "--put", f"{home.folder}/in/tool:bin/renamed", "--get", "in:back", "--", "sh", "-c", "rm in/outside")
    (home.folder / "in" / "outside").unlink()

    assert _tree(home.folder / "back") == _tree(home.folder / "in")


def test_dot_is_the_folder_of_the_job(home: Home) -> None:
    _make_folder(home.folder / "in")
    (home.folder / "in" / "outside").unlink()

    ran = home.jobwire("run", "--put", "in:.", "--get", ".:back", "--", "./tool", "x")

    assert ran.stdout == b"tool x\n"
    assert _tree(home.folder / "back") == _tree(home.folder / "in")


def test_an_empty_file_and_an_empty_folder_travel(home: Home) -> None:
    (home.folder / "nothing").touch()
    (home.folder / "none").mkdir()

    home.jobwire("run", "--put", "nothing", "--put", "none", "--get", "nothing:n", "--get", "none:o", "--", "sh", "-c", "ls none")

    assert (home.folder / "n").read_bytes() == b""
    assert list((home.folder / "o").iterdir()) == []


def test_links_that_lead_out_are_left_out_and_the_command_says_so(home: Home) -> None:
    script = "mkdir out; ln -s /etc/passwd out/evil; ln -s ../.. out/up; ln -s good out/fine; echo 1 > out/good"
    ran = home.jobwire("run", "--get", "out", "--", "sh", "-c", script, status=125)

    assert b"left out symbolic links that lead out of it: evil, up" in ran.stderr
    assert sorted(path.name for path in (home.folder / "out").iterdir()) == ["fine", "good"]


def test_what_cannot_be_fetched_is_told_and_counts_only_if_the_job_succeeded(home: Home) -> None:
    assert b"there is no result" in home.jobwire("run", "--get", "result", "--", "true", status=125).stderr
    assert b"there is no result" in home.jobwire("run", "--get", "result", "--", "false", status=1).stderr
    linked = home.jobwire("run", "--get", "l/passwd", "--", "ln", "-s", "/etc", "l", status=125)
    assert b"links are not followed" in linked.stderr
    assert not (home.folder / "passwd").exists()


def test_what_exists_here_is_never_replaced_but_a_file_by_a_file(home: Home) -> None:
    (home.folder / "file").write_text("old")
    (home.folder / "full").mkdir()
    (home.folder / "full" / "kept").write_text("kept")
    job = home.submit("--get", ".", "--", "sh", "-c", "echo new > file; mkdir full; echo other > full/other")
    home.jobwire("wait", job)

    home.jobwire("get", job, "file")
    refused = home.jobwire("get", job, "full:.", status=125)
    home.jobwire("get", job, "full:full/")

    assert (home.folder / "file").read_text() == "new\n"
    assert b"'./full' exists already" in refused.stderr
    assert (home.folder / "full" / "kept").read_text() == "kept"
    assert (home.folder / "full" / "full" / "other").read_text() == "other\n"
    assert [path.name for path in home.folder.iterdir() if path.name.startswith(".")] == []


def test_a_folder_that_cannot_be_written_is_told(home: Home) -> None:
    job = home.submit("--get", "file", "--", "sh", "-c", "echo new > file")
    home.jobwire("wait", job)

    refused = home.jobwire("get", job, "file:/proc/nowhere/file", status=125)

    assert b"'/proc/nowhere/file' cannot be written: No such file or directory" in refused.stderr


def test_a_submitted_job_keeps_what_is_wanted_of_it_for_get(home: Home) -> None:
    (home.folder / "words").write_text("b\na\n")
    job = home.submit("-n", "sorter", "--put", "words", "--get", "sorted", "--", "sh", "-c", "sort words > sorted")
    home.jobwire("wait", job)

    home.jobwire("get", "sorter")

    assert (home.folder / "sorted").read_text() == "a\nb\n"
    for arguments in (["submit", "--get", "a:b", "--", "true"], ["batch", "--lines", "--get", "a:b", "-"]):
        refused = home.jobwire(*arguments, stdin=b"true\n", status=2)
        assert b"--get: 'a:b' has a DEST, which is for jobwire run" in refused.stderr, refused.stderr
    plain = home.submit("--", "true")
    home.jobwire("wait", plain)
    assert b"was submitted without --get" in home.jobwire("get", plain, status=1).stderr
    assert b"has no folder of its own" in home.jobwire("get", plain, "x", status=125).stderr


def test_the_jobs_of_a_batch_bring_files(home: Home) -> None:
    (home.folder / "batch").mkdir()
    (home.folder / "batch" / "beside").write_text("beside\n")
    (home.folder / "here").write_text("here\n")
    jobs = [{"argv": ["sh", "-c", "cat beside here > all"], "put": ["beside"], "get": ["all"], "name": name} for name in ("one", "two")]
    (home.folder / "batch" / "jobs.json").write_text("\n".join(map(json.dumps, jobs)))

    home.jobwire("batch", "-q", "--put", "here", "batch/jobs.json")

    for name in ("one", "two"):
        home.jobwire("get", name, f"all:{name}")
        assert (home.folder / name).read_text() == "beside\nhere\n"


def test_a_script_runs_once_for_each_line_of_a_batch(home: Home) -> None:
    (home.folder / "say.sh").write_text('#!/bin/sh\necho "$1" > said\n')
    ran = home.jobwire("batch", "--no-wait", "-q", "--script", "say.sh", "--lines", "-", stdin=b"one\ntwo\n")
    run = ran.stdout.decode().strip()
    home.jobwire("wait", run)
    for job in home.records("list", run):
        home.jobwire("get", job["id"], f"said:{job['argv'][1]}")
    assert (home.folder / "one").read_text() == "one\n"
    assert (home.folder / "two").read_text() == "two\n"


def test_a_job_that_runs_again_has_its_files_again(home: Home) -> None:
    (home.folder / "data").write_text("data\n")
    job = home.submit("--put", "data", "--", "sh", "-c", "cat data; echo more >> data")
    home.jobwire("wait", job)
    (home.folder / "data").unlink()

    again = home.jobwire("rerun", "--follow", job)

    assert again.stdout == b"data\n"


def test_what_cannot_be_sent_is_refused_before_anything_is(home: Home) -> None:
    os.mkfifo(home.folder / "pipe")
    (home.folder / "folder").mkdir()
    os.mkfifo(home.folder / "folder" / "pipe")
    for said, wanted in (
        ("nope", b"'nope' cannot be read: No such file or directory"),
        ("pipe", b"pipe is neither a file nor a folder"),
        ("folder", b"folder/pipe is neither a file nor a folder nor a symbolic link"),
        (f"{__file__}:../x", b"the path leaves the folder with .."),
        (f"{__file__}:/x", b"the path is absolute"),
    ):
        refused = home.jobwire("run", "--put", said, "--", "true", status=2)
        assert b"--put: " in refused.stderr
        assert wanted in refused.stderr.replace(str(home.folder).encode() + b"/", b""), refused.stderr
    assert home.records("list", "-a") == []


def test_files_of_another_member_are_not_seen(home: Home, shared_worker: Worker, tmp_path: Path) -> None:
    (home.folder / "data").write_text("data\n")
    job = home.submit("--put", "data", "--", "true")
    home.jobwire("wait", job)
    other = Home(tmp_path / "other", tmp_path / "bytecode", "other")
    other.use(shared_worker, shared_worker.admit(f"other-of-{home.name}", "submitter"))

    assert b"there is no job" in other.jobwire("get", job, "data", status=1).stderr


def test_a_sparse_file_stays_sparse_on_the_worker(own_home: Home, worker: Worker) -> None:
    with (own_home.folder / "sparse").open("wb") as file:
        file.truncate(60_000_000)
        file.seek(40_000_000)
        file.write(b"x")

    ran = own_home.jobwire("run", "--put", "sparse", "--get", "sparse:back", "--", "stat", "-c", "%s %b", "sparse")

    size, blocks = map(int, ran.stdout.split())
    assert size == 60_000_000
    assert blocks * 512 < 10_000_000
    assert (own_home.folder / "back").stat().st_blocks * 512 < 10_000_000
    stored = [path for path in (worker.state / "blobs").rglob("*") if path.is_file()]
    assert sum(path.stat().st_blocks for path in stored) * 512 < 10_000_000


def test_ten_thousand_small_files_arrive_and_come_back(own_home: Home) -> None:
    for folder in range(100):
        (own_home.folder / "many" / f"{folder}").mkdir(parents=True)
        for file in range(100):
            (own_home.folder / "many" / f"{folder}" / f"{file}").write_text(f"{folder} {file}")

    ran = own_home.jobwire("run", "--put", "many", "--get", "many:back", "--", "sh", "-c", "find many -type f | wc -l")

    assert ran.stdout == b"10000\n"
    assert _tree(own_home.folder / "back") == _tree(own_home.folder / "many")
