"""Merkle trees: one root in the ledger for a file of men, and a proof for each row.

As in RFC 6962, section 2.1: a leaf is hashed behind a zero byte, a node behind a one, so
that no row can pass for a node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = ["is_proven", "merkle_proof", "merkle_root"]


def leaf_hash(row: bytes) -> bytes:
    """Return the hash of a row."""
    return hashlib.sha256(b"\x00" + row).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _levels(rows: Sequence[bytes]) -> list[list[bytes]]:
    """Return the tree from its leaves up; a node without a neighbour moves up as it is."""
    levels = [[leaf_hash(row) for row in rows]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [_node(*below[i : i + 2]) for i in range(0, len(below) - 1, 2)]
        levels.append(above + below[len(above) * 2 :])
    return levels


def merkle_root(rows: Sequence[bytes]) -> bytes:
    """Return the root of a tree over rows.

    Parameters
    ----------
    rows : sequence of bytes
        The exact bytes of each, in order.

    Returns
    -------
    bytes
        32 bytes; SHA-256 of nothing if there are no rows.

    Examples
    --------
    >>> merkle_root([]).hex()[:16]
    'e3b0c44298fc1c14'
    """
    return _levels(rows)[-1][0] if rows else hashlib.sha256().digest()


def merkle_proof(rows: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the hashes that lead from one row to the root.

    Parameters
    ----------
    rows : sequence of bytes
        All of them.
    index : int
        Which, from 0.

    Returns
    -------
    tuple of bytes
        The neighbours, from the leaf up.

    Raises
    ------
    IndexError
        If there is no such row.

    Examples
    --------
    >>> rows = [b"a", b"b", b"c"]
    >>> is_proven(b"c", 2, 3, merkle_proof(rows, 2), merkle_root(rows))
    True
    """
    if not 0 <= index < len(rows):
        msg = f"index must be 0 to {len(rows) - 1}, got {index}. Count rows from 0."
        raise IndexError(msg)
    proof = []
    for level in _levels(rows):
        neighbour = index ^ 1
        if neighbour < len(level):
            proof.append(level[neighbour])
        index //= 2
    return tuple(proof)


def is_proven(row: bytes, index: int, rows: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether a proof leads from a row to a root.

    Parameters
    ----------
    row : bytes
        The exact bytes.
    index : int
        Its position, from 0.
    rows : int
        How many there are.
    proof : sequence of bytes
        As :func:`merkle_proof` gives it.
    root : bytes
        As the ledger holds it.

    Returns
    -------
    bool
        Whether this row stood at this position of that many.
    """
    if not 0 <= index < rows:
        return False
    value, left = leaf_hash(row), list(proof)
    while rows > 1:
        if index ^ 1 < rows:
            if not left:
                return False
            neighbour = left.pop(0)
            value = _node(neighbour, value) if index % 2 else _node(value, neighbour)
        index, rows = index // 2, (rows + 1) // 2
    return not left and value == root
