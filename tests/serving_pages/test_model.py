"""What the model's page tells once there is a report, a pack and a version before."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from respredict.access.identity import Identity
from respredict.audit.promotions import record_promotion
from respredict.bundle import report_file, write_bundle
from respredict.ledger.reading import Reader
from respredict.lifecycle.conformance import make_pack
from respredict.scoring import Scorer
from serving.pages import model
from serving.problems import RefusedError
from tests.serving_pages.conftest import words_of
from tests.serving_process.running import own_home


@pytest.fixture(scope="module")
def second(trained, tmp_path_factory):
    """Promote a second version, of other men on paper and with a pack, after the first."""
    home = own_home(trained["home"], tmp_path_factory.mktemp("second"))
    first = trained["trained"].bundle
    pack = make_pack(Scorer(first).score)
    meta = {**first.meta, "trained_on": {**first.meta["trained_on"], "men": 417}}
    extras = dataclasses.replace(first.extras, documents={"conformance.json": pack})
    bundle = write_bundle(home, first.pipeline, meta, extras)
    for number, digest in ((1, first.digest), (2, bundle.digest)):
        told = {"version": number, "digest": digest, "run_id": "", "reason": f"reason {number}"}
        record_promotion(home, name="respredict", actor="an operator", **told)
    with Reader(home) as reader:
        yield SimpleNamespace(home=home, scorer=Scorer(bundle, 2), reader=reader)


def ask(handler, service, **named):
    scope = {
        "type": "http", "method": "GET", "headers": [], "respredict.named": named,
        "app": SimpleNamespace(state=SimpleNamespace(service=service)),
        "respredict.identity": Identity("a key", frozenset({"auditor"}), "key"),
    }  # fmt: skip
    return asyncio.run(handler(Request(scope)))


def test_it_tells_what_changed_since_the_version_before(second):
    """Men, settings and performance that differ; every promotion, the latest first."""
    said = words_of(ask(model.shown, second).body.decode())
    changed = re.search(r"Since version 1 What Before Now (.*?) Promotions", said)[1]

    assert changed == f"men it learnt from {_men(second)} 417"
    assert said.index("reason 2") < said.index("reason 1")


def _men(second) -> int:
    before = second.home / "bundles" / _first(second).removeprefix("sha256:")
    return json.loads((before / "meta.json").read_text())["trained_on"]["men"]


def _first(second) -> str:
    from respredict.audit.promotions import promotions

    return promotions(second.reader)[0].digest


def test_it_tells_the_conformance_pack(second):
    """How many requests of which kind; the pack itself is one link away."""
    page = ask(model.shown, second).body.decode()
    pack = ask(model.document, second, name="conformance.json").body

    assert f"Its pack holds {len(json.loads(pack)['cases'])} requests" in words_of(page)
    assert 'href="/model/conformance.json"' in page
    assert json.loads(pack) == second.scorer.bundle.document("conformance.json")


def test_it_quotes_the_report_where_there_is_one(second):
    """The corrected numbers of the model that is served, with their interval."""
    with pytest.raises(RefusedError):
        ask(model.document, second, name="report.json")
    file = report_file(second.scorer.bundle.folder)
    auc = {
        "apparent": 0.75,
        "optimism": 0.02,
        "corrected": {"value": 0.73, "low": 0.7, "high": 0.8},
    }
    slope = {"apparent": 1.0, "corrected": {"value": None, "reason": "too few"}}
    told = {
        "model": {"candidate": "published"}, "sample_size": {}, "notices": ["Few men."],
        "performance": {"published": {"auc": auc, "calibration_slope": slope}},
    }  # fmt: skip
    file.write_text(json.dumps(told), encoding="utf-8")
    said = words_of(ask(model.shown, second).body.decode())

    assert "AUC 0.750 0.730 0.700 to 0.800" in said
    assert "Calibration slope 1.000 – –" in said
    assert "Few men." in said
    assert json.loads(ask(model.document, second, name="report.json").body) == told


def test_a_version_before_that_is_gone_is_told(second):
    """The page stays; it says what cannot be compared."""
    folder = second.home / "bundles" / _first(second).removeprefix("sha256:")
    moved = folder.rename(folder.with_name("away"))
    try:
        said = words_of(ask(model.shown, second).body.decode())
    finally:
        moved.rename(folder)

    assert "Since version 1" not in said
    assert _first(second)[:19] in said
