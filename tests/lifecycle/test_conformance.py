"""The conformance pack: the same model answers the same, and another does not."""

import copy
import json

import pandas as pd
import pytest

from respredict.cli.main import main
from respredict.errors import InputError, RegistryError, RequestError
from respredict.lifecycle.cases import cases
from respredict.lifecycle.conformance import check_pack, compare_answers, essence, make_pack
from respredict.lifecycle.versions import whole_digest
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


CASE = {"name": "a", "request": {}, "expected": {}}


@pytest.mark.parametrize(
    ("pack", "said"),
    [
        ([], "must be a JSON object, got list"),
        ({"x": []}, "must hold format, tolerance and cases, got no format and no tolerance and no"),
        ({"cases": []}, "must hold format, tolerance and cases, got no format and no tolerance"),
        ({"format": 2, "tolerance": 0, "cases": [CASE]}, "must have format 1, got 2"),
        ({"format": 1, "tolerance": "0", "cases": [CASE]}, r"a tolerance in \[0, 1\), got '0'"),
        ({"format": 1, "tolerance": 0, "cases": []}, r"a list of at least one case, got \[\]"),
        ({"format": 1, "tolerance": 0, "cases": {}}, r"a list of at least one case, got \{\}"),
        ({"format": 1, "tolerance": 0, "cases": [CASE, {}]},
         "in every case, got case 2 without name and request and expected"),
        ({"format": 1, "tolerance": 0, "cases": [{**CASE, "request": 3}]}, "case 1 without requ"),
        ({"format": 1, "tolerance": 0, "cases": [3]}, "case 1 without name"),
    ],
)  # fmt: skip
def test_what_is_no_pack_is_refused(in_trained, capsys, tmp_path, pack, said):
    """With one clear error, by the function and by the command."""
    with pytest.raises(InputError, match=f"^--pack .*{said}"):
        check_pack(pack, "--pack")
    (tmp_path / "pack.json").write_text(json.dumps(pack))
    assert main(["conformance", "--pack", str(tmp_path / "pack.json")]) == 2
    assert capsys.readouterr().err.startswith("respredict: --pack must ")


def test_the_command_says_where_an_answer_departs(in_trained, capsys, tmp_path, few):
    refused = next(case for case in few["cases"] if "refused" in case["expected"])
    rule = refused["expected"]["refused"][0][1]
    refused["expected"]["refused"][0][1] = "be another"
    scored = next(case for case in few["cases"] if "improvement" in case["expected"])
    del scored["expected"]["improvement"]["level"]
    (tmp_path / "pack.json").write_text(json.dumps(few))
    assert main(["conformance", "--pack", str(tmp_path / "pack.json")]) == 1
    out = capsys.readouterr().out
    assert f"  {refused['name']}: /refused/0/1 must be 'be another', got {rule!r}\n" in out
    assert f"  {scored['name']}: /improvement/level must be nothing, got 0.9\n" in out
    assert "recorded" not in out


def test_a_model_is_named_by_its_first_digits(in_trained, capsys):
    digest = in_trained["trained"].bundle.digest
    for cut in (4, 12, 64):
        for name in (digest[7 : 7 + cut], digest[: 7 + cut], f"{digest[: 7 + cut]}…"):
            assert whole_digest(in_trained["home"], name) == digest
    assert main(["conformance", "--digest", digest[:19]]) == 0
    assert "conforms: 200 of 200 answers." in capsys.readouterr().out


def test_digits_that_name_no_model_or_two_are_refused(tmp_path):
    for name in ("abcd1" + "0" * 59, "abcd2" + "0" * 59):
        (tmp_path / "bundles" / name).mkdir(parents=True)
    (tmp_path / "bundles" / f"{'abcd1':0<64}.report.json").touch()
    assert whole_digest(tmp_path, "ABCD1") == f"sha256:{'abcd1':0<64}"
    with pytest.raises(RegistryError, match=r"must begin with abcd, got 2 of them. Give more"):
        whole_digest(tmp_path, "sha256:abcd")
    with pytest.raises(RegistryError, match=r"must begin with ffff, got none. Train or copy"):
        whole_digest(tmp_path, "ffff")
    for none in ("", "abc", "*", "../bundles", "champion", "g" * 64, "a" * 65):
        with pytest.raises(InputError, match="a digest must be 4 to 64 hexadecimal digits"):
            whole_digest(tmp_path, none)
