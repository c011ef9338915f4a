"""A report of 600 men: validated, drawn, weighed."""

from __future__ import annotations

import json
import time

import pytest

from respredict.config import Settings, ValidationSettings
from respredict.explain import Explainer
from respredict.lifecycle.reporting import report_documents
from respredict.lifecycle.subjects import read_subjects, sample_size_of
from respredict.model.candidates import PREDICTORS
from respredict.report.explanations import explanation_points
from respredict.report.sources import Sources
from respredict.validation.running import validate
from tests.conftest import COHORT
from tests.report.conftest import read

pytestmark = pytest.mark.prove

MOST_SECONDS, MOST_BYTES = 20, 3_000_000
ORDINARY = ValidationSettings(candidates=("published", "zero"), resamples=20, repeats=1)


def test_a_report_of_600_men_is_small_and_soon_made(trained):
    settings = Settings(validation=ORDINARY).with_cohort(COHORT)
    _, subjects = read_subjects(settings)
    origin = {**read("report.json")["provenance"], "digest": trained["trained"].bundle.digest}
    begun = time.process_time()
    report = validate(subjects, settings, provenance=origin,
                      sample_size=sample_size_of(subjects, settings))  # fmt: skip
    validating = time.process_time() - begun
    bundle, inputs = trained["trained"].bundle, PREDICTORS["hormones"]
    X = subjects.men[list(bundle.meta["columns"])].astype(float)
    explained = Explainer(bundle.pipeline, inputs).explain(X)
    values = X.iloc[:, : len(inputs)].to_numpy()
    points = explanation_points(explained, values, inputs, coarse=False)
    told = json.loads(report.to_json())
    of = Sources(told, bundle.meta, {"number": 1, "run_id": "0"}, None, points)
    begun = time.process_time()
    made = report_documents(of)
    drawing, size = time.process_time() - begun, len(made["report"].encode())
    print(f"\n{told['cohort']['men']} of 600 men: validated in {validating:.1f} s of this process, "
          f"drawn in {drawing:.1f} s, {size / 1e6:.2f} MB")  # fmt: skip
    assert len(told["stability"]["points"]) > 500
    assert drawing < MOST_SECONDS
    assert size < MOST_BYTES
