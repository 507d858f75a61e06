"""Bytes of a log that are not those which its worker has hashed are found, and it is said which part differs."""

from __future__ import annotations

import hashlib

import pytest

from jobwire.client.proofs.logs import LogCheck, SignedLog, signed_logs
from jobwire.keys.proofs import log_hash
from jobwire.keys.proofs.log_hash import BLOCK_BYTES, LEAF, LogTree
from jobwire.schemas.generated import job_pb2, request_pb2

CONTENT = bytes(range(256)) * (3 * BLOCK_BYTES // 256) + b"the end"


def end_of(content: bytes) -> tuple[job_pb2.EndStatement, request_pb2.JobProof]:
    tree = LogTree(len(content))
    for at in range(0, len(content), BLOCK_BYTES):
        tree.add(hashlib.sha256(LEAF + content[at : at + BLOCK_BYTES]).digest())
    outcome = job_pb2.Outcome(stdout_bytes=len(content), stdout_root=tree.root)
    proof = request_pb2.JobProof(log_hashes=[job_pb2.LogHashes(attempt=1, stdout=tree.kept)])
    return job_pb2.EndStatement(attempt=1, outcome=outcome), proof


def stdout_of(content: bytes) -> SignedLog:
    return signed_logs(*end_of(content))[0]


def check(log: SignedLog, content: bytes, step: int = 300_000) -> str:
    checking = LogCheck(log)
    for at in range(0, len(content), step):
        if problem := checking.add(content[at : at + step]):
            return problem
    return checking.end()


def test_the_bytes_that_were_signed_hold_however_they_come() -> None:
    for content in (CONTENT, CONTENT[: 2 * BLOCK_BYTES], b"x", b""):
        for step in (1_000_000, 2 * BLOCK_BYTES):
            assert check(stdout_of(content), content, step) == ""


def test_the_block_that_differs_is_named() -> None:
    evil = CONTENT[: BLOCK_BYTES + 5] + b"?" + CONTENT[BLOCK_BYTES + 6 :]
    said = f"stdout differs from what is signed in block 2, bytes {BLOCK_BYTES} to {2 * BLOCK_BYTES - 1}"
    assert check(stdout_of(CONTENT), evil) == said
    assert "in block 1" in check(stdout_of(b"abc"), b"abd")


def test_of_a_very_long_log_the_blocks_are_named_among_which_one_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_hash, "MOST_HASHES", 2)
    assert "in blocks 3 to 4" in check(stdout_of(CONTENT), CONTENT[:-1] + b"?")


def test_a_log_that_was_shortened_or_made_longer_is_named() -> None:
    assert check(stdout_of(CONTENT), CONTENT[:-1]) == f"stdout has {len(CONTENT) - 1} bytes, and {len(CONTENT)} are signed"
    assert "is longer" in check(stdout_of(b"abc"), b"abcd")
    assert "is longer" in check(stdout_of(b""), b"a")


def test_without_hashes_of_its_parts_a_log_is_still_checked() -> None:
    end, proof = end_of(CONTENT)
    del proof.log_hashes[:]
    log = signed_logs(end, proof)[0]
    assert log.parts is None
    assert check(log, CONTENT) == ""
    assert "it is not known where" in check(log, b"?" + CONTENT[1:])


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (job_pb2.Outcome(stdout_bytes=3), "does not hash output"),
        (job_pb2.Outcome(stdout_bytes=3, hash_follows=True), "get the proof again"),
        (job_pb2.Outcome(stdout_bytes=3, hash_problem="it was removed"), "it was removed"),
    ],
)
def test_of_a_log_without_a_hash_it_is_said_why(outcome: job_pb2.Outcome, why: str) -> None:
    log = signed_logs(job_pb2.EndStatement(attempt=1, outcome=outcome), request_pb2.JobProof())[0]
    assert why in check(log, b"abc")
