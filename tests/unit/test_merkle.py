"""The Merkle tree: known roots, proofs against a plain recursive reading of RFC 9162, and that a flipped bit breaks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import merkle
from policies.merkle import Frontier, leaf_hash, node_hash

# The eight leaves and roots that certificate-transparency implementations share as test vectors.
INPUTS = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def plain_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, word by word."""
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(plain_root(leaves[:k]), plain_root(leaves[k:]))


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(i).encode()) for i in range(count)]


SIZES = st.integers(1, 70)


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots_are_reached(size: int) -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in INPUTS[:size]]
    assert merkle.tree_hash(leaves).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Frontier().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.tree_hash([]) == merkle.EMPTY_ROOT


def test_a_known_inclusion_proof_is_given_and_verified() -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in INPUTS]
    proof = merkle.inclusion_proof(leaves, 0, 8)
    assert [step.hex() for step in proof] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert merkle.verify_inclusion(leaves[0], 0, 8, proof, bytes.fromhex(ROOTS[7]))


@given(st.integers(0, 300))
def test_the_frontier_agrees_with_the_recursive_definition(size: int) -> None:
    leaves = leaves_of(size)
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    assert frontier.root() == plain_root(leaves)
    again = Frontier.load(size, frontier.dump())
    again.append(leaf_hash(b"next"))
    assert again.root() == plain_root([*leaves, leaf_hash(b"next")])
    assert frontier.size == size


@pytest.mark.parametrize(("size", "dumped"), [(1, b""), (3, bytes(32)), (0, bytes(32)), (-1, b""), (1, bytes(31))])
def test_a_frontier_of_the_wrong_length_is_refused(size: int, dumped: bytes) -> None:
    with pytest.raises(ValueError):
        Frontier.load(size, dumped)


@given(SIZES, st.data())
def test_every_inclusion_proof_verifies_and_one_flipped_bit_breaks_it(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    proof, root = merkle.inclusion_proof(leaves, index), plain_root(leaves)
    assert merkle.verify_inclusion(leaves[index], index, size, proof, root)
    assert not merkle.verify_inclusion(flip(leaves[index], data), index, size, proof, root)
    assert not merkle.verify_inclusion(leaves[index], index, size, proof, flip(root, data))
    assert not merkle.verify_inclusion(leaves[index], index, size, [*proof, bytes(32)], root)
    if proof:
        step = data.draw(st.integers(0, len(proof) - 1))
        broken = [flip(item, data) if i == step else item for i, item in enumerate(proof)]
        assert not merkle.verify_inclusion(leaves[index], index, size, broken, root)
        assert not merkle.verify_inclusion(leaves[index], index, size, proof[:-1], root)


@given(SIZES, st.data())
def test_every_consistency_proof_verifies_and_one_flipped_bit_breaks_it(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, new))
    leaves = leaves_of(new)
    roots = plain_root(leaves[:old]), plain_root(leaves)
    proof = merkle.consistency_proof(leaves, old)
    assert merkle.verify_consistency((old, new), roots, proof)
    if old:
        assert not merkle.verify_consistency((old, new), (flip(roots[0], data), roots[1]), proof)
    if 0 < old < new:
        assert not merkle.verify_consistency((old, new), (roots[0], flip(roots[1], data)), proof)
        step = data.draw(st.integers(0, len(proof) - 1))
        broken = [flip(item, data) if i == step else item for i, item in enumerate(proof)]
        assert not merkle.verify_consistency((old, new), roots, broken)
        assert not merkle.verify_consistency((old, new), roots, proof[:-1])
        assert not merkle.verify_consistency((old, new), roots, [*proof, bytes(32)])


@given(st.integers(2, 60), st.data())
def test_a_rewritten_history_has_no_consistency_proof(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    changed = data.draw(st.integers(0, old - 1))
    leaves = leaves_of(new)
    signed = plain_root(leaves[:old])
    leaves[changed] = leaf_hash(b"changed")
    proof = merkle.consistency_proof(leaves, old)
    assert not merkle.verify_consistency((old, new), (signed, plain_root(leaves)), proof)


@given(st.integers(-3, 9), st.integers(-3, 9), st.lists(st.binary(max_size=33), max_size=5))
def test_noise_never_verifies_and_never_raises(old: int, new: int, proof: list[bytes]) -> None:
    assert merkle.verify_inclusion(bytes(32), old, new, proof, b"no root") is False
    if old not in {0, new}:
        assert merkle.verify_consistency((old, new), (b"a", b"b"), proof) is False


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_proofs_of_leaves_that_are_not_there_are_refused(index: int, size: int) -> None:
    with pytest.raises(ValueError):
        merkle.inclusion_ranges(index, size)


@pytest.mark.parametrize(("old", "new"), [(-1, 3), (4, 3)])
def test_proofs_of_a_log_that_got_shorter_are_refused(old: int, new: int) -> None:
    with pytest.raises(ValueError):
        merkle.consistency_ranges(old, new)


def test_a_proof_beyond_the_leaves_at_hand_is_refused() -> None:
    with pytest.raises(ValueError):
        merkle.inclusion_proof(leaves_of(3), 0, 8)


def flip(value: bytes, data: st.DataObject) -> bytes:
    bit = data.draw(st.integers(0, len(value) * 8 - 1))
    return bytes(byte ^ (1 << bit % 8 if i == bit // 8 else 0) for i, byte in enumerate(value))
