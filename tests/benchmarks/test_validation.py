"""The proofs of the validation: run with ``-m prove -s``.

``PROVE_CLINICS`` simulates fewer clinics than 500; what is asked then widens by what
chance alone would do to so few.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from respredict.recipe import Recipe
from respredict.simulate import draw
from respredict.validation.corrected import correct, correct_avoided, correct_benefit
from respredict.validation.fitting import Candidate, Men, fit_all, predict_all
from respredict.validation.metrics import METRICS
from respredict.validation.optimism import Plan, resample
from respredict.validation.performance import measure, net_benefits
from respredict.validation.pooling import pool
from respredict.validation.report import Report
from respredict.validation.selection import losses
from respredict.validation.workers import finish, spread
from tests.conftest import ROOT
from tests.drawn_men import matrix

pytestmark = pytest.mark.prove

CLINICS = int(os.environ.get("PROVE_CLINICS", "500"))
RESAMPLES, FRESH, POOL = 100, 100_000, 60_000
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
JOBS = len(os.sched_getaffinity(0))
METRIC = {name: j for j, name in enumerate(METRICS)}


def slack(deviation: float, full: int) -> float:
    """Return two standard errors of a mean over the clinics, none if they are all there."""
    return 0.0 if full <= CLINICS else 2 * deviation / np.sqrt(CLINICS)


@lru_cache(maxsize=4)
def drawn(men: int, seed: int, factor: float = 1.0) -> Men:
    """Draw men once in each process."""
    of = draw(men, seed=seed, recipe=Recipe().with_t_lh(factor))
    y = of.latent["improved"].to_numpy().astype(int)
    return Men(matrix(of), y, np.zeros(men, dtype=np.int64))


def clinic(number: int, men: int, factor: float = 1.0) -> Men:
    """Return the men of one clinic."""
    random = np.random.default_rng([number, men])
    return drawn(POOL, 7, factor).of(random.choice(POOL, men, replace=False))


def of_clinic(number: int, name: str) -> dict[str, object]:
    """Correct the metrics of one clinic of 100, and measure them on fresh men."""
    men, fresh, pick = clinic(number, 100), drawn(FRESH, 8), (Candidate(name),)
    fitted, starts = fit_all(pick, men, np.ones(100, dtype=np.int64), seed=number)
    p, true = predict_all(fitted, pick, men)[0], predict_all(fitted, pick, fresh)[0]
    plan = Plan(pick, (), 0, THRESHOLDS, 5, number)
    again = resample(plan, men, RESAMPLES, starts=starts)
    apparent, events = measure(men.y, p), int(men.y.sum())
    found = {
        metric: correct(metric, apparent[j], again.inside[:, 0, j], again.outside[:, 0, j],
                        events=events, others=100 - events)
        for metric, j in METRIC.items()
    }  # fmt: skip
    benefit = correct_benefit(net_benefits(men.y, p, THRESHOLDS), again.benefit_inside[:, 0],
                              again.benefit_outside[:, 0])  # fmt: skip
    told = dict(zip(METRICS, measure(fresh.y, true), strict=True))
    avoided = correct_avoided(benefit, again.benefit_inside[:, 0], again.prevalence,
                              float(men.y.mean()), THRESHOLDS)  # fmt: skip
    worth, odds = net_benefits(fresh.y, true, THRESHOLDS), np.array(THRESHOLDS)
    odds, share = odds / (1 - odds), fresh.y.mean()
    return {"found": found, "true": told, "benefit": benefit, "true_benefit": worth,
            "avoided": avoided,
            "true_avoided": 100 * (worth - share + (1 - share) * odds) / odds}  # fmt: skip


def covered(found, true) -> float:
    """Return the share of clinics whose interval holds the truth, of those that have one."""
    ends = [(f.corrected.low, f.corrected.high, t) for f, t in zip(found, true, strict=True)]
    held = [low <= t <= high for low, high, t in ends if low is not None]
    return float(np.mean(held)) if held else float("nan")


@pytest.mark.parametrize("name", ["published", "zero"])
def test_the_corrected_metrics_are_those_of_fresh_men(name):
    """Mean corrected AUC and median slope are near the truth; the default's intervals cover."""
    tasks = [(number, name) for number in range(CLINICS)]
    clinics = spread(of_clinic, tasks, jobs=JOBS, say=print, what=name)
    finish()
    told, coverage = {}, {}
    for metric in METRICS:
        rows = [(c["found"][metric], c["true"][metric]) for c in clinics]
        rows = [(f, t) for f, t in rows if f.corrected.value is not None and np.isfinite(t)]
        apparent, corrected = (np.array([g(f) for f, _ in rows]) for g in
                               (lambda f: f.apparent, lambda f: f.corrected.value))  # fmt: skip
        true = np.array([t for _, t in rows])
        told[metric] = (apparent, corrected, true)
        coverage[metric] = covered([f for f, _ in rows], true)
        print(f"{name} {metric}: apparent {apparent.mean():.4f} corrected {corrected.mean():.4f} "
              f"true {true.mean():.4f}; medians {np.median(apparent):.3f} "
              f"{np.median(corrected):.3f} {np.median(true):.3f}; "
              f"SD of the error {np.std(corrected - true):.4f}; covers {coverage[metric]:.3f} "
              f"of {len(rows)}")  # fmt: skip
    for i, threshold in enumerate(THRESHOLDS):
        found, true = [c["benefit"][i] for c in clinics], [c["true_benefit"][i] for c in clinics]
        coverage[threshold] = covered(found, true)
        off = np.mean([f.corrected.value for f in found]) - np.mean(true)
        print(f"{name} net benefit at {threshold}: true {np.mean(true):.4f}, corrected off by "
              f"{off:+.4f}, covers {coverage[threshold]:.3f}")  # fmt: skip
        rows = [(c["avoided"][i], c["true_avoided"][i]) for c in clinics]
        held = [m.low <= t <= m.high for m, t in rows if m.low is not None]
        coverage[f"avoided {threshold}"] = float(np.mean(held))
        print(f"{name} treatments avoided at {threshold}: true {np.mean([t for _, t in rows]):.2f} "
              f"of a hundred, covers {np.mean(held):.3f} of {len(held)}")  # fmt: skip
    apparent, corrected, true = told["auc"]
    error = slack(float(np.std(corrected - true)), 500)
    assert abs(corrected.mean() - true.mean()) <= 0.01 + error
    assert (apparent - true).mean() >= {"published": 0.01, "zero": 0.03}[name] - error
    _, corrected, true = told["calibration_slope"]
    error = slack(1.25 * float(np.subtract(*np.percentile(corrected - true, [75, 25]))) / 1.35, 500)
    away = abs(np.median(corrected) - np.median(true))
    assert away <= {"published": 0.05, "zero": 0.12}[name] + error
    if name == "published":
        chance = slack(0.3, 500)
        judged = ["auc", "calibration_intercept", 0.3, 0.4, 0.6]
        assert all(0.86 - chance <= coverage[k] <= 0.94 + chance for k in judged)
        avoided = [coverage[f"avoided {t}"] for t in (0.3, 0.4, 0.5, 0.6)]
        assert all(0.83 - chance <= one <= 0.96 + chance for one in avoided)


def of_shrinkage(number: int, men: int, factor: float) -> tuple[float, float]:
    """Return the log-loss on fresh men of the default and of shrinking to zero."""
    own, fresh = clinic(number, men, factor), drawn(20_000, 9, factor)
    pick = (Candidate("published"), Candidate("zero"))
    fitted, _ = fit_all(pick, own, np.ones(men, dtype=np.int64), seed=number)
    loss = losses(fresh.y, predict_all(fitted, pick, fresh)).mean(axis=1)
    return float(loss[0]), float(loss[1])


@pytest.mark.parametrize(
    ("truth", "factor", "men", "most"),
    [("as published", 1.0, 60, -0.020), ("as published", 1.0, 100, -0.010),
     ("as published", 1.0, 1000, 0.003), ("no T/LH effect", 0.0, 60, 0.008),
     ("no T/LH effect", 0.0, 100, 0.005), ("reversed", -1.0, 60, 0.005),
     ("reversed", -1.0, 100, 0.005)],
)  # fmt: skip
def test_shrinking_to_the_published_effects_gains_where_men_are_few(truth, factor, men, most):
    """Log-loss of published minus zero, over 200 clinics; at 1,000 men the two agree."""
    clinics = min(CLINICS, 200)
    tasks = [(number, men, factor) for number in range(clinics)]
    loss = np.array(spread(of_shrinkage, tasks, jobs=JOBS, say=print, what=truth))
    finish()
    away = loss[:, 0] - loss[:, 1]
    error = away.std(ddof=1) / np.sqrt(clinics)
    print(f"{truth}, {men} men: zero {loss[:, 1].mean():.4f}, published minus zero "
          f"{1000 * away.mean():+.1f} +- {1000 * error:.1f} thousandths, better in "
          f"{(away < 0).mean():.0%}")  # fmt: skip
    chance = slack(float(away.std(ddof=1)), 200)
    assert away.mean() <= most + chance
    if men == 1000:
        assert away.mean() >= -most - chance


@pytest.mark.parametrize("sites", [3, 6, 10])
def test_pooling_covers_the_mean_of_sites_and_about_covers_another(sites):
    """The interval of the mean covers in 86 to 98 %, that of another site in 82 % or more."""
    random, mean, another = np.random.default_rng(4), [], []
    for _ in range(4 * CLINICS):
        site = random.normal(0.9, 0.3, sites + 1)
        errors = random.uniform(0.15, 0.3, sites)
        found = pool(random.normal(site[:-1], errors), errors)
        mean.append(found.low <= 0.9 <= found.high)
        another.append(found.expected_low <= site[-1] <= found.expected_high)
    print(f"{sites} sites: mean covered in {np.mean(mean):.3f}, another site in "
          f"{np.mean(another):.3f} of {len(mean)}")  # fmt: skip
    assert 0.86 - slack(0.3, 500) <= np.mean(mean) <= 0.98 + slack(0.3, 500)
    assert np.mean(another) >= 0.82 - slack(0.3, 500)


def cpu_of(men: int, tmp_path, resamples: int) -> float:
    """Return the CPU seconds of a validation in this process."""
    from respredict.validation.running import validate
    from tests.subjects import settings_for, subjects_of

    subjects, told = subjects_of(tmp_path, men, seed=3)
    start = time.process_time()
    validate(subjects, settings_for(resamples=resamples), provenance=told, sample_size={})
    return time.process_time() - start


def test_six_thousand_men_take_at_most_ten_times_what_six_hundred_take(tmp_path):
    """CPU seconds of the default run, everything in one process."""
    resamples = 200 if CLINICS >= 500 else 20
    small = cpu_of(600, tmp_path / "small", resamples)
    large = cpu_of(6000, tmp_path / "large", resamples)
    print(f"{resamples} resamples: 600 men {small:.1f} CPU s, 6,000 men {large:.1f} CPU s, "
          f"ratio {large / small:.1f}")  # fmt: skip
    assert large <= 10 * small


def test_the_report_does_not_depend_on_the_number_of_processes(tmp_path):
    """Byte for byte, in this process, in two and in three; a choice made in every resample."""
    import dataclasses

    from respredict.validation.running import validate
    from tests.subjects import settings_for, subjects_of

    subjects, told = subjects_of(tmp_path, 150, seed=5)
    texts = []
    for jobs in (1, 2, 3):
        asked = settings_for(resamples=20, jobs=jobs)
        asked = dataclasses.replace(
            asked, model=dataclasses.replace(asked.model, candidate="select")
        )
        texts.append(validate(subjects, asked, provenance=told, sample_size={}).to_json())
    print(f"{len(texts[0])} characters, the same for 1, 2 and 3 processes: "
          f"{texts[0] == texts[1] == texts[2]}")  # fmt: skip
    assert texts[0] == texts[1] == texts[2]


def test_worsening_is_validated_where_there_are_men_enough(tmp_path):
    """With 3,000 men its model is validated; with 600 the rate is told with its interval."""
    from respredict.validation.subjects import matrix_of
    from respredict.validation.worsening import worsening_section
    from tests.subjects import settings_for, subjects_of

    told = {}
    for men in (600, 3000):
        subjects, _ = subjects_of(tmp_path / str(men), men, seed=4)
        settings = settings_for(resamples=40)
        told[men] = worsening_section(subjects.worsened, matrix_of(subjects, "hormones"), settings)
    few, many = told[600], told[3000]
    auc = many["performance"]["auc"]
    print(f"600 men: {few['basis']}, {few['rate']['value']:.3f} [{few['rate']['low']:.3f}, "
          f"{few['rate']['high']:.3f}], a model takes {few['needed']}; 3,000 men: "
          f"{many['basis']}, AUC {auc['apparent']:.3f} apparent, "
          f"{auc['corrected']['value']:.3f} corrected, a model takes {many['needed']}")  # fmt: skip
    assert few["basis"] == "base rate"
    assert few["men"] < few["needed"]
    assert many["basis"] == "model"
    assert many["men"] >= many["needed"]
    assert auc["corrected"]["low"] > 0.5


def test_mlflow_run_validates(tmp_path):
    """``mlflow run . -e validate`` leaves report.json in the store it was begun in."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("MLproject", "python_env.yaml", "training", "data", "pyproject.toml", "src"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, project / name)
    (project / "small.toml").write_text(
        '[validation]\ncandidates = ["published"]\nresamples = 20\nrepeats = 1\njobs = 1\n'
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_TRACKING")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": path}
    environment.pop("RESPREDICT_HOME", None)
    told = subprocess.run(
        [sys.executable, "-m", "mlflow", "run", ".", "-e", "validate", "--env-manager", "local",
         "-P", "config=small.toml"],
        cwd=project, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr
    assert "Validated over 20 resamples" in told.stdout
    (report,) = project.rglob("report.json")
    text = report.read_text(encoding="utf-8")
    print(f"{len(text)} characters of {report.relative_to(project)}")
    assert Report.from_dict(json.loads(text)).settings["validation.resamples"] == 20
