"""What a job writes: through which descriptors, and what is said where not all of it came into its logs."""

import os
import resource
from pathlib import Path

import pytest
from daemons import wait_until
from raw_desk import RawDesk, kill_and_wait

SH = "/bin/sh"


@pytest.mark.parametrize("killed", [False, True])
def test_output_that_cannot_be_written_is_told_also_by_the_next_supervisor(desk: RawDesk, tmp_path: Path, killed: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    # EFBIG from now on, for this supervisor alone.
    resource.prlimit(desk.supervisor, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    handle = desk.start(SH, "-c", f"head -c 5000 /dev/zero; echo whole >&2; read x < {gate}; exit 3")
    folder = desk.folder(desk.started(handle))
    wait_until((folder / "stdout.problem").exists, "the note of what is missing")
    if killed:
        kill_and_wait(desk.supervisor)
        desk.reconnect()
    gate.write_bytes(b"\n")
    fact = desk.ended(handle)
    assert (fact["kind"], fact["exit_status"]) == ("exited", 3)
    assert (fact["stdout_problem"], fact["stderr_problem"]) == ("File too large", "")
    assert fact["sentence"] == "exited with status 3; its stdout is not whole: File too large"
    assert desk.output(fact) == (b"\0" * 1000, b"whole\n")
    desk.settle(handle)
