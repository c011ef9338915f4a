"""What a version went by, and the sums reckoned again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from itertools import pairwise

import numpy as np
import pytest

from respredict.audit import sums
from respredict.audit.explanations import gather
from respredict.audit.sums import SumCheck, check_sums, check_sums_apart, sum_error
from respredict.ledger.chain import seal
from respredict.ledger.creation import writing
from respredict.ledger.entry import Entry
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.schema.analytes import analyte


def decisions(home, model):
    with Reader(home) as reader:
        asked = Filter(kind="decision", model=model)
        return reader.find(asked, limit=500, payloads=True).records


def scored(records):
    told = [(record, json.loads(record.payload.answer)) for record in records]
    return [(record, answer) for record, answer in told if "explanation" in answer]


@pytest.fixture
def home(audited, tmp_path):
    return shutil.copytree(audited["home"], tmp_path / "home")


def test_importance_is_the_mean_size_over_every_decision(audited):
    """An input that a man lacks gave nothing; recomputed here from the recorded JSON."""
    records = decisions(audited["home"], audited["first"].bundle.digest)
    told, every = gather(records), scored(records)
    found = told.importance()
    assert len(told.sequences) == len(every) > 30
    for name in ("lh", "estradiol"):
        parts = [
            abs(part["log_odds"])
            for _, answer in every
            for part in answer["explanation"]["contributions"]
            if part["input"] == name
        ]
        assert found[name] == pytest.approx(sum(parts) / len(every), rel=1e-12)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_points_are_in_the_unit_a_clinician_measures(audited):
    """The value that the model used, in the canonical unit, with its contribution."""
    records = decisions(audited["home"], audited["first"].bundle.digest)
    told = gather(records)
    values, contributions = told.points("lh")
    assert told.units[told.inputs.index("lh")] == analyte("lh").unit
    _, answer = scored(records)[0]
    used = answer["inputs"]["lh"]["used"]["value"]
    part = next(c for c in answer["explanation"]["contributions"] if c["input"] == "lh")
    assert (values[0], contributions[0]) == (used, part["log_odds"])
    assert np.corrcoef(np.log(values), contributions)[0, 1] < -0.99


def test_fifths_hold_every_decision_once(audited):
    """In order of the values, and their means weigh up to the mean of all."""
    told = gather(decisions(audited["home"], audited["first"].bundle.digest))
    rows, (values, contributions) = told.fifths("lh"), told.points("lh")
    assert sum(count for *_, count in rows) == len(values)
    assert (rows[0][0], rows[-1][1]) == (values.min(), values.max())
    assert all(before[1] < after[0] for before, after in pairwise(rows))
    mean = sum(mean * count for *_, mean, count in rows) / len(values)
    assert mean == pytest.approx(contributions.mean(), rel=1e-9)


def test_nothing_on_record_is_nothing_told():
    """Without decisions there is no importance, and no point."""
    none = gather([])
    assert none.importance() == {}
    assert none.inputs == ()


@pytest.mark.parametrize(("p", "error"), [(0.5, 0.0), (0.6, 0.405465), (0.4, 0.405465)])
def test_a_sum_is_reckoned_from_what_is_recorded(p, error):
    """The distance from base plus contributions to the log-odds of the probability."""
    explained = {"base": -1.0, "total": 0.0, "contributions": [{"log_odds": 1.0}]}
    answer = {"improvement": {"probability": p}, "explanation": explained}
    assert sum_error(answer) == pytest.approx(error, abs=1e-6)


def test_every_sum_of_a_version_holds_and_is_reckoned_once(audited):
    """What follows is reckoned from where the last time ended."""
    digest = audited["first"].bundle.digest
    with Reader(audited["home"]) as reader:
        whole = check_sums(reader, digest)
        again = check_sums(reader, digest, whole)
    assert whole.decisions == len(scored(decisions(audited["home"], digest)))
    assert 0 < whole.greatest < 1e-12
    assert again == whole


def record(home, model, answer, risk=0.6):
    with writing(home) as appending:
        entry = Entry(kind="decision", actor="a", model=model, answer=answer, risk=risk)
        return appending.add(seal(entry)).sequence


def test_a_wrong_sum_and_an_unreadable_answer_are_named(home, audited):
    """The greatest error with its record; what is no answer is told apart."""
    digest = audited["first"].bundle.digest
    explained = {"base": 0.0, "total": 0.0, "contributions": []}
    wrong = json.dumps({"improvement": {"probability": 0.6}, "explanation": explained}).encode()
    at, broken = record(home, digest, wrong), record(home, digest, b"{")
    with sqlite3.connect(home / "ledger.db") as connection:
        connection.execute("UPDATE payload SET body = x'ff' WHERE sequence = 5")
    connection.close()
    with Reader(home) as reader:
        told = check_sums(reader, digest)
    assert told.at == at
    assert told.greatest == pytest.approx(0.405465, abs=1e-6)
    assert set(told.unreadable) == {5, broken}


def test_a_process_apart_finds_the_same(audited, monkeypatch):
    """Where there are many, and it tells how far it is."""
    digest = audited["first"].bundle.digest
    here = check_sums_apart(audited["home"], digest)
    monkeypatch.setattr(sums, "_APART", 10)
    told = []
    apart = check_sums_apart(audited["home"], digest, SumCheck(), tell=told.append)
    assert apart == here
    assert told[-1] == here.reached
