"""The same men by two versions, and with their blood drawn again."""

from __future__ import annotations

import numpy as np
import pytest

from respredict.audit.rescoring import compare, stability
from respredict.schema.analytes import analyte
from respredict.schema.request import read_request


@pytest.fixture(scope="module")
def men(audited):
    complete = ("testosterone", "estradiol", "lh", "fsh", "bmi")
    told = [body for body in audited["men"] if all(name in body for name in complete)]
    return [read_request(b) for b in told if "comparator" not in b["estradiol"]]


def test_stretched_slopes_stretch_every_contribution(audited, men):
    """Version 2 is version 1 with slopes a quarter longer, so the law is known."""
    told = compare(audited["first"], audited["second"], men)
    first, second = told.contributions[:, :, 0], told.contributions[:, :, 1]
    assert np.allclose(second, 1.25 * first, atol=1e-12)
    assert np.allclose(told.moved, 0.25 * np.abs(first).sum(axis=1))
    mean, most = told.by_input["lh"]
    j = told.inputs.index("lh")
    assert mean == pytest.approx(0.25 * np.abs(first[:, j]).mean())
    assert most == pytest.approx(0.25 * np.abs(first[:, j]).max())
    assert told.same_first == 1.0
    furthest = told.furthest(3)
    assert told.moved[furthest[0]] == told.moved.max()


def test_sums_hold_in_both(audited, men):
    """Base and contributions of each give the log-odds of its probability."""
    told = compare(audited["first"], audited["second"], men)
    for k in (0, 1):
        served = np.log(told.probabilities[:, k]) - np.log1p(-told.probabilities[:, k])
        assert np.abs(told.bases[k] + told.contributions[:, :, k].sum(axis=1) - served).max() < 1e-9


def test_a_version_is_consistent_with_itself(audited, men):
    """Nothing moves; and nobody is nothing to compare."""
    told = compare(audited["first"], audited["first"], men)
    assert told.moved.max() == 0
    none = compare(audited["first"], audited["second"], [])
    assert (none.by_input, none.furthest(5), none.same_first) == ({}, [], 1.0)


def test_a_redraw_changes_hormones_and_nothing_else(audited, men):
    """Age and BMI stay; the noisier LH changes more than FSH; the same seed, the same numbers."""
    told = stability(audited["first"], men, draws=10)
    change = dict(zip(told.inputs, told.change, strict=True))
    assert change["age"] == pytest.approx(0, abs=1e-12)
    assert change["bmi"] == pytest.approx(0, abs=1e-12)
    assert change["lh"] > change["fsh"] > 0
    assert (told.tenth >= told.change).all()
    again = stability(audited["first"], men, draws=10)
    assert (again.change == told.change).all()
    assert 0 < told.same_first < 1


def test_a_redraw_is_the_one_of_the_served_interval(audited, men):
    """Drawn log-odds have the mean and the spread of the redraw interval that is served."""
    from respredict.audit.rescoring import _second
    from respredict.explain import Explainer
    from respredict.model.affine import affine
    from respredict.uncertainty.redraw import Redraw, blood_noise

    scorer = audited["first"]
    pipeline = scorer.bundle.pipeline
    noise = blood_noise(scorer.inputs, len(pipeline[0].mean_))
    line = affine(pipeline)
    redraw = Redraw(pipeline[0].mean_, pipeline[0].covariance_, noise, *line)
    matrix = scorer.calculator.matrix(men[:1])
    values, limits, sides = Explainer(pipeline, scorer.inputs).split(matrix)
    rng = np.random.default_rng(1)
    n = 20_000
    drawn = _second(redraw, np.repeat(values, n, axis=0), np.repeat(sides, n, axis=0), rng)
    log_odds = line[0] + drawn @ line[1]
    low, high = redraw.interval(values, limits, sides)
    inside = (1 / (1 + np.exp(-log_odds)) >= low) & (1 / (1 + np.exp(-log_odds)) <= high)
    assert inside.mean() == pytest.approx(0.9, abs=0.01)
    moved = np.array(drawn).std(axis=0)
    lh = scorer.inputs.index("lh")
    assert 0 < moved[lh] < 2 * analyte("lh").log_noise
