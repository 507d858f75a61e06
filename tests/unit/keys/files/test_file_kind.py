"""Files of ours in whose place there is something else: what it is, and the command that makes way."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from jobwire.client.config.known_workers import read_known_workers
from jobwire.keys import identity
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
