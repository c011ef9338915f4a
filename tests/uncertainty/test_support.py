from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from respredict.errors import BundleError
from respredict.model.candidates import PREDICTORS, build_pipeline
from respredict.simulate import draw
from respredict.uncertainty.reporting import Reporting
from respredict.uncertainty.support import Support, fit_support
from tests.drawn_men import matrix, mistyped

INPUTS = PREDICTORS["hormones"]
T, E2, LH, FSH = (INPUTS.index(name) for name in ("testosterone", "estradiol", "lh", "fsh"))


@pytest.fixture(scope="module")
def clinic_of_600():
    """Return the imputer of a clinic, its support, and its men."""
    X = matrix(draw(600, seed=1))
    imputer = build_pipeline()[0].fit(X)
    men = imputer.split(X.to_numpy())
    return imputer, fit_support(imputer, *men, inputs=INPUTS, seed=1), men


def one(imputer, **values):
    """Return a usual man, some of his values changed; None is missing, text is ``<``."""
    man = {
        "age": 35.0,
        "bmi": 27.0,
        "testosterone": 300.0,
        "estradiol": 27.0,
        "lh": 5.0,
        "fsh": 5.0,
    }
    row, sides = [], []
    for value in (man | values).values():
        text = isinstance(value, str)
        row.append(np.nan if value is None else float(value[1:]) if text else value)
        sides.append({"<": -1.0, ">": 1.0}[value[0]] if text else 0.0)
    return imputer.split(np.array([row + sides[2:]]))


def test_few_fresh_men_are_outside(clinic_of_600):
    """Set to 5 %, it leaves 3 to 7 % of 4,000 fresh men outside and doubts no 0.5 %."""
    imputer, support, men = clinic_of_600
    result = support.check(*imputer.split(matrix(draw(4_000, seed=2)).to_numpy()))
    print(result.outside.mean(), support.check(*men).outside.mean(), result.in_doubt.mean())
    assert 0.03 < result.outside.mean() < 0.07
    assert 0.03 < support.check(*men).outside.mean() < 0.07
    assert result.in_doubt.mean() < 0.005
    assert ((result.score > 1) == result.outside).all()
    assert ((result.least_expected >= 0) == (result.outside | result.in_doubt)).all()


@pytest.mark.parametrize("stated", [0, 1])
@pytest.mark.parametrize("name", ["testosterone", "estradiol"])
def test_a_hormone_in_the_wrong_unit_is_seen(clinic_of_600, name, stated):
    """Of those that pass the hard limits, 95 % are outside or in doubt, and the unit is named."""
    imputer, support, _ = clinic_of_600
    typed, passes = mistyped(matrix(draw(4_000, seed=3)), name, stated=stated)
    wrong = imputer.split(typed[passes].to_numpy())
    units = np.zeros(wrong[0].shape, dtype=int)
    units[:, INPUTS.index(name)] = stated
    result = support.check(*wrong, units)
    seen = result.outside | result.in_doubt
    assert seen.mean() > 0.95
    assert (result.unit_analyte[seen] == INPUTS.index(name)).mean() > 0.85


def test_a_mans_bits_do_not_depend_on_who_is_with_him(clinic):
    """Scores and verdicts are the same for batches of 1, 7 and 2,000."""
    imputer = build_pipeline("hormones+semen")[0].fit(clinic(400, 1)[0])
    inputs = PREDICTORS["hormones+semen"]
    training = imputer.split(clinic(400, 1)[0].to_numpy())
    support = fit_support(imputer, *training, inputs=inputs, seed=1)
    assert support.inputs == (*inputs, "sperm_concentration")
    Z, limits, censor = imputer.split(clinic(2000, 2)[0].to_numpy())
    Z[::5, 3] -= 1.3
    units = np.random.default_rng(0).integers(0, 2, Z.shape)
    for stated in (None, units):
        whole = support.check(Z, limits, censor, stated)
        for size in (1, 7):
            for start in range(0, 140, size):
                rows = slice(start, start + size)
                own = None if stated is None else stated[rows]
                alone = support.check(Z[rows], limits[rows], censor[rows], own)
                for name in ("score", "outside", "least_expected", "unit_analyte", "in_doubt"):
                    assert getattr(alone, name).tobytes() == getattr(whole, name)[rows].tobytes()


@pytest.mark.parametrize(
    ("values", "outside", "least", "unit", "doubt"),
    [
        ({}, False, -1, -1, False),
        ({"lh": None, "fsh": None}, False, -1, -1, False),
        ({"estradiol": "<20"}, False, -1, -1, False),
        ({"testosterone": 12.0}, True, T, T, True),  # nmol/L
        ({"estradiol": 120.0}, True, E2, E2, True),  # pmol/L
        ({"estradiol": "<73.4"}, True, E2, E2, False),  # <20 pg/mL in pmol/L
        ({"estradiol": 12.0}, True, E2, -1, False),  # this laboratory writes <20
        ({"lh": 60.0, "fsh": 2.0}, True, LH, -1, False),
        ({"lh": "<0.1"}, True, LH, -1, False),
        ({"fsh": 140.0}, True, FSH, -1, False),
        ({"age": 80.0}, True, 0, -1, False),
    ],
)
def test_it_names_what_is_least_expected(clinic_of_600, values, outside, least, unit, doubt):
    """The value named is the one that was changed, and its unit where that explains it."""
    imputer, support, _ = clinic_of_600
    found = support.check(*one(imputer, **values))
    told = (found.outside, found.least_expected, found.unit_analyte, found.in_doubt)
    assert [v[0] for v in told] == [outside, least, unit, doubt]


def test_together_what_is_usual_apart_is_outside(clinic_of_600):
    """Values each within two standard deviations may be unlike any training man's together."""
    imputer, support, _ = clinic_of_600
    apart = {"testosterone": 660.0, "bmi": 36.0}
    for name, value in apart.items():
        assert not support.check(*one(imputer, **{name: value})).outside[0]
    assert support.check(*one(imputer, **apart, lh=24.0, fsh=1.0)).outside[0]


def test_the_stated_unit_decides_which_error_is_looked_for(clinic_of_600):
    """An estradiol too low is no error of pg/mL, but one if pmol/L was stated."""
    imputer, support, _ = clinic_of_600
    low = one(imputer, estradiol=6.0)
    stated = np.zeros((1, 6), dtype=int)
    stated[0, E2] = 1
    assert support.check(*low).unit_analyte[0] == -1
    assert support.check(*low, stated).unit_analyte[0] == E2
    high = one(imputer, estradiol=120.0)
    assert support.check(*high).in_doubt[0]
    assert not support.check(*high, stated).in_doubt[0]


def test_json_brings_back_the_same_bits(clinic_of_600):
    """Written and read, also pickled, it says the same."""
    _, support, men = clinic_of_600
    told = json.dumps(support.as_dict(), allow_nan=False)
    for copy in (Support.from_dict(json.loads(told)), pickle.loads(pickle.dumps(support))):
        assert copy.as_dict() == support.as_dict()
        assert copy.check(*men).score.tobytes() == support.check(*men).score.tobytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mean": [0.0]}, "must hold 6 means"),
        ({"limit": 0.0}, "positive limit"),
        ({"limit": float("nan")}, "positive limit"),
        ({"men": 6}, "more men"),
        ({"covariance": None}, "must be as it was written|must hold"),
        ({"covariance": "much"}, "must be as it was written"),
        ({"reporting": {"numbers": [[0.0]]}}, "numbers, least and most"),
        ({"reporting": {"numbers": [[], []], "least": [[], []], "most": [[1.0], []]}}, "written"),
        ({"reporting": Reporting.unlimited(2).as_dict()}, "must hold 6 means"),
    ],
)
def test_anything_else_is_refused(clinic_of_600, change, told):
    """A support that is not as it was written is told as such."""
    with pytest.raises(BundleError, match=told):
        Support.from_dict(clinic_of_600[1].as_dict() | change)


def test_a_missing_key_is_refused(clinic_of_600):
    """It is named."""
    told = clinic_of_600[1].as_dict()
    del told["limit"]
    with pytest.raises(BundleError, match="KeyError\\('limit'\\)"):
        Support.from_dict(told)


def test_a_share_or_a_clinic_out_of_range_is_told(clinic_of_600):
    """Messages say what must hold and what was given."""
    imputer, _, men = clinic_of_600
    with pytest.raises(ValueError, match=r"share must lie in \(0, 0.2\), got 5"):
        fit_support(imputer, *men, inputs=INPUTS, seed=1, share=5)
    few = [of[:17] for of in men]
    with pytest.raises(ValueError, match="at least 3 for each of 6 values, got 17"):
        fit_support(imputer, *few, inputs=INPUTS, seed=1)


def test_a_clinic_without_limits_knows_none():
    """No number and no limit is unlike the reports of men none of whom has a side."""
    Z, none = np.zeros((3, 2)), np.zeros((3, 2), dtype=int)
    reporting = Reporting.of(Z, Z, none)
    assert reporting.broken(Z - 100.0, Z - 100.0, none - 1) is None
    assert Reporting.from_dict(reporting.as_dict()).as_dict() == reporting.as_dict()


def test_a_larger_share_leaves_more_outside(clinic_of_600):
    """Of the training men about the share asked for, and the same seed the same limit."""
    imputer, support, men = clinic_of_600
    again = fit_support(imputer, *men, inputs=INPUTS, seed=1)
    wider = fit_support(imputer, *men, inputs=INPUTS, seed=1, share=0.15)
    assert again.limit == support.limit
    assert 0.11 < wider.check(*men).outside.mean() < 0.19
