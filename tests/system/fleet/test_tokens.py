"""Tokens against a real broker: each serves one key, whoever is killed, replays it or tries something else with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Broker
from daemons import Worker, wait_until
from home import Home
from homes import bytecode
from raw_client import SILENCE_MS, RawClient, news

from jobwire.client.proofs import text
from jobwire.client.proofs.ends import read_late
from jobwire.client.proofs.verification import Wanted, verify
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members import roster
from jobwire.keys.members.roster import list_members
from jobwire.keys.pairing import invitations, possession, token
from jobwire.keys.pairing.token import Token
from jobwire.schemas.clock import wall_us
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.states import OutcomeKind, State
from jobwire.schemas.refusal import Code, Reason, Refused

__all__ = ["bytecode"]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    made = Broker(tmp_path_factory.mktemp("tokens") / "broker").start()
    yield made
    print(made.logged())
    made.kill(signal.SIGTERM)


@pytest.fixture
def laptop(tmp_path: Path, bytecode: Path) -> Home:
    return Home(tmp_path / "laptop", bytecode)


def invite(broker: Broker, *options: str, status: int = 0) -> str:
    argv = [sys.executable, "-P", "-m", "jobwire.client.cli.main", "broker", "invite", "--state", str(broker.state), *options]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stderr
    return ended.stdout.strip() or ended.stderr


def made(broker: Broker, name: str, seconds: float = 600) -> Token:
    """Return a token that was made without the command, which takes its time."""
    one = Token(broker.listen, broker.public, os.urandom(32), "submitter")
    invitations.invite(broker.roster, one.temporary.public, "submitter", wall_us() + round(seconds * 1e6), wall_us(), name=name)
    return one


def pair(broker: Broker, one: Token, own: Identity) -> request_pb2.Reply:
    temporary = one.temporary
    with RawClient(broker.listen, broker.public, temporary) as client:
        client.hello()
        proof = possession.prove(own, broker.public, temporary.public)
        return client.ask(client.request(pair=request_pb2.Pair(key=own.public, possession=proof)))


def test_a_person_joins_with_one_command_and_works_at_once(broker: Broker, laptop: Home) -> None:
    written = invite(broker, "--as", "ada", "--role", "admin")
    first = laptop.jobwire("join", "-", "--as", "lab", stdin=written.encode())
    assert b"you are ada there, with the role admin" in first.stderr
    assert b"you are ada, role admin" in laptop.jobwire("context", "test").stdout
    # Once more, as if the answer had been lost.
    again = laptop.jobwire("join", "-", "--as", "lab", stdin=written.encode())
    assert again.stderr == first.stderr
    eve = Home(laptop.folder.parent / "eve", Path(laptop.env["PYTHONPYCACHEPREFIX"]))
    (eve.folder / "token").write_text(written)
    refused = eve.jobwire("join", "@token", status=1)
    assert b"already used, by ada" in refused.stderr
    assert b"ask for a new token" in refused.stderr
    assert not (eve.config / "contexts.toml").exists()
    machine = eve.jobwire("join", invite(broker), status=2)
    assert b"jobwire worker run --join -" in machine.stderr


def test_a_machine_joins_with_one_command_and_remembers_its_broker(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(invite(broker, "--as", "lab1", "--slots", "3", "--label", "gpu=a100"))
    worker = Worker(tmp_path, options=["--jobs-as-root", "--join", f"@{tmp_path / 'token'}"])
    # What the command line says counts more than the invitation.
    worker.slots = 2
    worker.start()
    try:
        wait_until(lambda: broker.states().get("lab1") == "ready", "the machine has joined")
        with broker.client() as client:
            assert client.run(["true"], on=["gpu=a100", "worker=lab1"]).returncode == 0
            (info,) = (one for one in client.workers.list() if one.name == "lab1")
            assert info.slots == 2
            # Its own name for itself is that of its machine; jobs ask for it by the one that it has here.
            assert dict(info.labels)["worker"] == "lab1"
            assert dict(info.labels)["gpu"] == "a100"
        worker.kill(signal.SIGTERM)
        other = ["--join", broker.listen, "--broker-key", "jobwire-key-54ch6hb5c53frr74tz7yq3dj7t4cp15mfm28eeb0myac4919kqgnp62hh4"]
        refused = worker.command("run", "--roster", str(worker.roster), *other, status=1)
        assert "has joined the broker at" in refused.stderr
        assert "jobwire worker leave" in refused.stderr
        # It remembers the broker, and that its jobs run as root.
        worker.options = []
        worker.start()
        wait_until(lambda: broker.states()["lab1"] == "ready", "it has joined again by itself")
        leaves_and_keeps_its_history(broker, worker)
    finally:
        print(worker.logged())
        worker.clean()


def leaves_and_keeps_its_history(broker: Broker, worker: Worker) -> None:
    with broker.client() as client:
        job = client.submit(["sleep", "600"])
        wait_until(lambda: job.info().state is State.RUNNING, "it runs")
        assert "1 job of the broker is here" in worker.command("leave", status=1).stderr
        job.stop(grace=0)
    wait_until(lambda: worker.command("leave", status=None).returncode == 0, "the broker has recorded the end")
    wait_until(lambda: broker.states()["lab1"] == "unreachable", "it has left, while it runs")
    assert "not joined a broker" in worker.command("leave", status=1).stderr
    with worker.client() as client:
        assert len(list(client.list(all=True))) == 2
    with broker.client() as client:
        assert client.workers.remove("lab1") == 0
        with pytest.raises(Refused, match="no worker 'lab1'"):
            client.workers.remove("lab1")
    assert "lab1" not in broker.states()


def test_a_worker_is_removed_its_jobs_are_lost_and_it_stops_them_when_it_comes_back_all_the_same(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(invite(broker, "--as", "lab3"))
    with Worker(tmp_path, options=["--jobs-as-root", "--join", f"@{tmp_path / 'token'}"]).start() as worker:
        wait_until(lambda: broker.states().get("lab3") == "ready", "the machine has joined")
        with broker.client() as client:
            job = client.submit(["sleep", "600"], name="long")
            wait_until(lambda: job.info().state is State.RUNNING, "it runs")
            details = client.workers.get("lab3")
            assert (details.worker.state, details.worker.key, len(details.store)) == ("ready", worker.public, 16)
            assert [(one.name, one.owner_name, one.state, one.accepted) for one in details.jobs] == [("long", "admin", "running", True)]
            with pytest.raises(Refused, match="has a job that has not ended; drain it and wait"):
                client.workers.remove("lab3")
            with broker.client(broker.add("op", "operator")) as operator, pytest.raises(Refused, match="may not administer"):
                operator.workers.remove("lab3", declare_lost=True)
            pid = job.info().pid
            worker.kill()
            wait_until(lambda: broker.states()["lab3"] == "unreachable", "it is killed")
            assert client.workers.remove("lab3", declare_lost=True) == 1
            assert job.info().outcome.sentence == "worker lab3 was removed by admin, who declared its jobs lost"
            broker.kill()
            broker.start()
            assert "lab3" not in broker.states()
            assert job.info().outcome.kind is OutcomeKind.LOST
            os.kill(pid, 0)
            roster.add_member(worker.roster, "root", broker.admin.public, "operator")
            worker.start()
            late = wait_until(lambda: job.info().outcome.late_end, "it has told how the job really ended")
            end = read_late(late, job.info().key)
            assert end is not None
            assert (end.pid, end.outcome.signal) == (pid, signal.SIGTERM)
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
            assert job.info().outcome.kind is OutcomeKind.LOST
            verdict = verify(text.read(client.proof(job.info().id)), Wanted(workers=frozenset({worker.public})))
            assert verdict.is_proven
            assert "it was reported as lost, and stays lost; the worker has come back and signed" in verdict.checks[-1].sentence
            wait_until(lambda: "nothing is left of the jobs of worker lab3" in broker.logged(), "it is let in no more")
            assert "lab3" not in broker.states()


def test_a_temporary_key_may_ask_for_nothing_else(broker: Broker) -> None:
    one = made(broker, "curious")
    with RawClient(broker.listen, broker.public, one.temporary) as client:
        assert client.hello().your_role == "pairing"
        for verb in request_pb2.Request.DESCRIPTOR.oneofs_by_name["verb"].fields:
            if verb.name not in {"hello", "pair", "push"}:
                reply = client.ask(client.request(**{verb.name: verb.message_type._concrete_class()}))
                assert (reply.refusal.code, reply.refusal.reason) == (Code.PERMISSION_DENIED, Reason.ROLE), (verb.name, reply)
        events = client.subscriber()
        events.subscribe(b"")
        assert news(events, SILENCE_MS) is None
        # It is still good for what it is for.
    assert pair(broker, one, generate()).pair.name == "curious"


def test_of_two_machines_at_once_one_joins(broker: Broker) -> None:
    one, keys = made(broker, "twins"), [generate() for _ in range(6)]
    replies: dict[bytes, request_pb2.Reply] = {}
    threads = [threading.Thread(target=lambda own=own: replies.update({own.public: pair(broker, one, own)})) for own in keys[:4]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (key for key, reply in replies.items() if reply.HasField("pair"))
    assert {reply.refusal.reason for key, reply in replies.items() if key != winner} == {Reason.TOKEN_USED}
    assert [member.key for member in list_members(broker.roster) if member.name.startswith("twins")] == [winner]


def test_a_broker_that_is_killed_after_the_edit_gives_the_same_answer_later(broker: Broker) -> None:
    lost, untouched = made(broker, "lost-answer"), made(broker, "untouched")
    own = generate()
    broker.kill()
    # What is on the disk if it is killed between the edit of the roster and its answer.
    invitations.join(broker.roster, lost.temporary.public, own.public)
    broker.start()
    assert pair(broker, lost, own).pair.name == "lost-answer"
    assert pair(broker, lost, generate()).refusal.reason == Reason.TOKEN_USED
    with broker.client(own) as client:
        assert client.hello().your_role == "submitter"
    assert pair(broker, untouched, generate()).pair.name == "untouched"


def test_a_token_after_its_time_and_one_that_was_withdrawn(broker: Broker, laptop: Home) -> None:
    late, gone = made(broker, "late", seconds=-90), made(broker, "gone")
    assert pair(broker, late, generate()).refusal.reason == Reason.TOKEN_EXPIRED
    refused = laptop.jobwire("join", token.write(late), "--as", "x", status=1)
    assert b"has expired 1 min ago; ask for a new token" in refused.stderr
    invitations.withdraw(broker.roster, gone.temporary.public)
    refused = laptop.jobwire("join", token.write(gone), "--as", "x", status=1)
    assert b"was withdrawn" in refused.stderr
    altered = laptop.jobwire("join", token.write(gone)[:-9], status=2)
    assert b"the token is cut off" in altered.stderr


def test_somebody_elses_key_cannot_be_left_and_a_token_is_tried_only_so_often(broker: Broker) -> None:
    one, victim = made(broker, "thief"), generate()
    with RawClient(broker.listen, broker.public, one.temporary) as client:
        client.hello()
        pairs = [client.ask(client.request(pair=request_pb2.Pair(key=victim.public, possession=bytes(64)))) for _ in range(33)]
    assert {reply.refusal.code for reply in pairs[:32]} == {Code.UNAUTHENTICATED}
    assert pairs[32].refusal.code == Code.RESOURCE_EXHAUSTED
    assert all(member.key != victim.public for member in list_members(broker.roster))


def test_without_a_context_a_command_about_a_broker_says_how_that_of_this_machine_is_reached(broker: Broker, laptop: Home) -> None:
    said = laptop.jobwire("broker", "list", status=1).stderr.decode()
    assert "your private worker is in use, which is not a broker; choose the context of a broker" in said
    laptop.state.mkdir(mode=0o700, exist_ok=True)
    (laptop.state / "broker").symlink_to(broker.state)
    for verb in (("list",), ("grow", "list")):
        said = laptop.jobwire("broker", *verb, status=1).stderr.decode()
        assert f"your broker on this machine is at {broker.endpoint}" in said
        assert "jobwire broker invite --role operator | jobwire join -" in said
    laptop.jobwire("join", "-", stdin=invite(broker, "--role", "operator", "--as", "me").encode())
    assert "me" not in laptop.jobwire("broker", "list").stdout.decode()
    said = laptop.jobwire("--context", "embedded", "broker", "show", "lab1", status=1).stderr.decode()
    assert "name its context: jobwire --context" in said
    # None of that has started a private worker.
    assert not (laptop.state / "worker").exists()
