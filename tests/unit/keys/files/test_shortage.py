"""What cannot be opened because this process has too many files open is not called broken, and is not to be moved away."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobwire.client.config import contexts_file
from jobwire.client.config.known_workers import read_known_workers
from jobwire.client.private_worker import running, state_folder
from jobwire.keys import identity
from jobwire.keys.files.shortage import demand_descriptors
from jobwire.keys.members import roster
from jobwire.schemas.refusal import Code, Refused
from jobwire.worker.state import lock

READERS: dict[str, Callable[[Path], object]] = {
    "the contexts": lambda _: contexts_file.read(),
    "an identity": identity.load,
    "a roster": roster.read,
    "a list of workers": read_known_workers,
    "the description of a private worker": lambda path: running.described(path.parent, "1"),
    "the lock of a private worker": lambda path: state_folder.holder_in(path.parent),
    "the lock of a worker": lambda path: lock.running(path.parent),
}


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE], ids=["of the process", "of the machine"])
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_lack_of_descriptors_is_told_and_not_blamed_on_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], object], number: int
) -> None:
    def fail(path: str, *_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path))
    path = tmp_path / "identity"
    identity.save(identity.generate(), path)
    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(Refused) as refused:
        read(path)
    assert refused.value.code is Code.UNAVAILABLE
    assert str(refused.value) == "this process cannot open more files or sockets; raise the limit (ulimit -n 1024), or close some"


def test_any_other_error_is_left_to_the_caller() -> None:
    for number in (errno.EACCES, errno.EIO, None):
        demand_descriptors(number)
