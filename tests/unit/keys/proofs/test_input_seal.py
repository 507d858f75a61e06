"""The seal of an input: of its owner, about just these bytes of this feed of this job."""

from __future__ import annotations

import hashlib

import pytest

from jobwire.keys.identity import from_seed
from jobwire.keys.proofs.input_seal import Fed, RunningHash
from jobwire.schemas.naming import JobKey

ADA, BOB = from_seed(b"a" * 32), from_seed(b"b" * 32)
FED = Fed(JobKey(ADA.public, b"i" * 16), b"t" * 16)


def running(*pieces: bytes) -> RunningHash:
    told = RunningHash()
    for piece in pieces:
        told.add(piece)
    return told


def test_the_same_bytes_are_sealed_in_whatever_pieces_they_came() -> None:
    seal = running(b"one ", b"two").seal(ADA, FED)
    assert running(b"o", b"ne two").is_sealed(FED, seal)
    assert running().is_sealed(FED, running().seal(ADA, FED))


@pytest.mark.parametrize("size", [0, 7, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
def test_what_is_signed_is_what_the_protocol_says(size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    before = b""
    for at in range(0, size // 2**20 * 2**20, 2**20):
        before = hashlib.blake2b(before + data[at : at + 2**20], digest_size=32).digest()
    whole = hashlib.blake2b(before + data[size // 2**20 * 2**20 : size], digest_size=32).digest()
    said = b"jobwire.v1.input\n" + FED.job.owner + FED.job.id + FED.token + size.to_bytes(8, "big") + whole
    assert running(data[:size]).is_sealed(FED, ADA.sign(said))


@pytest.mark.parametrize("data", [b"one", b"one twp", b"one two ", b""])
def test_other_bytes_are_not(data: bytes) -> None:
    assert not running(data).is_sealed(FED, running(b"one two").seal(ADA, FED))


@pytest.mark.parametrize(
    "other",
    [Fed(JobKey(BOB.public, b"i" * 16), FED.token), Fed(JobKey(ADA.public, b"j" * 16), FED.token), Fed(FED.job, b"u" * 16)],
    ids=["owner", "job", "feed"],
)
def test_it_is_about_one_feed_of_one_job(other: Fed) -> None:
    told = running(b"one")
    assert not told.is_sealed(other, told.seal(ADA, FED))


@pytest.mark.parametrize("seal", [b"", b"s", bytes(64), running(b"one").seal(BOB, FED)], ids=["none", "short", "zeros", "of another"])
def test_what_its_owner_has_not_signed_is_no_seal(seal: bytes) -> None:
    assert not running(b"one").is_sealed(FED, seal)
