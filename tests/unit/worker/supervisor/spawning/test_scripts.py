"""Each file is really executed, so that the number is the kernel's."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from jobwire.worker.supervisor.spawning.scripts import why_not_executed, why_not_here
from jobwire.worker.supervisor.spawning.spawner import CannotStart, find_program


def refused(path: Path, *, mode: int = 0o755) -> int:
    path.chmod(mode)
    with pytest.raises(OSError) as caught:  # noqa: PT011 -- its number is what is asked for
        os.posix_spawn(path, [str(path)], {})
    assert caught.value.errno
    return caught.value.errno


def elf(machine: int, loader: bytes) -> bytes:
    """Make the beginning of a program for a machine, with the name of its loader (elf(5))."""
    kind, here = 2, 64 + 56
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0x400000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    interpreter = struct.pack("<IIQQQQQQ", 3, 4, here, 0, 0, len(loader) + 1, len(loader) + 1, 1)
    return head + interpreter + loader + b"\0"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"#!/opt/nope\necho hi\n", "its interpreter does not exist: '/opt/nope'"),
        (b"#! \t/opt/nope -x\n", "does not exist: '/opt/nope'"),
        (b"#!/opt/nope", "does not exist: '/opt/nope'"),
        (b"#!/bin/sh\r\necho hi\r\n", "carriage return (CRLF), so its interpreter would be '/bin/sh\\r'"),
        (b"#!python3\n", "'python3' is not a path; write #!/usr/bin/env python3"),
        (b"#!/etc/passwd\n", "is not executable: '/etc/passwd'"),
        (b"#!/tmp\n", "is not executable: '/tmp'"),
        (b"#!\necho hi\n", "there is no interpreter after its #!"),
        (b"#!", "there is no interpreter after its #!"),
        (b"#! \t", "there is no interpreter after its #!"),
        (b"#!bin/nope\n", "does not exist: 'bin/nope', looked up from the working folder"),
        (b"#!./nope -x\n", "does not exist: './nope', looked up from the working folder"),
        (b"\x7fELF", "damaged or truncated"),
        (b"\x7fELF\x02\x01\x01", "damaged or truncated"),
        (Path(sys.executable).read_bytes()[:60], "damaged or truncated"),
        (b"#!/" + b"x" * 300 + b"\n", "longer than 255 bytes"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "byte order mark (BOM)"),
        ("#!/bin/sh\n".encode("utf-16"), "UTF-16"),
        (b"\n#!/bin/sh\n", "empty lines before its #!"),
        (b"", "an empty file"),
        (b"echo hi\n", ""),
        (elf(183 if os.uname().machine != "aarch64" else 62, b"/lib/ld.so"), "another kind of machine"),
        (
            elf(62 if os.uname().machine != "aarch64" else 183, b"/lib/ld-nope.so.1"),
            "the loader that it needs does not exist: '/lib/ld-nope.so.1'",
        ),
    ],
)
def test_the_first_bytes_of_a_file_show_why_it_is_not_executed(tmp_path: Path, content: bytes, words: str) -> None:
    program = tmp_path / "program"
    program.write_bytes(content)
    said = why_not_executed(str(program), refused(program))
    assert words in said
    assert bool(words) == bool(said)


@pytest.mark.parametrize(
    ("interpreter", "words"),
    [("program", "is itself a script, and so is the interpreter"), ("loop", "too many symbolic links lead to its interpreter")],
)
def test_an_interpreter_that_needs_one_without_end_is_named(tmp_path: Path, interpreter: str, words: str) -> None:
    program, loop = tmp_path / "program", tmp_path / "loop"
    loop.symlink_to(loop)
    program.write_text(f"#!{tmp_path / interpreter}\n")
    assert words in why_not_executed(str(program), refused(program))


def test_a_file_that_cannot_be_read_shows_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert why_not_executed(str(tmp_path / "pipe"), refused(tmp_path / "pipe")) == ""
    assert why_not_executed(str(tmp_path / "gone"), 2) == ""


_FIND_ON_NOEXEC = """
mount -t tmpfs -o noexec none "$1" && cp /bin/true "$1/program" && exec "$2" -P -c '
import sys
from jobwire.worker.supervisor.spawning.spawner import CannotStart, find_program
try:
    find_program(sys.argv[1], "")
except CannotStart as refused:
    print(refused)
' "$1/program"
"""


def test_a_file_system_on_which_nothing_is_executed_is_reported(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("no name space of mounts can be made here")
    arguments = ["unshare", "-rm", "sh", "-c", _FIND_ON_NOEXEC, "sh", str(tmp_path), sys.executable]
    said = subprocess.run(arguments, capture_output=True, check=True, text=True, timeout=30).stdout
    assert "/program' is not executable; its file system is mounted with noexec" in said
    assert why_not_here("/bin/sh") == ""
    assert why_not_here("/no/such/file") == ""


@pytest.mark.parametrize(
    ("target", "status", "words"),
    [("program", 126, "too many symbolic links"), ("other", 127, "a broken symbolic link"), ("file/x", 126, "Not a directory")],
)
def test_a_dangling_link_is_distinguished_from_a_loop_of_links(tmp_path: Path, target: str, status: int, words: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "program").symlink_to(tmp_path / target)
    with pytest.raises(CannotStart, match=f"program' .*{words}") as refused:
        find_program(str(tmp_path / "program"), "")
    assert refused.value.status == status
    with pytest.raises(CannotStart, match=words):
        find_program("program", str(tmp_path))
