import hashlib

from hypothesis import given
from hypothesis import strategies as st

from jobwire.keys.digests import sha256


@given(st.binary(max_size=1000))
def test_it_is_what_hashlib_computes(data: bytes) -> None:
    assert sha256(data) == hashlib.sha256(data).digest()
