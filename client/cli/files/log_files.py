"""The output of jobs in files: DIR/NAME.stdout and DIR/NAME.stderr for each job."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ....schemas.naming import short_id
from ....schemas.refusal import Code, Refused
from ...batch.octets import to_bytes
from ...library.job import Job
from ...library.known_jobs import StreamName
from ...library.values.job_info import JobInfo

_BLOCK = 1024 * 1024
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def file_names(jobs: Sequence[JobInfo]) -> list[str]:
    """Return the base names of each job's files: its name, if it is unique among these, else its name and id, or its id alone."""
    times = Counter(job.name for job in jobs)
    return [job.name if job.name and times[job.name] == 1 else "-".join(filter(None, (job.name, short_id(job.key.id)))) for job in jobs]


class LogFolder:
    """A folder for the output of jobs, which is created if it does not exist."""

    def __init__(self, said: str) -> None:
        self._said = said
        self._path = os.fsdecode(to_bytes(said))
        try:
            Path(self._path).mkdir(exist_ok=True)
        except OSError as error:
            raise self._unwritable(self._said, error) from None

    def write(self, job: Job, name: str, streams: Sequence[StreamName], *, follow: bool, attempt: int | None = None) -> None:
        """Write the output of a job: to its end with `follow`, else what there is now. Files of these names are replaced.

        `attempt`: by default the last one. If not all of it can be read or written, a file that was there stays as it was, unless the
        output is followed, which shows in the file.

        Raises Refused.
        """
        for stream in streams:
            path = f"{self._path}/{name}.{stream}"
            try:
                _demand_no_other_kind(path)
                if follow:
                    _follow_into(path, job, stream, attempt)
                else:
                    _replace(path, job, stream, attempt)
            except OSError as error:
                raise self._unwritable(path, error) from None

    @staticmethod
    def _unwritable(path: str, error: OSError) -> Refused:
        # A full disk says nothing about what was typed.
        code = Code.INTERNAL if error.errno in _DISK else Code.INVALID_ARGUMENT
        return Refused(code, f"{path!r} cannot be written: {error.strerror}")


def _demand_no_other_kind(path: str) -> None:
    """Raise OSError if something is there that is no file. What waits for a reader of a pipe would wait for ever."""
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise OSError(errno.EEXIST, "something that is not a file has this name; remove it")


def _replace(path: str, job: Job, stream: StreamName, attempt: int | None) -> None:
    # A name that nobody can have put there before.
    made = f"{path}.{os.urandom(8).hex()}"
    try:
        file = os.open(made, _CREATE, 0o666)
        try:
            _write(file, job, stream, attempt)
        finally:
            os.close(file)
        os.rename(made, path)  # noqa: PTH104 -- as above
    except BaseException:
        # What there is of it is better than nothing.
        keep = os.unlink if os.path.lexists(path) else lambda made: os.rename(made, path)  # noqa: PTH104 -- as above
        with suppress(FileNotFoundError):
            keep(made)
        raise


def _follow_into(path: str, job: Job, stream: StreamName, attempt: int | None) -> None:
    file = os.open(path, _NEW, 0o666)
    try:
        output = job.output(stream, attempt=attempt)
        output.on_next = lambda _: os.ftruncate(file, os.lseek(file, 0, os.SEEK_SET))
        try:
            while data := output.read1():
                _write_all(file, data)
        finally:
            output.close()
    finally:
        os.close(file)


def _write(file: int, job: Job, stream: StreamName, attempt: int | None) -> None:
    position = 0
    attempt = attempt or job.log_size(stream)[1] or None
    while True:
        data, size = job.read_range(stream, position, _BLOCK, attempt=attempt)
        _write_all(file, data)
        position += len(data)
        if not data or position >= size:
            return


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
