"""The tree over the jobs of a start is that of RFC 6962, and a path shows one leaf of it and no other."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from jobwire.keys.proofs import merkle


def of_the_rfc(leaves: list[bytes]) -> bytes:
    """As section 2.1 of RFC 6962 has it."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\1" + of_the_rfc(leaves[:half]) + of_the_rfc(leaves[half:])).digest()


def test_the_root_is_that_of_the_rfc() -> None:
    for count in range(1, 70):
        jobs = [b"job %d" % number for number in range(count)]
        assert merkle.root_of(map(merkle.leaf, jobs)) == of_the_rfc(jobs)


@given(st.integers(1, 70), st.data())
def test_a_path_leads_from_its_leaf_to_the_root_and_from_no_other(count: int, data: st.DataObject) -> None:
    leaves = [merkle.leaf(b"job %d" % number) for number in range(count)]
    root, paths = merkle.root_of(leaves), merkle.Paths(leaves)
    index = data.draw(st.integers(0, count - 1))
    path = paths.of(index)
    assert merkle.leads_to(root, count, index, leaves[index], path)
    assert not merkle.leads_to(root, count, index, merkle.leaf(b"another"), path)
    assert not merkle.leads_to(root, count, index, leaves[index], path + bytes(32))
    assert not merkle.leads_to(root, count, count, leaves[index], path)
    if count > 1:
        other = data.draw(st.integers(0, count - 1).filter(lambda one: one != index))
        assert not merkle.leads_to(root, count, other, leaves[index], path)
        assert not merkle.leads_to(root, count, index, leaves[index], path[:-32])
        assert not merkle.leads_to(root, count, index, leaves[index], path[:-1])


def test_a_path_in_a_large_start_has_some_five_hundred_bytes() -> None:
    assert len(merkle.Paths([b"%032d" % number for number in range(20_000)]).of(12_345)) == 15 * 32
