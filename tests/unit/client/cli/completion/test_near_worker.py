import socket
import time
from pathlib import Path

import pytest

from jobwire.client.cli.completion.answer import ask
from jobwire.client.cli.completion.line import Wish
from jobwire.client.config import contexts
from jobwire.keys import identity


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("JOBWIRE_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("JOBWIRE_CONTEXT", raising=False)
    return tmp_path


WISH = Wish("JOB", "", "jobwire show")


def test_without_a_worker_nothing_is_known_and_nothing_is_created(folders: Path) -> None:
    assert ask(WISH) == []
    assert ask(WISH._replace(context="nowhere")) == []
    assert list(folders.iterdir()) == []


def test_a_worker_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = identity.load_or_make(contexts.contexts_path().parent / "identity")
        contexts.add("lab", f"tcp://127.0.0.1:{silent.getsockname()[1]}", made.public)
        begun = time.monotonic()
        assert ask(WISH) == []
        # Far below the five seconds that a command waits for a connection.
        assert time.monotonic() - begun < 2
