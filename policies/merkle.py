"""The Merkle tree of the ledger: RFC 9162, section 2.1 (the same tree as RFC 6962), with SHA-256.

Everything is a pure function over leaf hashes. A tree of any size is kept as a :class:`Frontier`, the roots of its
complete subtrees: appending is cheap and memory does not grow with the log. Proofs name subtrees as half-open ranges of
leaves, so that who stores the leaves decides how to hash a range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

#: Bytes of a hash.
HASH_SIZE = 32
#: The root of a log without entries.
EMPTY_ROOT = sha256(b"").digest()

Range = tuple[int, int]


def leaf_hash(data: bytes) -> bytes:
    """Hash one entry's bytes: SHA-256(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """An append-only tree in O(log n) memory: the roots of the complete subtrees, largest first."""

    __slots__ = ("_nodes", "_size")

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._size = 0

    @property
    def size(self) -> int:
        """How many leaves were appended."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        nodes, size = self._nodes, self._size
        while size & 1:
            leaf = sha256(b"\x01" + nodes.pop() + leaf).digest()
            size >>= 1
        nodes.append(leaf)
        self._size += 1

    def root(self) -> bytes:
        """Give the tree's root hash."""
        if not self._nodes:
            return EMPTY_ROOT
        root = self._nodes[-1]
        for left in reversed(self._nodes[:-1]):
            root = node_hash(left, root)
        return root

    def dump(self) -> bytes:
        """Give the subtree roots as one string, 32 bytes each, largest subtree first."""
        return b"".join(self._nodes)

    @classmethod
    def load(cls, size: int, dumped: bytes) -> Frontier:
        """Rebuild from `dump`; raises ValueError when the length does not fit `size`.

        The caller must compare :meth:`root` with a root that it trusts: a wrong subtree cannot give the right root.
        """
        if size < 0 or len(dumped) != HASH_SIZE * size.bit_count():
            raise ValueError("the stored subtrees do not fit the tree size")
        frontier = cls()
        frontier._nodes = [dumped[i : i + HASH_SIZE] for i in range(0, len(dumped), HASH_SIZE)]
        frontier._size = size
        return frontier

    def copy(self) -> Frontier:
        """Give an independent copy."""
        return Frontier.load(self._size, self.dump())


def tree_hash(leaves: Iterable[bytes]) -> bytes:
    """Give the root hash over leaf hashes, streaming."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Name the subtrees whose hashes prove that leaf `index` (from 0) is in the tree of `size`; lowest first."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in a tree of this size")
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """Name the subtrees whose hashes prove that the tree of `new` leaves extends the tree of `old`; RFC order."""
    if not 0 <= old <= new:
        raise ValueError("a log never gets shorter")
    if old in (0, new):
        return []
    ranges: list[Range] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, whole = middle, False
    if not whole:
        ranges.append((start, end))
    return ranges[::-1]


def inclusion_proof(leaves: Sequence[bytes], index: int, size: int | None = None) -> list[bytes]:
    """Give the proof (RFC 9162, 2.1.3.1) that leaf `index` is in the tree of the first `size` leaves."""
    return prove(inclusion_ranges(index, len(leaves) if size is None else size), _hasher(leaves))


def consistency_proof(leaves: Sequence[bytes], old: int, new: int | None = None) -> list[bytes]:
    """Give the proof (RFC 9162, 2.1.4.1) that the first `old` leaves are a prefix of the first `new`."""
    return prove(consistency_ranges(old, len(leaves) if new is None else new), _hasher(leaves))


def prove(ranges: Iterable[Range], subtree: Callable[[int, int], bytes]) -> list[bytes]:
    """Hash the named ranges with `subtree(start, end)`."""
    return [subtree(start, end) for start, end in ranges]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Check an inclusion proof (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0 or len(step) != HASH_SIZE:
            return False
        if node & 1 or node == last:
            value = node_hash(step, value)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            value = node_hash(value, step)
        node, last = node >> 1, last >> 1
    return last == 0 and value == root


def verify_consistency(sizes: tuple[int, int], roots: tuple[bytes, bytes], proof: Sequence[bytes]) -> bool:
    """Check a consistency proof (RFC 9162, 2.1.4.2) between the (old, new) sizes and roots."""
    old, new = sizes
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and roots[0] == roots[1]
    if old == 0:
        return not proof and roots[0] == EMPTY_ROOT
    path = list(proof) if old & (old - 1) else [roots[0], *proof]
    if not path or any(len(step) != HASH_SIZE for step in path):
        return False
    return _folds(old - 1, new - 1, path) == roots


def _folds(node: int, last: int, path: list[bytes]) -> tuple[bytes, bytes] | None:
    """Fold a consistency path into the (old, new) roots that it implies; None when its length is wrong."""
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for step in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, step)
        node, last = node >> 1, last >> 1
    return (first, second) if last == 0 else None


def _split(size: int) -> int:
    """Give the largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _hasher(leaves: Sequence[bytes]) -> Callable[[int, int], bytes]:
    def subtree(start: int, end: int) -> bytes:
        if not 0 <= start < end <= len(leaves):
            raise ValueError("the proof needs leaves that are not there")
        return tree_hash(leaves[i] for i in range(start, end))

    return subtree
