"""Many proofs in one answer are checked as strictly as single ones, whatever a broker leaves out, alters or swaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from jobwire.client.library.requests import reruns
from jobwire.client.library.requests.dialogue import Done, pass_on
from jobwire.client.proofs.shared import SharedProofs
from jobwire.keys.identity import Identity, from_seed
from jobwire.keys.proofs import merkle
from jobwire.keys.proofs.shown import Shown
from jobwire.keys.proofs.signature import Rooted, sign
from jobwire.schemas.batches.parts import hash_of_job, hash_of_part
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.wire_codec import key_to_wire

ADA = from_seed(b"a" * 32)
EVE = from_seed(b"e" * 32)
BROKER = from_seed(b"b" * 32)
OWN = JobKey(ADA.public, b"o" * 16)
NEW = [request_pb2.NewJob(id=bytes([number]) * 16, spec=job_pb2.JobSpec(argv=[b"make", b"%d" % number])) for number in range(1, 6)]
KEYS = [JobKey(ADA.public, job.id) for job in NEW]
HELLO = request_pb2.HelloReply(kind="broker", daemon=BROKER.public, features=["signed_reruns", "many_proofs"])


def start(signer: Identity = ADA) -> bytes:
    """Return a start of all jobs, signed by a root over them."""
    raw = request_pb2.Request(id=1, start=request_pb2.Start(jobs=NEW)).SerializeToString()
    rooted = Rooted(len(NEW), merkle.root_of(merkle.leaf(job.SerializeToString()) for job in NEW), b"")
    proof = sign(signer, BROKER.public, b"n" * 16, raw, rooted=rooted)
    return request_pb2.Envelope(request=raw, proof=proof).SerializeToString()


def of_start(raw: bytes, positions: Sequence[int] = range(5)) -> request_pb2.JobProofs:
    """Return an answer about all jobs that shows these."""
    shown = Shown().some(raw, [KEYS[position].id for position in positions])
    return request_pb2.JobProofs(looked_at=5, starts=[shown], jobs=[request_pb2.SharedProof(position=position) for position in positions])


def of_commit(signer: Identity = ADA) -> request_pb2.JobProofs:
    """Return an answer about all jobs, which came as the only part of a batch."""
    hashes = [hash_of_job(job.id, job.spec.SerializeToString()) for job in NEW]
    commit = request_pb2.Commit(batch=job_pb2.Batch(id=b"r" * 16), parts=[hash_of_part(hashes)])
    raw = request_pb2.Request(commit=commit).SerializeToString()
    envelope = request_pb2.Envelope(request=raw, proof=sign(signer, BROKER.public, b"n" * 16, raw))
    jobs = [
        request_pb2.SharedProof(position=position, staged_hashes=1, staged_job=job.SerializeToString()) for position, job in enumerate(NEW)
    ]
    return request_pb2.JobProofs(looked_at=5, starts=[envelope.SerializeToString()], staged_hashes=[b"".join(hashes)], jobs=jobs)


ANSWERS = [lambda signer=ADA: of_start(start(signer)), of_commit]


@pytest.mark.parametrize("answer", ANSWERS)
def test_each_job_is_what_its_owner_has_signed(answer: Callable[..., request_pb2.JobProofs]) -> None:
    shared = SharedProofs(answer(), KEYS, BROKER.public)
    for position, job in enumerate(NEW):
        asked = shared.asked_of(position)
        assert asked is not None
        assert asked.spec == job.spec


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_altered_swapped_or_anothers_is_refused(answer: Callable[..., request_pb2.JobProofs]) -> None:
    altered = answer()
    altered.starts[0] = altered.starts[0].replace(b"\x01\x31", b"\x01\x39")
    for one in altered.jobs:
        one.staged_job = one.staged_job.replace(b"\x01\x31", b"\x01\x39")
    assert "none of those" in refusal(altered, 0) or "are not those that were signed" in refusal(altered, 0)
    swapped = answer()
    swapped.jobs[0].position, swapped.jobs[1].position = 1, 0
    for one in swapped.jobs:
        one.start = 0 if one.staged_job else 3
    assert refusal(swapped, 0)
    assert "who has not signed this" in refusal(answer(EVE), 2)
    with pytest.raises(Refused, match="not for"):
        SharedProofs(answer(), KEYS, EVE.public).asked_of(0)
    theirs = [JobKey(EVE.public, key.id) for key in KEYS]
    with pytest.raises(Refused, match="who has not signed this"):
        SharedProofs(answer(), theirs, BROKER.public).asked_of(0)


def refusal(answer: request_pb2.JobProofs, position: int) -> str:
    with pytest.raises(Refused) as caught:
        SharedProofs(answer, KEYS, BROKER.public).asked_of(position)
    assert caught.value.code is Code.PERMISSION_DENIED
    return caught.value.message


def test_a_job_that_the_shown_part_of_a_start_does_not_have_is_refused() -> None:
    answer = of_start(start(), [0, 1, 2])
    answer.jobs.add(position=4)
    assert "is none of them" in refusal(answer, 4)
    answer.jobs[0].staged_hashes = 7
    assert refusal(answer, 0)


@pytest.mark.parametrize("looked_at", [0, 6])
def test_an_answer_about_none_or_too_many_is_refused(looked_at: int) -> None:
    with pytest.raises(Refused, match="answered about"):
        SharedProofs(request_pb2.JobProofs(looked_at=looked_at), KEYS, BROKER.public)


def find(answers: Sequence[request_pb2.JobProofs], of_one: Callable[[bytes], request_pb2.JobProof | Refused]) -> list[object]:
    """Return the specs that are found, or the refusal; `of_one` answers for a job that was asked for alone."""
    wanted = {bytes([number]) * 15 + b"o": key for number, key in enumerate(KEYS)}
    again = reruns.runs_again(wanted, HELLO)
    (question,) = reruns.questions(wanted, again, ADA.public, HELLO).values()
    pages, step = iter(answers), next(question)
    while True:
        query = step.query_proof
        if query.keys:
            assert query.keys[0] in [key_to_wire(key) for key in KEYS]
            item: request_pb2.Reply | Refused = request_pb2.Reply(proofs=next(pages))
        else:
            one = of_one(query.key.id)
            item = one if isinstance(one, Refused) else request_pb2.Reply(proof=one)
        found = pass_on(question, item)
        if isinstance(found, Done):
            return [*reruns.specs_of(again, [found.result]).values()]
        step = found


def test_what_is_missing_is_asked_for_alone_and_pages_follow_each_other() -> None:
    asked: list[bytes] = []

    def of_one(job: bytes) -> request_pb2.JobProof:
        asked.append(job)
        return request_pb2.JobProof(key=job_pb2.JobKey(owner=ADA.public, id=job), start=start())

    first, second = of_start(start(), [0, 2]), request_pb2.JobProofs(looked_at=2)
    first.looked_at = 3
    assert find([first, second], of_one) == [job.spec for job in NEW]
    assert asked == [KEYS[1].id, KEYS[3].id, KEYS[4].id]


def test_a_refusal_names_the_position_of_its_job() -> None:
    answer = of_start(start(), [0, 1])
    gone = Refused(Code.NOT_FOUND, "it was forgotten")
    with pytest.raises(Refused, match="forgotten") as caught:
        find([answer], lambda _: gone)
    assert caught.value.job_index == 2
    answer.looked_at = 9
    with pytest.raises(Refused, match="answered about 9"):
        find([answer], lambda _: gone)


def test_an_older_broker_is_asked_for_each_alone() -> None:
    wanted = {bytes([number]) * 15 + b"o": key for number, key in enumerate(KEYS)}
    hello = request_pb2.HelloReply(kind="broker", daemon=BROKER.public, features=["signed_reruns"])
    again, found = reruns.runs_again(wanted, hello), []
    for key, question in zip(KEYS, reruns.questions(wanted, again, ADA.public, hello).values(), strict=True):
        assert next(question).query_proof.key == key_to_wire(key)
        proof = request_pb2.JobProof(key=key_to_wire(key), start=start())
        answer = pass_on(question, request_pb2.Reply(proof=proof))
        assert isinstance(answer, Done)
        found.append(answer.result)
    assert [*reruns.specs_of(again, found).values()] == [job.spec for job in NEW]
