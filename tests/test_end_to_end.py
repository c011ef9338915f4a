"""One whole path: table, cohort, outcome, pipeline, MLflow, bundle, service, answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit

from respredict.cohort import read_cohort
from respredict.model.candidates import matrix_columns
from tests.conftest import COHORT, PUBLISHED_MAN


def test_the_number_served_is_the_one_the_registered_model_gives(in_trained, client):
    """Serve the published man over HTTP and find MLflow's own model to agree within 1e-12."""
    import mlflow

    response = client.post("/v1/score", json=PUBLISHED_MAN)
    model = client.get("/v1/model").json()
    answer = response.json()
    registered = mlflow.sklearn.load_model("models:/respredict@champion")
    columns = matrix_columns("hormones")
    row = dict.fromkeys(columns, 0.0) | {
        "age_years": 34.0, "bmi_kg_m2": 28.7, "testosterone_ng_dl": 270.6,
        "estradiol_pg_ml": 32.0, "lh_iu_l": 3.4, "fsh_iu_l": 4.8,
    }  # fmt: skip
    import pandas as pd

    expected = registered.predict_proba(pd.DataFrame([row], columns=list(columns)))[0, 1]

    assert response.status_code == 200
    assert answer["status"] == "scored"
    assert answer["improvement"]["probability"] == pytest.approx(expected, abs=1e-12)
    explanation = answer["explanation"]
    total = explanation["base"] + sum(c["log_odds"] for c in explanation["contributions"])
    assert total == pytest.approx(logit(answer["improvement"]["probability"]), abs=1e-9)
    assert answer["model"]["use"] == model["use"] == "demonstration"
    assert answer["model"]["digest"] == model["digest"] == in_trained["trained"].bundle.digest
    assert answer["chance_only"]["up"] == pytest.approx(0.35, abs=0.015)
    assert answer["derived"]["t_lh"]["value"] == pytest.approx(270.6 / 3.4)
    assert answer["comparators"]["t_e2_below_10"] is True


def test_published_medians_of_responders_score_well_above_those_of_others(scorer):
    """The index study's responders score at least 0.18 above its non-responders.

    Source: Naelitz et al. 2023, Fertil Steril 120:746-754, PMID 37392782.
    """

    def probability(t: float, lh: float, fsh: float, count: float) -> float:
        answer = scorer.score(
            {
                "age": 35,
                "testosterone": {"value": t, "unit": "ng/dL"},
                "lh": {"value": lh, "unit": "IU/L"},
                "fsh": {"value": fsh, "unit": "IU/L"},
                "sperm_concentration": {"value": count, "unit": "10*6/mL"},
            }
        )
        return answer["improvement"]["probability"]

    assert probability(356, 4.7, 4.7, 3.6) - probability(265, 8.3, 6.7, 0.3) >= 0.18


def test_a_mans_numbers_do_not_depend_on_who_is_scored_with_him(scorer, trained):
    """Alone, among 7 and among 2,000 he gets the same bits, whatever he lacks."""
    men = read_cohort(COHORT).men
    columns = list(matrix_columns("hormones"))
    X = np.resize(men[columns].to_numpy(dtype=float), (2000, len(columns)))
    whole = scorer.calculator.numbers(X).explained
    served = trained["trained"].bundle.pipeline.predict_proba(_frame(X, columns))[:, 1]
    for size in (1, 7):
        for start in range(0, 140, size):
            part = scorer.calculator.numbers(X[start : start + size]).explained
            rows = slice(start, start + size)
            np.testing.assert_array_equal(part.probability, whole.probability[rows])
            np.testing.assert_array_equal(part.contributions, whole.contributions[rows])
    np.testing.assert_allclose(whole.probability, served, rtol=0, atol=1e-12)


def _frame(X, columns):
    import pandas as pd

    return pd.DataFrame(X, columns=columns)
