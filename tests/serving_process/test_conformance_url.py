"""``respredict conformance --url`` asks a service that runs, and says what it left there."""

from __future__ import annotations

import json

import pytest

from respredict.cli import main
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from tests.serving_process.running import Running, own_home


@pytest.fixture(scope="module")
def service(trained, tmp_path_factory):
    """Serve the champion."""
    with Running(own_home(trained["home"], tmp_path_factory.mktemp("conforming"))) as service:
        yield service


@pytest.fixture
def url(service, monkeypatch):
    """Return its address, with its home and a key in the environment."""
    monkeypatch.setenv("RESPREDICT_HOME", str(service.home))
    monkeypatch.setenv("RESPREDICT_KEY", service.key)
    return f"http://127.0.0.1:{service.port}"


def decisions(home) -> list:
    with Reader(home) as reader:
        return list(reader.find(Filter(kind="decision"), limit=1000).records)


def test_a_service_conforms_and_its_answers_are_told_from_those_of_patients(service, url, capsys):
    """Over HTTP a refused request is the same rule as here; every answer is on record."""
    service.score()
    assert main(["conformance", "--url", url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["conforms"], told["departures"], told["cases"]) == (True, [], 200)
    found = decisions(service.home)
    assert [one.pseudonym for one in found] == ["", *["conformance"] * told["recorded"]]
    assert 100 < told["recorded"] < 200


def test_a_departure_is_told_as_it_is_here(service, url, capsys, tmp_path):
    """And how many answers were recorded for it."""
    digest = json.loads((service.home / "champion.json").read_text())["digest"]
    file = service.home / "bundles" / digest.removeprefix("sha256:") / "conformance.json"
    pack = json.loads(file.read_text())
    cases = {case["name"]: case for case in pack["cases"]}
    pack["cases"] = [cases["the published man"], cases["age 0"]]
    ((field, rule),) = cases["age 0"]["expected"]["refused"]
    cases["age 0"]["expected"]["refused"] = [[field, "be another"]]
    (tmp_path / "pack.json").write_text(json.dumps(pack))
    before = len(decisions(service.home))
    assert main(["conformance", "--url", url, "--pack", str(tmp_path / "pack.json")]) == 1
    assert capsys.readouterr().out == (
        f"{digest[:19]} departs from its pack in 1 place:\n"
        f"  age 0: /refused/0/1 must be 'be another', got {rule!r}\n"
        "The service recorded 1 of its answers as decisions, as it does all; their reference is "
        "'conformance'.\n"
    )
    assert len(decisions(service.home)) == before + 1


def test_without_a_key_the_variable_is_named(url, capsys, monkeypatch):
    monkeypatch.delenv("RESPREDICT_KEY")
    assert main(["conformance", "--url", url]) == 2
    assert "got 401" in (said := capsys.readouterr().err)
    assert "the key in RESPREDICT_KEY" in said
