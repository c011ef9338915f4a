"""Tests of the one door to the intervals of straight and of curved models."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from respredict.errors import BundleError
from respredict.model.candidates import CANDIDATES, PREDICTORS, build_candidate
from respredict.uncertainty.curved import CurvedRefits
from respredict.uncertainty.curved_redraw import CurvedRedraw
from respredict.uncertainty.kinds import build_redraw, read_refits, refit
from respredict.uncertainty.redraw import Redraw
from respredict.uncertainty.refits import Refits

WHICH = "hormones+semen"
STRAIGHT = ("published", "zero")


@pytest.mark.parametrize("name", CANDIDATES)
def test_each_candidate_has_both_intervals(clinic, name) -> None:
    """Refits survive their file, the redraw its pickle, each of the kind the model is."""
    X, y = clinic(120, 4)

    def build():
        return build_candidate(name, WHICH)

    fitted = build().fit(X, y)
    refits = refit(build, X, y, seed=1, fitted=fitted, n_refits=2)
    redraw = build_redraw(fitted, PREDICTORS[WHICH])
    assert isinstance(refits, Refits if name in STRAIGHT else CurvedRefits)
    assert isinstance(redraw, Redraw if name in STRAIGHT else CurvedRedraw)
    men = fitted[0].split(clinic(20, 5)[0].to_numpy())
    for one, copy in ((refits, read_refits(refits.to_bytes())),
                      (redraw, pickle.loads(pickle.dumps(redraw)))):  # fmt: skip
        assert type(copy) is type(one)
        low, high = one.interval(*men)
        assert (low <= high).all()
        assert np.array_equal(copy.interval(*men), (low, high))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more"])
def test_a_broken_file_is_refused(content: bytes) -> None:
    """It is told as such."""
    with pytest.raises(BundleError, match=r"must be an \.npz file"):
        read_refits(content)
