"""The proofs of the two intervals and of the support check: run with ``-m prove -s``."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from scipy.special import expit

from respredict.model.affine import affine
from respredict.model.candidates import PREDICTORS, build_pipeline
from respredict.simulate import draw
from respredict.uncertainty.kinds import refit
from respredict.uncertainty.redraw import Redraw, blood_noise
from respredict.uncertainty.support import fit_support
from tests.drawn_men import groups, matrix, mistyped

pytestmark = pytest.mark.prove

INPUTS = PREDICTORS["hormones"]
HORMONES, STATED = ("testosterone", "estradiol"), (0, 1)


def fit(men, seed):
    """Return the default model of a clinic, its matrix and who improved."""
    drawn = draw(men, seed=seed)
    X, y = matrix(drawn), drawn.latent["improved"].to_numpy().astype(int)
    return build_pipeline().fit(X, y), X, y


def least_seconds(call, *, times, tries=7):
    """Return the seconds of one call, in the quickest of some tries."""
    taken = []
    for _ in range(tries):
        start = time.perf_counter()
        for _ in range(times):
            call()
        taken.append((time.perf_counter() - start) / times)
    return min(taken)


@pytest.mark.parametrize("men", [600, 100])
def test_the_interval_covers_the_mean_of_fresh_models(men):
    """At 600, over 30 clinics, it covers the mean of 200 fresh models in 85 to 95 %."""
    X = matrix(draw(600, seed=5))
    fresh = np.stack([fit(men, 10_000 + i)[0].predict_proba(X)[:, 1] for i in range(200)])
    mean, covered, one, half, seconds = fresh.mean(axis=0), [], [], [], 0.0
    for clinic in range(30):
        fitted, own, y = fit(men, 20_000 + clinic)
        start = time.perf_counter()
        refits = refit(build_pipeline, own, y, seed=clinic, fitted=fitted)
        seconds += time.perf_counter() - start
        men_as_split = fitted[0].split(X.to_numpy())
        low, high = refits.interval(*men_as_split)
        covered.append((low < mean) & (mean < high))
        one.append(((low < fresh) & (fresh < high)).mean())
        half.append((high - low) / 2)
    told = {k: float(np.mean(covered, axis=0)[rows].mean())
            for k, rows in groups(men_as_split[0], men_as_split[2]).items()}  # fmt: skip
    between = np.mean(covered, axis=1)
    print(f"\ninterval at {men}: covers the mean of fresh models "
          + ", ".join(f"{k} {v:.3f}" for k, v in told.items())
          + f"; one fresh model {np.mean(one):.3f}; half-width {np.mean(half):.3f}; "
          f"by clinic {between.min():.2f} to {between.max():.2f}; "
          f"200 refits {seconds / 30:.2f} s")  # fmt: skip
    if men == 600:
        assert all(0.85 <= share <= 0.95 for share in told.values())


@pytest.mark.parametrize("below", [None, {"lh": 2.0}, {"estradiol": 20.0, "lh": 2.0}])
def test_the_redraw_interval_covers_a_second_draw(below):
    """Of 20,000 fresh men it covers 88 to 92 %, of each group; without regression 76 %.

    Of men whose LH is censored, at 2 IU/L, it may cover 93: what follows is skewed.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(5):
        drawn = draw(600, seed=30_000 + seed)
        y = drawn.latent["improved"].to_numpy().astype(int)
        fitted = build_pipeline().fit(matrix(drawn, below=below), y)
        intercept, slopes = affine(fitted)
        noise = blood_noise(INPUTS, len(INPUTS))
        redraw = Redraw(fitted[0].mean_, fitted[0].covariance_, noise, intercept, slopes)
        fresh = draw(20_000, seed=40_000 + seed)
        first, again = (matrix(fresh, s, below) for s in ("measured", "redrawn"))
        men = fitted[0].split(first.to_numpy())
        low, high = redraw.interval(*men)
        p = fitted.predict_proba(again)[:, 1]
        inside = (low < p) & (p < high)
        eta = fitted.decision_function(again) - fitted.decision_function(first)
        naive = np.abs(eta) < 1.6449 * np.sqrt(np.sum((noise * slopes) ** 2))
        for group, rows in groups(men[0], men[2]).items():
            found.setdefault(group, []).append((inside[rows].mean(), naive[rows].mean()))
    told = {k: np.mean(v, axis=0) for k, v in found.items()}
    print(f"\nredraw, reported below {below or {'estradiol': 20.0}}: covers "
          + ", ".join(f"{k} {v[0]:.3f} (+-1.645 w: {v[1]:.3f})" for k, v in told.items())
          + f"; width {np.mean(high - low):.3f}")  # fmt: skip
    assert all(0.88 <= v[0] <= (0.93 if below else 0.92) for v in told.values())


@pytest.mark.parametrize("men", [600, 100])
def test_the_support_check_is_calibrated_and_sees_the_wrong_unit(men):
    """Over 30 clinics, 3 to 7 % of fresh men are outside, 90 % of the mistyped are seen."""
    fresh = [matrix(draw(4_000, seed=50_000 + i)) for i in range(3)]
    outside, stated_other, own, doubted, named = [], [], [], [], []
    seen: dict[tuple[str, int], list[float]] = {}
    for clinic in range(30):
        X = matrix(draw(men, seed=60_000 + clinic))
        imputer = build_pipeline()[0].fit(X)
        training = imputer.split(X.to_numpy())
        support = fit_support(imputer, *training, inputs=INPUTS, seed=clinic)
        own.append(support.check(*training).outside.mean())
        others = fresh[clinic % 3]
        split = imputer.split(others.to_numpy())
        right = support.check(*split)
        outside.append(right.outside.mean())
        doubted.append(right.in_doubt.mean())
        other = support.check(*split, np.ones(split[0].shape, dtype=int))
        stated_other.append((other.outside.mean(), other.in_doubt.mean()))
        for name, stated in itertools.product(HORMONES, STATED):
            typed, passes = mistyped(others, name, stated=stated)
            wrong = imputer.split(typed[passes].to_numpy())
            units = np.zeros(wrong[0].shape, dtype=int)
            units[:, INPUTS.index(name)] = stated
            result = support.check(*wrong, units)
            number = (wrong[2][:, INPUTS.index(name)] == 0).sum()
            caught = result.outside | result.in_doubt
            as_number = caught[wrong[2][:, INPUTS.index(name)] == 0].sum()
            counts = [caught.sum(), passes.sum(), as_number, number, result.in_doubt.sum()]
            seen.setdefault((name, stated), []).append(np.array(counts, dtype=float))
            named.append((result.unit_analyte[caught] == INPUTS.index(name)).mean())
    _tell(men, own, outside, stated_other, doubted, seen, named)
    total = sum(sum(v) for v in seen.values())
    assert 0.03 <= np.mean(outside) <= 0.07
    assert np.mean(doubted) <= 0.005
    assert total[0] / total[1] >= 0.90
    if men == 600:
        assert np.mean([0.03 <= v <= 0.07 for v in outside]) >= 0.9


def _tell(men, own, outside, stated_other, doubted, seen, named):
    other = np.mean(stated_other, axis=0)
    print(f"\nsupport at {men}: training men outside {np.mean(own):.3f}; fresh men "
          f"{np.mean(outside):.3f}, by clinic {min(outside):.3f} to {max(outside):.3f}, "
          f"{np.mean([0.03 <= v <= 0.07 for v in outside]):.0%} of clinics in 3 to 7 %; "
          f"in doubt {np.mean(doubted):.4f}, worst clinic {max(doubted):.4f}; rightly in the "
          f"other unit {other[0]:.3f}, in doubt {other[1]:.4f}; analyte named "
          f"{np.mean(named):.3f}")  # fmt: skip
    pooled = sum(sum(v) for v in seen.values())
    for key, counts in [*((f"{n}, stated {s}", sum(v)) for (n, s), v in seen.items()),
                        ("pooled", pooled)]:  # fmt: skip
        print(f"  typed in the wrong unit, {key:24} {counts[1] / 30:6.0f} men pass the limits: "
              f"flagged {counts[0] / counts[1]:.3f}; given as a number "
              f"{counts[2] / counts[3]:.3f}; in doubt {counts[4] / counts[1]:.3f}")  # fmt: skip


def test_one_man_costs_microseconds():
    """One complete man: interval 25, redraw 15, support 40; 10,000 intervals .4 s; 4 s to refit."""
    fitted, X, y = fit(600, 1)
    start = time.perf_counter()
    refits = refit(build_pipeline, X, y, seed=1, fitted=fitted)
    refitting = time.perf_counter() - start
    intercept, slopes = affine(fitted)
    noise = blood_noise(INPUTS, len(INPUTS))
    redraw = Redraw(fitted[0].mean_, fitted[0].covariance_, noise, intercept, slopes)
    men = fitted[0].split(X.to_numpy())
    support = fit_support(fitted[0], *men, inputs=INPUTS, seed=1)
    kinds, micro = groups(men[0], men[2]), {}
    for kind in ("complete", "censored", "missing"):
        one = [of[np.flatnonzero(kinds[kind])[:1]] for of in men]
        for name, call in (("interval", refits.interval), ("redraw", redraw.interval),
                           ("support", support.check)):  # fmt: skip
            micro[name, kind] = 1e6 * least_seconds(lambda c=call, o=one: c(*o), times=500)
    many = [np.tile(of[kinds["complete"]], (40, 1))[:10_000] for of in men]
    batch = least_seconds(lambda: refits.interval(*many), times=1)
    print(f"\n200 refits {refitting:.2f} s; 10,000 intervals {batch:.3f} s; microseconds a man: "
          + ", ".join(f"{name} {kind} {v:.0f}" for (name, kind), v in micro.items()))  # fmt: skip
    peer = 1e6 * least_seconds(lambda: fitted.predict_proba(X.iloc[:1]), times=50)
    once = least_seconds(lambda: build_pipeline().fit(X, y), times=1)
    print(f"predict_proba of one man: {peer:.0f} microseconds; one fit: {1e3 * once:.0f} ms")
    assert refitting < 200 * once * 1.5
    assert batch < 10_000 * 1e-6 * peer / 50
    for name in ("interval", "redraw", "support"):
        assert micro[name, "complete"] < peer / 5
    assert np.all(expit(refits.log_odds(*many)) > 0)
