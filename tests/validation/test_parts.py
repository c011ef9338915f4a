"""The parts of a validation: sites, learning curve, predictor sets, coefficients, groups."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from respredict.validation.coefficients import coefficients
from respredict.validation.contributions import contributions
from respredict.validation.corrected import Corrected, correct_avoided, correct_benefit
from respredict.validation.description import describe_men, groupings
from respredict.validation.figures import (
    decision_curve,
    risk_histogram,
    roc_points,
    stability_points,
)
from respredict.validation.fitting import Candidate, Men, fit_all, predict_all
from respredict.validation.learning import learning_curve
from respredict.validation.measured import Measured
from respredict.validation.resamples import draw_folds, random_for
from respredict.validation.stability import stability
from respredict.validation.subgroups import hidden, subgroups
from respredict.validation.transport import transport

T_LH = (Candidate("published", "t_lh"),)


def starts_of(men: Men, pick=T_LH):
    """Return where the imputers of some candidates start from."""
    return fit_all(pick, men, np.ones(len(men), dtype=np.int64), seed=1)[1]


def test_a_site_is_predicted_by_the_others(many):
    """Each by a model that never saw it; pooled with how much sites differ."""
    found = transport(T_LH, 0, many, starts=starts_of(many), seed=1)
    code = found.sites[1]["site"]
    others = (many.site != code).astype(np.int64)
    model, _ = fit_all(T_LH, many, others, seed=1, starts=starts_of(many))
    from respredict.validation.discrimination import auc

    p = predict_all(model, T_LH, many)[0][many.site == code]
    assert found.sites[1]["auc"].value == pytest.approx(auc(many.y[many.site == code], p))
    assert sum(site["n"] for site in found.sites) == len(many)
    pooled = found.pooled["auc"]
    assert pooled.expected_low < pooled.low < pooled.mean < pooled.high < pooled.expected_high
    assert 0 <= pooled.i2 < 1


@pytest.mark.parametrize("case", ["two sites", "small sites", "one class elsewhere"])
def test_sites_that_cannot_be_judged_are_told_with_the_reason(many, case):
    """Nothing is pooled then."""
    men = many
    if case == "two sites":
        men = dataclasses.replace(many, site=np.minimum(many.site, 1))
    if case == "small sites":
        men = dataclasses.replace(many, site=np.arange(len(many)) % 20)
    if case == "one class elsewhere":
        men = dataclasses.replace(many, y=np.where(many.site == 0, many.y, 0))
    found = transport(T_LH, 0, men, starts=starts_of(men), seed=1)

    assert "3 sites" in found.pooled["auc"]
    reasons = {site["auc"].reason for site in found.sites}
    assert reasons == {
        "two sites": set(),
        "small sites": {"fewer than 10 men of an outcome"},
        "one class elsewhere": {"the other sites have fewer than 10 men of an outcome",
                                "fewer than 10 men of an outcome"},
    }[case]  # fmt: skip


def test_more_men_bring_what_the_curve_says_carried_on(many):
    """The loss falls as a + b / n: a change of b (1/n - 1/(n + more)), never the wrong way."""
    pick = Candidate("zero")
    found = learning_curve(pick, many, more=60, repeats=1, seed=2, starts=starts_of(many, (pick,)))
    x = 1 / np.array(found.men)
    b = np.polyfit(x, [one.value for one in found.log_loss], 1)[0]
    step = 1 / len(many) - 1 / (len(many) + 60)

    assert found.men == (60, 84, 120, 156, 192)
    assert found.log_loss_gain.value == pytest.approx(-step * max(b, 0.0))
    assert found.log_loss_gain.low <= found.log_loss_gain.value <= 0 <= found.auc_gain.value
    assert all(one.low < one.value < one.high for one in (*found.log_loss, *found.auc))


def test_a_learning_curve_of_too_few_men_is_null_with_the_reason(few):
    """A quarter of 24 men cannot hold five of either outcome."""
    rows = np.concatenate([np.flatnonzero(few.y == k)[:12] for k in (0, 1)])
    men = few.of(rows)
    found = learning_curve(T_LH[0], men, more=50, repeats=1, seed=2, starts=starts_of(men))

    assert found.men == ()
    assert "too few men of an outcome" in found.reason == found.auc_gain.reason


def test_predictor_sets_are_compared_on_the_same_men(many):
    """What is added is told in log-loss and AUC, with an answer its interval allows."""
    folds = draw_folds(many, np.ones(len(many), dtype=np.int64), random_for(3))
    pick = Candidate("published")
    log_loss, auc, compared = contributions(pick, many, folds, seed=3, starts=starts_of(many))
    by_name = {one.predictors: one for one in compared}
    semen, t_lh = by_name["hormones+semen"], by_name["t_lh"]

    assert semen.log_loss_difference.value == pytest.approx(semen.log_loss - log_loss)
    assert t_lh.log_loss_difference.value == pytest.approx(log_loss - t_lh.log_loss)
    assert t_lh.auc_difference.value == pytest.approx(auc - t_lh.auc)
    assert semen.answer == "adds"
    for one in compared:
        of = one.log_loss_difference
        assert of.low < of.value < of.high
        answer = "adds" if of.high < 0 else "takes away" if of.low > 0 else "cannot tell"
        assert one.answer == answer


def test_coefficients_stand_between_the_prior_and_the_men(many):
    """The net coefficients are the model's own log-odds per unit of each log."""
    pick = (Candidate("published"),)
    (model,), _ = fit_all(pick, many, np.ones(len(many), dtype=np.int64), seed=1)
    rows = {row.name: row for row in coefficients(model, many, pick[0].columns)}
    from respredict.model.affine import affine

    names = list(model[0].get_feature_names_out())
    np.testing.assert_allclose([rows[n].posterior.value for n in names], affine(model)[1])
    lh = rows["ln_lh"]
    between = sorted([lh.prior.value, lh.data_only.value])
    assert between[0] < lh.posterior.value < between[1]
    assert lh.posterior.high - lh.posterior.low < lh.prior.high - lh.prior.low
    assert lh.prior.value == pytest.approx(-1.1 * model[-1].strength_)
    assert rows["ln_t_lh"].data_only.value is None
    assert "beside its two logs" in rows["ln_t_lh"].data_only.reason


def test_men_who_are_separated_have_no_coefficient_of_their_own(few):
    """And a model that bends has no table at all."""
    men = dataclasses.replace(few, y=(few.X["age_years"].to_numpy() > 35).astype(np.int64))
    everyone, pick = np.ones(len(few), dtype=np.int64), (Candidate("published"),)
    (model,), _ = fit_all(pick, men, everyone, seed=1)
    rows = coefficients(model, men, pick[0].columns)
    assert all("separate" in row.data_only.reason for row in rows if row.role == "net")
    bent = (Candidate("splines", "t_lh"),)
    (model,), _ = fit_all(bent, few, everyone, seed=1)
    assert coefficients(model, few, bent[0].columns) == (
        "the model has no coefficient for each measured value"
    )


def test_table_one_counts_and_leaves_open_what_censoring_does():
    """A median among the censored is None; the counts are of all, and by outcome."""
    men = pd.DataFrame({
        "estradiol_pg_ml": [20.0, 20.0, 20.0, 30.0, 40.0, np.nan],
        "estradiol_censor": [-1, -1, -1, 0, 0, 0],
        "clomiphene": [1.0, 0.0, 1.0, 0.0, np.nan, 0.0],
    })  # fmt: skip
    e2, clomiphene = describe_men(men, np.array([1, 1, 1, 0, 0, 0]), list(men.columns[::2]))

    assert e2["all"] == {"n": 5, "missing": 1, "censored": 3, "q1": None, "median": None,
                         "q3": 30.0}  # fmt: skip
    assert e2["not_improved"]["median"] == 30.0
    assert clomiphene["all"] == {"n": 5, "missing": 1, "censored": 0, "yes": 2}


def test_men_are_sorted_by_what_is_known_of_them():
    """An unknown is in no group; another drug known is co-treatment whatever is not known."""
    men = pd.DataFrame({
        "age_years": [29.0, 30.0, 40.0], "bmi_kg_m2": [25.0, 30.0, np.nan],
        "sperm_concentration_m_ml": [0.0, np.nan, 0.1],
        "clomiphene": [1.0, np.nan, 0.0], "tamoxifen": [np.nan, 0.0, 0.0],
    })  # fmt: skip
    found = {by: [names[k] if k >= 0 else None for k in which]
             for by, names, which in groupings(men, np.array([0, 1, 0]), ("a", "b"))}  # fmt: skip
    assert found == {
        "site": ["a", "b", "a"],
        "age": ["under 30", "30 to under 35", "40 and over"],
        "bmi": ["25 to under 30", "30 and over", None],
        "azoospermia": ["azoospermia", None, "sperm seen"],
        "co_treatment": ["with another", None, "anastrozole alone"],
    }


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([9, 40, 20], [1, 0, 1]), ([9, 9, 20], [1, 1, 0]), ([10, 40], [0, 0]), ([0, 30], [0, 0]),
     ([4], [1])],
)  # fmt: skip
def test_small_cells_stay_untold_and_cannot_be_had_by_subtraction(counts, expected):
    """A single small cell hides the next smallest with it."""
    assert hidden(np.array(counts)).tolist() == [bool(one) for one in expected]


def test_a_group_is_judged_as_it_would_be_alone(many):
    """Its metrics are those of its men."""
    p = np.clip(expit(many.X["testosterone_ng_dl"].fillna(300).to_numpy() / 300 - 1), 0.01, 0.99)
    rows = subgroups(many.y, p, (("site", ("a", "b", "c"), many.site),))
    from respredict.validation.discrimination import measured_auc

    of = many.site == 2
    assert rows[2]["n"] == of.sum()
    assert rows[2]["auc"] == measured_auc(many.y[of], p[of]).as_dict()


def test_stability_is_zero_where_nothing_moves():
    """And a class that flips in a fifth of the resamples is unstable."""
    p = np.array([0.2, 0.44, 0.8])
    resampled = np.tile(p, (10, 1))
    still = stability(p, resampled, (0.45,))
    resampled[:2, 1] = 0.46
    moved = stability(p, resampled, (0.45,))

    assert still.mape.max() == still.changes.max() == 0
    assert moved.changes[0].tolist() == [0.0, 0.2, 0.0]
    assert moved.unstable()[0] == pytest.approx(1 / 3)
    assert moved.mape[1] == pytest.approx(0.004)


def test_points_of_a_clinics_men_are_of_ten_at_least():
    """Neighbours are averaged, thresholds rounded, small counts untold."""
    random = np.random.default_rng(1)
    p = random.uniform(0.1, 0.9, 57)
    y = (random.random(57) < p).astype(np.int64)
    found = stability(p, np.tile(p, (4, 1)), (0.45,))
    fine, coarse = (stability_points(p, found, coarse=c) for c in (False, True))
    steps = roc_points(y, p, coarse=True)

    assert len(fine) == 57
    assert len(coarse) == 5
    assert np.mean([point["p"] for point in fine]) == pytest.approx(p.mean(), abs=1e-5)
    assert len(roc_points(y, p, coarse=False)) == 58
    assert len(steps) <= 6
    assert steps[-1]["sensitivity"] == 1
    assert steps[-1]["specificity"] == 0
    histogram = risk_histogram(y, p, coarse=True)
    assert not [c for c in histogram["improved"] if c is not None and 0 < c < 10]
    assert sum(risk_histogram(y, p, coarse=False)["improved"]) == y.sum()


def test_a_decision_curve_tells_treatments_avoided():
    """Against treating all; without a band where nobody's treatment ever changes."""
    flat = Corrected(0.4, 0.0, Measured(0.4, 0.4, 0.4))
    one = Corrected(0.3, 0.05, Measured(0.25, 0.15, 0.35))
    spared = (Measured(0.0, reason="always"), Measured(12.5, 4.0, 21.0))
    none, some = decision_curve(
        (0.2, 0.4), (flat, one), spared, 0.5, {"rule": np.array([0.1, 0.2])}
    )

    assert none["net_benefit"]["corrected"]["reason"].startswith("the men treated are the same")
    assert none["interventions_avoided"]["reason"] == "always"
    assert some["treat_all"] == pytest.approx(0.5 - 0.5 * 2 / 3)
    assert some["interventions_avoided"] == {"value": 12.5, "low": 4.0, "high": 21.0}
    assert some["comparators"] == {"rule": 0.2}


def test_what_is_avoided_is_compared_on_the_same_resamples():
    """What varies for treating all alike does not widen it; who always treats all avoids none."""
    random = np.random.default_rng(5)
    prevalences = 0.5 + 0.03 * random.standard_normal(400)
    everyone = np.stack([prevalences - (1 - prevalences) * o for o in (0.25, 1.0)], axis=1)
    gain = np.array([0.0, 0.08]) + np.array([0.0, 0.01]) * random.standard_normal((400, 1))
    benefit = correct_benefit(np.array([0.375, 0.08]), everyone + gain, everyone + gain)
    all_alike, better = correct_avoided(benefit, everyone + gain, prevalences, 0.5, (0.2, 0.5))

    assert (all_alike.value, all_alike.low) == (pytest.approx(0.0), None)
    assert "same in every resample" in all_alike.reason
    assert better.value == pytest.approx(8.0)
    assert better.high - better.low == pytest.approx(2 * 1.645 * 1.0, rel=0.1)
    of = benefit[1].corrected
    assert 100 * (of.high - of.low) > 2 * (better.high - better.low)
    unknown = (Corrected(None, None, Measured(None, reason="none")),)
    assert correct_avoided(unknown, gain[:, :1], prevalences, 0.5, (0.2,))[0].reason == "none"
