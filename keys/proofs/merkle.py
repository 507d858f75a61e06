"""A Merkle tree over the jobs of a start: one signature for all of them, and a path of hashes that proves one without the others.

As in RFC 6962, section 2.1, with SHA-256: a leaf is the hash of a zero byte and the job, a node the hash of a one byte and its two
children. The left subtree of n leaves has as many as the largest power of two below n.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Self

from ..digests import sha256, sha256_in_steps

HASH_BYTES = 32
_LEAF = b"\0"
_NODE = b"\1"
# About a millisecond.
_NODES_A_STEP = 256


def leaf(job: bytes) -> bytes:
    """Return the hash of a job, which is a serialized NewJob as it was sent."""
    return sha256(_LEAF + job)


def leaf_in_steps(job: bytes) -> Generator[None, None, bytes]:
    """Return the same, in steps if the job is large."""
    return (yield from sha256_in_steps(_LEAF, job))


class Tree:
    """A tree that grows leaf by leaf; it keeps only the roots of its full subtrees."""

    def __init__(self) -> None:
        self.leaves = 0
        self._roots: list[bytes] = []

    def add(self, hashed: bytes) -> None:
        """Add a leaf on the right."""
        size = self.leaves = self.leaves + 1
        while size % 2 == 0:
            hashed = sha256(_NODE + self._roots.pop() + hashed)
            size //= 2
        self._roots.append(hashed)

    @property
    def root(self) -> bytes:
        """The hash of the whole tree, which must not be empty."""
        roots = list(self._roots)
        hashed = roots.pop()
        while roots:
            hashed = sha256(_NODE + roots.pop() + hashed)
        return hashed


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over at least one leaf."""
    tree = Tree()
    for one in leaves:
        tree.add(one)
    return tree.root


class Paths:
    """The hashes of all nodes of a tree, from which the path of any leaf can be read."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = [list(leaves)]
        for _ in self.steps():
            pass

    @classmethod
    def begun(cls, leaves: Sequence[bytes]) -> Self:
        """Return a tree of which only the leaves are known, until all `steps` are done."""
        begun = cls(())
        begun._levels = [list(leaves)]
        return begun

    def steps(self) -> Iterator[None]:
        """Hash the nodes above the leaves, some of them in each step."""
        # A node without a sibling is the one above it: so the levels give the tree of the RFC.
        while len(level := self._levels[-1]) > 1:
            above: list[bytes] = []
            for begin in range(0, len(level) - 1, 2 * _NODES_A_STEP):
                until = min(begin + 2 * _NODES_A_STEP, len(level) - 1)
                above += [sha256(_NODE + level[at] + level[at + 1]) for at in range(begin, until, 2)]
                yield
            self._levels.append([*above, level[-1]] if len(level) % 2 else above)

    def of(self, index: int) -> bytes:
        """Return the hashes that lead from a leaf to the root, one after the other."""
        path: list[bytes] = []
        for level in self._levels[:-1]:
            if (sibling := index ^ 1) < len(level):
                path.append(level[sibling])
            index >>= 1
        return b"".join(path)


def leads_to(root: bytes, leaves: int, index: int, hashed: bytes, path: bytes) -> bool:
    """Return whether a path leads from this leaf, at this position among so many, to the root."""
    if not 0 <= index < leaves or len(path) % HASH_BYTES:
        return False
    siblings = [path[at : at + HASH_BYTES] for at in range(0, len(path), HASH_BYTES)][::-1]
    last = leaves - 1
    while last:
        if index % 2 or index < last:
            if not siblings:
                return False
            sibling = siblings.pop()
            hashed = sha256(_NODE + sibling + hashed) if index % 2 else sha256(_NODE + hashed + sibling)
        index >>= 1
        last >>= 1
    return not siblings and hashed == root
