from pathlib import Path
from typing import Any

import pytest
import typer

from jobwire.keys.identity import format_public, generate
from jobwire.keys.members.roster import list_members
from jobwire.keys.pairing import token
from jobwire.schemas.refusal import Refused
from jobwire.worker.pairing.commands import print_token
from jobwire.worker.pairing.invite import reachable

DAEMON = generate()


@pytest.fixture
def found(tmp_path: Path) -> dict[str, Any]:
    roster = str(tmp_path / "roster.toml")
    return {"endpoint": "tcp://10.0.0.5:7341", "key": format_public(DAEMON.public), "roster": roster, "pairs": True, "kind": "broker"}


def test_the_token_is_on_stdout_and_what_to_do_with_it_on_stderr(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    print_token(found, "lab1", "worker", "1h30m", "tcp://gate.example.org:17341", 8, ["gpu=a100", "fast"])
    printed = capsys.readouterr()
    made = token.read(printed.out)
    assert (made.endpoint, made.daemon, made.role) == ("tcp://gate.example.org:17341", DAEMON.public, "worker")
    assert (made.slots, made.labels) == (8, ("gpu=a100", "fast"))
    assert "lab1 can join once at tcp://gate.example.org:17341, with the role worker, for 1h30m" in printed.err
    assert "jobwire worker run --join -" in printed.err
    (member,) = list_members(Path(found["roster"]))
    assert (member.name, member.key) == ("lab1", made.temporary.public)
    print_token(found, "", "viewer", "10m", "")
    printed = capsys.readouterr()
    assert token.read(printed.out).endpoint == "tcp://10.0.0.5:7341"
    assert "jobwire join -" in printed.err


@pytest.mark.parametrize(
    ("name", "role", "valid", "endpoint", "labels", "words"),
    [
        ("a b", "viewer", "10m", "", [], "may have only letters"),
        ("x", "relay", "10m", "", [], "a broker cannot be invited"),
        ("x", "pairing", "10m", "", [], "temporary key"),
        ("x", "viewer", "8d", "", [], "1 second to 7 days"),
        ("x", "viewer", "0.1s", "", [], "1 second to 7 days"),
        ("x", "viewer", "soon", "", [], "is not a time"),
        ("x", "viewer", "10m", "lab", [], "is not an endpoint"),
        ("x", "worker", "10m", "", ["=x"], "label"),
    ],
)
def test_what_cannot_be_in_a_token_is_refused_before_anything_is_written(
    found: dict[str, Any], name: str, role: str, valid: str, endpoint: str, labels: list[str], words: str
) -> None:
    with pytest.raises(typer.BadParameter, match=words):
        print_token(found, name, role, valid, endpoint, 0, labels)
    assert not Path(found["roster"]).exists()


def test_a_daemon_of_an_older_version_gets_no_entry_that_it_would_refuse(found: dict[str, Any]) -> None:
    del found["pairs"]
    with pytest.raises(Refused, match="of an older version"):
        print_token(found, "x", "viewer", "10m", "")
    assert not Path(found["roster"]).exists()


@pytest.mark.parametrize(
    ("listens", "address", "there"),
    [
        ("tcp://lab:7341", "10.0.0.5", "tcp://lab:7341"),
        ("tcp://0.0.0.0:7341", "10.0.0.5", "tcp://10.0.0.5:7341"),
        ("tcp://[::]:7341", "10.0.0.5", "tcp://10.0.0.5:7341"),
        ("tcp://0.0.0.0:7341", "fd00::5", "tcp://[fd00::5]:7341"),
        ("tcp://*:7341", "lab", "tcp://lab:7341"),
    ],
)
def test_a_daemon_that_listens_on_all_addresses_is_reached_at_the_one_of_the_machine(listens: str, address: str, there: str) -> None:
    assert reachable(listens, address) == there


def test_a_token_for_this_machine_alone_says_so(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    print_token({**found, "endpoint": "tcp://127.0.0.1:7341"}, "x", "viewer", "10m", "")
    assert "only this machine can reach that endpoint" in capsys.readouterr().err
