"""Files of ours in whose place there is something else: what it is, and the command that makes way."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobwire.client.config.known_workers import read_known_workers
from jobwire.keys import identity
from jobwire.keys.files.file_kind import kind_problem_at
from jobwire.keys.members.roster import read
from jobwire.schemas.refusal import Refused


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.fspath(path))


@pytest.mark.parametrize(("make", "kind"), [(os.mkfifo, "a pipe"), (Path.mkdir, "a folder"), (_socket, "a socket")])
@pytest.mark.parametrize(
    ("load", "what"), [(identity.load, "the identity"), (read, "the roster"), (read_known_workers, "the list of workers")]
)
def test_what_is_no_file_but_has_the_name_of_one_is_named_with_the_command_that_makes_way(
    tmp_path: Path, load: Callable[[Path], object], what: str, make: Callable[[Path], None], kind: str
) -> None:
    path = tmp_path / "it is mine"
    make(path)
    with pytest.raises(Refused) as caught:
        load(path)
    assert str(caught.value) == f"{what} {path} is {kind}, not a file; move it away: mv '{path}' '{path}.old'"


@pytest.mark.parametrize("target", ["it is mine", "./it is mine"])
def test_a_link_in_place_of_an_identity_is_named_when_the_identity_is_made(tmp_path: Path, target: str) -> None:
    path = tmp_path / "it is mine"
    path.symlink_to(target)
    with pytest.raises(Refused) as caught:
        identity.load_or_make(path)
    assert str(caught.value) == f"the identity {path} is a symbolic link that points to itself; move it away: mv '{path}' '{path}.old'"


@pytest.fixture
def open_path() -> Iterator[Path]:
    """Return a folder that an ordinary user gets to."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def _ordinary(path: Path) -> Iterator[None]:
    """Be no root, who may read and write anything; a file and its folder are those of who runs this."""
    if os.geteuid():
        yield
        return
    for one in (path, path.parent):
        os.chown(one, 65534, -1)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o200, 0o077])
def test_a_file_whose_mode_is_in_the_way_is_named_with_what_to_type(open_path: Path, mode: int) -> None:
    path = open_path / "boot"
    path.touch()
    path.chmod(mode)
    with _ordinary(path):
        assert kind_problem_at(path) == f"cannot be read and written (mode {mode:04o}); type: chmod u+rw {path}"
        path.chmod(0o600)
        assert kind_problem_at(path) == ""


@pytest.mark.parametrize(("load", "what"), [(identity.load, "the identity "), (read, "")])
def test_a_file_that_its_owner_may_not_read_is_named_with_what_to_type(open_path: Path, load: Callable[[Path], object], what: str) -> None:
    path = open_path / "mine"
    path.touch()
    path.chmod(0)
    with _ordinary(path), pytest.raises(Refused) as caught:
        load(path)
    assert str(caught.value) == f"{what}{path} cannot be read: Permission denied; type: chmod u+r {path}"
