"""A job's pipes are known by what a job cannot change."""

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from jobwire.worker.supervisor.streams.pipes import FORMER_MODES, Found, Pipe, Pipes, open_anew


@pytest.fixture
def pair() -> Iterator[tuple[Pipe, Pipe]]:
    """Return the two pipes of a job."""
    pipes = Pipe(), Pipe()
    yield pipes
    for pipe in pipes:
        os.close(pipe.read_end)
        with suppress(OSError):
            pipe.give_away()


@contextmanager
def cat(**streams: int | tuple[int, ...]) -> Iterator[int]:
    """Run a process that waits; gives its pid."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, **streams) as child:  # type: ignore[call-overload]
        yield child.pid


def same(found: tuple[Found, ...], pipes: tuple[Pipe, ...]) -> bool:
    """Return whether these are the reading ends of those pipes, and close them."""
    told = [os.fstat(one.end).st_ino == pipe.name.inode and not one.problem for one, pipe in zip(found, pipes, strict=True)]
    for one in found:
        os.close(one.end)
    return all(told)


def test_the_ends_of_a_job_only_write_and_block_whatever_ours_do(pair: tuple[Pipe, Pipe]) -> None:
    for pipe in pair:
        ours = open_anew(pipe.read_end)
        assert not os.get_blocking(ours)
        os.close(ours)
        assert os.get_blocking(pipe.write_end)
        assert os.get_blocking(pipe.read_end)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.read(pipe.write_end, 1)


@pytest.mark.parametrize("mode", [0, 0o200, 0o666, 0o1700])
def test_a_pipe_is_found_under_any_number_and_mode_which_stays(pair: tuple[Pipe, Pipe], mode: int) -> None:
    names = tuple(pipe.name for pipe in pair)
    out, err = pair
    for pipe in pair:
        os.fchmod(pipe.write_end, mode)
    # As a shell in the middle of `program >&2`, which keeps its stdout elsewhere meanwhile.
    with cat(stdout=err.write_end, stderr=err.write_end, pass_fds=(out.write_end,)) as pid:
        assert same(Pipes().find(names, [pid]), pair)
    assert stat.S_IMODE(os.fstat(out.write_end).st_mode) == mode


def test_a_pipe_is_found_through_whoever_has_it_and_through_its_reading_end(pair: tuple[Pipe, Pipe]) -> None:
    names = tuple(pipe.name for pipe in pair)
    own = os.pipe()
    with cat(stdout=own[1], stderr=own[1]) as member, cat(stdout=own[1], pass_fds=tuple(pipe.read_end for pipe in pair)):
        assert same(Pipes().find(names, [member]), pair)
    for fd in own:
        os.close(fd)


def test_a_pipe_that_nobody_has_is_at_its_end_and_that_is_reported() -> None:
    pipes = Pipe(), Pipe()
    for pipe in pipes:
        pipe.give_away()
        os.close(pipe.read_end)
    for end, problem in Pipes().find(tuple(pipe.name for pipe in pipes), [os.getpid()]):
        assert os.read(end, 1) == b""
        assert problem == "output that was still in its pipe when supervisor and keeper were killed is lost"
        os.close(end)


def test_pipes_of_an_earlier_version_are_recognized_by_their_modes_and_those_that_the_job_made_are_not() -> None:
    own = os.pipe2(os.O_CLOEXEC)
    ends = []
    for mode in FORMER_MODES:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        os.fchmod(read_end, mode)
        ends += [read_end, os.open(f"/proc/self/fd/{write_end}", os.O_RDWR)]
        os.close(write_end)
    os.fchmod(own[1], FORMER_MODES[0])
    with cat(stdout=ends[3], stderr=own[1], pass_fds=(ends[1],)) as pid:
        found = Pipes().find(None, [pid])
    with cat(stdout=own[1], stderr=ends[3]) as pid:
        stdout, stderr = Pipes().find(None, [pid])
    pairs = zip((*(one.end for one in found), stderr.end), (ends[0], ends[2], ends[2]), strict=True)
    assert all(os.path.sameopenfile(*two) for two in pairs)
    assert (bool(stdout.problem), stderr.problem) == (True, "")
    for fd in (*own, *ends, stdout.end, stderr.end, *(one.end for one in found)):
        os.close(fd)
