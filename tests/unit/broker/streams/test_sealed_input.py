"""An input that came through a broker is checked when all of it came in this run of the worker."""

from __future__ import annotations

from jobwire.broker.streams.sealed_input import SealedInput
from jobwire.keys.identity import from_seed
from jobwire.keys.proofs.input_seal import Fed, RunningHash
from jobwire.schemas.naming import JobKey

ADA = from_seed(b"a" * 32)
FED = Fed(JobKey(ADA.public, b"i" * 16), b"t" * 16)


def test_pieces_of_several_streams_are_one_input() -> None:
    told = RunningHash()
    told.add(b"one two")
    seal = told.seal(ADA, FED)
    sealed = SealedInput(FED)
    sealed.add(0, memoryview(b"one "))
    sealed.add(4, memoryview(b"two"))
    assert sealed.problem(seal) == ""
    assert "its sender has signed another one" in SealedInput(FED).problem(seal)
    assert "the signature of its sender is missing" in sealed.problem(b"")


def test_what_an_earlier_run_has_taken_is_not_known_to_be_wrong() -> None:
    sealed = SealedInput(FED)
    sealed.add(4, memoryview(b"two"))
    sealed.add(7, memoryview(b" three"))
    assert sealed.problem(b"") == ""
