"""A private worker that was started in another namespace, also of mounts, than later commands: they find it, or say why they cannot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from home import SECONDS, Home, command
from requirements import can_run

from jobwire.keys import holder
from jobwire.schemas import clock

AHEAD_SECONDS = 40 * 24 * 3600
LATER = ("unshare", "--time", "--boottime", str(AHEAD_SECONDS), "--monotonic", str(AHEAD_SECONDS))
OWN_PROCESSES = ("unshare", "--pid", "--fork", "--mount-proc")
NO_NETWORK = ("unshare", "--net")
OWN_LOOPBACK = (*NO_NETWORK, "sh", "-c", 'ip link set lo up; exec "$@"', "sh")

# The folders that are set by JOBWIRE_CONFIG and JOBWIRE_STATE.
READ_ONLY = (
    "unshare",
    "--mount",
    "sh",
    "-c",
    'cd "$JOBWIRE_CONFIG/.." && mount --bind . . && mount -o remount,bind,ro "$PWD" && exec "$@"',
    "sh",
)
needs_mounts = pytest.mark.skipif(not can_run("unshare", "--mount", "mount", "--bind", "/", "/"), reason="this user cannot mount")
needs_time_namespaces = pytest.mark.skipif(not can_run(*LATER, "true"), reason="this user cannot make a time namespace")
needs_pid_namespaces = pytest.mark.skipif(not can_run(*OWN_PROCESSES, "true"), reason="this user cannot make a pid namespace")
needs_network_namespaces = pytest.mark.skipif(not can_run(*OWN_LOOPBACK, "true"), reason="this user cannot make a network namespace")


@pytest.fixture
def home(empty_home: Home) -> Home:
    return empty_home


def begin(home: Home, prefix: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a jobwire command in other namespaces."""
    line = [*prefix, *command(*arguments)]
    return subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=home.env, timeout=SECONDS, check=False)


@needs_pid_namespaces
def test_a_private_worker_that_process_1_started_is_said_to_end_with_it(home: Home) -> None:
    ran = begin(home, OWN_PROCESSES, "run", "--", "echo", "ran")
    assert (ran.returncode, ran.stdout) == (0, "ran\n")
    assert "this command is process 1 of its container" in ran.stderr
    # A shell in between is process 1 then, and what it does later is not known.
    ran = begin(home, (*OWN_PROCESSES, "sh", "-c", '"$@"; exit 0', "sh"), "run", "--", "echo", "ran")
    assert (ran.stdout, "process 1" in ran.stderr) == ("ran\n", False)
    # Neither of the two is left, and the state folder can be used.
    assert home.jobwire("run", "--", "echo", "ran").stderr == b""


@needs_time_namespaces
def test_a_time_namespace_changes_neither_who_a_process_is_nor_the_time_since_the_boot() -> None:
    look = "from jobwire.keys import holder; from jobwire.schemas import clock\n"
    look += f"print(holder._start_ticks({os.getpid()}), clock.passed_us())"
    said = subprocess.run([*LATER, sys.executable, "-c", look], capture_output=True, text=True, timeout=SECONDS, check=True).stdout
    ticks, passed_us = map(int, said.split())
    assert abs(ticks - holder._start_ticks(os.getpid())) <= 1
    assert 0 <= clock.passed_us() - passed_us < SECONDS * 1_000_000


@needs_time_namespaces
def test_a_worker_of_another_time_namespace_is_found_and_its_jobs_go_on_after_it_was_killed(home: Home) -> None:
    gate = home.folder / "gate"
    os.mkfifo(gate)
    assert begin(home, LATER, "submit", "-q", "-n", "long", "--", "sh", "-c", 'read x < "$0"; exit 3', str(gate)).returncode == 0
    (said,) = home.records("worker", "status")
    os.kill(said["pid"], signal.SIGKILL)
    assert home.jobwire("run", "--", "true").stderr == b""
    (anew,) = home.records("worker", "status")
    assert (anew["supervisor_pid"], anew["pid"] != said["pid"]) == (said["supervisor_pid"], True)
    # It waits until somebody reads.
    gate.write_text("\n")
    home.jobwire("wait", "long", status=3)
    assert begin(home, LATER, "worker", "stop").returncode == 0


@pytest.mark.skipif(not can_run("unshare", "--map-root-user", "true"), reason="this user cannot make a user namespace")
def test_a_worker_in_a_user_namespace_says_so_and_makes_way_for_one_outside(home: Home) -> None:
    told = begin(home, ("unshare", "--map-root-user"), "run", "--", "true").stderr
    assert "only the users and groups of a user namespace" in told
    asks = ("run", "--", "cat", "/proc/self/uid_map")
    assert home.jobwire(*asks).stdout.split() == Path("/proc/self/uid_map").read_bytes().split()


@needs_network_namespaces
def test_a_worker_in_another_network_is_named_at_once_with_what_to_do(home: Home) -> None:
    assert begin(home, OWN_LOOPBACK, "run", "--", "true").returncode == 0
    refused = home.jobwire("run", "--", "true", status=125).stderr.decode()
    assert "is in another network namespace" in refused
    assert "jobwire worker stop" in refused
    assert "what differs: the network" in home.jobwire("worker", "status").stdout.decode()
    home.jobwire("worker", "stop")
    home.jobwire("run", "--", "true")
    # And the other way round.
    assert "is in another network namespace" in begin(home, OWN_LOOPBACK, "list").stderr


@needs_network_namespaces
def test_no_worker_starts_where_nothing_could_reach_it(home: Home) -> None:
    refused = begin(home, NO_NETWORK, "run", "--", "true")
    assert refused.returncode == 125
    assert "the loopback interface" in refused.stderr
    assert not Path(home.state, "worker", "worker.json").exists()


def test_the_same_namespaces_are_not_told(home: Home) -> None:
    home.jobwire("run", "--", "true")
    path = Path(home.state, "worker", holder.DESCRIPTION)
    told = json.loads(path.read_text())
    assert told["namespaces"]["mnt"] == str(Path("/proc/self/ns/mnt").readlink())
    assert "what differs" not in home.jobwire("worker", "status").stdout.decode()


@needs_mounts
def test_a_worker_is_found_by_a_command_for_which_its_folders_are_read_only(home: Home) -> None:
    submitted = home.jobwire("submit", "-q", "--", "sleep", "100").stdout.decode()
    listed = begin(home, READ_ONLY, "list", "--json")
    assert (json.loads(listed.stdout)["id"], listed.stderr) == (submitted.strip(), "")
    ran = begin(home, READ_ONLY, "run", "--", "echo", "ran")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ran\n", "")


@needs_mounts
def test_a_command_that_would_start_a_worker_says_that_its_folder_is_read_only(home: Home) -> None:
    home.jobwire("keys", "show")
    ran = begin(home, READ_ONLY, "run", "--", "echo", "ran")
    assert (ran.returncode, ran.stdout) == (125, "")
    assert "Read-only file system" in ran.stderr
