"""Everything that can be checked of a home: its chain, its champion, its files of scores."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from respredict.audit.batches import absent_outputs
from respredict.audit.promotions import disagreements
from respredict.errors import LedgerDamageError, LedgerError
from respredict.ledger.keys import has_private, key_in_force
from respredict.ledger.reading import Reader
from respredict.ledger.store import read_only
from respredict.ledger.verify import Verdict

__all__ = ["as_told"]

_NO_STORE = "Whether the alias champion agrees: MLflow's store is not here."


def as_told(home: Path, verdict: Verdict, alias: tuple[int, str] | None = None) -> dict[str, Any]:
    """Return a verdict on the chain with what follows from it for the home.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    verdict : Verdict
        Of :func:`respredict.ledger.verify.verify`, or of a ``Follower``.
    alias : tuple of int and str, default=None
        Version and digest at the registry's alias; None if nobody looked.

    Returns
    -------
    dict
        As ``audit verify --json`` prints it: the verdict, ``champion`` (what disagrees with
        the last promotion), and in ``cannot_know`` also whether the key that signs is not
        there, and which files of scores.
    """
    champion = disagreements(home, alias) if verdict.ok else []
    unknown = [*verdict.cannot_know, *(_unsigned(home) if verdict.ok else ())]
    if alias is None:
        unknown.append(_NO_STORE)
    if verdict.ok:
        with Reader(home) as reader:
            unknown += absent_outputs(reader)
    return {
        **verdict.as_dict(),
        "ok": verdict.ok and not champion,
        "champion": champion,
        "cannot_know": unknown,
    }


def _unsigned(home: Path) -> list[str]:
    """Return a sentence where later records cannot be signed, as in an auditor's copy."""
    try:
        with contextlib.closing(read_only(home)) as connection:
            there = has_private(home, key_in_force(connection))
    except (LedgerError, LedgerDamageError) as error:
        return [f"Whether what comes next can be signed: {error}"]
    told = "Whether what comes next can be signed: the key that the chain names is not here."
    return [] if there else [told]
