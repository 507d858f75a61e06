"""The hash of a log is the root of the tree of RFC 6962 over its blocks, however many of its hashes are kept."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.keys.proofs import log_hash, merkle
from jobwire.keys.proofs.log_hash import BLOCK_BYTES, LogTree, blocks_of, group_of, parts_of


def leaf(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "big")).digest()


def tree_of(blocks: int) -> LogTree:
    tree = LogTree(blocks * BLOCK_BYTES)
    for number in range(blocks):
        assert not tree.root
        tree.add(leaf(number))
    return tree


@given(st.integers(1, 300), st.sampled_from([2, 5, 16]))
def test_the_root_is_that_of_all_blocks_and_the_hashes_that_are_kept_lead_to_it(blocks: int, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_hash, "MOST_HASHES", most)
        tree = tree_of(blocks)
        assert tree.root == merkle.root_of(map(leaf, range(blocks)))
        assert len(tree.hashes) <= most
        assert parts_of(blocks * BLOCK_BYTES, tree.root, tree.kept) == tree.hashes


def test_what_does_not_lead_to_the_root_is_not_taken() -> None:
    tree = tree_of(3)
    size = 3 * BLOCK_BYTES
    for kept in (b"", tree.kept[:-1], tree.kept + bytes(32), bytes(32) + tree.kept[32:]):
        assert parts_of(size, tree.root, kept) is None
    assert parts_of(size, leaf(7), tree.kept) is None


def test_a_log_of_one_block_has_nothing_beside_its_root_and_an_empty_one_nothing_at_all() -> None:
    tree = tree_of(1)
    assert tree.root == leaf(0)
    assert tree.kept == b""
    assert parts_of(5, leaf(0), b"") == [leaf(0)]
    assert parts_of(0, b"", b"") == []
    assert LogTree(0).root == b""


def test_so_many_hashes_are_kept_and_no_more_however_long_the_log_is() -> None:
    assert [group_of(size) for size in (0, 1, 1 << 30, (1 << 30) + 1, 100 << 30)] == [1, 1, 1, 2, 128]
    assert blocks_of(BLOCK_BYTES + 1) == 2
