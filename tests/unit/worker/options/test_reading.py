"""How the options of daemons are read: what is wrong with one is said with its name, before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from jobwire.schemas.refusal import Code, Refused
from jobwire.worker import commands
from jobwire.worker.options.reading import read_endpoints, read_option


def test_a_refusal_names_the_option() -> None:
    def refuse(text: str) -> str:
        raise Refused(Code.INVALID_ARGUMENT, f"{text} is no size")

    with pytest.raises(typer.BadParameter) as refused:
        read_option(refuse, "much", "--keep-bytes")
    assert (refused.value.param_hint, str(refused.value)) == ("--keep-bytes", "much is no size")


@pytest.mark.parametrize("events", ["", "tcp://127.0.0.1:7001"])
def test_two_endpoints_that_do_not_collide_are_read(events: str) -> None:
    assert read_endpoints("tcp://127.0.0.1:7000", events) == ("tcp://127.0.0.1:7000", events)
    assert read_endpoints("", events) == ("", events)


@pytest.mark.parametrize(
    ("listen", "events"),
    [("tcp://127.0.0.1:7000", "tcp://127.0.0.1:7000"), ("tcp://127.0.0.1:65535", "")],
)
@pytest.mark.parametrize("join", ["@no-such-file", "tcp://127.0.0.1:7500"])
def test_endpoints_that_cannot_be_are_refused_before_a_broker_is_joined(
    listen: str, events: str, join: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    state = tmp_path / "state"
    asked = ["run", "--state", str(state), "--listen", listen, "--events", events, "--join", join]
    found = CliRunner().invoke(commands.app, asked)
    assert found.exit_code == 2
    assert "--events" in found.output
    assert "--join" not in found.output
    assert [*tmp_path.iterdir()] == []


def test_an_empty_token_is_refused_and_is_not_the_same_as_none(tmp_path: Path) -> None:
    # It was in an unset variable of the shell.
    found = CliRunner().invoke(commands.app, ["run", "--state", str(tmp_path / "state"), "--join", ""])
    assert found.exit_code == 2
    assert "Invalid value for --join: it is empty" in found.output
    assert [*tmp_path.iterdir()] == []
