"""An input that came through a broker is checked, also if the worker was restarted in the middle of it."""

from __future__ import annotations

import os

import pytest
from desk_house import InletDouble

from jobwire.broker.streams.pushed.sealed_input import SealedInput
from jobwire.keys.identity import from_seed
from jobwire.keys.proofs.input_seal import BLOCK_BYTES, Fed, RunningHash
from jobwire.schemas.naming import JobKey

ADA = from_seed(b"a" * 32)
FED = Fed(JobKey(ADA.public, b"i" * 16), b"t" * 16)
WHOLE = os.urandom(3 * BLOCK_BYTES + 12_345)
STEP = 200_000


class NoFeeder:
    def advance(self) -> None: ...


@pytest.fixture
async def inlet() -> InletDouble:
    return InletDouble(bytearray(), NoFeeder())  # type: ignore[arg-type] # reason: it is told nothing


def seal_of(data: bytes) -> bytes:
    told = RunningHash()
    told.add(data)
    return told.seal(ADA, FED)


def feed(sealed: SealedInput, inlet: InletDouble, data: bytes, *, arrives: bool = True) -> None:
    for at in range(0, len(data), STEP):
        sealed.add(inlet, memoryview(data)[at : at + STEP])
        if arrives:
            inlet.write(memoryview(data)[at : at + STEP])


async def test_pieces_of_several_streams_are_one_input(inlet: InletDouble) -> None:
    sealed = SealedInput(FED)
    feed(sealed, inlet, b"one ")
    feed(sealed, inlet, b"two")
    assert sealed.problem(seal_of(b"one two")) == ""
    assert "its sender signed other bytes" in SealedInput(FED).problem(seal_of(b"one two"))
    assert "the signature of its sender is missing" in sealed.problem(b"")


@pytest.mark.parametrize("cut", [1, STEP, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES + 77, len(WHOLE)])
@pytest.mark.parametrize("lost", [0, 10_000, STEP], ids=["between two", "with bytes that did not arrive", "with all of a push"])
async def test_a_worker_that_was_restarted_checks_all_of_it(inlet: InletDouble, cut: int, lost: int) -> None:
    feed(SealedInput(FED), inlet, WHOLE[:cut])
    # Killed before the bytes arrived, of which there may be a note.
    before = SealedInput(FED)
    feed(before, inlet, WHOLE[cut : cut + lost], arrives=False)
    # The job has read what is before the last block: that is freed.
    freed = cut // BLOCK_BYTES * BLOCK_BYTES
    inlet.held[:freed] = bytes(freed)
    again = SealedInput(FED)
    feed(again, inlet, WHOLE[cut:])
    again.add(inlet, memoryview(b""))
    assert again.problem(seal_of(WHOLE)) == ""
    assert "its sender signed other bytes" in again.problem(seal_of(WHOLE[:-1] + b"?"))


async def test_what_came_before_a_restart_is_checked_too(inlet: InletDouble) -> None:
    feed(SealedInput(FED), inlet, b"evil" + WHOLE[4 : BLOCK_BYTES + 99])
    again = SealedInput(FED)
    feed(again, inlet, WHOLE[BLOCK_BYTES + 99 :])
    assert "its sender signed other bytes" in again.problem(seal_of(WHOLE))


async def test_what_cannot_be_checked_as_its_notes_are_gone_is_told(inlet: InletDouble) -> None:
    feed(SealedInput(FED), inlet, WHOLE[: BLOCK_BYTES + 5])
    inlet.notes.clear()
    again = SealedInput(FED)
    feed(again, inlet, WHOLE[BLOCK_BYTES + 5 :])
    assert "cannot be checked: the worker was restarted" in again.problem(seal_of(WHOLE))
