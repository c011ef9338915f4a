"""Merkle trees: every row is proven, nothing else is."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respredict.ledger.merkle import is_proven, merkle_proof, merkle_root

rows = st.lists(st.binary(max_size=20), min_size=1, max_size=40)


def rfc_6962(leaves: list[bytes]) -> bytes:
    """Return the tree hash as section 2.1 of RFC 6962 defines it."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + rfc_6962(leaves[:split]) + rfc_6962(leaves[split:])).digest()


@given(rows)
def test_the_root_is_that_of_rfc_6962(leaves):
    """Built level by level or split at powers of two, it is the same tree."""
    assert merkle_root(leaves) == rfc_6962(leaves)


@given(rows, st.data())
def test_every_row_is_proven_and_no_other(leaves, data):
    """A proof holds for its row, place and number of rows alone."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = merkle_proof(leaves, index), merkle_root(leaves)
    assert is_proven(leaves[index], index, len(leaves), proof, root)
    assert not is_proven(leaves[index] + b"x", index, len(leaves), proof, root)
    assert not is_proven(leaves[index], index, len(leaves), (*proof, bytes(32)), root)
    assert not is_proven(leaves[index], len(leaves), len(leaves), proof, root)
    if proof:
        assert not is_proven(leaves[index], index, len(leaves), proof[:-1], root)


def test_a_row_that_is_not_there_has_no_proof():
    """Rows count from 0."""
    with pytest.raises(IndexError, match="index must be 0 to 1, got 2"):
        merkle_proof([b"a", b"b"], 2)
