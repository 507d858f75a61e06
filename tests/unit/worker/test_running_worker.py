import errno
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from jobwire.broker.store.kept import Unfinished
from jobwire.keys.holder import identify
from jobwire.schemas.refusal import Refused
from jobwire.worker import running_worker
from jobwire.worker.broker.commands import status
from jobwire.worker.running_worker import find, what_goes_on
from jobwire.worker.state.lock import StateLock


@pytest.mark.parametrize(
    ("comes_by_itself", "how"),
    [(True, "jobwire stop JOB... (starts the worker again)"), (False, "start the worker again, then jobwire stop JOB...")],
)
def test_jobs_that_continue_without_the_worker_are_listed_with_how_to_stop_them(*, comes_by_itself: bool, how: str) -> None:
    jobs = [Unfinished(bytes(16), "nap", 7), Unfinished(bytes(16), "later", 0)]
    assert [*what_goes_on(jobs, comes_by_itself=comes_by_itself)] == [
        "jobwire: 1 job continues without it:",
        "  00000000  pid 7  nap",
        f"jobwire: to stop them: {how}",
        "jobwire: 1 queued job starts when the worker runs again",
    ]


def test_a_command_about_a_broker_that_is_starting_waits_until_it_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state, roster = tmp_path / "state", tmp_path / "roster.toml"
    roster.touch()
    lock = StateLock(state)
    wait = running_worker.await_description

    def ready_meanwhile(folder: Path) -> dict[str, Any] | None:
        told = dict.fromkeys(("version", "endpoint", "event_endpoint", "key", "state"), "as written")
        lock.describe(identify() | told | {"kind": "broker", "roster": str(roster)})
        return wait(folder)

    monkeypatch.setattr(running_worker, "await_description", ready_meanwhile)
    status(state=state)
    assert capsys.readouterr().out.startswith("broker       running, pid ")
    with pytest.raises(Refused, match="and no worker; jobwire broker status and stop are about it"):
        find(state)
    lock.release()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM])
def test_a_worker_that_cannot_be_signalled_is_named_with_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fails(_process: int, _number: int) -> None:
        raise OSError(code, os.strerror(code))

    # As under a filter of system calls.
    monkeypatch.setattr(signal, "pidfd_send_signal", fails)
    said = (
        f"process {os.getpid()} cannot be signalled (pidfd_send_signal: {os.strerror(code)}); type, as its user: kill -TERM {os.getpid()}"
    )
    with pytest.raises(Refused, match=f"^{re.escape(said)}$"):
        running_worker.stop(tmp_path, identify())
