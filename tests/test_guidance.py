"""What accompanies a score: ten men, and every row of the sources' tables where it appears."""

from __future__ import annotations

import dataclasses
import datetime
import json
from types import SimpleNamespace
from typing import Any

import pytest

from respredict import guidance
from respredict.evidence import citation, fact, load
from respredict.schema.quantities import Quantity
from respredict.schema.request import Request, read_request

UNITS = {
    "testosterone": "ng/dL",
    "estradiol": "pg/mL",
    "lh": "[IU]/L",
    "fsh": "[IU]/L",
    "sperm_concentration": "10*6/mL",
}
ALWAYS = ["off_label", "consent", "tapering", "no_control", "not_a_device"]
GROUPS = ["bmi_25", "t_e2_10", "oligozoospermia", "t_lh_100"]
CRITERIA = ["low_testosterone", "high_estradiol", "bmi_25", "t_e2_10", "t_lh_100"]
YES, NO, OPEN = True, False, None


def man(*, since: str | None = None, drugs: dict[str, Any] | None = None, **told: Any) -> Request:
    """Return a man; hormones as numbers or as ``<20`` in canonical units."""
    body: dict[str, Any] = {"age": 36, **({"treatment": drugs} if drugs else {})}
    for name, value in told.items():
        side = value[0] if isinstance(value, str) and value[0] in "<>" else ""
        body[name] = value
        if name in UNITS:
            number = float(value[1:]) if side else float(value)
            body[name] = {"value": number, "unit": UNITS[name], "comparator": side or None}
    request = read_request(body)
    if since is None:
        return request
    taken = {
        f.name: getattr(request.treatment, f.name) for f in dataclasses.fields(request.treatment)
    }
    treatment: Any = SimpleNamespace(
        **{**taken, "anastrozole_since": datetime.date.fromisoformat(since)}
    )
    return dataclasses.replace(request, treatment=treatment)


def ratios(request: Request) -> tuple[Quantity | None, Quantity | None]:
    """Return T/E2 and T/LH as the Scorer derives them."""
    over = request.quantities.get("testosterone")
    under = [request.quantities.get(name) for name in ("estradiol", "lh")]
    found = [over.divided_by(below) if over and below else None for below in under]
    return found[0], found[1]


MEN = {
    "long-term, azoospermic, T/LH of 100 or more, BMI 31": {
        "man": man(
            bmi=31, testosterone=420, estradiol=32, lh=3.9, fsh=4.1, sperm_concentration=0,
            sampled_on="2026-10-02", since="2024-08-01", drugs={"anastrozole_mg_week": 7},
        ),
        "groups": (YES, NO, NO, YES),
        "criteria": (NO, NO, YES, NO, YES),
        "notices": ["hypergonadotropic", "aua_azoospermia"],
        "cautions": [],
        "months": 26,
    },
    "the published man": {
        "man": man(
            bmi=28.7, testosterone=270.6, estradiol=32, lh=3.4, fsh=4.8, sperm_concentration=7.8
        ),
        "groups": (YES, YES, YES, NO),
        "criteria": (YES, NO, YES, YES, NO),
        "notices": ["aua_low_testosterone", "hypergonadotropic"],
        "cautions": [],
    },
    "nothing but his age": {
        "man": man(),
        "groups": (OPEN, OPEN, OPEN, OPEN),
        "criteria": (OPEN, OPEN, OPEN, OPEN, OPEN),
        "notices": [],
        "cautions": [],
    },
    "censored values leave it open": {
        "man": man(
            bmi=24.9, testosterone=160, estradiol="<20", lh="<1.8", fsh=1.4,
            sperm_concentration="<0.1",
        ),
        "groups": (NO, OPEN, OPEN, OPEN),
        "criteria": (YES, NO, NO, OPEN, OPEN),
        "notices": ["aua_low_testosterone"],
        "cautions": [],
    },
    "censored values that settle it": {
        "man": man(testosterone=270.6, estradiol="<20", lh="<2", fsh=3, sperm_concentration=">15"),
        "groups": (OPEN, NO, NO, YES),
        "criteria": (YES, NO, OPEN, NO, YES),
        "notices": ["aua_low_testosterone"],
        "cautions": [],
    },
    "LH and FSH high, on clomiphene and hCG": {
        "man": man(
            bmi=22, testosterone=310, estradiol=24, lh=14.2, fsh=22, sperm_concentration=0.4,
            drugs={"clomiphene": True, "tamoxifen": False, "gonadotropin_or_gnrh": True},
        ),
        "groups": (NO, NO, YES, NO),
        "criteria": (NO, NO, NO, NO, NO),
        "notices": ["hypergonadotropic"],
        "cautions": ["primary_testicular_failure", "cotreatment"],
    },
    "estradiol of 6 three months after the start": {
        "man": man(
            bmi=33, testosterone=610, estradiol=6, lh=6, fsh=7.6, sperm_concentration=15,
            sampled_on="2026-10-02", since="2026-07-01", drugs={"anastrozole_mg_week": 7},
        ),
        "groups": (YES, NO, NO, YES),
        "criteria": (NO, NO, YES, NO, YES),
        "notices": ["hypergonadotropic"],
        "cautions": ["over_suppression"],
    },
    "estradiol below the assay's limit on the day of the start": {
        "man": man(
            bmi=25, testosterone=300, estradiol="<20", lh=1.7, fsh=1.5, sperm_concentration=14.9,
            sampled_on="2026-10-02", since="2026-10-02", drugs={"tamoxifen": True},
        ),
        "groups": (YES, NO, YES, YES),
        "criteria": (NO, NO, YES, NO, YES),
        "notices": ["hypergonadotropic"],
        "cautions": ["over_suppression_possible", "cotreatment"],
    },
    "estradiol of 6 before the start, testosterone in the past": {
        "man": man(
            bmi=29, testosterone=250, estradiol=6, lh=8.6, fsh=9, sampled_on="2026-06-30",
            since="2026-07-01", drugs={"testosterone": "past"},
        ),
        "groups": (YES, NO, OPEN, NO),
        "criteria": (YES, NO, YES, NO, NO),
        "notices": ["aua_low_testosterone", "hypergonadotropic", "aua_testosterone"],
        "cautions": [],
    },
    "estradiol of 60, low LH, dose of 0 for years, on testosterone": {
        "man": man(
            bmi=40, testosterone=599, estradiol=60, lh=0.2, fsh="<0.3", sperm_concentration=0,
            sampled_on="2026-10-02", since="2020-01-01",
            drugs={"testosterone": "current", "anastrozole_mg_week": 0},
        ),
        "groups": (YES, YES, NO, YES),
        "criteria": (NO, YES, YES, YES, YES),
        "notices": ["aua_azoospermia", "aua_testosterone"],
        "cautions": [],
    },
}  # fmt: skip
every_man = pytest.mark.parametrize("case", MEN.values(), ids=list(MEN))


@every_man
def test_a_man_carries_his_groups(case):
    """He belongs to, is outside of, or may belong to each published group."""
    told = guidance.published_groups(case["man"], *ratios(case["man"]))

    assert [row["group"] for row in told] == [fact(f"group_{name}").what for name in GROUPS]
    assert tuple(row["belongs"] for row in told) == case["groups"]
    assert [row["belongs"] is None for row in told] == ["reason" in row for row in told]


@every_man
def test_a_man_carries_his_criteria(case):
    """He meets, misses, or may meet each criterion, with what the criterion is worth."""
    told = guidance.candidate_criteria(case["man"], *ratios(case["man"]))

    rows = [fact(f"candidate_{name}") for name in CRITERIA]
    assert [row["criterion"] for row in told] == [row.what for row in rows]
    assert [row["evidence"] for row in told] == [row["evidence"] for row in rows]
    assert tuple(row["met"] for row in told) == case["criteria"]
    assert [row["met"] is None for row in told] == ["reason" in row for row in told]


@every_man
def test_a_man_carries_his_notices_and_cautions(case):
    """What holds of every score comes first, then what matches him."""
    told = guidance.notices(case["man"])

    assert [row["code"] for row in told] == [*ALWAYS, *case["notices"]]
    assert [row["code"] for row in guidance.cautions(case["man"])] == case["cautions"]


@every_man
def test_monitoring_and_safety_are_whole_and_say_for_how_long(case):
    """Every row is there; after a year on the drug, those of long-term use say how long."""
    watched, risks = guidance.monitoring(case["man"]), guidance.safety(case["man"])

    longer = f"; he has taken it for {case['months']} months" if "months" in case else ""
    bone = {"monitor_bone": longer, "safety_bone": longer}
    assert [row["when"] for row in watched] == [
        row["when"] + bone.get(row.id, "") for row in load("monitoring")
    ]
    assert [row["action"] for row in risks] == [
        row["action"] + bone.get(row.id, "") for row in load("safety")
    ]


@every_man
def test_everything_says_its_source_and_is_plain_json(case):
    """Each row of an answer has a source, a clinic page is called one, and JSON can hold it."""
    t_e2, t_lh = ratios(case["man"])
    rows = [
        *guidance.monitoring(case["man"]),
        *guidance.safety(case["man"]),
        *guidance.published_groups(case["man"], t_e2, t_lh),
        *guidance.candidate_criteria(case["man"], t_e2, t_lh),
        *guidance.protocols(),
        *guidance.before_after(),
        *guidance.notices(case["man"], demonstration=True),
        *guidance.cautions(case["man"]),
        guidance.azoospermia_caution(),
    ]

    assert all(row["source"] for row in rows)
    assert json.loads(json.dumps(rows, allow_nan=False)) == [
        {k: list(v) if isinstance(v, tuple) else v for k, v in row.items()} for row in rows
    ]
    assert guidance.monitoring(case["man"])[0]["source"] == "clinic web page, not a guideline"


@pytest.mark.parametrize(
    ("name", "at", "reason"),
    [
        ("nothing but his age", 0, "BMI is missing"),
        ("nothing but his age", 1, "total testosterone and estradiol are missing"),
        ("nothing but his age", 2, "sperm concentration is missing"),
        ("censored values leave it open", 1, "estradiol <20 pg/mL leaves it open"),
        ("censored values leave it open", 2, "sperm concentration <0.1 million/mL leaves it open"),
        ("censored values leave it open", 3, "LH <1.8 IU/L leaves it open"),
    ],
)
def test_an_open_group_says_why(name, at, reason):
    """The reason names what is missing or censored, in the values the laboratory gave."""
    request = MEN[name]["man"]

    assert guidance.published_groups(request, *ratios(request))[at]["reason"] == reason


def test_a_ratio_of_two_censored_values_says_both():
    """Where both sides of a ratio are censored, both are named."""
    request = man(testosterone="<50", lh="<0.5")

    told = guidance.published_groups(request, *ratios(request))

    assert told[3]["belongs"] is None
    assert told[3]["reason"] == "total testosterone <50 ng/dL and LH <0.5 IU/L leave it open"


def test_a_ratio_that_was_not_derived_is_open():
    """A ratio withheld by the caller leaves the group open, and says no more than it knows."""
    request = man(testosterone=400, lh=4)

    assert guidance.published_groups(request, None, None)[3]["reason"] == "T/LH is not known"


def test_both_contradicting_reports_are_shown_to_an_azoospermic_man():
    """Shoshany saw none of the azoospermic men improve, Yang some: neither stands alone."""
    request = MEN["long-term, azoospermic, T/LH of 100 or more, BMI 31"]["man"]
    group = guidance.published_groups(request, *ratios(request))[2]
    caution = guidance.azoospermia_caution()

    assert fact("shoshany_azoospermia")["value"] == 0
    assert fact("yang_azoospermia")["finding"] == "some improved"
    for row, said in ((group, group["observed"]), (caution, caution["text"])):
        assert "azoospermi" in said
        assert "some azoospermic or cryptozoospermic men improve" in said
        assert all(str(citation(key)) in row["source"] for key in ("shoshany2017", "yang2022"))


def test_cautions_speak_in_his_values():
    """A caution names the readings that raised it, in the units the laboratory gave."""
    failing = guidance.cautions(MEN["LH and FSH high, on clomiphene and hCG"]["man"])
    pressed = guidance.cautions(MEN["estradiol of 6 three months after the start"]["man"])
    censored = guidance.cautions(
        MEN["estradiol below the assay's limit on the day of the start"]["man"]
    )

    assert failing[0]["text"].endswith("His: LH 14.2 IU/L, FSH 22 IU/L.")
    assert failing[1]["text"].startswith(
        "He also takes clomiphene and a gonadotropin or GnRH, which the model does not see. About"
    )
    assert pressed[0]["text"].startswith(
        "Estradiol 6 pg/mL, measured on anastrozole, lies below the published range of men "
        "(8 to 35 pg/mL, by mass spectrometry)."
    )
    assert "<20 pg/mL, measured on anastrozole, may lie below" in censored[0]["text"]


@pytest.mark.parametrize(
    ("since", "sampled_on", "dose", "expected"),
    [
        ("2026-07-01", "2026-07-01", 7, True),
        ("2026-07-01", "2026-06-30", 7, False),
        ("2026-07-01", "2026-10-02", 0, False),
        ("2026-07-01", None, 7, None),
        (None, "2026-10-02", 7, None),
    ],
)
def test_on_treatment(since, sampled_on, dose, expected):
    """Blood drawn on the day of the start or later, of a man who takes it, is on treatment."""
    request = man(since=since, sampled_on=sampled_on, drugs={"anastrozole_mg_week": dose})

    assert guidance.on_treatment(request) is expected


def test_lists_are_fresh():
    """A caller who adds to a list changes no other answer."""
    request = man()
    for listing in (
        guidance.protocols, guidance.before_after,
        lambda: guidance.monitoring(request), lambda: guidance.safety(request),
        lambda: guidance.notices(request),
    ):  # fmt: skip
        first = listing()
        first.append({})
        assert len(listing()) == len(first) - 1


def test_a_demonstration_says_so():
    """A model trained on synthetic men adds its sentence."""
    told = guidance.notices(man(), demonstration=True)

    assert [row["code"] for row in told] == [*ALWAYS, "demonstration"]


# --- no row is orphaned

WHERE = {
    "monitoring": (
        lambda: guidance.monitoring(man()), ("what", "when", "why"),
        "monitor_hormones monitor_semen monitor_bone monitor_lipids monitor_heart monitor_mood",
    ),
    "safety": (
        lambda: guidance.safety(man()), ("risk", "mechanism", "action"),
        ("safety_bone safety_lipids safety_heart safety_spermatogenesis safety_mood"
        " safety_letrozole_trial safety_letrozole_rct"),
    ),
    "protocols": (
        guidance.protocols, ("what", "kind"),
        ("protocol_daily protocol_lowest protocol_serm protocol_gonadorelin"
        " protocol_after_testosterone dose_index dose_shah dose_yang dose_shoshany dose_helo"
        " dose_leder_daily dose_leder_twice_weekly"),
    ),
    "candidates": (
        lambda: guidance.candidate_criteria(man(), None, None), ("criterion", "evidence"),
        ("candidate_low_testosterone candidate_high_estradiol candidate_bmi_25 candidate_t_e2_10"
        " candidate_t_lh_100"),
    ),
    "patient_groups": (
        lambda: guidance.published_groups(man(), None, None), ("group", "observed"),
        "group_bmi_25 group_t_e2_10 group_oligozoospermia group_t_lh_100",
    ),
    "before_after": (
        guidance.before_after, ("what", "quantity", "unit", "baseline"),
        ("shah_testosterone shah_fsh shah_lh shah_estradiol shah_t_e2 shah_t_lh shah_concentration"
        " shah_motile_count"),
    ),
}  # fmt: skip
ROW_TEXT = {"risk": "what", "criterion": "what", "group": "what"}
STATEMENTS = {
    "statement_off_label": "off_label",
    "statement_consent": "consent",
    "statement_tapering": "tapering",
    "statement_no_control": "no_control",
    "statement_not_a_device": "not_a_device",
    "statement_demonstration": "demonstration",
    "statement_aua_low_testosterone": "aua_low_testosterone",
    "statement_hypergonadotropic": "hypergonadotropic",
    "statement_aua_azoospermia": "aua_azoospermia",
    "statement_aua_testosterone": "aua_testosterone",
    "statement_primary_failure": "primary_testicular_failure",
    "statement_co_treatment": "cotreatment",
}


@pytest.mark.parametrize("table", WHERE)
def test_every_row_of_a_table_appears(table):
    """The table, the list kept here and what is told are the same rows in the same order."""
    listing, names, ids = WHERE[table]

    told = [tuple(row[name] for name in names) for row in listing()]

    assert [row.id for row in load(table)] == ids.split()
    for row, shown in zip(load(table), told, strict=True):
        written = (ROW_TEXT.get(name, name) for name in names)
        assert shown == tuple(row.what if w == "what" else row[w] for w in written)


def test_numbers_of_the_records_are_told():
    """Protocols and the before-and-after table carry every number and note of their rows."""
    for table, listing in (
        ("protocols", guidance.protocols),
        ("before_after", guidance.before_after),
    ):
        for row, told in zip(load(table), listing(), strict=True):
            assert {**row.fields} == {k: told[k] for k in row.fields}
            assert told.get("note", "") == row.note


def test_every_statement_appears():
    """Each sentence of the statements table is a notice or a caution of some man."""
    told = {
        row["code"]: row["text"]
        for case in MEN.values()
        for row in (
            *guidance.notices(case["man"], demonstration=True),
            *guidance.cautions(case["man"]),
        )
    }

    assert {row.id for row in load("statements")} == set(STATEMENTS)
    for name, code in STATEMENTS.items():
        assert fact(name)["text"] in told[code]
