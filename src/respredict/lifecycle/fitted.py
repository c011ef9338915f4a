"""Whom a model was fitted to, so that the gate can leave them out: salted digests.

They are an artifact of the run and never part of a bundle. A digest is of a man's age,
BMI and hormones, each to three digits, so that he is recognised in another table of the
clinic, in other units too. It names nobody, but whoever holds the values can recognise
them: whoever may read the runs should be allowed to see pseudonymised data.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict.schema.analytes import ANALYTES
from respredict.schema.record import AGE, BMI

__all__ = ["FITTED", "FittedMen", "fitted_men", "read_fitted"]

#: Name of the artifact.
FITTED = "fitted_men.json"

_HORMONES = ("testosterone", "estradiol", "lh", "fsh")
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class FittedMen:
    """Groups of men, each with a salt of its own.

    Parameters
    ----------
    groups : tuple of (str, frozenset of str)
        Salt and digests.
    """

    groups: tuple[tuple[str, frozenset[str]], ...]

    def among(self, men: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which men of a table are among them.

        Parameters
        ----------
        men : DataFrame of shape (n_patients, n_columns)
            As a cohort holds them.

        Returns
        -------
        ndarray of bool of shape (n_patients,)
            Whether a digest of his is known.
        """
        told, found = _told(men), np.zeros(len(men), dtype=bool)
        for salt, known in self.groups:
            found |= np.array([_digest(salt, one) in known for one in told], dtype=bool)
        return found

    def joined(self, other: FittedMen) -> FittedMen:
        """Return these men and others."""
        return FittedMen(self.groups + other.groups)

    def text(self) -> str:
        """Return the JSON of the artifact."""
        groups = [{"salt": salt, "men": sorted(known)} for salt, known in self.groups]
        return json.dumps({"groups": groups}, indent=1) + "\n"


def fitted_men(men: pd.DataFrame) -> FittedMen:
    """Return the men of a table as one group, under a salt drawn for it.

    Parameters
    ----------
    men : DataFrame of shape (n_patients, n_columns)
        As a cohort holds them.

    Returns
    -------
    FittedMen
        One group.

    Examples
    --------
    >>> table = pd.DataFrame({"age_years": [34.0, 41.0], "testosterone_ng_dl": [270.6, 303.0]})
    >>> fitted_men(table[:1]).among(table).tolist()
    [True, False]
    """
    salt = secrets.token_hex(_SALT_BYTES)
    return FittedMen(((salt, frozenset(_digest(salt, one) for one in _told(men))),))


def read_fitted(text: str) -> FittedMen:
    """Read what :meth:`FittedMen.text` wrote.

    Parameters
    ----------
    text : str
        Of the artifact.

    Returns
    -------
    FittedMen
        As they were.
    """
    told: dict[str, Any] = json.loads(text)
    return FittedMen(tuple((g["salt"], frozenset(g["men"])) for g in told["groups"]))


def _told(men: pd.DataFrame) -> list[str]:
    """Return each man's values to three digits, with the side of what is censored."""
    sides = {a.column: a.censor_column for a in ANALYTES if a.name in _HORMONES}
    lines = [""] * len(men)
    for name in (AGE.name, BMI.name, *sides):
        if name not in men:
            lines = [f"{line}|" for line in lines]
            continue
        values = men[name].to_numpy(dtype=float)
        censor = sides.get(name, "")
        side = men[censor].to_numpy(dtype=int) if censor in men else np.zeros(len(men), dtype=int)
        cells = zip(lines, values, side, strict=True)
        lines = [f"{line}|{_cell(value)}:{of}" for line, value, of in cells]
    return lines


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3g}"


def _digest(salt: str, told: str) -> str:
    return hashlib.sha256(f"{salt}{told}".encode()).hexdigest()
