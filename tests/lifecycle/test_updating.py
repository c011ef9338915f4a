"""Update instead of refit: the least change that new men justify."""

import json

import numpy as np
import pytest
from scipy.special import logit

from respredict import registry
from respredict.bundle import load_bundle
from respredict.errors import InputError, RegistryError
from respredict.lifecycle.conformance import compare_answers
from respredict.lifecycle.recalibrating import champion_coefficients, design, moved, moved_refits
from respredict.lifecycle.updating import corrected_slope, update
from respredict.lifecycle.versions import fitted_to
from respredict.model.candidates import build_candidate, build_pipeline, matrix_columns
from respredict.scoring import Scorer
from respredict.synthetic import write_cohort
from respredict.validation.closed_test import ClosedTest, closed_test
from tests.conftest import PUBLISHED_MAN
from tests.lifecycle.clinics import clinic
from tests.subjects import subjects_of


@pytest.fixture(scope="module")
def men(tmp_path_factory):
    return subjects_of(tmp_path_factory.mktemp("men"), 250, 5)[0]


def matrix(men, predictors="hormones"):
    return men.men[list(matrix_columns(predictors))].astype(float)


@pytest.mark.parametrize("predictors", ["hormones", "hormones+semen", "t_lh"])
@pytest.mark.parametrize("candidate", ["published", "zero", "splines"])
def test_the_coefficients_give_the_log_odds(men, candidate, predictors):
    X = matrix(men, predictors)
    pipeline = build_candidate(candidate, predictors, random_state=1).fit(X, men.improved)
    b, V = champion_coefficients(pipeline)
    eta = b[0] + design(pipeline, X) @ b[1:]
    assert eta == pytest.approx(pipeline.decision_function(X), abs=1e-10)
    assert np.linalg.eigvalsh(V).min() > 0


def test_the_covariance_counts_a_ratio_with_its_logs(men):
    """The variance of a man's log-odds is the same in either set of columns."""
    pipeline = build_pipeline().fit(matrix(men), men.improved)
    _, V = champion_coefficients(pipeline)
    one = np.concatenate([[1.0], design(pipeline, matrix(men))[0]])
    whole = np.concatenate([[1.0], pipeline[:-1].transform(matrix(men))[0]])
    assert one @ V @ one == pytest.approx(whole @ pipeline[-1].covariance_ @ whole, rel=1e-9)


@pytest.mark.parametrize("step", ["intercept", "intercept and slope", "revision"])
def test_a_moved_model_is_what_the_step_says(men, step):
    X = matrix(men)
    pipeline = build_pipeline().fit(X, men.improved)
    b, V = champion_coefficients(pipeline)
    slope = 1.0 if step == "intercept" else 0.7
    new = slope * b + np.eye(len(b))[0] * -0.4
    if step == "revision":
        new = new + np.linspace(-0.2, 0.2, len(b))
    found = ClosedTest(step, new, V * 0.5, -0.4, slope, (), 1.0)
    after = moved(pipeline, found)
    eta = new[0] + design(pipeline, X) @ new[1:]
    assert after.decision_function(X) == pytest.approx(eta, abs=1e-10)
    again, covariance = champion_coefficients(after)
    assert again == pytest.approx(new)
    assert covariance == pytest.approx(V * 0.5)
    assert pipeline.decision_function(X) != pytest.approx(eta, abs=0.1)


@pytest.mark.parametrize(
    ("candidate", "step"),
    [("published", "intercept"), ("published", "revision"), ("splines", "intercept and slope")],
)
def test_the_interval_after_a_step_holds_the_new_probability(men, candidate, step):
    """And is wider than that of the men before alone where these are few."""
    from respredict.uncertainty.kinds import refit

    X, y = matrix(men), men.improved
    old, new = slice(0, 150), slice(150, 190)

    def build():
        return build_candidate(candidate, random_state=1)

    pipeline = build().fit(X[old], y[old])
    refits = refit(build, X[old], y[old], seed=1, fitted=pipeline, n_refits=60)
    b, V = champion_coefficients(pipeline)
    found = closed_test(design(pipeline, X[new]), y[new], coefficients=b, covariance=V)
    found = ClosedTest(step, found.coefficients if step == "revision" else b, V, -0.3, 0.9, (), 1.0)
    after = moved_refits(refits, pipeline, X[new], y[new], found, seed=2)
    split = pipeline[0].split(X.to_numpy())
    before, wider = (np.subtract(*map(logit, r.interval(*split)[::-1])) for r in (refits, after))
    assert type(after) is type(refits)
    assert np.median(wider) > 1.1 * np.median(before)


def test_nothing_is_registered_where_nothing_changed(clinics):
    before = registry.find_version("challenger")
    found = update(str(clinics["tables"]["theirs"]), home=clinics["home"])
    assert (found.step, found.version) == ("none", None)
    assert "The champion stays as it is." in found.why
    assert registry.find_version("challenger") == before


def test_fewer_who_improve_move_the_intercept(clinics):
    home, table = clinics["home"], clinics["tables"]["fewer"]
    found = update(str(table), home=home)
    assert found.step == "intercept"
    assert found.test.shift < -0.5
    version, bundle = registry.find_version("challenger"), found.bundle
    assert (version, version.digest) == (found.version, bundle.digest)
    (entry,) = bundle.meta["updates"]
    champion = clinics["champion"][1]
    assert (entry["step"], entry["of"]) == ("intercept", champion.digest)
    assert entry["cohort"]["sha256"]
    both = champion.meta["trained_on"]["men"] + found.men["used"]
    assert bundle.meta["trained_on"]["men"] == both
    pack = bundle.document("conformance.json")
    assert compare_answers(pack, Scorer(bundle).score) == []
    risks = [Scorer(b).score(PUBLISHED_MAN)["improvement"] for b in (champion, bundle)]
    gap = logit(risks[1]["probability"]) - logit(risks[0]["probability"])
    assert gap == pytest.approx(found.test.shift)
    assert risks[1]["interval"][0] < risks[1]["probability"] < risks[1]["interval"][1]
    assert len(fitted_to(version).groups) == 2
    assert load_bundle(home, version.digest).meta["performance"]["men"] == found.men["used"]


def test_men_of_another_kind_are_refused(clinics, tmp_path):
    write_cohort(tmp_path / "men.csv", 60, seed=1)
    with pytest.raises(InputError, match=r"never mixed, got synthetic men\. Train on them instead"):
        update(str(tmp_path / "men.csv"), home=clinics["home"])


def test_the_champions_own_men_teach_nothing(clinics):
    with pytest.raises(InputError, match="whom the champion was not fitted to"):
        update(str(clinics["tables"]["ours"]), home=clinics["home"])


def test_a_model_without_a_covariance_is_refused(men):
    trees = build_candidate("boosting", "t_lh").fit(matrix(men, "t_lh"), men.improved)
    with pytest.raises(InputError, match=r"must be a logistic regression.*got MonotoneBoosting"):
        champion_coefficients(trees)


def test_without_a_champion_there_is_nothing_to_update(tmp_path):
    with pytest.raises(RegistryError, match="must have a champion"):
        update("men.csv", home=tmp_path)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_level_out_of_its_range_is_refused(tmp_path, level):
    with pytest.raises(InputError, match="--level must lie in"):
        update("men.csv", home=tmp_path, level=level)


def test_a_recipe_that_overfits_has_a_slope_below_one(men):
    """Free coefficients exaggerate on few men; shrunk ones less."""
    few = type(men)(men.men[:90], men.improved[:90], men.worsened[:90], {})
    slope = corrected_slope(few, "published", "hormones", seed=1, resamples=20)
    assert 0.5 < slope < 1.3


@pytest.mark.parametrize(
    ("slope", "done"), [(0.7, "revision"), pytest.param(0.9, "refit", marks=pytest.mark.prove)]
)
def test_a_refit_that_would_exaggerate_is_refused(clinics, monkeypatch, tmp_path, slope, done):
    """Below .85 the shrunken revision takes its place, and that is said."""
    from respredict.lifecycle import updating

    def told(Z, y, **asked):
        found = closed_test(Z, y, **(asked | {"level": 0.999999999}))
        assert found.step == "refit"
        return found

    monkeypatch.setattr(updating, "closed_test", told)
    monkeypatch.setattr(updating, "corrected_slope", lambda *a, **k: slope)
    found = update(str(clinics["tables"]["fewer"]), home=clinics["home"])
    assert found.step == found.bundle.meta["updates"][-1]["step"] == done
    assert any(("refused" in line) == (done == "revision") for line in found.why if "slope" in line)


def test_the_command_says_why(clinics, capsys, monkeypatch, tmp_path):
    from respredict.cli.main import main

    monkeypatch.setenv("RESPREDICT_HOME", str(clinics["home"]))
    table = clinic(tmp_path / "few", 120, 31)
    assert main(["update", "--data", str(table), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["step"] == "none"
    assert told["men"]["used"] > 90
    assert told["version"] is None
