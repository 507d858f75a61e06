from pathlib import Path

import pytest

from jobwire.broker.pairing.machine_invitations import invite_machine, withdraw_machine
from jobwire.keys.identity import generate
from jobwire.keys.members.roster import list_members
from jobwire.keys.pairing import invitations, token
from jobwire.schemas.clock import wall_us
from jobwire.schemas.refusal import Refused


def test_a_machine_is_invited_once_for_as_long_as_is_said(tmp_path: Path) -> None:
    roster, broker, machine = tmp_path / "roster.toml", generate(), generate()
    made = invite_machine(roster, "tcp://broker:7341", broker.public, "pilot-17", 3600, slots=8, labels=["partition=gpu"])
    read = token.read(made.text)
    assert (read.endpoint, read.daemon, read.slots, read.labels) == ("tcp://broker:7341", broker.public, 8, ("partition=gpu",))
    assert read.is_for_machine
    assert read.temporary.public == made.temporary
    (member,) = list_members(roster)
    assert member.invited is not None
    assert 3590_000_000 < member.invited.until_us - wall_us() <= 3600_000_000
    assert invitations.join(roster, made.temporary, machine.public).name == "pilot-17"
    assert not withdraw_machine(roster, made.temporary)


def test_a_machine_that_is_given_up_cannot_join_any_more(tmp_path: Path) -> None:
    roster = tmp_path / "roster.toml"
    made = invite_machine(roster, "tcp://broker:7341", generate().public, "pilot-18", 3600)
    assert withdraw_machine(roster, made.temporary)
    with pytest.raises(Refused, match="withdrawn"):
        invitations.join(roster, made.temporary, generate().public)
