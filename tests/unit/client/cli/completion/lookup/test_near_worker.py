import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import own_descriptors

from jobwire.client.cli.completion.answer import ask, ask_for_schedules
from jobwire.client.cli.completion.line import Wish
from jobwire.client.cli.completion.lookup.near_worker import patience_ends
from jobwire.client.config import contexts, contexts_file
from jobwire.keys import identity


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("JOBWIRE_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("JOBWIRE_CONTEXT", raising=False)
    return tmp_path


WISH = Wish("JOB", "", "jobwire show")


def test_without_a_worker_nothing_is_known_and_nothing_is_created(folders: Path) -> None:
    for asked in (ask, ask_for_schedules):
        assert list(asked(WISH)) == []
        assert list(asked(WISH._replace(context="nowhere"))) == []
    assert list(folders.iterdir()) == []


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Return a listener that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "no-such-host.invalid"])
def test_a_worker_that_says_nothing_is_not_waited_for(silent: socket.socket, host: str) -> None:
    made = identity.load_or_make(contexts_file.contexts_path().parent / "identity")
    contexts.add("lab", f"tcp://{host}:{silent.getsockname()[1]}", made.public)
    begun = time.monotonic()
    before = own_descriptors()
    assert list(ask(WISH)) == []
    assert list(ask_for_schedules(WISH)) == []
    # Far below the five seconds that a command waits for a connection.
    assert time.monotonic() - begun < 2
    for thread in threading.enumerate():
        # A lookup that nobody waits for any more holds a descriptor until it ends.
        if thread.name == "jobwire-resolver":
            thread.join(60)
    assert own_descriptors() == before, "sockets were left open"


def test_patience_ends_at_a_time_after_the_tab_and_later_where_everything_takes_longer() -> None:
    assert patience_ends(begun=10.0, now=10.02) == pytest.approx(10.065)
    assert patience_ends(begun=10.0, now=10.1) == pytest.approx(10.25)
    assert patience_ends(begun=10.0, now=15.0) == pytest.approx(15.3)
