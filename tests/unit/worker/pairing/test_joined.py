import os
from pathlib import Path

import pytest
import typer

from jobwire.keys.identity import fingerprint, format_public, generate
from jobwire.keys.members.roster import add_member, list_members
from jobwire.keys.pairing.token import Token
from jobwire.schemas.refusal import Refused
from jobwire.worker.pairing import joined
from jobwire.worker.pairing.commands import use_broker
from jobwire.worker.pairing.joined import Broker
from jobwire.worker.state import layout

ONE, OTHER = generate(), generate()
BROKER = Broker("tcp://broker:7341", format_public(ONE.public), 4, {"gpu": "a100"}, as_root=True, token="abcd")


def test_a_broker_is_remembered_until_the_worker_leaves_it(tmp_path: Path) -> None:
    state, roster = tmp_path / "state", tmp_path / "roster.toml"
    assert joined.remembered(state) is None
    joined.trust(roster, ONE.public, "submitter")
    joined.remember(state, BROKER)
    assert joined.remembered(state) == BROKER
    assert (state / layout.BROKER).stat().st_mode & 0o777 == 0o600
    joined.demand_only(state, BROKER)
    with pytest.raises(Refused, match="can have only one; leave that one first"):
        joined.demand_only(state, Broker("tcp://other:7341", format_public(OTHER.public)))
    assert joined.leave(state, roster) == BROKER
    assert joined.remembered(state) is None
    assert list_members(roster) == ()
    with pytest.raises(Refused, match="has not joined a broker"):
        joined.leave(state, roster)
    joined.demand_only(state, Broker("tcp://other:7341", format_public(OTHER.public)))


def test_leaving_twice_after_a_kill_in_between_takes_the_relay_off_the_roster(tmp_path: Path) -> None:
    roster = tmp_path / "roster.toml"
    joined.remember(tmp_path, BROKER)
    # Killed after the roster was edited.
    assert joined.leave(tmp_path, roster) == BROKER
    assert joined.remembered(tmp_path) is None


def test_only_the_relay_of_this_broker_is_removed(tmp_path: Path) -> None:
    roster = tmp_path / "roster.toml"
    for broker in (OTHER, ONE, ONE):
        joined.trust(roster, broker.public, "")
    assert [(member.name, member.vouch) for member in list_members(roster)] == [("broker", ""), ("broker-2", "")]
    joined.remember(tmp_path, BROKER)
    joined.leave(tmp_path, roster)
    assert [member.key for member in list_members(roster)] == [OTHER.public]


def test_an_entry_of_the_broker_that_is_there_keeps_its_vouch(tmp_path: Path) -> None:
    roster = tmp_path / "roster.toml"
    add_member(roster, "lab", ONE.public, "relay")
    joined.trust(roster, ONE.public, "submitter")
    assert [(member.name, member.vouch) for member in list_members(roster)] == [("lab", "")]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"endpoint": "x"}', '{"endpoint": "tcp://a:1", "key": "x", "slots": 0, "labels": {}}', "null"]
)
def test_a_damaged_file_is_refused_and_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / layout.BROKER).write_text(text)
    with pytest.raises(Refused, match="remove it, and join again"):
        joined.remembered(tmp_path)


def test_the_token_of_a_person_is_no_use_to_a_machine_and_nothing_is_made(tmp_path: Path) -> None:
    token = Token("tcp://broker:7341", ONE.public, bytes(32), "submitter")
    with pytest.raises(Refused, match="for a person"):
        joined.join_with(token, tmp_path / "state", tmp_path / "roster.toml", "submitter", as_root=False)
    assert list(tmp_path.iterdir()) == []


def test_root_is_refused_before_its_token_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    # A port that nobody listens at: if the token was used, that would be what fails.
    token = Token("tcp://127.0.0.1:1", ONE.public, bytes(32), "worker")
    with pytest.raises(Refused, match=r"at tcp://127\.0\.0\.1:1 as root; run it as another user, or use --jobs-as-root"):
        joined.join_with(token, tmp_path / "state", tmp_path / "roster.toml", "submitter", as_root=False)
    assert list(tmp_path.iterdir()) == []


def test_a_service_may_name_its_token_at_each_start(tmp_path: Path) -> None:
    token = Token("tcp://127.0.0.1:1", ONE.public, bytes(32), "worker")
    before = Broker("tcp://moved:7341", format_public(ONE.public), token=fingerprint(token.temporary.public))
    joined.remember(tmp_path, before)
    # Nobody is asked.
    assert joined.join_with(token, tmp_path, tmp_path / "roster.toml", "submitter", as_root=False) == before


def test_a_link_in_place_of_what_is_remembered_is_not_written_through(tmp_path: Path) -> None:
    other, state = tmp_path / "of somebody", tmp_path / "state"
    other.write_text("precious")
    state.mkdir()
    (state / layout.BROKER).symlink_to(other)
    joined.remember(state, BROKER)
    assert (other.read_text(), joined.remembered(state)) == ("precious", BROKER)


@pytest.mark.parametrize(
    ("join", "said"),
    [
        ("xx", "'xx' is neither a token nor an endpoint; copy the whole token that jobwire broker invite prints, or write tcp://HOST:PORT"),
        ("broker", "'broker' is neither a token nor an endpoint"),
        ("broker:0", "0 is not a port"),
        ("broker:7341", "missing; it is the key that jobwire broker status prints on the machine of tcp://broker:7341; a token needs none"),
    ],
)
def test_what_a_worker_is_to_join_is_judged_before_a_key_is_asked_for(tmp_path: Path, join: str, said: str) -> None:
    settings = {"state": str(tmp_path / "state"), "roster": str(tmp_path / "roster.toml"), "jobs_as_root": False}
    with pytest.raises(typer.BadParameter) as refused:
        use_broker(settings, join, "", "submitter", None)
    assert said in refused.value.message
