"""Every published number has a source that resolves, and what is derived is derived again here."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from respredict import evidence
from respredict.errors import InputError
from respredict.evidence import Fact, Rule, citation, fact, facts, load, working_correlations
from respredict.evidence.facts import _citations
from respredict.schema.analytes import ANALYTES, analyte
from respredict.schema.quantities import Quantity

ROWS = [row for table in evidence.TABLES for row in load(table)]
INTERVALS = [row for row in ROWS if row.get("events") and row.get("low") is not None]
SOURCES = {"keel2006": citation("keel2006")}


def bad_table(folder: Path, text: str) -> Path:
    """Write a table of evidence that must be refused."""
    path = folder / "rates.toml"
    path.write_text(text, encoding="utf-8")
    return path


# --- every row has a source


def test_no_row_is_from_memory():
    """Only read and derived numbers are in the tables."""
    found = {row.status for row in ROWS}

    assert found <= {"V", "V-abs", "V-tab", "V-2nd", "D"}
    assert len(ROWS) > 200


def test_every_file_is_a_table_and_every_table_a_file():
    """The packaged files are the tables and the citations, nothing else."""
    folder = Path(evidence.__file__).parent / "tables"

    assert sorted(p.stem for p in folder.iterdir()) == sorted((*evidence.TABLES, "citations"))


def test_every_citation_is_used():
    """No source stands in the list that no row cites."""
    used = {source.key for row in ROWS for source in row.citations}

    assert set(_citations()) == used


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_row_says_where_it_is_from(row):
    """A read row cites a source and prints it; a derived row says how it was derived."""
    if row.status == "D":
        assert row.derivation
    else:
        assert row.citations
        assert all(source.text in row.source for source in row.citations)
    assert ("secondary page" in row.source) == (row.status == "V-2nd")


def test_ids_are_unique_across_tables():
    """An id names one row."""
    ids = [row.id for row in ROWS]

    assert len(set(ids)) == len(ids)
    assert all(fact(row.id) is row for row in ROWS)


@pytest.mark.parametrize(
    ("key", "right", "wrong", "pmid"),
    [
        ("shah2021", "Shah T, Nyirenda T, Shin D", "Helo 2019", "33850757"),
        ("yang2022", "Yang Y, Chen S, Chen H, Guo Y, Teng X", "Zhou 2021", "36217397"),
    ],
)
def test_wrong_citations_are_corrected(key, right, wrong, pmid):
    """The two papers that were cited under other names stand under their own."""
    source = citation(key)

    assert source.text.startswith(right)
    assert wrong in source.corrects
    assert wrong not in str(source)
    assert source.pmid == pmid


def test_no_citation_carries_the_wrong_names():
    """Neither wrong citation is printed as a source, and only those two were corrected."""
    sources = list(_citations().values())

    printed = [str(source) for source in sources]

    assert not [text for text in printed if "Zhou" in text or ("Helo" in text and "2019" in text)]
    assert [s.key for s in sources if s.corrects] == ["shah2021", "yang2022"]


@pytest.mark.parametrize("table", ["monitoring", "safety", "protocols"])
def test_the_clinic_page_is_called_what_it_is(table):
    """Rows of the clinic web page say that it is not a guideline."""
    rows = [row for row in load(table) if citation("clinic_page") in row.citations]

    assert rows
    assert all("clinic web page, not a guideline" in row.source for row in rows)


def test_no_accuracy_is_claimed_for_t_lh_100():
    """No row gives the T/LH cut a sensitivity, a specificity or an AUC."""
    names = {name for row in ROWS for name in row.fields}

    assert not names & {"sensitivity", "specificity", "auc", "odds_ratio"}
    assert not fact("group_t_lh_100").get("value")


# --- what is derived is derived again


@pytest.mark.parametrize("row", INTERVALS, ids=lambda row: row.id)
def test_intervals_are_wilsons(row):
    """A share is events over n, and its interval Wilson's at 95 %."""
    wilson = stats.binomtest(row["events"], row["n"]).proportion_ci(0.95, method="wilson")

    assert row["value"] == pytest.approx(row["events"] / row["n"], abs=5e-4)
    assert (row["low"], row["high"]) == pytest.approx((wilson.low, wilson.high), abs=6e-4)


def test_movements_of_the_index_study_add_up():
    """Up, same and down are all ninety men."""
    moved = [fact(f"index_{way}")["events"] for way in ("upgrade", "same", "downgrade")]

    assert moved == [41, 38, 11]
    assert sum(moved) == fact("index_design")["n"] == 90


@pytest.mark.parametrize("side", ["responders", "non_responders"])
def test_t_lh_is_the_ratio_of_the_medians(side):
    """T/LH of the two groups follows from their medians."""
    ratio = fact("responders_testosterone")[side] / fact("responders_lh")[side]

    assert fact("responders_t_lh")[side] == pytest.approx(ratio, abs=0.05)


def test_before_after_ratio():
    """Shah's T/LH follows from the two averages."""
    ratio = fact("shah_testosterone")["baseline"] / fact("shah_lh")["baseline"]

    assert fact("shah_t_lh")["baseline"] == pytest.approx(ratio, abs=0.05)


def test_prior_of_t_lh_rests_on_the_medians():
    """The prior mean lies in its range, below the slopes that the medians imply."""
    medians = fact("responders_t_lh")
    gap = math.log(medians["responders"] / medians["non_responders"])
    prior = fact("prior_t_lh")

    assert prior["plausible_low"] <= prior["mean"] <= prior["plausible_high"]
    assert prior["mean"] < gap / 0.85**2 < gap / 0.65**2 == pytest.approx(2.04, abs=0.02)


def test_priors_are_those_of_the_method():
    """The table holds the settled means and spreads; only two scale with the strength."""
    priors = {r["parameter"]: (r["mean"], r["sd"]) for r in load("prior_effects") if r.get("sd")}

    assert priors == {
        "t_lh": (1.1, 0.4), "t": (0, 0.3), "lh": (0, 0.3), "t_e2": (0, 0.2), "e2": (0, 0.3),
        "fsh": (-0.15, 0.25), "bmi": (0, 0.15), "age": (0, 0.15),
    }  # fmt: skip
    assert fact("prior_strengths")["values"] == (0.0, 0.5, 1.0)
    scaled = {r["parameter"] for r in load("prior_effects") if r.get("scaled")}
    assert scaled == {r for r, (mean, _) in priors.items() if mean}


def test_working_correlations_can_be_drawn_from():
    """The recipe's matrix is symmetric and positive definite, with room."""
    names, rows = working_correlations()
    matrix = np.array(rows)

    assert len(names) == 8
    assert np.array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() == pytest.approx(0.39, abs=0.02)


def test_working_correlations_keep_to_the_published_ones():
    """BMI with T/E2, which was published, is implied by the matrix to within .05."""
    names, rows = working_correlations()
    matrix, at = np.array(rows), names.index
    log_sd = {"testosterone": 0.40, "estradiol": 0.45}
    weights = np.zeros(len(names))
    weights[at("testosterone")], weights[at("estradiol")] = (
        log_sd["testosterone"],
        -log_sd["estradiol"],
    )
    implied = matrix[at("bmi")] @ weights / math.sqrt(weights @ matrix @ weights)

    assert implied == pytest.approx(fact("bieniek_bmi_t_e2")["value"], abs=0.05)


@pytest.mark.parametrize("name", ["t", "lh", "fsh"])
def test_log_spreads_follow_from_quartiles(name):
    """The ln-SD of a hormone is its interquartile range over 1.349, both on the ln scale."""
    stem = {"t": "tradewell_t_all", "lh": "tradewell_lh_all", "fsh": "tradewell_fsh_all"}[name]
    row = fact(stem)

    assert row["log_sd"] == pytest.approx(math.log(row["q3"] / row["q1"]) / 1.349, abs=0.005)


def test_estradiol_below_the_limit():
    """The recipe's estradiol leaves the published share below the assay's limit."""
    row = fact("recipe_e2")
    below = stats.norm.cdf(math.log(row["detection_limit"] / row["median"]) / row["log_sd"])

    assert below == pytest.approx(row["below_limit"], abs=0.005)


@pytest.mark.parametrize("name", ["shbg", "prolactin"])
def test_log_spreads_follow_from_reference_intervals(name):
    """The recipe's ln-SD is the reference interval over 3.92, both on the ln scale."""
    ends = fact(f"cclm_{name}")

    log_sd = math.log(ends["high"] / ends["low"]) / 3.92
    assert fact(f"recipe_{name}")["log_sd"] == pytest.approx(log_sd, abs=0.005)


def test_ratio_variability_follows_from_its_parts():
    """One sample's T/LH scatters as T and LH together."""
    parts = (fact("within_man_lh")["value"], fact("within_man_testosterone")["value"])

    assert fact("within_man_t_lh")["value"] == pytest.approx(math.hypot(*parts), abs=5e-4)


# --- the schema and the tables agree


@pytest.mark.parametrize("of", [a for a in ANALYTES if a.within_man_cv], ids=lambda a: a.name)
def test_within_man_cv_is_that_of_the_schema(of):
    """Each analyte's CV and its source stand in the table."""
    rows = [r for r in load("within_man") if r["quantity"] == of.name and r["measure"] == "cv"]
    row = next(r for r in rows if r["value"] == of.within_man_cv)

    assert of.cv_source in {source.key for source in row.citations}


@pytest.mark.parametrize("of", [a for a in ANALYTES if a.median], ids=lambda a: a.name)
def test_spread_is_that_of_the_schema(of):
    """Each analyte's likely values stand in the table, from the source that it names."""
    kind = "recipe" if of.spread_source == "recipe" else "published"
    rows = [r for r in load("baseline") if r["quantity"] == of.name and r["kind"] == kind]
    row = next(r for r in rows if r.get("log_sd"))

    assert (row["median"], row["log_sd"]) == (of.median, of.log_sd)
    assert row["unit"] == of.unit
    if kind == "published":
        assert [source.key for source in row.citations] == [of.spread_source]


@pytest.mark.parametrize(("name", "unit"), [("testosterone", "nmol/L"), ("estradiol", "pmol/L")])
def test_conversions_are_those_of_the_schema(name, unit):
    """The product converts with the factor that the table derives."""
    row = fact(f"convert_{name}")

    assert row["from"] == unit
    assert row["to"] == analyte(name).unit
    assert row["value"] == analyte(name).find_unit(unit).factor
    printed = fact(f"convert_{name}_printed")
    assert printed["value"] == pytest.approx(1 / row["value"], rel=0.01)


def test_conversion_of_ratios():
    """Factors of T/LH and T/E2 follow from those of the hormones."""
    t, e2 = fact("convert_testosterone")["value"], fact("convert_estradiol")["value"]

    assert fact("convert_t_lh")["value"] == t
    assert fact("convert_t_e2")["value"] == pytest.approx(t / e2, abs=0.005)


@pytest.mark.parametrize(
    ("edition", "status", "limits"),
    [
        (5, "V-abs", (1.5, 15, 39, 40, 32, 58, 4)),
        (6, "V-2nd", (1.4, 16, 39, 42, 30, 54, 4)),
    ],
)
def test_limits_of_the_who(edition, status, limits):
    """Both editions' limits are as published, with what they rest on."""
    rows = [row for row in load("ranges") if row.get("edition") == edition]

    assert tuple(row["value"] for row in rows) == limits
    assert {row.status for row in rows} == {status}


# --- rules


def test_four_groups_and_five_criteria():
    """Each published group and each criterion decides by a rule of its own."""
    assert len(load("patient_groups")) == 4
    assert len(load("candidates")) == 5
    assert all(row.rules for row in (*load("patient_groups"), *load("candidates")))


@pytest.mark.parametrize(
    ("op", "measured", "expected"),
    [
        (">=", Quantity(10.0), True),
        (">", Quantity(10.0), False),
        (">", Quantity(10.1), True),
        (">", Quantity(10.0, "", ">"), True),
        (">", Quantity(9.0, "", ">"), None),
        (">=", Quantity(10.0, "", "<"), False),
        ("<", Quantity(10.0), False),
        ("<", Quantity(10.0, "", "<"), True),
        ("<", Quantity(11.0, "", "<"), None),
        ("<", None, None),
    ],
)
def test_rule_holds(op, measured, expected):
    """A rule is true, false or, where censoring leaves it open, neither."""
    assert Rule("t_e2", op, 10.0, "").holds(measured) is expected


# --- reading


def test_rows_cannot_be_changed():
    """A row read once serves everybody, so nobody can write to it."""
    row = fact("index_upgrade")

    with pytest.raises(FrozenInstanceError):
        row.status = "V"
    with pytest.raises(TypeError):
        row.fields["value"] = 1.0
    assert load("responders") is load("responders")
    assert isinstance(row, Fact)
    assert row.get("absent", 0) == 0


@pytest.mark.parametrize(
    ("read", "asked", "message"),
    [
        (load, "rate", r"got 'rate'. Did you mean 'rates'\?"),
        (fact, "index_upgrad", r"got 'index_upgrad'. Did you mean 'index_upgrade'\?"),
        (citation, "shah2019", r"got 'shah2019'. Did you mean 'shah2021'\?"),
    ],
)
def test_unknown_names_are_told_with_the_nearest(read, asked, message):
    """A misspelt table, id or key is answered with the one meant."""
    with pytest.raises(KeyError, match=message):
        read(asked)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("status = 'M'\ncitation = ['keel2006']", "one of the statuses V, .* got 'M'. Read the"),
        ("status = 'V'", "must cite a source, got no 'citation'"),
        ("status = 'V'\ncitation = 'keel2006'", "must cite by a list of keys, got 'keel2006'"),
        ("status = 'V'\ncitation = ['keel2007']", "got 'keel2007'. Did you mean 'keel2006'"),
        ("status = 'D'", "must say how it was derived, got no 'derivation'"),
        ("status = 'D'\nderivation = 'x'\nvalue = [nan]", "must hold finite numbers, got nan"),
        (
            "status = 'D'\nderivation = 'x'\nrule = [{quantity = 'bmi'}]",
            "must have rules of quantity, op",
        ),
        (
            "status = 'D'\nderivation = 'x'\nrule = [{quantity='lh', op='<',threshold=1,unit='U'}]",
            r"canonical units of known quantities, got 'lh' in 'U'",
        ),
    ],
)
def test_bad_rows_are_refused(tmp_path, row, message):
    """A row without a sound source is refused, naming the table and the row."""
    path = bad_table(tmp_path, f"[[row]]\nid = 'a_rate'\nwhat = 'a rate'\n{row}\n")

    with pytest.raises(InputError, match=rf"rates\.toml row 'a_rate' (?=must ).*{message}"):
        evidence.read_table(path, SOURCES)


def test_every_bad_row_is_told_at_once(tmp_path):
    """Problems of all rows arrive together: ids, subject, source."""
    row = "[[row]]\nid = 'twice'\nwhat = 'x'\nstatus = 'D'\nderivation = 'x'\n"
    path = bad_table(tmp_path, row + row + "[[row]]\nid = 'Bad id'\nstatus = 'V'\n")

    with pytest.raises(InputError) as caught:
        evidence.read_table(path, SOURCES)

    rules = [problem.rule for problem in caught.value.problems]
    assert rules == [
        "have an id of its own",
        "have an id of its own",
        "have an id of small letters, digits and _",
        "say what it is about",
        "cite a source",
    ]


def test_an_id_in_two_tables_is_refused(monkeypatch):
    """Two tables that hold the same id are told, not silently merged."""
    monkeypatch.setattr(facts, "TABLES", ("safety", "safety"))

    with pytest.raises(InputError, match="row 'safety_bone' must stand in one table only"):
        facts._index.__wrapped__()


def test_good_table_is_read(tmp_path):
    """A sound row comes back with its source, its rules and its numbers."""
    path = bad_table(
        tmp_path,
        "[[row]]\nid = 'a'\nwhat = 'x'\nstatus = 'V'\ncitation = ['keel2006']\nvalue = 2\n"
        "rule = [{quantity = 'bmi', op = '>=', threshold = 25.0, unit = 'kg/m2'}]\n",
    )
    (row,) = evidence.read_table(path, SOURCES)

    assert (row.table, row["value"], str(row.rules[0])) == ("rates", 2, "bmi >= 25 kg/m2")
    assert row.source == str(citation("keel2006"))


def test_bad_citations_are_refused(tmp_path):
    """A source without its text, or with a key that nothing prints, is refused."""
    path = tmp_path / "citations.toml"
    path.write_text("[a]\npmid = '1'\n[b]\ntext = 'B'\nyear = '2020'\n", encoding="utf-8")

    with pytest.raises(InputError, match=r"(?s)\[a\] must have text.*\[b\] must have text"):
        evidence.read_citations(path)


def test_import_does_no_work():
    """Importing the package reads no table and loads no array library."""
    script = (
        "import sys, respredict.evidence as e\n"
        "assert e.load.cache_info().currsize == 0\n"
        "assert not {'numpy', 'pandas', 'mlflow', 'bentoml'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()
