"""``respredict report``: files, and what stops it."""

from __future__ import annotations

import argparse
import json

import pytest

from respredict.bundle import report_file
from respredict.cli.common import adder
from respredict.cli.report import _said, add_report
from respredict.errors import InputError, RegistryError
from tests.report.conftest import read


def run(*words):
    parser = argparse.ArgumentParser()
    add_report(adder(parser.add_subparsers()))
    given = parser.parse_args(["report", *map(str, words)])
    return given.run(given)


@pytest.fixture
def validated(in_trained):
    """Lay a validation beside the champion's bundle, as train --validate does."""
    bundle = in_trained["trained"].bundle
    told = read("report.json")
    told["provenance"]["digest"] = bundle.digest
    file = report_file(bundle.folder)
    file.write_text(json.dumps(told), encoding="utf-8")
    yield bundle
    file.unlink()


def test_every_document_is_written(validated, tmp_path, capsys):
    files = {name: tmp_path / name for name in ("r.html", "c.json", "f.json", "e.json")}
    code = run("champion", "--out", files["r.html"], "--card", files["c.json"], "--forms",
               files["f.json"], "--equation", files["e.json"], "--json")  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert told["digest"] == validated.digest
    assert {path: file.stat().st_size for path, file in
            ((str(f), f) for f in files.values())} == told["files"]  # fmt: skip
    assert json.loads(files["c.json"].read_text())["model"]["digest"] == validated.digest
    assert set(json.loads(files["f.json"].read_text())) == {"tripod_ai", "probast_ai"}
    assert json.loads(files["e.json"].read_text())["format"] == "respredict-equation/1"
    assert f"sha256:{validated.digest[7:]}" in files["r.html"].read_text(encoding="utf-8")


@pytest.mark.prove  # a second drawing is dear
def test_a_person_reads_the_verdict(validated, tmp_path, capsys):
    card = tmp_path / "card.html"
    run(validated.digest, "--out", tmp_path / "report.html", "--card", card)
    told = capsys.readouterr().out
    assert told.startswith("A demonstration: the men are synthetic")
    assert "not met     Are they right in every group of men?" in told
    assert told.splitlines()[-1].endswith(f": {card.stat().st_size / 1e3:.1f} kB")
    assert "Model card of" in card.read_text(encoding="utf-8")


def test_a_small_file_is_told_in_kilobytes():
    told = {"verdict": {"bottom_line": "x", "findings": []},
            "files": {"r.html": 1_240_000, "card.html": 11_420, "eq.json": 940}}  # fmt: skip
    assert _said(told).splitlines()[1:] == [
        "r.html: 1.2 MB",
        "card.html: 11.4 kB",
        "eq.json: 0.9 kB",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--card", "card.pdf"), r"--card must end in \.html or \.json, got 'card\.pdf'"),
        (("--forms", "forms.html"), r"--forms must end in \.json, got 'forms\.html'"),
        (("--equation", "e.txt"), r"--equation must end in \.json, got 'e\.txt'"),
    ],
)
def test_a_file_of_another_kind_is_refused(validated, words, message):
    with pytest.raises(InputError, match=message):
        run("champion", *words)


def test_a_version_that_is_not_there_is_refused(in_trained):
    with pytest.raises(RegistryError, match="a version must be registered, got no '99'"):
        run("99")
