"""A report to draw, as an ordinary run left it, and the same of a clinic's men."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from respredict.equation import read_equation
from respredict.report.sources import Sources
from respredict.validation.report import Report

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "report"


def read(name):
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def sources():
    report = Report.from_dict(read("report.json")).as_dict()
    version = {"number": 3, "run_id": "0123abcd"}
    equation = read_equation(GOLDEN / "equation.json")
    return Sources(report, read("meta.json"), version, equation, read("points.json"))


@pytest.fixture
def changed(sources):
    """Return what makes the same sources with parts of the report changed."""

    def change(edit, **parts):
        report = copy.deepcopy(sources.report)
        edit(report)
        told = {"meta": sources.meta, "version": sources.version, "equation": sources.equation,
                "explanation": sources.explanation} | parts  # fmt: skip
        return Sources(report=report, **told)

    return change


def as_clinical(report):
    report["provenance"]["use"] = "local evaluation"
    report["provenance"]["cohort"]["kind"] = "clinical"
