"""The report as a page: its numbers, its words, its figures."""

from __future__ import annotations

import base64
import dataclasses
import re

import pytest

from respredict.lifecycle.reporting import report_documents
from respredict.report.amounts import Amount, shown
from respredict.report.blocks import Page
from respredict.report.forms import FORMS, add_form, form_json
from respredict.report.page import BANNER, document, report_page
from respredict.report.sections_limits import add_limits, add_reproduction
from respredict.report.sections_men import add_men, add_question, add_verdict
from respredict.report.sections_models import add_models, add_sites, add_subgroups, add_worsening
from respredict.report.sections_performance import (
    add_calibration,
    add_decision,
    add_learning,
    add_performance,
)
from respredict.report.sections_why import add_equation, add_explanation, add_shrinkage
from respredict.report.sentences import plain
from respredict.report.terms import TERMS
from tests.report.conftest import as_clinical
from tests.report.reading import Reader, numbers_in, words_in

#: A digit that is not part of a name, as the 2 of E2 is.
_DIGIT = re.compile(r"(?<![A-Za-z\d])\d")


def whole(sources):
    return report_page(sources, *(add_form(name) for name in FORMS))


@pytest.fixture(scope="module")
def page(sources):
    return whole(sources)


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


def inside(around, tag, **wanted):
    return any(t == tag and all(a.get(k) == v for k, v in wanted.items()) for t, a in around)


def test_every_number_is_of_the_report_and_written_by_one_function(read, sources):
    pool, seen = numbers_in(sources.as_dict()), 0
    for around, text in read.texts:
        tag, attributes = around[-1] if around else ("", {})
        if tag == "data":
            assert attributes["value"] in pool
            number = Amount(float(attributes["value"]), attributes["class"])
            assert text == shown(number)
            seen += 1
    assert seen > 500


def test_no_number_stands_in_a_text_that_is_not_marked(read, sources):
    words = words_in(sources.as_dict())
    for around, text in read.texts:
        tags = {tag for tag, _ in around}
        if inside(around, "span", **{"class": "told"}):
            assert text in words or text.split(": ", 1)[-1] in words
        elif not tags & {"data", "style", "title", "svg"} and not inside(
            around, "span", **{"class": "fixed"}
        ):
            formula = sources.equation.formula() if inside(around, "pre") else ""
            assert not _DIGIT.search(text) or text == formula, text


def test_nothing_is_fetched_and_nothing_runs(read):
    for tag, attributes in read.elements:
        assert tag not in {"script", "link", "iframe", "img"}
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "src", "xlink:href"):
            told = attributes.get(name, "#")
            assert told.startswith(("#", "data:text/csv;base64,"))


def test_identities_are_unique_and_what_points_to_one_finds_it(read):
    ids = [a["id"] for _, a in read.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in read.elements:
        for name in ("href", "xlink:href"):
            if attributes.get(name, "").startswith("#"):
                assert attributes[name][1:] in ids
        for name in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(name, ids[0]) in ids


@pytest.mark.parametrize("name", FORMS)
def test_what_an_answer_of_a_form_rests_on_is_there(read, sources, name):
    ids = {a["id"] for _, a in read.elements if "id" in a}
    rests_on = [item["rests_on"] for item in form_json(name, sources)["items"]]
    assert {place[1:] for place in rests_on if place} <= ids


def test_every_figure_has_words_and_data(read):
    pictures = [a for tag, a in read.elements if tag == "svg"]
    data = [a for tag, a in read.elements if tag == "a" and "download" in a]
    assert len(pictures) == len(data) == 12
    assert all(a["role"] == "img" and a["aria-describedby"] for a in pictures)
    for link in data:
        told = base64.b64decode(link["href"].split(",", 1)[1]).decode()
        head, *rows = told.strip().split("\n")
        assert rows
        assert "," in head


def test_the_data_of_a_figure_are_the_points_of_the_report(read, sources):
    link = next(a for _, a in read.elements if a.get("download") == "calibration.csv")
    told = base64.b64decode(link["href"].split(",", 1)[1]).decode().strip().split("\n")
    points = sources.report["calibration"]["points"]
    assert told[1:] == [f"{p['p']},{p['observed']},{p['low']},{p['high']}" for p in points]


@pytest.mark.parametrize("key", sorted(TERMS))
def test_a_term_is_explained_where_it_first_appears(read, key):
    label = TERMS[key][0]
    for around, text in read.texts:
        tags = {tag for tag, _ in around}
        if not tags & {"style", "title", "nav", "svg", "h2", "caption", "figcaption"}:
            if inside(around, "dfn") and text == label:
                return
            if key in ("auc", "brier", "ici", "net_benefit", "log_loss", "nomogram"):
                assert label not in text
    pytest.fail(f"{label} is not explained")


def test_a_demonstration_says_so_in_every_section_and_on_paper(read, page):
    headings = [text for around, text in read.texts if around and around[-1][0] == "h2"]
    stamps = [text for around, text in read.texts if inside(around, "span", **{"class": "stamp"})]
    assert stamps == ["demonstration"] * len(headings)
    assert f'@top-center {{ content: "{BANNER}"' in page


def section(sources, *adders):
    """Return sections alone: the whole page is dear."""
    page = Page("demonstration" if sources.demonstration else "")
    for add in adders:
        add(page, sources)
    return "".join(html for _, _, html in page.sections)


def test_a_clinic_s_report_is_no_demonstration_and_tells_no_man_s_value(changed):
    notice = (
        "estradiol_pg_ml: 1 that reads likelier in another unit: 132 pg/mL reads as pmol/L "
        "(35.95 pg/mL), in row 240."
    )

    def edit(report):
        as_clinical(report)
        report["notices"] = [notice, "a notice of nobody in particular"]

    of = changed(edit)
    told = section(of, add_verdict, add_question, add_men, add_limits, add_reproduction)
    assert "demonstration" not in told.lower()
    assert "demonstration" not in document("a title", (), demonstration=False).lower()
    assert "132 pg/mL" not in told
    assert "in row" not in told
    assert "1 that reads likelier in another unit" in told
    assert "a notice of nobody in particular" in told


def nothing(report):
    return report


@pytest.mark.parametrize(
    ("add", "edit", "parts", "said"),
    [
        (add_shrinkage, lambda r: r.update(shrinkage=[]), {}, "no coefficient to set beside"),
        (add_learning, lambda r: r.update(learning={"points": [], "reason": "too few men"}), {},
         "There is no learning curve: "),
        (add_equation, nothing, {"equation": None}, "no weighted sum of its values"),
        (add_explanation, nothing, {"explanation": None}, "were not stored with this model"),
        (add_sites, lambda r: r.update(transport={"sites": [], "pooled": {}}), {},
         "One clinic alone"),
        (add_worsening, lambda r: r["worsening"].update(needed=None), {}, "there is no model"),
        (add_subgroups, lambda r: r.update(subgroups=[{"by": "age", "group": "under 30",
         "reason": "fewer than 10 men"}]), {}, "fewer than 10 men"),
        (add_calibration, lambda r: r["risks"]["improved"].__setitem__(3, None), {}, "<svg "),
        (add_performance, lambda r: r["model"].update(asked="select"), {}, "Corrected AUC"),
        (add_reproduction, lambda r: r["provenance"]["cohort"].update(date=""), {}, "not stated"),
        (add_reproduction, lambda r: r["provenance"].update(
            command="respredict train TABLE --config SETTINGS --validate"), {},
         "; TABLE is the table with the digest below; SETTINGS is a file of the settings under "),
        (add_models, nothing, {}, "on men left out it is the other way round, "),
        (add_models, nothing, {}, "The correction takes too little off what is flexible"),
        (add_decision, lambda r: r["decision"][5]["net_benefit"]["corrected"].update(
            low=None, high=None, reason="no band"), {}, "(no interval: no band)"),
    ],
)  # fmt: skip
def test_what_a_report_lacks_is_said(changed, add, edit, parts, said):
    assert said in section(changed(edit, **parts), add)


def test_two_ways_of_judging_that_agree_need_no_sentence(changed):
    def edit(report):
        report["performance"]["boosting"]["log_loss"]["corrected"]["value"] = 0.63

    assert "other way round" not in section(changed(edit), add_models)


def test_a_rule_is_told_apart_from_what_is_refitted_on_it(sources):
    read = Reader(section(sources, add_models))
    texts = [text for around, text in read.texts if around[-1][0] == "th"]
    assert [t for t in texts if t.startswith("refitted on")] == [
        "refitted on T/LH of ", "refitted on T/E2 below ",
    ]  # fmt: skip
    assert [t for t in texts if t.startswith("rule")] == ["rule: T/LH of ", "rule: T/E2 below "]


def test_a_model_named_by_its_digest_has_no_version_number(sources):
    told = dataclasses.replace(sources, version={"number": None, "run_id": None})
    assert plain(told.name) == "a model"
    assert "in the registry" not in section(told, add_reproduction)


def test_the_documents_of_a_report_go_together_and_are_the_same_again(page, sources):
    made = report_documents(sources)
    assert made["report"] == page
    assert made["card_json"]["model"]["digest"] == sources.report["provenance"]["digest"]
    assert made["equation"] == sources.equation.as_dict()
    assert set(made["forms"]) == set(FORMS)
    assert made["verdict"]["findings"][0]["verdict"] == "met"
    assert "A demonstration" in made["verdict"]["bottom_line"]
