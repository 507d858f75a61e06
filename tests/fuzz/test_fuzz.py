"""A short run of what `fuzz.py` does at length."""

from __future__ import annotations

import secrets

import pytest
from fuzz import fuzz
from targets import TARGETS, Target

from jobwire.schemas.refusal import Code, Refused

SECONDS = 2.0


@pytest.mark.parametrize("name", TARGETS)
def test_any_input_is_read_or_refused(name: str) -> None:
    assert fuzz(TARGETS[name], secrets.randbits(32), seconds=SECONDS) > 0


@pytest.mark.parametrize("name", TARGETS)
def test_the_right_inputs_that_it_begins_with_are_read(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].read(seed)


def test_a_reader_that_fails_is_found_with_the_input() -> None:
    def read(data: bytes) -> None:
        if b"b" in data:
            raise ValueError(data)
        raise Refused(Code.INVALID_ARGUMENT, "no")

    def reader(data: bytes) -> None:
        try:
            read(data)
        except Refused:
            return

    with pytest.raises(AssertionError, match=r"input \d+ of seed 1"):
        fuzz(Target(reader, [b"aaaa", b"aaab"]), 1, count=10_000)
