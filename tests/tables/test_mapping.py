"""A clinic's own columns, units and codes: mapped, guessed, and never guessed silently."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from respredict.cli.main import main
from respredict.cohort import read_cohort
from respredict.errors import CohortError
from respredict.tables.files import read_table
from respredict.tables.mapped import stream_mapped
from respredict.tables.mapping import read_mapping
from respredict.tables.suggesting import suggest_mapping

HEADER = (
    "Record ID,Total T,E2 (pmol/L),LH mIU/mL,Height (m),Weight (kg),Clomid,Visit,FU date,Free T"
)
TABLE = f"""{HEADER}
a,9.4,<73,3.4,1.80,90,Yes,01/02/2025,02/05/2025,7
b,14.1 nmol/L,110,ND,1.75,,no,03/02/2025,,8
c,12,95,7.5,,80,,,,9
"""
MAPPING = """file = "clinic.csv"
missing = ["nd"]
[patient_id]
column = "Record ID"
[testosterone]
column = "Total T"
unit = "nmol/L"
[estradiol]
column = "E2 (pmol/L)"
unit = "pmol/L"
[lh]
column = "LH mIU/mL"
unit = "mIU/mL"
[height]
column = "Height (m)"
unit = "m"
[weight]
column = "Weight (kg)"
unit = "kg"
[clomiphene]
column = "Clomid"
values = {yes = 1, no = 0}
[followup_days]
from = "Visit"
to = "FU date"
dates = "%d/%m/%Y"
"""


@pytest.fixture
def clinic(tmp_path):
    (tmp_path / "clinic.csv").write_text(TABLE)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    return tmp_path / "clinic.csv"


def test_names_units_codes_and_dates_are_read(clinic):
    cohort = read_cohort(clinic)
    men = cohort.men
    assert men["patient_id"].tolist() == ["a", "b", "c"]
    assert men["testosterone_ng_dl"].round(2).tolist() == [271.11, 406.67, 346.10]
    assert men["estradiol_pg_ml"].round(2).tolist() == [19.88, 29.96, 25.88]
    assert men["estradiol_censor"].tolist() == [-1, 0, 0]
    assert men["lh_iu_l"].fillna(-1).tolist() == [3.4, -1, 7.5]
    assert men["bmi_kg_m2"].round(2).fillna(-1).tolist() == [27.78, -1, -1]
    assert men["clomiphene"].fillna(-1).tolist() == [1, 0, -1]
    assert men["followup_days"].fillna(-1).tolist() == [90, -1, -1]
    assert cohort.notices[0].startswith("Read through mapping.toml (sha256 ")
    assert cohort.provenance.sha256 == read_table(clinic).sha256


def test_a_parquet_table_is_mapped_as_its_csv(clinic, tmp_path):
    table = pd.read_csv(clinic).drop(columns=["Total T"])
    (tmp_path / "parquet").mkdir()
    table.to_parquet(tmp_path / "parquet" / "clinic.parquet")
    text = MAPPING.replace("clinic.csv", "clinic.parquet").replace(
        '[testosterone]\ncolumn = "Total T"\nunit = "nmol/L"\n', ""
    )
    (tmp_path / "parquet" / "mapping.toml").write_text(text)
    men = read_cohort(tmp_path / "parquet" / "clinic.parquet").men
    assert men["bmi_kg_m2"].round(2).fillna(-1).tolist() == [27.78, -1, -1]
    assert men["estradiol_censor"].tolist() == [-1, 0, 0]


def test_chunks_are_mapped_as_the_whole_and_can_be_sent_to_another_process(clinic):
    import pickle

    stream = stream_mapped(clinic)
    assert "testosterone_nmol_l" in stream.empty.cells
    chunks = list(stream.chunks(2, ["testosterone_nmol_l", "height_cm"]))
    again = [pickle.loads(pickle.dumps(chunk)).table.cells for chunk in chunks]
    told = [cell for cells in again for cell in cells["testosterone_nmol_l"]]
    assert told == ["9.4", "14.1", "12"]
    assert set(again[0]) == {"testosterone_nmol_l", "height_cm"}


def test_a_mapping_of_another_table_is_not_taken_unless_it_is_named(clinic, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(TABLE)
    assert read_mapping(other) is None
    assert read_cohort(other, mapping=tmp_path / "mapping.toml").men["lh_iu_l"].iloc[0] == 3.4


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("[clomiphene]", "[clomifene]", "Did you mean 'clomiphene'"),
        ('column = "Clomid"', 'colum = "Clomid"', r"clomiphene\.colum must be a known key"),
        ('"Total T"', '"Totl T"', "which is not in the table. Did you mean 'Total T'"),
        ('"nmol/L"', '"nmol"', r"testosterone\.unit must be an accepted unit, got 'nmol'"),
        ('unit = "nmol/L"', "", r"testosterone\.unit must be an accepted unit, got none"),
        ('unit = "m"', 'unit = "m"\nconfirmed = false', "height must be confirmed, got a guess"),
        ("%d/%m/%Y", "%Y-%m-%d", r"Visit must be dates as %Y-%m-%d, got others in rows 1, 2"),
        ('values = {yes = 1, no = 0}', "", r"clomiphene must be 0 or 1, got 'Yes', 'no'"),
        ("[lh]", "[lh", "must be readable TOML"),
        ('missing = ["nd"]', "shbg = 3", "shbg must be a section"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_remedy(clinic, tmp_path, old, new, match):
    assert old in MAPPING
    (tmp_path / "mapping.toml").write_text(MAPPING.replace(old, new))
    with pytest.raises(CohortError, match=match):
        read_cohort(clinic)


def test_a_column_of_ours_beside_its_mapping_is_refused(clinic):
    clinic.write_text(TABLE.replace("Free T", "lh_miu_ml").replace("Record ID", "Record ID"))
    with pytest.raises(CohortError, match="lh_miu_ml must be given once"):
        read_cohort(clinic)


def test_a_suggestion_names_every_guess_and_is_refused_until_confirmed(clinic, tmp_path, capsys):
    (tmp_path / "mapping.toml").unlink()
    assert main(["check", str(clinic), "--suggest-mapping", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["guessed"]["testosterone"] == "Total T"
    assert told["guessed"]["followup_days"] == "Visit to FU date"
    assert told["unknown"] == ["Free T"]
    text = (tmp_path / "mapping.toml").read_text()
    assert 'unit = "nmol/L" # from the values; values 9.4 to 14.1, median 12' in text
    assert 'unit = "m" # from the name' in text
    assert main(["check", str(clinic)]) == 2
    assert capsys.readouterr().err.count("must be confirmed, got a guess") == len(told["guessed"])
    assert main(["check", str(clinic), "--suggest-mapping"]) == 2
    assert "must not be there yet" in capsys.readouterr().err

    (tmp_path / "mapping.toml").write_text(text.replace("confirmed = false", "confirmed = true"))
    guessed = read_cohort(clinic).men
    (tmp_path / "mapping.toml").write_text(MAPPING)
    pd.testing.assert_frame_equal(guessed, read_cohort(clinic).men)


@pytest.mark.parametrize(
    ("header", "cells", "target", "unit"),
    [
        ("Testosterone ng/dL", "270,410", "testosterone", "ng/dL"),
        ("TT", "270,410", "testosterone", "ng/dL"),
        ("total_testosterone", "9.1,14.2", "testosterone", "nmol/L"),
        ("oestradiol", "130,140", "estradiol", "pmol/L"),
        ("E2 [pg/ml]", "20,31", "estradiol", "pg/ml"),
        ("LH (IU/L)", "3,5", "lh", "IU/L"),
        ("Baseline sperm concentration (10^6/mL)", "3,5", "sperm_concentration", "10^6/mL"),
        ("post sperm conc million/mL", "3,5", "followup_sperm_concentration", "million/mL"),
        ("weight_lb", "190,210", "weight", "lb"),
        ("Anastrozole mg/wk", "3,7", "anastrozole", "mg/wk"),
    ],
)
def test_names_are_read_by_their_words_and_units(tmp_path, header, cells, target, unit):
    file = tmp_path / "clinic.csv"
    file.write_text("\n".join([header, *cells.split(",")]) + "\n")
    found = suggest_mapping(file, read_table(file))
    assert found.guessed == {target: header}
    assert re.search(rf'\[{target}\]\n.*\nunit = "{re.escape(unit)}"', found.text)


@pytest.mark.parametrize("header", ["Free testosterone", "Comment", "bioavailable T", "FU LH"])
def test_what_is_something_else_is_left_alone(tmp_path, header):
    file = tmp_path / "clinic.csv"
    file.write_text(f"{header}\n3\n4\n")
    assert suggest_mapping(file, read_table(file)).guessed == {}


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ("Yes,No", 'values = {"no" = 0, "yes" = 1}'),
        ("1,2", 'values = {"1" = 1, "2" = 0} # is 1 yes and 2 no?'),
        ("yes,perhaps", 'values = {"yes" = 1} # and what of perhaps?'),
    ],
)
def test_codes_of_yes_and_no_are_told(tmp_path, codes, told):
    file = tmp_path / "clinic.csv"
    file.write_text("\n".join(["Clomid", *codes.split(",")]) + "\n")
    assert told in suggest_mapping(file, read_table(file)).text
