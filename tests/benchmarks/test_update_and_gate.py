"""What the gate and the closed test answer, over many simulated clinics.

Every number is printed. The men come from the simulator; the truth of the closed test is
the model fitted to 20,000 of them.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from respredict.cohort import read_cohort
from respredict.lifecycle.training import outcomes
from respredict.lifecycle.updating import champion_coefficients
from respredict.model.candidates import build_pipeline, matrix_columns
from respredict.synthetic import write_cohort
from respredict.validation.closed_test import closed_test
from respredict.validation.paired import compare

pytestmark = pytest.mark.prove

GATES, UPDATES = 300, 400


@cache
def population():
    with TemporaryDirectory() as folder:
        file = Path(folder) / "men.csv"
        write_cohort(file, 40_000, seed=3)
        cohort = read_cohort(file, need=("outcome",))
    moved = outcomes(cohort, "concentration")
    known = ~np.isnan(moved.improved)
    return cohort.men[known], moved.improved[known].astype(int)


def matrix(predictors, rows):
    men, _ = population()
    return men[list(matrix_columns(predictors))].astype(float).iloc[rows]


def fitted(predictors, rows, y=None):
    y = population()[1][rows] if y is None else y
    return build_pipeline(predictors, "published", random_state=1).fit(matrix(predictors, rows), y)


def risk(model, predictors, rows):
    return model.predict_proba(matrix(predictors, rows))[:, 1]


def subgroups(rows):
    men, _ = population()
    of = men.iloc[rows]
    older, heavy = of["age_years"] >= 35, of["bmi_kg_m2"] >= 30
    none = of["sperm_concentration_m_ml"] == 0
    return {"35 and over": older, "below 35": ~older, "BMI 30 and over": heavy, "no sperm": none}


def test_the_gate_answers_as_it_should():
    _, y = population()
    random, told = np.random.default_rng(2), {}
    for repeat in range(GATES):
        order = random.permutation(len(y))
        ours, theirs = order[:300], order[300:600]
        champion, equal = fitted("hormones", ours), fitted("hormones", theirs)
        semen = fitted("hormones+semen", theirs)
        for n in (100, 400):
            rows = order[1000 : 1000 + n]
            before = risk(champion, "hormones", rows)
            challengers = {
                "identical": before,
                "same recipe": risk(equal, "hormones", rows),
                "baseline semen": risk(semen, "hormones+semen", rows),
                "prevalence": np.full(n, y[theirs].mean()),
            }
            for name, after in challengers.items():
                answer = compare(y[rows], before, after, seed=repeat, groups=subgroups(rows)).answer
                told.setdefault((name, n), Counter())[answer] += 1 / GATES
    for (name, n), shares in told.items():
        print(
            f"{name:15s} n={n:3d} " + ", ".join(f"{a} {s:.3f}" for a, s in sorted(shares.items()))
        )
    assert told["identical", 100]["not worse"] == pytest.approx(1)
    assert told["identical", 400]["not worse"] == pytest.approx(1)
    for n in (100, 400):
        assert told["same recipe", n]["better"] <= 0.12
        assert told["same recipe", n]["worse"] <= 0.12
        nothing = told["prevalence", n]
        assert nothing["better"] + nothing["not worse"] <= 0.02
    assert told["same recipe", 400]["not worse"] >= 0.60
    assert told["baseline semen", 100]["better"] >= 0.60
    assert told["baseline semen", 400]["better"] >= 0.95
    assert told["prevalence", 100]["worse"] >= 0.60
    assert told["prevalence", 400]["worse"] >= 0.95


@cache
def truth():
    """Return every man's true log-odds, where the large model is the truth."""
    rows = np.arange(20_000)
    p = risk(fitted("hormones", rows), "hormones", np.arange(len(population()[1])))
    return np.log(p / (1 - p))


def closed(champion_men, new_men, *, shift=0.0, draws=UPDATES):
    random, told, eta = np.random.default_rng(champion_men + new_men), Counter(), truth()
    for _ in range(draws):
        old = random.integers(0, len(eta), champion_men)
        new = random.integers(0, len(eta), new_men)
        champion = fitted(
            "hormones", old, random.random(champion_men) < 1 / (1 + np.exp(-eta[old]))
        )
        improved = random.random(new_men) < 1 / (1 + np.exp(-(eta[new] + shift)))
        coefficients, covariance = champion_coefficients(champion)
        Z = champion[0].transform(matrix("hormones", new))
        found = closed_test(Z, improved, coefficients=coefficients, covariance=covariance)
        told[found.step] += 1 / draws
    shares = ", ".join(f"{step} {share:.3f}" for step, share in told.items())
    print(f"champion {champion_men:3d}, new {new_men:3d}, shift {shift:+.1f}: {shares}")
    return told


@pytest.mark.parametrize("champion_men", [90, 600])
@pytest.mark.parametrize("new_men", [100, 200, 400])
def test_nothing_is_changed_where_nothing_changed(champion_men, new_men):
    assert closed(champion_men, new_men)["none"] >= 0.94


@pytest.mark.parametrize(("shift", "share"), [(-0.6, 0.70), (-1.0, 0.88)])
def test_a_shift_of_all_risks_is_answered_by_the_intercept(shift, share):
    assert closed(600, 400, shift=shift)["intercept"] >= share
