import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.naming import AttemptKey
from jobwire.worker.state.log_folders import folders

FIRST = f"{'0' * 32}.{'0' * 64}"


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16), st.integers(1, 999_999_999))
def test_a_handle_is_read_back(owner: bytes, job_id: bytes, attempt: int) -> None:
    key = AttemptKey(owner, job_id, attempt)
    handle = folders.handle(key)
    assert folders.is_handle(handle)
    assert folders.key_of(handle) == key


def test_the_first_attempt_has_the_handle_that_jobs_had_before_attempts_were_counted() -> None:
    first, second = (folders.handle(AttemptKey(bytes(32), bytes(16), attempt)) for attempt in (1, 2))
    assert (first, second) == (FIRST, f"{FIRST}.2")
    assert folders.key_of(FIRST) == AttemptKey(bytes(32), bytes(16), 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        f"{'0' * 32}.{'g' * 64}",
        f"{FIRST}\n",
        f"../{'0' * 29}.{'0' * 64}",
        # Not by two handles is one attempt named, and none by a number that grows without end.
        f"{FIRST}.",
        f"{FIRST}.0",
        f"{FIRST}.1",
        f"{FIRST}.02",
        f"{FIRST}.-2",
        f"{FIRST}.\N{ARABIC-INDIC DIGIT TWO}",
        f"{FIRST}.2.3",
        f"{FIRST}.2\n",
        f"{FIRST}.1000000000",
    ],
)
def test_what_is_not_a_handle_is_refused(text: str) -> None:
    assert not folders.is_handle(text)
    with pytest.raises(ValueError, match=re.escape("is not the handle of a job")):
        folders.key_of(text)
