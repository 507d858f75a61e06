"""Explain why the system does not execute a file, from its first bytes.

execve(2) returns the same error number for many causes, and for a script the missing file may be its interpreter. Only reads.
"""

# ruff: noqa: PTH112 -- pathlib is not light
from __future__ import annotations

import errno
import os

# Linux reads this much of a file to recognise its format (BINPRM_BUF_SIZE in linux/binfmts.h); the loader of a program is named after that.
_FIRST_LINE_BYTES = 256
_HEAD_BYTES = 4096
_ELF = b"\x7fELF"
# Up to e_machine and e_version, without which no system can recognise it (elf(5)).
_LEAST_ELF_BYTES = 24
_NO_INTERPRETER = "there is no interpreter after its #!"


def why_not_executed(program: str, number: int) -> str:
    """Return why `execve` failed with this error number; empty if the file itself does not explain it."""
    try:
        head = _head(program)
    except OSError:
        return ""
    if number == errno.ENOEXEC:
        return _no_format(head)
    if head.startswith(b"#!"):
        return _of_interpreter(head, number)
    if number == errno.ENOENT and head.startswith(_ELF):
        loader = _loader(head)
        return f"the loader that it needs does not exist: {loader!r}; it was built for another C library or machine" if loader else ""
    return ""


def why_not_here(program: str) -> str:
    """Return the end of a sentence if the file system is mounted with noexec, else an empty text."""
    try:
        is_noexec = os.statvfs(program).f_flag & os.ST_NOEXEC
    except OSError:
        return ""
    return "; its file system is mounted with noexec" if is_noexec else ""


def _head(program: str) -> bytes:
    fd = os.open(program, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(fd, _HEAD_BYTES)
    finally:
        os.close(fd)


# Beginnings of files that are neither scripts nor programs for this machine.
_BEGINNINGS = (
    (b"\xef\xbb\xbf", "it begins with a byte order mark (BOM) instead of #!; save it as UTF-8 without BOM"),
    (b"\xff\xfe", "it is text in UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "it is text in UTF-16; save it as UTF-8"),
    (_ELF, "it is a program for another kind of machine"),
)


def _no_format(head: bytes) -> str:
    if not head:
        return "it is an empty file"
    if head.startswith(_ELF) and (len(head) < _LEAST_ELF_BYTES or _machine(head) == _machine(_head("/proc/self/exe"))):
        return "it is damaged or truncated, for example because copying it was interrupted"
    for beginning, why in _BEGINNINGS:
        if head.startswith(beginning):
            return why
    if not head.lstrip().startswith(b"#!"):
        return ""
    if not head.startswith(b"#!"):
        return "there are blanks or empty lines before its #!, which must be the first two bytes"
    is_long = b"\n" not in head[:_FIRST_LINE_BYTES] and len(head) > _FIRST_LINE_BYTES
    return f"the interpreter after its #! is longer than {_FIRST_LINE_BYTES - 1} bytes" if is_long else _NO_INTERPRETER


def _machine(head: bytes) -> tuple[bytes, bytes]:
    """Return what a program was built for: its class, byte order and e_machine (elf(5))."""
    return head[4:6], head[18:20]


def _of_interpreter(head: bytes, number: int) -> str:
    # As the kernel parses it: blanks and tabs separate, a carriage return does not.
    line = head[2:_FIRST_LINE_BYTES].partition(b"\n")[0].strip(b" \t")
    interpreter = os.fsdecode(line.replace(b"\t", b" ").partition(b" ")[0])
    if not interpreter:
        return _NO_INTERPRETER
    if number == errno.ENOENT:
        return _missing(interpreter)
    if number == errno.ELOOP:
        return _too_deep(interpreter)
    if number == errno.EACCES and not (os.access(interpreter, os.X_OK) and not os.path.isdir(interpreter)):
        return f"its interpreter is not executable: {interpreter!r}{why_not_here(interpreter)}"
    return ""


def _missing(interpreter: str) -> str:
    if interpreter.endswith("\r"):
        end = f"its lines end with a carriage return (CRLF), so its interpreter would be {interpreter!r}"
        return f"{end}; convert it: sed -i 's/\\r$//' FILE"
    if "/" not in interpreter:
        return f"its interpreter {interpreter!r} is not a path; write #!/usr/bin/env {interpreter}"
    where = "" if interpreter.startswith("/") else ", looked up from the working folder"
    return f"its interpreter does not exist: {interpreter!r}{where}"


def _too_deep(interpreter: str) -> str:
    try:
        os.stat(interpreter)  # noqa: PTH116 -- pathlib is not light
    except OSError:
        return f"too many symbolic links lead to its interpreter {interpreter!r}"
    return (
        f"its interpreter {interpreter!r} is itself a script, and so is the interpreter of that one: the system follows only a few levels"
    )


def _loader(head: bytes) -> str:
    """Return the path of the loader (PT_INTERP, elf(5)): the first string that looks like one; empty if there is none."""
    for text in head[len(_ELF) :].split(b"\0"):
        if text.startswith(b"/") and b"ld" in text and text.isascii():
            return text.decode()
    return ""
