"""Where a worker listens, and what it prints if it cannot, or if something that its options name does not exist."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from requirements import needs_ipv6


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Worker]:
    """Return a worker that a test starts itself."""
    with Worker(tmp_path) as one:
        yield one


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@needs_ipv6
def test_a_worker_listens_on_ipv6_and_reports_it(made: Worker) -> None:
    made.options = ["--listen", "tcp://[::1]:0"]
    made.start()
    for endpoint in (made.endpoint, made.event_endpoint):
        host, _, port = endpoint.rpartition(":")
        assert host == "tcp://[::1]"
        socket.create_connection(("::1", int(port)), 60).close()
    assert made.endpoint in made.command("status").stdout


def test_an_ipv4_endpoint_is_reported_as_it_was_requested(made: Worker) -> None:
    made.options = ["--listen", "tcp://127.0.0.1:0"]
    made.start()
    assert made.endpoint.startswith("tcp://127.0.0.1:")
    assert made.event_endpoint.startswith("tcp://127.0.0.1:")


def test_the_address_of_an_interface_is_reported(made: Worker) -> None:
    made.options = ["--listen", "tcp://lo:0", "--jobs-as-root"]
    made.start()
    for endpoint in (made.endpoint, made.event_endpoint):
        assert endpoint.startswith("tcp://127.0.0.1:")
        socket.create_connection(("127.0.0.1", int(endpoint.rpartition(":")[2])), 60).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only for root")
def test_root_does_not_listen_for_others_on_ipv6_either(made: Worker) -> None:
    assert "run their jobs as root" in made.command("run", "--listen", "tcp://[::]:0", status=1).stderr


def test_a_port_that_does_not_exist_is_a_usage_error(made: Worker) -> None:
    for option in ("--listen", "--events"):
        assert "no port 99999" in made.command("run", option, "tcp://127.0.0.1:99999", status=2).stderr
    assert "--events" in made.command("run", "--listen", "tcp://127.0.0.1:65535", status=2).stderr


def test_the_option_is_named_whose_port_is_taken(made: Worker, taken: int) -> None:
    events = made.command("run", "--listen", "tcp://127.0.0.1:0", "--events", f"tcp://127.0.0.1:{taken}", status=125).stderr
    assert f":{taken}: Address already in use" in events
    assert "use another with --events" in events
    requests = made.command("run", "--listen", f"tcp://127.0.0.1:{taken}", "--events", "tcp://127.0.0.1:0", status=125).stderr
    assert "use another with --listen" in requests
    # It prints that, and nothing about what succeeded before.
    assert "INFO" not in requests


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have a network of its own")
def test_a_port_that_is_not_allowed_is_named_as_it_was_requested(made: Worker) -> None:
    """In a network of its own, where ports below 1024 are reserved for root, without the right to them; nobody spoke of --events."""
    made.prefix = ["unshare", "-n", "setpriv", "--bounding-set=-net_bind_service"]
    said = made.command("run", "--listen", "tcp://127.0.0.1:7", status=125).stderr
    assert "cannot listen on tcp://127.0.0.1:7: Permission denied; ports below 1024 are usually reserved for root" in said
    assert "use a higher one with --listen" in said
    events = made.command("run", "--listen", "tcp://127.0.0.1:7371", "--events", "tcp://127.0.0.1:8", status=125).stderr
    assert "cannot listen on tcp://127.0.0.1:8" in events
    assert "use a higher one with --events" in events


def test_a_host_that_cannot_be_resolved_is_reported(made: Worker) -> None:
    said = made.command("run", "--listen", "tcp://no..such:7371", "--jobs-as-root", status=125).stderr
    assert "cannot listen on tcp://no..such:7371: its host is neither a name that can be resolved nor an interface" in said


def test_a_working_folder_that_is_not_there_is_refused(made: Worker) -> None:
    missing = made.state.parent / "nowhere"
    said = made.command("run", "--directory", str(missing), status=1).stderr
    assert said == f"jobwire: the working folder {missing} does not exist; choose another with --directory\n"


NAMED = """
mount --bind "$1" /etc/hosts || exit 77
shift
exec "$@"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have a hosts file of its own")
def test_a_name_that_hosts_gives_to_the_loopback_is_warned_about(made: Worker, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n127.0.1.1 lab-machine\n")
    made.prefix = ["unshare", "-m", "sh", "-c", NAMED, "sh", str(hosts)]
    made.options = ["--listen", "tcp://lab-machine:0", "--jobs-as-root"]
    try:
        made.start()
    except AssertionError:
        if made.process is not None and made.process.wait(60) in (1, 77):
            pytest.skip(f"there are no mount namespaces here: {made.logged()}")
        raise
    # The cleanup cannot resolve this name.
    made.description["endpoint"] = made.endpoint.replace("lab-machine", "127.0.1.1")
    wait_until(lambda: "lab-machine is 127.0.1.1 here (see /etc/hosts)" in made.logged(), "it warns")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have a network of its own")
@pytest.mark.parametrize("address", ["[::1]", "[2001:db8::7]"])
def test_an_address_that_does_not_exist_is_named_as_it_was_requested(made: Worker, address: str) -> None:
    """In a network without any address; nobody spoke of --events."""
    made.prefix = ["unshare", "-n"]
    said = made.command("run", "--listen", f"tcp://{address}:7371", "--jobs-as-root", status=125).stderr
    assert f"cannot listen on tcp://{address}:7371" in said
    assert "--listen" in said
    assert "7372" not in said
    assert "--events" not in said
    assert "IPv6" in said


@pytest.mark.parametrize(("redirection", "says"), [(">&-", "ready: "), ("> /dev/full", "the standard output cannot be written")])
def test_a_worker_continues_if_its_ready_line_cannot_be_written(made: Worker, redirection: str, says: str) -> None:
    with made.log.open("ab") as log:
        command = made.argv("run", "--roster", str(made.roster))
        made.process = subprocess.Popen(["sh", "-c", f'exec "$@" {redirection}', "sh", *command], stdin=subprocess.DEVNULL, stderr=log)
    wait_until(lambda: says in made.logged(), f"it says {says!r}")
    made.description = made.described()
    assert made.command("status").returncode == 0
    assert made.process.poll() is None


@pytest.mark.parametrize("which", ["endpoint", "event_endpoint"])
def test_a_worker_whose_last_ports_are_taken_uses_others_and_one_line_to_its_supervisor(made: Worker, which: str) -> None:
    made.start()
    with made.client() as client:
        job = client.submit(["sleep", "100"])
        wait_until(lambda: client.job(job.id).info().pid, "it runs")
    made.kill()
    before = made.description
    with socket.create_server(("127.0.0.1", int(before[which].rpartition(":")[2]))):
        made.start()
        assert made.description[which] != before[which]
        assert made.description["supervisor_pid"] == before["supervisor_pid"]
        with made.client() as client:
            assert client.run(["echo", "here"]).stdout == b"here\n"
            assert [one.id for one in client.list()] == [job.id]
    assert "lost the connection to the supervisor" not in made.log.read_text()
