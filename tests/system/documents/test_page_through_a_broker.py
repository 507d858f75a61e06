"""What docs/protocol.md says about staging, the keys of jobs and proofs, tried through a broker by a client written from the page alone."""

from __future__ import annotations

import hashlib
import json
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker
from daemons import wait_until
from nacl import bindings
from page_client import PageClient, read_printed, schema

# Tells what a job finds that may start jobs, and goes on until its input ends.
_TELL = b'cat "$JOBWIRE_KEY_FILE"; exec sleep 60'


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[tuple[Broker, bytes]]:
    """Return a broker, and the key of its only worker."""
    broker = Broker(tmp_path / "broker").start()
    worker = broker.join(tmp_path / "worker", "lab", 2)
    try:
        wait_until(lambda: set(broker.states().values()) == {"ready"}, "the worker has joined")
        yield broker, worker.public
    finally:
        print(broker.logged())
        worker.clean()
        broker.kill(signal.SIGTERM)


def test_a_batch_in_parts_is_proven(fleet: tuple[Broker, bytes]) -> None:
    broker, worker = fleet
    with PageClient(broker.endpoint, broker.public, broker.admin.seed) as client:
        client.greet()
        jobs = [schema().NewJob(id=uuid.uuid4().bytes, spec=schema().JobSpec(argv=[b"echo", word])) for word in (b"one", b"two", b"three")]
        run, parts = uuid.uuid4().bytes, [jobs[:2], jobs[2:]]
        for number, part in enumerate(parts):
            reply = client.ask(stage=schema().Stage(jobs=part, batch=run, number=number)).stage
            assert (reply.parts, reply.jobs) == (number + 1, 2 + number)
        hashes = [b"".join(blake2b(job.id + job.spec.SerializeToString()) for job in part) for part in parts]
        batch = schema().Batch(id=run, name="three", parallel=2)
        commit = schema().Commit(batch=batch, parts=[blake2b(one) for one in hashes], first_store=client.hello.store)
        assert client.ask(commit=commit).HasField("acknowledged")
        ended = client.ask(query_run=schema().QueryRun(name=str(uuid.UUID(bytes=run)), until_ended=True)).query_run.run
        assert (ended.ok, ended.failed) == (3, 0)
        for job, own in zip(jobs, [hashes[0], hashes[0], hashes[1]], strict=True):
            proof = client.ask(query_proof=schema().QueryProof(key=schema().JobKey(owner=client.public, id=job.id))).proof
            request = asked(proof, client.public, broker.public)
            staged = schema().NewJob.FromString(proof.staged_job)
            assert staged.id == job.id == proof.key.id
            assert proof.staged_hashes == own
            assert blake2b(staged.id + staged.spec.SerializeToString()) in [own[at : at + 32] for at in range(0, len(own), 32)]
            assert blake2b(own) in request.commit.parts
            check_ends(proof, worker, job.spec.argv[1] + b"\n")


def test_a_job_starts_another_with_its_own_key_and_that_is_proven(fleet: tuple[Broker, bytes]) -> None:
    broker, worker = fleet
    with PageClient(broker.endpoint, broker.public, broker.admin.seed) as client:
        client.greet()
        parent = start(client, schema().JobSpec(argv=[b"sh", b"-c", _TELL], may_submit=True))
        given = json.loads(first_output(client, parent))
        assert given["is_broker"] is True
        assert read_printed(given["owner"]) == client.public
        endpoint = json.loads(Path(given["description"]).read_bytes())["endpoint"]
        with PageClient(endpoint, read_printed(given["worker"]), bytes.fromhex(given["secret"])) as delegate:
            delegate.greet()
            assert delegate.hello.your_role == "delegate"
            child = start(delegate, schema().JobSpec(argv=[b"echo", b"child"]), watch=True)
            assert [one.key.id for one in delegate.ask(list=schema().List(all=True)).list.jobs] == [child]
        proof = client.ask(query_proof=schema().QueryProof(key=schema().JobKey(owner=client.public, id=child))).proof
        request = asked(proof, client.public, broker.public, parent, worker)
        assert [job.id for job in request.start.jobs] == [child]
        check_ends(proof, worker, b"child\n")


def blake2b(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()


def is_signed(data: bytes, signature: bytes, key: bytes) -> bool:
    try:
        return bindings.crypto_sign_open(signature + data, key) == data
    except Exception:  # noqa: BLE001 -- of any library for that
        return False


def asked(proof: Any, owner: bytes, audience: bytes, job: bytes = b"", worker: bytes = b"") -> Any:
    """Return the request that a proof shows, after steps 1 and 2 of the page; with `job`, its key at that worker must have signed it."""
    envelope = schema().Envelope.FromString(proof.start)
    signed = b"jobwire.v1.request\n" + envelope.proof.audience + envelope.proof.nonce + envelope.request
    assert envelope.proof.audience == audience
    assert is_signed(signed, envelope.proof.signature, envelope.proof.signer)
    signer = envelope.proof.signer
    assert envelope.HasField("delegation") == bool(job)
    if job:
        one = envelope.delegation
        assert (one.key, one.audience, one.worker, one.job) == (signer, audience, worker, job)
        whose = one.worker + one.owner + one.job + one.attempt.to_bytes(8, "big")
        assert is_signed(b"jobwire.v1.delegation\n" + whose + one.key, one.signature, one.worker)
        assert is_signed(b"jobwire.v1.possession\n" + one.audience + one.store + whose, one.possession, one.key)
        signer = one.owner
    assert signer == owner == proof.key.owner
    return schema().Request.FromString(envelope.request)


def check_ends(proof: Any, worker: bytes, output: bytes) -> None:
    """Check steps 5 and 6 for a job whose only attempt has exited with 0."""
    (told,) = proof.told
    (one,) = map(schema().Attestation.FromString, proof.ends)
    assert one.worker == worker
    assert is_signed(b"jobwire.v1.ended\n" + one.statement, one.signature, worker)
    statement = schema().EndStatement.FromString(one.statement)
    assert statement.key == proof.key
    assert (statement.attempt, statement.pid > 0, statement.outcome.exit_status) == (told.attempt, True, 0)
    assert statement.outcome.kind == told.outcome.kind
    assert statement.outcome.stdout_root == hashlib.sha256(b"\0" + output).digest()
    assert statement.outcome.stderr_root == b""


def start(client: PageClient, spec: Any, *, watch: bool = False) -> bytes:
    """Start a job and return its id when it is durable; with `watch`, when it has finished."""
    job = schema().NewJob(id=uuid.uuid4().bytes, spec=spec)
    verb = schema().Start(jobs=[job], first_store=client.hello.store, watch=watch, credit_messages=10)
    request = client.send(schema().Request(start=verb))
    while not (reply := client.answer(request)).last:
        assert not reply.HasField("refusal"), reply
    assert reply.HasField("reports" if watch else "acknowledged"), reply
    return bytes(job.id)


def first_output(client: PageClient, job: bytes) -> bytes:
    """Return what a job writes first, without the rest of it."""
    follow = schema().FollowLog(key=schema().JobKey(id=job), stream=1, credit_bytes=65536)
    reply, data = client.receive(client.send(schema().Request(follow_log=follow)))
    assert reply.HasField("log_chunk"), reply
    return data
