"""The hash of a log: the root of a tree over blocks of 1 MiB, and hashes of subtrees, with which a part can be checked alone. Pure.

The tree is that of merkle.py (RFC 6962, section 2.1): a leaf is the SHA-256 of a zero byte and a block; only the last block may be shorter.
Of a log of one block, only the root is kept. Of a longer one, the hashes of groups of blocks are kept too; the size of a group is the
smallest power of two with which there are at most 1,024 groups, so that each group is a node of the tree. Up to 1 GiB a group is one block.
"""

from __future__ import annotations

from collections.abc import Sequence

from .merkle import HASH_BYTES, Tree, root_of

BLOCK_BYTES = 1024 * 1024
LEAF = b"\0"
MOST_HASHES = 1024


def blocks_of(size: int) -> int:
    """Return how many blocks a log of so many bytes has."""
    return -(-size // BLOCK_BYTES)


def group_of(size: int) -> int:
    """Return how many blocks are in a group of a log of so many bytes."""
    group = 1
    while -(-blocks_of(size) // group) > MOST_HASHES:
        group *= 2
    return group


class LogTree:
    """The tree over a log of known size, which gets the leaves of its blocks in order; its memory is bounded."""

    def __init__(self, size: int) -> None:
        self.left = blocks_of(size)
        self.hashes: list[bytes] = []
        self._group = group_of(size)
        self._tree = Tree()

    def add(self, leaf: bytes) -> None:
        """Add the leaf of the next block."""
        self._tree.add(leaf)
        self.left -= 1
        if self._tree.leaves == self._group or not self.left:
            self.hashes.append(self._tree.root)
            self._tree = Tree()

    @property
    def root(self) -> bytes:
        """The hash of the log; empty if the log is, or if leaves are missing."""
        return root_of(self.hashes) if self.hashes and not self.left else b""

    @property
    def kept(self) -> bytes:
        """The hashes that are kept beside the root."""
        return b"".join(self.hashes) if len(self.hashes) > 1 else b""


def parts_of(size: int, root: bytes, kept: bytes) -> Sequence[bytes] | None:
    """Return the hashes of the groups of a log with this root; None if the kept bytes do not match it."""
    if blocks_of(size) <= 1:
        return [root] if root and size else []
    hashes = [kept[at : at + HASH_BYTES] for at in range(0, len(kept), HASH_BYTES)]
    wanted = -(-blocks_of(size) // group_of(size))
    if len(kept) % HASH_BYTES or len(hashes) != wanted or root_of(hashes) != root:
        return None
    return hashes
