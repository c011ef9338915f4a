"""How often the intervals of the metrics hold the truth: run with ``-m prove -s``."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from respredict.validation.accuracy import measured_accuracy
from respredict.validation.calibration import measured_calibration
from respredict.validation.curves import measured_curve, measured_errors
from respredict.validation.discrimination import measured_auc
from respredict.validation.flexible import calibration_errors
from respredict.validation.usefulness import measured_usefulness

pytestmark = pytest.mark.prove

MANY = 400_000
#: Intercept and slope of the truth on the predicted log-odds, and the mean of these.
TRUTHS = {
    "calibrated": (0.0, 1.0, -0.2),
    "too extreme": (0.0, 0.6, -0.2),
    "too low": (0.5, 1.0, -0.2),
    "both": (0.6, 0.5, -1.0),
}


def population(name):
    """Return predicted and true probabilities of many men, and the generator."""
    intercept, slope, mean = TRUTHS[name]
    random = np.random.default_rng(11)
    score = random.normal(mean, 1.0, MANY)
    return expit(score), expit(intercept + slope * score), random


def clinics(p, q, random, men, times):
    """Give clinics of men, drawn one after the other."""
    for _ in range(times):
        rows = random.integers(MANY, size=men)
        yield (random.random(men) < q[rows]).astype(int), p[rows]


@pytest.mark.parametrize("name", TRUTHS)
def test_net_benefit_bands_cover(name):
    """86 to 94 % at three thresholds at n = 100; a percentile bootstrap stands beside it."""
    p, q, random = population(name)
    for threshold in (0.3, 0.45, 0.6):
        odds, treated = threshold / (1 - threshold), p >= threshold
        truth = np.mean(treated * (q - (1 - q) * odds))
        avoided = 100 * np.mean(~treated * (1 - q - q / odds))
        hits, others, boot = [], [], []
        for i, (y, seen) in enumerate(clinics(p, q, random, 100, 1000)):
            told = measured_usefulness(y, seen, threshold)
            hits.append(told.net_benefit.low <= truth <= told.net_benefit.high)
            others.append(told.avoided.low <= avoided <= told.avoided.high)
            if i < 300:
                worth = np.where(seen >= threshold, y - (1 - y) * odds, 0.0)
                drawn = worth[random.integers(100, size=(500, 100))].mean(axis=1)
                low, high = np.quantile(drawn, (0.05, 0.95))
                boot.append(low <= truth <= high)
        print(f"\nnet benefit, {name}, at {threshold}: truth {truth:.3f}, "
              f"covered {np.mean(hits):.3f}, avoided {np.mean(others):.3f}, "
              f"percentile bootstrap {np.mean(boot):.3f}", end="")  # fmt: skip
        assert 0.86 <= np.mean(hits) <= 0.94
        assert 0.86 <= np.mean(others) <= 0.94


@pytest.mark.parametrize("name", TRUTHS)
def test_accuracy_and_calibration_intervals_cover(name):
    """86 to 94 % each at n = 100: AUC, Brier, scaled Brier, log-loss, intercept and slope."""
    p, q, random = population(name)
    y = (random.random(MANY) < q).astype(int)
    rate, brier = q.mean(), float(np.mean(q * (1 - p) ** 2 + (1 - q) * p**2))
    intercept, slope, _ = TRUTHS[name]
    large = intercept
    for _ in range(50):  # what the log-odds lack at a slope of 1
        fitted = expit(logit(p) + large)
        large -= (fitted.mean() - rate) / np.mean(fitted * (1 - fitted))
    truth = {
        "auc": roc_auc_score(y, p),
        "brier": brier,
        "scaled_brier": 1 - brier / (rate * (1 - rate)),
        "log_loss": -float(np.mean(q * np.log(p) + (1 - q) * np.log1p(-p))),
        "calibration_intercept": large,
        "calibration_slope": slope,
    }
    hits: dict[str, list[bool]] = {metric: [] for metric in truth}
    for seen_y, seen in clinics(p, q, random, 100, 1000):
        told = (measured_auc(seen_y, seen), *measured_accuracy(seen_y, seen),
                *measured_calibration(seen_y, seen))  # fmt: skip
        for metric, one in zip(truth, told, strict=True):
            hits[metric].append(one.low <= truth[metric] <= one.high)
    covered = {metric: float(np.mean(found)) for metric, found in hits.items()}
    print(f"\n{name}: covered " + ", ".join(f"{k} {v:.3f}" for k, v in covered.items()))
    assert all(0.86 <= share <= 0.94 for share in covered.values())


@pytest.mark.parametrize("men", [100, 600])
@pytest.mark.parametrize("name", TRUTHS)
def test_calibration_errors_cover_also_where_there_are_none(name, men):
    """ICI, E90 in 80 % or more of clinics; a percentile bootstrap never where all is well."""
    p, q, random = population(name)
    away = np.abs(p - q)
    truth = (away.mean(), *np.quantile(away, (0.5, 0.9)), away.max())
    intercept, slope, _ = TRUTHS[name]
    hits, boot, band = [], [], []
    for i, (y, seen) in enumerate(clinics(p, q, random, men, 200)):
        told = measured_errors(y, seen, seed=i).values()
        hits.append([one.low <= t <= one.high for one, t in zip(told, truth, strict=True)])
        points = measured_curve(y, seen)
        at = np.array([one.p for one in points])
        right = expit(intercept + slope * logit(at))
        inside = [one.low <= t <= one.high for one, t in zip(points, right, strict=True)]
        band.append(np.interp(np.quantile(p, (0.1, 0.5, 0.9)), at, inside))
        if i < 40:
            drawn = [list(calibration_errors(y, seen, w).values())
                     for w in random.multinomial(men, np.full(men, 1 / men), 100)]  # fmt: skip
            low, high = np.quantile(drawn, (0.05, 0.95), axis=0)
            boot.append((low <= truth) & (truth <= high))
    covered = np.mean(hits, axis=0)
    print(f"\n{name}, {men} men: truth {np.round(truth, 3)}, covered {covered.round(3)}, "
          f"percentile bootstrap {np.mean(boot, axis=0).round(2)}, "
          f"band {np.mean(band, axis=0).round(3)}")  # fmt: skip
    assert covered[[0, 2]].min() >= 0.80
    assert covered.min() >= 0.70
    assert np.mean(band, axis=0).min() >= 0.80
