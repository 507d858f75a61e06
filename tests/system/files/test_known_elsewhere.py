"""What went wrong in other programs that copy files, tried on `put`, `get`, `--put` and `--get`. Each test names the report."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from home import Home


def _job(home: Home, script: str = "true") -> str:
    job = home.submit("--get", ".", "--", "sh", "-c", script)
    home.jobwire("wait", job)
    return job


def _names(folder: Path) -> list[bytes]:
    found = []
    for outer, folders, files in os.walk(os.fsencode(folder)):
        found += [os.path.relpath(outer + b"/" + name, os.fsencode(folder)) for name in (*folders, *files)]
    return sorted(found)


def test_names_of_any_bytes_and_lengths_travel_both_ways(home: Home) -> None:
    # quay/claircore#985, mafintosh/tar-stream#66 and #90: invalid UTF-8, and names about as long as a field of a tar header.
    tree = home.folder / "tree"
    tree.mkdir()
    names = [
        b"new\nline",
        b"\xff\xfe",
        b" blank ",
        b"-n",
        b"*",
        b"$(x)",
        b"a:b",
        b"\\",
        *(b"\xc3\xa9" * (n // 2) + b"x" * (n % 2) for n in (99, 100, 101, 255)),
    ]
    for name in names:
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_bytes(name)
    job = _job(home)

    home.jobwire("put", job, "tree", *(f"tree/{os.fsdecode(name)}:single/" for name in names))
    home.jobwire("get", job, "tree:back", "single")

    assert _names(home.folder / "back") == _names(home.folder / "single") == sorted(names)


def test_nothing_but_files_folders_and_links_is_sent_and_nothing_hangs(home: Home) -> None:
    # magic-wormhole#363, docksal#1761: a FIFO without a writer, and a socket.
    job = _job(home)
    (home.folder / "tree").mkdir()
    os.mkfifo(home.folder / "tree" / "pipe")
    refused = home.jobwire("put", job, "tree", status=2)
    assert b"tree/pipe is neither a file nor a folder nor a symbolic link; leave it out" in refused.stderr
    (home.folder / "tree" / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(home.folder / "tree")
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
        assert b"tree/socket is neither" in home.jobwire("put", job, "tree", status=2).stderr
        assert b"cannot be read" in home.jobwire("put", job, "tree/socket", status=2).stderr


def test_a_folder_is_fetched_without_what_does_not_travel(home: Home) -> None:
    """As rsync and tar skip it. What is left out is told, and the command fails as for links that lead out."""
    make = "import os, socket; os.mkfifo('pipe'); socket.socket(socket.AF_UNIX).bind('socket'); open('file', 'w').write('text')"
    job = _job(home, f'mkdir tree; cd tree; {sys.executable} -c "{make}"')
    got = home.jobwire("get", job, "tree", status=125)
    assert b"tree: left out FIFOs, sockets or devices: pipe, socket\n" in got.stderr
    assert {path.name for path in (home.folder / "tree").iterdir()} == {"file"}
    assert b"neither a file nor a folder" in home.jobwire("get", job, "tree/pipe", status=125).stderr
    assert not (home.folder / "pipe").exists()


def test_a_fifo_in_the_way_is_not_written_to(home: Home) -> None:
    # uutils/coreutils#13344: here it may be somebody's, in the folder of a job it is replaced.
    job = _job(home, "mkfifo here; echo fetched > there")
    (home.folder / "file").write_text("put")
    os.mkfifo(home.folder / "there")
    home.jobwire("put", job, "file:here")
    home.jobwire("get", job, "here")
    assert (home.folder / "here").read_text() == "put"
    assert b"'there' cannot be replaced by a file" in home.jobwire("get", job, "there", status=125).stderr
    assert (home.folder / "there").is_fifo()


def test_setuid_bits_and_modes_without_rights(home: Home) -> None:
    # hashicorp/nomad#6176 and #18441: special bits are dropped, and no right is added but that the owner can read a lone file.
    tree = home.folder / "tree"
    tree.mkdir()
    for name, mode in (("setuid", 0o4755), ("setgid", 0o2750), ("none", 0o000), ("write", 0o200)):
        (tree / name).write_text(name)
        (tree / name).chmod(mode)
    (tree / "sticky").mkdir()
    (tree / "sticky").chmod(0o1777)
    job = _job(home)

    home.jobwire("put", job, "tree", "tree/none:none")
    home.jobwire("get", job, "tree:back", "none:lone")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home.folder / "back").iterdir()}
    assert modes == {"setuid": 0o755, "setgid": 0o750, "none": 0, "write": 0o200, "sticky": 0o777}
    assert stat.S_IMODE((home.folder / "lone").stat().st_mode) == 0o400


def test_what_is_copied_twice_is_merged_and_not_nested(home: Home) -> None:
    # moby/moby#31251 and #30082
    (home.folder / "tree" / "empty").mkdir(parents=True)
    (home.folder / "tree" / "file").write_text("1")
    job = _job(home)
    for said in ("tree", "tree/", "tree:tree", "tree/:tree", "tree/.:tree", "tree:./tree/."):
        home.jobwire("put", job, said)
    home.jobwire("get", job, ".:back")
    assert _names(home.folder / "back") == [b"tree", b"tree/empty", b"tree/file"]


def test_odd_names_on_the_command_line_mean_nothing_else(home: Home) -> None:
    # kubernetes#52465: an empty name was the current folder, and a file with a slash at its end a panic.
    (home.folder / "file").write_text("1")
    job = _job(home)
    for said, why in (
        ("", b"names no file"),
        (":x", b"names no file"),
        ("file/", b"Not a directory"),
        ("file:..", b"leaves the folder"),
        ("file:a/../b", b"leaves the folder"),
        ("file:/etc/x", b"absolute"),
        ("file:" + "x" * 256, b"longer than 255 bytes"),
        ("file:" + "x/" * 2500 + "y", b"longer than 4095 bytes"),
    ):
        refused = home.jobwire("put", job, said, status=2)
        assert why in refused.stderr, refused.stderr
    home.jobwire("put", job, "file:x//./y")
    home.jobwire("get", job, "x/y")
    assert home.jobwire("get", job, "/etc/passwd", status=2).stderr == (
        b"jobwire: '/etc/passwd' is not a path in the job's folder: the path is absolute\n"
    )


def test_a_place_here_may_be_reached_through_a_link_but_nothing_in_a_fetched_folder_is(home: Home, tmp_path: Path) -> None:
    # kubernetes#78211, and CVE-2019-11246, CVE-2019-1002101 of kubectl cp: a chain of links that leads out, step by step.
    (home.folder / "real").mkdir()
    (home.folder / "link").symlink_to("real")
    job = _job(
        home, f"mkdir t; cd t; echo 1 > file; ln -s . dot; ln -s dot/.. up; ln -s up/../.. far; ln -s {tmp_path} away; ln -s file ok"
    )

    home.jobwire("get", job, "t/file:link/")
    left_out = home.jobwire("get", job, "t", status=125)

    assert (home.folder / "real" / "file").read_text() == "1\n"
    assert b"left out symbolic links" in left_out.stderr
    assert sorted(path.name for path in (home.folder / "t").iterdir()) == ["dot", "file", "ok"]


def test_a_job_that_changes_its_folder_meanwhile_leads_nothing_out(home: Home, tmp_path: Path) -> None:
    # hashicorp/nomad#23738: a folder that becomes a link between a check and a write.
    outside = tmp_path / "outside"
    outside.mkdir()
    script = f"until [ -e end ]; do mkdir d 2>/dev/null; rm -rf d; ln -s {outside} d; rm -f d; done"
    job = home.submit("--get", ".", "--", "sh", "-c", script)
    (home.folder / "d").mkdir()
    for number in range(20):
        (home.folder / "d" / str(number)).write_text("1")
    for _ in range(10):
        home.jobwire("put", job, "d", "d/1:d/one", status=None)
    (home.folder / "end").touch()
    home.jobwire("put", job, "end")
    home.jobwire("wait", job)
    assert list(outside.iterdir()) == []


def test_sparse_files_stay_sparse_in_the_folder_of_a_job(home: Home) -> None:
    # RsyncProject/rsync#114, calamares#2228
    with (home.folder / "sparse").open("wb") as file:
        file.seek(40_000_000)
        file.write(b"x")
    (home.folder / "tree").mkdir()
    subprocess.run(["cp", "--sparse=always", "sparse", "tree/inner"], cwd=home.folder, check=True)
    job = _job(home)
    home.jobwire("put", job, "sparse", "tree")
    home.jobwire("get", job, "sparse:back", "tree/inner:inner")
    for name in ("back", "inner"):
        assert (home.folder / name).stat().st_size == 40_000_001
        assert (home.folder / name).stat().st_blocks * 512 < 5_000_000


def test_a_file_that_grows_while_it_is_fetched_is_refused_and_nothing_is_left(home: Home) -> None:
    # kubernetes/kubectl#1361: the end of a file was missing, without a word.
    job = home.submit("--get", ".", "--", "sh", "-c", "while [ ! -e end ]; do head -c 3000000 /dev/zero | tr '\\0' x >> log; done")
    refused = None
    for _ in range(50):
        fetched = home.jobwire("get", job, "log", status=None)
        if fetched.returncode and b"changed while it was being read" in fetched.stderr:
            refused = fetched
            break
    (home.folder / "end").touch()
    home.jobwire("put", job, "end")
    home.jobwire("wait", job)
    assert refused is not None
    assert [path for path in home.folder.iterdir() if path.name.startswith(".log")] == []


@pytest.mark.parametrize("mode", [0o555, 0o500, 0o444])
def test_folders_that_their_owner_may_not_write_to_are_filled_and_merged(home: Home, mode: int) -> None:
    # folbricht/desync#376, mafintosh/tar-fs#79, isaacs/node-tar#7
    (home.folder / "tree" / "inner").mkdir(parents=True)
    (home.folder / "tree" / "inner" / "file").write_text("1")
    for name in ("tree/inner", "tree"):
        (home.folder / name).chmod(mode)
    job = _job(home, "mkdir merged")
    if os.geteuid() == 0 or mode != 0o444:
        home.jobwire("put", job, "tree", "tree:merged")
        home.jobwire("get", job, ".:back")
        assert (home.folder / "back" / "tree").stat().st_mode & 0o777 == mode
        assert (home.folder / "back" / "merged" / "inner").stat().st_mode & 0o777 == mode
    for name in ("tree", "tree/inner"):
        (home.folder / name).chmod(0o755)
