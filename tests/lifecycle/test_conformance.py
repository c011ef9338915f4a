"""The conformance pack: the same model answers the same, and another does not."""

import copy
import json

import pandas as pd
import pytest

from respredict.errors import RequestError
from respredict.lifecycle.cases import cases
from respredict.lifecycle.conformance import compare_answers, essence, make_pack
from respredict.schema.request import read_request


@pytest.fixture(scope="module")
def pack(scorer):
    return json.loads(json.dumps(make_pack(scorer.score), allow_nan=False))


@pytest.fixture
def few(pack):
    """Return a pack of forty cases of every kind, to be changed."""
    return {**pack, "cases": copy.deepcopy(pack["cases"][::5])}


def test_it_holds_200_requests_of_every_kind(pack):
    assert len(pack["cases"]) == len({case["name"] for case in pack["cases"]}) == 200
    kinds = [case["expected"].get("status", "refused") for case in pack["cases"]]
    for kind in ("scored", "caution", "indeterminate", "refused"):
        assert kinds.count(kind) >= 10, kind


def test_every_request_is_the_same_each_time():
    assert cases() == cases()


def test_a_model_conforms_to_its_own_pack(pack, scorer):
    assert compare_answers(pack, scorer.score) == []


def test_the_probabilities_are_those_of_the_pipeline(pack, scorer):
    scored = [c for c in pack["cases"] if "improvement" in c["expected"]]
    X = scorer.calculator.matrix([read_request(case["request"]) for case in scored])
    table = pd.DataFrame(X, columns=scorer.bundle.meta["columns"])
    p = scorer.bundle.pipeline.predict_proba(table)[:, 1]
    told = [case["expected"]["improvement"]["probability"] for case in scored]
    assert told == pytest.approx(p.tolist(), abs=1e-12)


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("/improvement/probability", lambda e: e["improvement"].update(probability=0.123)),
        ("/contributions/lh", lambda e: e["contributions"].update(lh=e["total"] + 9)),
        ("/status", lambda e: e.update(status="refused")),
        ("/cautions/0", lambda e: e["cautions"].__setitem__(0, "another")),
        ("/improvement/interval/0", lambda e: e["improvement"]["interval"].__setitem__(0, 0.0)),
    ],
)
def test_a_change_is_named_with_its_place(few, scorer, where, change):
    case = next(
        c for c in few["cases"] if c["expected"].get("cautions") and "improvement" in c["expected"]
    )
    change(case["expected"])
    found = compare_answers(few, scorer.score)
    assert {(d.case, d.where) for d in found} == {(case["name"], where)}


def test_a_difference_below_the_tolerance_is_none(few, scorer):
    case = next(c for c in few["cases"] if "improvement" in c["expected"])
    case["expected"]["improvement"]["probability"] *= 1 + 1e-12
    assert compare_answers(few, scorer.score) == []


def test_a_rule_that_is_no_longer_kept_is_named(few, scorer):
    def lenient(body):
        try:
            return scorer.score(body)
        except RequestError:
            return scorer.score({"age": 40})

    found = compare_answers(few, lenient)
    refused = {c["name"] for c in few["cases"] if "refused" in c["expected"]}
    assert {d.case for d in found} == refused


def test_neither_text_nor_identity_is_part_of_it(scorer):
    told = json.dumps(essence(scorer.score(cases()[0][1])))
    assert scorer.bundle.digest not in told
    assert "monitoring" not in told
