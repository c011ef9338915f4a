"""The bytes of an answer: what the Scorer says, each static text by reference."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import Any

import numpy as np
import pytest

from respredict.bundle import Extras
from respredict.errors import ExplanationError
from respredict.ledger.entry import Entry, Text
from respredict.ledger.payload import decode_body, encode_parts
from respredict.schema.request import read_request
from respredict.scoring import Scorer, Told
from respredict.uncertainty.refits import Refits
from tests.conftest import PUBLISHED_MAN
from tests.drawn_requests import TODAY, drawn_requests

DECISION = "0192f0c4-7b1e-7cc3-9d2a-5b8f3e6a1d47"
WHOLE_MAN = {
    **PUBLISHED_MAN,
    "sampled_on": "2026-10-02",
    "semen_volume": {"value": 2.6, "unit": "mL"}, "motility": {"value": 31, "unit": "%"},
    "semen_sampled_on": "2026-10-02", "reference": "a local pseudonym",
    "treatment": {"testosterone": "never", "stopped_on": None, "anastrozole_mg_week": 7,
                  "clomiphene": False, "tamoxifen": False, "gonadotropin_or_gnrh": False},
}  # fmt: skip


def told(scorer: Scorer, body: dict[str, Any]) -> Told:
    return scorer.told(read_request(body), decision_id=DECISION, today=TODAY)


def texts(answer: Told) -> list[Text]:
    return [piece for piece in answer.pieces if isinstance(piece, Text)]


def own(answer: Told) -> list[bytes]:
    return [piece for piece in answer.pieces if isinstance(piece, bytes)]


@pytest.fixture(scope="module")
def men() -> list[dict[str, Any]]:
    """Draw men of every kind, and one a year and more on the drug."""
    long = {"anastrozole_since": "2025-01-01", "anastrozole_mg_week": 7}
    return [*drawn_requests(400), WHOLE_MAN, {**WHOLE_MAN, "treatment": long}]


def test_the_bytes_say_what_the_scorer_gives(scorer, men):
    """Every member and every float is the same, alone, together and in bytes."""
    together = scorer.score_many(men, today=TODAY)
    statuses = set()
    for man, among in zip(men, together, strict=True):
        answer = told(scorer, man)
        alone = scorer.score(man, today=TODAY)

        assert json.loads(answer.body()) == {"decision_id": DECISION, **alone}
        assert alone == among
        assert answer.status == alone["status"]
        assert answer.risk == alone.get("improvement", {}).get("probability")
        statuses.add(answer.status)
    assert statuses == {"scored", "caution", "indeterminate"}


def test_a_number_is_written_to_its_last_digit(scorer, men):
    """What is read from the bytes are the floats that were reckoned."""
    requests = [read_request(man) for man in men]
    calculator = scorer.calculator
    numbers = calculator.numbers(
        calculator.matrix(requests), stated=calculator.stated_units(requests)
    )
    for row, man in enumerate(men):
        answer = json.loads(told(scorer, man).body())
        if "improvement" not in answer:
            continue
        figures = numbers.take(row)
        given = dict(zip(scorer.inputs, figures.explained.contributions, strict=True))
        explanation = answer["explanation"]

        assert answer["improvement"]["probability"] == figures.explained.probability
        assert answer["improvement"]["interval"] == figures.interval
        assert answer["improvement"]["redraw_interval"] == figures.redraw
        assert explanation["total"] == figures.explained.log_odds
        assert {c["input"]: c["log_odds"] for c in explanation["contributions"]}.items() <= (
            given.items()
        )


def test_one_man_in_plain_numbers_has_the_bits_of_many(scorer, men):
    """Probability, intervals, contributions and support, whatever he lacks."""
    calculator, requests = scorer.calculator, [read_request(man) for man in men]
    numbers = calculator.numbers(
        calculator.matrix(requests), stated=calculator.stated_units(requests)
    )
    for row, request in enumerate(requests):
        known = calculator.known(request)
        seen, figures = calculator.seen(known, request), calculator.figures(known, request)

        assert seen == numbers.support.take(row)
        assert figures.explained == numbers.explained.one(row)
        assert list(figures.interval) == numbers.take(row).interval
        assert list(figures.redraw) == numbers.take(row).redraw


@pytest.fixture(scope="module")
def others(scorer) -> dict[str, Scorer]:
    """Make Scorers of models that have more, or less, beside the pipeline."""
    bundle = scorer.bundle
    refits = bundle.extras.refits
    first = (a[:1] for a in (refits.intercept, refits.slopes, refits.mean, refits.covariance))
    made = {
        "nothing beside it": Extras(),
        "one refit": dataclasses.replace(bundle.extras, refits=Refits(*first)),
        "a model of worsening": dataclasses.replace(
            bundle.extras, worsening=bundle.pipeline, worsening_refits=refits
        ),
        "worsening without refits": dataclasses.replace(bundle.extras, worsening=bundle.pipeline),
    }
    return {
        name: Scorer(dataclasses.replace(bundle, extras=extras)) for name, extras in made.items()
    }


@pytest.mark.parametrize(
    "which",
    ["nothing beside it", "one refit", "a model of worsening", "worsening without refits"],
)
def test_a_model_with_more_or_less_beside_it_is_told_alike(others, men, which):
    """Alone and together, in bytes and as an object; worsening is his own or of all men."""
    other = others[which]
    for man, among in zip(men[:60], other.score_many(men[:60], today=TODAY), strict=True):
        alone = json.loads(told(other, man).body())
        own = "improvement" in alone and which == "a model of worsening"

        assert alone == {"decision_id": DECISION, **among}
        assert ("worsening" in alone) == ("improvement" in alone)
        if "improvement" in alone:
            assert alone["worsening"]["basis"] == ("model" if own else "base rate")
            assert ("interval" in alone["improvement"]) == (which != "nothing beside it")
            assert alone["comparators"]["prevalence"] is not None


def test_no_text_is_made_for_a_man(scorer, men):
    """Texts are made with the Scorer: another of the same model makes the same ones."""
    other = Scorer(scorer.bundle, scorer.model_card()["version"])
    for man in men:
        answer = told(scorer, man)
        again = told(other, man)

        assert again.pieces == answer.pieces
        for one, same in zip(texts(answer), texts(told(scorer, man)), strict=True):
            assert one is same
            assert Text.of(one.content) == one


def test_a_text_says_nothing_of_a_man(scorer):
    """Neither values, days nor names are in a text that a record quotes."""
    marked = {
        **WHOLE_MAN, "age": 41.23, "bmi": 33.71, "reference": "marked-pseudonym",
        "testosterone": {"value": 271.37, "unit": "ng/dL"},
        "estradiol": {"value": 7.77, "unit": "pg/mL", "comparator": "<"},
        "lh": {"value": 14.19, "unit": "IU/L"}, "fsh": {"value": 21.83, "unit": "IU/L"},
        "treatment": {"clomiphene": True, "anastrozole_since": "2024-08-09"},
    }  # fmt: skip
    answer = told(scorer, marked)
    static = b"".join(text.content for text in texts(answer))

    for mark in (
        b"41.23",
        b"33.71",
        b"271.",
        b"7.77",
        b"14.19",
        b"21.83",
        b"marked",
        b"he has taken it",
    ):
        assert mark in b"".join(own(answer))
        assert mark not in static


def test_what_is_said_of_every_man_is_quoted(scorer):
    """Most of an answer is static, in few texts, and nothing long is written out twice."""
    answer = told(scorer, WHOLE_MAN)

    assert len(texts(answer)) <= 7
    assert sum(map(len, own(answer))) < 0.45 * len(answer.body())
    assert not any(
        isinstance(first, bytes) and isinstance(second, bytes)
        for first, second in zip(answer.pieces, answer.pieces[1:], strict=False)
    )
    for row in json.loads(answer.body())["monitoring"]:
        assert row["source"].encode() not in b"".join(own(answer))


def test_a_record_gives_the_bytes_back(scorer, men):
    """The pieces are an answer that the ledger takes as it stands."""
    for man in men[:40]:
        answer = told(scorer, man)
        entry = Entry(kind="decision", actor="k", answer=answer.pieces, id=uuid.UUID(DECISION))
        body, quoted = encode_parts(entry, bytes(32))

        assert decode_body(body, quoted.__getitem__).answer == answer.body()
        assert len(body) < 0.6 * len(answer.body())


def test_text_beyond_ascii_is_utf_8(scorer):
    """A reference stands in the bytes as it was sent."""
    answer = told(scorer, {**WHOLE_MAN, "reference": "münchen 男"})

    assert "münchen 男".encode() in answer.body()
    assert json.loads(answer.body())["reference"] == "münchen 男"


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_a_number_that_is_none_is_refused(scorer):
    """JSON would say null: the answer does not leave."""
    refits = scorer.bundle.extras.refits
    slopes = np.full(refits.slopes.shape, 1e308) * np.where(
        np.arange(refits.slopes.shape[1]), 1, -1
    )
    extras = dataclasses.replace(
        scorer.bundle.extras,
        refits=Refits(refits.intercept, slopes, refits.mean, refits.covariance),
    )
    broken = Scorer(dataclasses.replace(scorer.bundle, extras=extras))

    with pytest.raises(ExplanationError, match=r"must be finite, got .*nan.* register it again"):
        told(broken, WHOLE_MAN)
