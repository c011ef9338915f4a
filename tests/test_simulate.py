"""The synthetic cohort meets the published numbers, and the shipped file is reproduced."""

from __future__ import annotations

import hashlib
import io
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, rankdata
from sklearn.ensemble import HistGradientBoostingClassifier

from respredict.chance import chance_only
from respredict.cohort import read_cohort
from respredict.errors import CohortError
from respredict.outcome import categories, movement, scheme, total_motile_count
from respredict.recipe import CORRELATIONS, MARGINALS, Recipe
from respredict.schema.analytes import ANALYTES
from respredict.schema.quantities import parse_measurement
from respredict.simulate import draw, simulate
from respredict.synthetic import write_cohort

MEN = 200_000
CONCENTRATION = scheme("concentration")
SHIPPED = Path(__file__).parents[1] / "data" / "cohorts" / "synthetic.csv"
HORMONES = [f"measured_{name}" for name in ("testosterone", "estradiol", "lh", "fsh", "bmi", "age")]


@pytest.fixture(scope="module")
def drawn():
    """Draw 200,000 men once."""
    return draw(MEN, seed=11)


@pytest.fixture(scope="module")
def shipped():
    """Read the shipped cohort as text and as numbers."""
    return _numbers(pd.read_csv(SHIPPED, dtype=str))


def _numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return the cohort with ``<20`` as 0 and a column that says so."""
    table = table.copy()
    low = table["estradiol_pg_ml"] == "<20"
    table["low"] = low.where(table["estradiol_pg_ml"].notna()).astype(float)
    table["estradiol_pg_ml"] = table["estradiol_pg_ml"].where(~low, "0")
    text = ["patient_id", "site"]
    return table.assign(**{c: table[c].astype(float) for c in table if c not in text})


@pytest.mark.parametrize(
    ("name", "centre", "log_sd"),
    [
        pytest.param("age", 35.5, 6.0, id="Tradewell 2022, PMC9482862"),
        pytest.param("bmi", 26.9, 0.15, id="Bieniek 2016, Fertil Steril 106:1070"),
        pytest.param("testosterone", 303.0, 0.40, id="Naelitz 2023: 356 and 265; Tradewell 2022"),
        pytest.param("lh", 6.4, 0.70, id="Naelitz 2023: 4.7 and 8.3"),
        pytest.param("fsh", 5.7, 0.84, id="Tradewell 2022: 5.7 (3.4-10.6)"),
        pytest.param("estradiol", 26.0, 0.45, id="Leder 2004: 26; Naelitz 2023: 28 % undetectable"),
        pytest.param("shbg", 29.4, 0.45, id="Clin Chem Lab Med 2018;56(7)"),
        pytest.param("prolactin", 189 / 21.2, 0.42, id="Clin Chem Lab Med 2018;56(7), mIU/L"),
    ],
)
def test_medians_and_spreads_are_the_published_ones(drawn, name, centre, log_sd):
    """Each median and log-SD of the men kept is within 5 % of its source."""
    value = drawn.latent[f"measured_{name}"]
    median = value.median() if name == "age" else np.exp(value.median())
    assert median == pytest.approx(centre, rel=0.05)
    assert value.std() == pytest.approx(log_sd, rel=0.05)


def test_correlations_are_the_published_ones(drawn):
    """Hormones, BMI, SHBG and age correlate within .03 of the sources named beside them."""
    names = list(MARGINALS)
    found = np.corrcoef(drawn.latent[[f"measured_{name}" for name in names]].T)
    for i, one in enumerate(names):
        for j, other in enumerate(names[:i]):
            published = CORRELATIONS.get((one, other), CORRELATIONS.get((other, one), 0.0))
            assert found[i, j] == pytest.approx(published, abs=0.03), (one, other)


def test_rates_are_those_of_the_index_study(drawn):
    """Up, same and down are within 1.5 points of 46, 42 and 12 % (Naelitz 2023)."""
    up, down = drawn.latent["improved"].mean(), drawn.latent["worsened"].mean()
    assert [up, 1 - up - down, down] == pytest.approx([0.46, 0.42, 0.12], abs=0.015)


def test_the_record_tells_the_same_rates(drawn):
    """Read from the record, among men seen in the window, the rates are the same."""
    men = drawn.men
    readings = [men[f"{when}sperm_concentration_m_ml"] for when in ("", "followup_")]
    moved = movement(CONCENTRATION, *readings, men["followup_days"])
    assert np.nanmean(moved.improved) == pytest.approx(0.46, abs=0.015)
    assert np.nanmean(moved.worsened) == pytest.approx(0.12, abs=0.015)
    assert 0.88 < np.isfinite(moved.improved).mean() < 0.94


def test_about_a_sixth_moves_up_by_chance(drawn):
    """On no drug 15 to 20 % move up: Keel 2006's within-man CV of 54 %, PMID 16412742."""
    assert 0.15 < drawn.latent["no_drug_improved"].mean() < 0.20


def test_estradiol_is_undetectable_as_often_as_published(drawn):
    """Estradiol is below the limit in 26 to 30 % (Naelitz 2023: detected in 73 and 70 %)."""
    told = drawn.men["estradiol_pg_ml"].dropna()
    assert 0.26 < (told == "<20").mean() < 0.30


def test_azoospermia_is_as_common_as_published(drawn):
    """Azoospermia holds 15 to 22.5 % (Tradewell 2022: 13.8 to 32.0 % by centre)."""
    assert 0.15 < (drawn.latent["baseline"] == 0).mean() < 0.225


def test_follow_up_is_timed_as_published(drawn):
    """Follow-up comes at a median of 91 days (Osadchiy 2024), nearly all in the window."""
    days = drawn.men["followup_days"].dropna()
    assert days.median() == pytest.approx(91, abs=2)
    assert days.between(60, 270).mean() > 0.95


@pytest.mark.parametrize(
    ("extra", "low", "high"),
    [
        pytest.param([], 0.72, 0.78, id="hormones"),
        pytest.param(["ln_count", "none"], 0.80, 0.87, id="and baseline concentration"),
    ],
)
def test_the_best_risk_discriminates_as_far_as_the_medians_allow(drawn, extra, low, high):
    """The best risk has AUC .72-.78 of hormones, .80-.87 with the count.

    The medians of Naelitz 2023 imply .76 to .79 for T/LH, and published models reach
    .70 to .75 outside their own centre (Ory 2022, Tradewell 2022).
    """
    baseline = drawn.latent["baseline"]
    table = drawn.latent.assign(ln_count=np.log(baseline.clip(lower=0.01)), none=baseline == 0)
    X, y = table[HORMONES + extra].to_numpy(float), table["improved"].to_numpy()
    half = MEN // 2
    model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=12, random_state=0)
    risk = model.fit(X[:half], y[:half]).predict_proba(X[half:])[:, 1]
    assert low < _auc(y[half:], risk) < high


def _auc(y, risk):
    events = y.sum()
    ranks = rankdata(risk)[y == 1].sum()
    return (ranks - events * (events + 1) / 2) / (events * (len(y) - events))


def test_the_true_risk_is_the_observed_rate(drawn):
    """In each tenth of the true risk, the observed rate agrees within .015."""
    tenth = pd.qcut(drawn.latent["true_risk"], 10, labels=False)
    mean = drawn.latent.groupby(tenth)[["true_risk", "improved"]].mean()
    assert mean["true_risk"].to_numpy() == pytest.approx(mean["improved"].to_numpy(), abs=0.015)


def test_published_medians_are_usual_in_cohorts_of_90(drawn):
    """Each median of Naelitz 2023 lies in the central 95 % of cohorts of 90."""
    latent, men = drawn.latent, drawn.men
    count, _ = total_motile_count(
        *(men[c] for c in ("semen_volume_ml", "sperm_concentration_m_ml", "motility_percent"))
    )
    published = {
        "LH, IU/L": (np.exp(latent["measured_lh"]), 4.7, 8.3),
        "FSH, IU/L": (np.exp(latent["measured_fsh"]), 4.7, 6.7),
        "testosterone, ng/dL": (np.exp(latent["measured_testosterone"]), 356, 265),
        "concentration, million/mL": (latent["baseline"], 3.6, 0.3),
        "total motile count, million": (count, 3.7, 0.1),
    }
    cohorts = np.random.default_rng(5).integers(0, MEN, (1000, 90))
    improved = latent["improved"].to_numpy()[cohorts] == 1
    for name, (value, of_responders, of_others) in published.items():
        values = np.asarray(value)[cohorts]
        for group, told in ((improved, of_responders), (~improved, of_others)):
            medians = np.nanmedian(np.where(group, values, np.nan), axis=1)
            low, high = np.quantile(medians, [0.025, 0.975])
            assert low < told < high, (name, told)
    rates = latent[["improved", "worsened"]].to_numpy()[cohorts].mean(axis=1)
    assert np.all(np.quantile(rates, 0.025, axis=0) < [41 / 90, 11 / 90])
    assert np.all(np.quantile(rates, 0.975, axis=0) > [41 / 90, 11 / 90])


def test_the_closed_form_is_what_the_simulator_does_without_the_drug(drawn):
    """In each baseline category chance-only is within .01 of the simulated second sample."""
    latent = drawn.latent
    up, down = chance_only(CONCENTRATION, latent["baseline"])
    category, _ = categories(CONCENTRATION, latent["baseline"])
    for of in range(CONCENTRATION.top):
        men = category == of
        assert up[men].mean() == pytest.approx(latent["no_drug_improved"][men].mean(), abs=0.01)
        assert down[men].mean() == pytest.approx(latent["no_drug_worsened"][men].mean(), abs=0.01)


def test_a_second_draw_differs_by_the_within_man_noise(drawn):
    """Two blood draws of a man differ by sqrt(2) of his analyte's noise (Abbara 2022)."""
    for of in ANALYTES[:4]:
        pair = [drawn.latent[f"{which}_{of.name}"] for which in ("measured", "redrawn")]
        assert (pair[0] - pair[1]).std() == pytest.approx(2**0.5 * of.log_noise, rel=0.02)


@pytest.mark.parametrize("factor", [0.5, 0.0, -1.0])
def test_another_truth_can_be_drawn(drawn, factor):
    """With its effect halved, removed or reversed, T/LH discriminates that way."""
    other = draw(40_000, seed=2, recipe=Recipe().with_t_lh(factor)).latent
    found = _auc(other["improved"], other["true_testosterone"] - other["true_lh"])
    published = drawn.latent
    most = _auc(published["improved"], published["true_testosterone"] - published["true_lh"])
    if factor > 0:
        assert 0.55 < found < most - 0.05
    elif factor == 0:
        assert found == pytest.approx(0.5, abs=0.05)
    else:
        assert found < 0.35


def test_sites_and_treatments_do_not_move_the_outcome(drawn):
    """No site, dose or co-treatment changes the rate: none was put in."""
    improved = drawn.latent["improved"]
    for column in ("site", "anastrozole_mg_week", "clomiphene"):
        rates = improved.groupby(drawn.men[column]).mean()
        assert rates.max() - rates.min() < 0.015


def test_the_same_seed_draws_the_same_men_and_a_longer_draw_begins_with_them():
    """A seed fixes the men; another gives others; a larger draw keeps the first men's truth."""
    pd.testing.assert_frame_equal(simulate(50, seed=4), simulate(50, seed=4))
    assert not simulate(50, seed=4).equals(simulate(50, seed=5))
    short, long = draw(50, seed=4).latent, draw(20_000, seed=4).latent
    pd.testing.assert_frame_equal(short, long.iloc[:50])


@pytest.mark.parametrize("sites", [1, 2, 26])
def test_any_number_of_sites_is_used(sites):
    """Men are spread over as many sites as asked."""
    assert simulate(2000, seed=1, sites=sites)["site"].nunique() == sites


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n": 0}, "n must be at least 1, got 0"),
        ({"n": 5, "sites": 0}, "sites must be 1 to 26, got 0"),
        ({"n": 5, "sites": 27}, "sites must be 1 to 26, got 27"),
    ],
)
def test_an_impossible_size_is_refused(given, message):
    """No men, or an impossible number of sites, is refused with the rule."""
    with pytest.raises(ValueError, match=message):
        simulate(seed=1, **given)


def test_the_shipped_cohort_is_reproduced_to_the_byte(tmp_path):
    """The defaults write the shipped file and its sidecar again."""
    write_cohort(tmp_path / "synthetic.csv")
    for name in ("synthetic.csv", "cohort.toml"):
        assert (tmp_path / name).read_bytes() == (SHIPPED.parent / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cohort.toml", "synthetic.csv"]


def test_the_sidecar_says_that_the_cohort_is_synthetic():
    """The sidecar carries kind, digest, rows, scheme and seed of the file beside it."""
    told = tomllib.loads((SHIPPED.parent / "cohort.toml").read_text(encoding="utf-8"))
    content = SHIPPED.read_bytes()
    assert told["kind"] == "synthetic"
    assert "No man in it exists" in told["source"]
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["rows"] == content.count(b"\n") - 1 == 600
    assert (told["file"], told["scheme"]) == (SHIPPED.name, CONCENTRATION.name)
    assert b"\r" not in content


def test_the_shipped_cohort_is_read_without_a_problem():
    """The reader of clinics' tables accepts the shipped cohort, and keeps what it is."""
    cohort = read_cohort(SHIPPED, need=("outcome",))
    assert len(cohort.men) == 600
    assert cohort.provenance.kind == "synthetic"
    assert all("Its unit is confirmed" in notice for notice in cohort.notices)


def test_the_shipped_values_lie_within_the_hard_limits():
    """Every cell parses, and lies within the limits of its analyte, never at 0 but for counts."""
    table = pd.read_csv(SHIPPED, dtype=str)
    for of in ANALYTES:
        for column in (of.column, f"followup_{of.column}"):
            if column in table:
                values = [parse_measurement(cell)[0] for cell in table[column].dropna()]
                assert of.low <= min(values)
                assert max(values) <= of.high
    assert table["age_years"].astype(int).between(20, 60).all()
    assert table["patient_id"].is_unique


def test_the_shipped_cohort_is_nothing_special(drawn, shipped):
    """Every mean, spread, share and correlation of the 600 is within 3 standard errors."""
    of_many, of_shipped = _summary(_numbers(drawn.men)), _summary(shipped)
    for what, (expected, error) in of_many.items():
        assert abs(of_shipped[what][0] - expected) < 3 * error, what
    assert len(of_many) > 60


def _summary(men: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return each figure of a cohort with its standard error in a cohort of 600."""
    n = 600
    told: dict[str, tuple[float, float]] = {}
    logs = {"age": men["age_years"], "bmi": np.log(men["bmi_kg_m2"])}
    for name in ("testosterone_ng_dl", "lh_iu_l", "fsh_iu_l", "shbg_nmol_l", "prolactin_ng_ml"):
        logs[name] = np.log(men[name])
    logs["volume"] = np.log(men["semen_volume_ml"])
    logs["count"] = np.log(men["sperm_concentration_m_ml"].replace(0, np.nan))
    table = pd.DataFrame(logs)
    for name, value in table.items():
        seen, sd = n * value.notna().mean(), value.std()
        tail = ((value - value.mean()) ** 4).mean() / sd**4  # the error of an SD needs it
        told[f"mean {name}"] = value.mean(), sd / seen**0.5
        told[f"sd {name}"] = sd, sd * ((tail - 1) / (4 * seen)) ** 0.5
    for i, one in enumerate(table):
        for other in list(table)[:i]:
            both = n * (table[one].notna() & table[other].notna()).mean()
            r = table[one].corr(table[other])
            told[f"r {one} {other}"] = r, (1 - r * r) / both**0.5
    readings = [men[f"{when}sperm_concentration_m_ml"] for when in ("", "followup_")]
    moved = movement(CONCENTRATION, *readings, men["followup_days"])
    up, down = chance_only(CONCENTRATION, readings[0])
    told["chance up"] = up.mean(), up.std() / n**0.5
    told["chance down"] = down.mean(), down.std() / n**0.5
    shares = {"up": moved.improved, "down": moved.worsened, "low": men["low"]}
    shares |= {c: men[c] for c in ("clomiphene", "tamoxifen", "gonadotropin_or_gnrh")}
    shares |= {"prior": men["prior_testosterone"], "azoospermia": readings[0] == 0}
    shares |= {f"empty {c}": men[c].isna() for c in men if men[c].isna().any()}
    shares |= {site: men["site"] == site for site in ("site-a", "site-b", "site-c")}
    for name, flag in shares.items():
        value = pd.Series(np.asarray(flag, dtype=float)).dropna()
        p = value.mean()
        told[name] = p, (p * (1 - p) / (n * len(value) / len(men))) ** 0.5
    return told


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        ('file = "theirs.csv"\nkind = "clinical"\n', "got file 'theirs.csv' of kind 'clinical'"),
        ('file = "men.csv"\nkind = "clinical"\n', "got file 'men.csv' of kind 'clinical'"),
        (None, r"men.csv must be new or have a cohort.toml beside it"),
    ],
)
def test_no_other_cohort_is_overwritten(tmp_path, sidecar, message):
    """Another cohort's folder, and a table of unknown origin, are left as they are."""
    (tmp_path / "men.csv").write_text("theirs\n")
    if sidecar is not None:
        (tmp_path / "cohort.toml").write_text(sidecar)
    with pytest.raises(CohortError, match=message) as refusal:
        write_cohort(tmp_path / "men.csv", 5, seed=1)
    assert "folder of its own" in str(refusal.value)
    assert (tmp_path / "men.csv").read_text() == "theirs\n"
    assert len(list(tmp_path.iterdir())) == (1 if sidecar is None else 2)


def test_a_synthetic_cohort_is_overwritten_by_another(tmp_path):
    """Written twice, the second cohort and its sidecar stand."""
    write_cohort(tmp_path / "men.csv", 5, seed=1)
    sidecar = write_cohort(tmp_path / "men.csv", 7, seed=2, date="2026-12-01")
    told = tomllib.loads(sidecar.read_text(encoding="utf-8"))
    assert (told["rows"], told["seed"], told["date"]) == (7, 2, "2026-12-01")
    written = pd.read_csv(io.BytesIO((tmp_path / "men.csv").read_bytes()), dtype=str)
    assert list(written) == list(simulate(7, seed=2))


def test_a_write_that_fails_leaves_nothing_behind(tmp_path):
    """Where the table cannot be put in place, no part of it stays."""
    (tmp_path / "cohort.toml").write_text('file = "men.csv"\nkind = "synthetic"\n')
    (tmp_path / "men.csv").mkdir()
    with pytest.raises(IsADirectoryError, match=r"men\.csv"):
        write_cohort(tmp_path / "men.csv", 5, seed=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cohort.toml", "men.csv"]


def test_the_normal_quantiles_of_age_are_kept(drawn):
    """Quartiles of age are 32 to 40 within half a year (Tradewell 2022: 36, 32-40)."""
    quartiles = drawn.men["age_years"].quantile([0.25, 0.75])
    assert quartiles.to_numpy() == pytest.approx(35.5 + 6 * norm.ppf([0.25, 0.75]), abs=0.6)
