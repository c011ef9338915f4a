"""A clinic's own columns, units and codes: mapped, guessed, and never guessed silently."""

from __future__ import annotations

import json
import re
import tomllib

import pandas as pd
import pytest

from respredict.cli.main import main
from respredict.cohort import read_cohort
from respredict.errors import CohortError
from respredict.tables.files import dialect_of, read_table
from respredict.tables.guessing import guess_name
from respredict.tables.mapped import stream_mapped
from respredict.tables.mapping import read_mapping
from respredict.tables.mapping_checks import ENTRY, WHOLE, mapping_problems
from respredict.tables.suggesting import suggest_mapping
from respredict.tables.targets import TARGETS, targets_table
from tests.conftest import ROOT

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


@pytest.mark.parametrize("header", ["Free testosterone", "partner_age", "Hb conc", "wife's age"])
def test_what_is_of_someone_or_something_else_is_no_guess(tmp_path, header):
    assert guess_name(header).target is None


def suggested(tmp_path, text: str, name: str = "export.csv"):
    """Write a table and suggest its mapping, as the command does."""
    file = tmp_path / name
    file.write_text(text)
    dialect = dialect_of(file)
    return suggest_mapping(file, read_table(file, dialect), dialect)


REDCAP = {
    "patient_id": "record_id", "age": "alter", "testosterone": "tt_nmol",
    "estradiol": "e2_pmol", "lh": "lh_2", "sperm_concentration": "sa_bl_conc",
    "semen_volume": "sa_bl_vol", "motility": "sa_bl_mot",
    "followup_sperm_concentration": "sa_fu_conc", "followup_semen_volume": "sa_fu_vol",
    "followup_days": "fu_tage", "tamoxifen": "tamox", "site": "redcap_data_access_group",
}  # fmt: skip


def test_names_of_a_redcap_export_are_guessed(tmp_path):
    """Prefixes, short units and German words; before, 7 of 20 were."""
    cells = ["1", "34", "9.4", "73", "3.4", "7", "2.6", "31", "12", "2.1", "90", "1", "north"]
    found = suggested(tmp_path, f"{','.join(REDCAP.values())}\n{','.join(cells)}\n")
    assert found.guessed == REDCAP
    assert found.unknown == []
    written = tomllib.loads(found.text)
    assert (written["testosterone"]["unit"], written["estradiol"]["unit"]) == ("nmol/L", "pmol/L")


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("Age at sample", "age"),
        ("Alter (Jahre)", "age"),
        ("lh_2", "lh"),
        ("LH conc.", "lh"),
        ("sperm_count_million", "sperm_concentration"),
        ("Spermienkonzentration (Mio/ml)", "sperm_concentration"),
        ("lab_e2", "estradiol"),
        ("Größe [cm]", "height"),
        ("Östradiol pmol/l", "estradiol"),
        ("FollowUpDays", "followup_days"),
        ("Data access group", "site"),
    ],
)
def test_what_stands_around_a_name_is_taken_away(header, target):
    assert guess_name(header).target == target


def test_the_nearer_name_is_taken_wherever_it_stands(tmp_path):
    """A count may be that of the whole sample, and a second LH is not the first."""
    found = suggested(tmp_path, "lh_2,sperm_count_million,conc,LH\n9,60,20,3\n")
    assert found.guessed == {"sperm_concentration": "conc", "lh": "LH"}
    assert found.unknown == ["lh_2", "sperm_count_million"]


def test_what_was_not_found_is_there_to_be_filled_in(tmp_path):
    """With the marks taken off and a column named, each section is read."""
    found = suggested(tmp_path, "LH (IU/L),estradiol_pg_ml,E\n3,20,9.4\n")
    blocks = found.text.split("\n\n")
    absent = {b.split("]")[0].removeprefix("# [") for b in blocks if b.startswith("# [")}
    assert absent == set(TARGETS) - {"lh", "estradiol"}
    assert '# [testosterone]\n# column = "…"\n# unit = "ng/dL" # or nmol/L' in found.text
    text = found.text.replace('# [testosterone]\n# column = "…"\n# unit = "ng/dL"',
                              '[testosterone]\ncolumn = "E"\nunit = "nmol/L"')  # fmt: skip
    (tmp_path / "mapping.toml").write_text(text.replace("= false", "= true"))
    assert read_cohort(tmp_path / "export.csv").men["testosterone_ng_dl"].round(1).tolist() == [
        271.1
    ]
    every = "\n".join(line.removeprefix("# ") for line in found.text.splitlines()[5:]
                      if not line.startswith("# What"))  # fmt: skip
    sections = tomllib.loads(every)
    assert set(sections) == set(TARGETS) - {"estradiol"}
    assert (
        list(mapping_problems({n: {**of, "confirmed": True} for n, of in sections.items()})) == []
    )


DATES = "1990-01-02,2025-01-02,2025-01-05,2025-04-01"


@pytest.mark.parametrize(
    ("header", "guess", "unread"),
    [
        ("dob,visit_date,blood_date,fu_date", "visit_date to fu_date", ["dob", "blood_date"]),
        ("date_birth,consented,baseline,fu_date", "baseline to fu_date",
         ["date_birth", "consented"]),
        ("Geburtsdatum,Datum,x,Kontrolle Datum", "Datum to Kontrolle Datum",
         ["Geburtsdatum", "x"]),
        ("dob,born_on,Geb.-Datum,fu_date", None, ["dob", "born_on", "Geb.-Datum", "fu_date"]),
        ("dob,visit_date,fu_date,Days to follow-up", "Days to follow-up",
         ["dob", "visit_date", "fu_date"]),
    ],
)  # fmt: skip
def test_the_follow_up_is_never_counted_from_a_birth(tmp_path, header, guess, unread):
    """And columns of dates that are not used are told as not read."""
    row = DATES if "Days" not in header else DATES.rsplit(",", 1)[0] + ",90"
    found = suggested(tmp_path, f"{header}\n{row}\n")
    assert found.guessed.get("followup_days") == guess
    assert found.unknown == unread
    assert f"# not read: {', '.join(json.dumps(name) for name in unread)}" in found.text


def test_weeks_to_follow_up_are_read_as_weeks(tmp_path):
    found = suggested(tmp_path, "lh_iu_l,Follow-up (weeks)\n3,12\n")
    assert 'unit = "wk" # from the name' in found.text
    (tmp_path / "mapping.toml").write_text(found.text.replace("= false", "= true"))
    assert read_cohort(tmp_path / "export.csv").men["followup_days"].tolist() == [84]


@pytest.mark.parametrize(
    ("visits", "form", "odd"),
    [
        (["2025-01-02", "02.01.2025", "03.01.2025", "04.01.2025"], "%d.%m.%Y", "row 1"),
        (["2025-01-02", "2025-01-03", "03.01.2025", "unknown"], "%Y-%m-%d", "rows 3, 4"),
        (["01/13/2025", "02/01/2025", "", "01/02/2025"], "%m/%d/%Y", ""),
    ],
)
def test_the_form_of_dates_is_that_of_most_rows_and_the_others_are_told(
    tmp_path, visits, form, odd
):
    rows = "\n".join(f"{visit},{visit}" for visit in visits)
    text = suggested(tmp_path, f"visit,fu_date\n{rows}\n").text
    assert f'dates = "{form}" # are the days written so?' in text
    told = [line for line in text.splitlines() if "in another form" in line]
    said = [f"# {name}: {odd} in another form; write them alike" for name in ("visit", "fu_date")]
    assert told == (said if odd else [])


GERMAN = "Nummer;LH;TT;estradiol_pg_ml;site\na;3,4;9,4;<20,5;Nord, Süd\nb;4;12,25;31;Nord\n"


def test_a_german_export_is_read_through_a_suggested_mapping(tmp_path, capsys):
    """Semicolons and decimal commas, also in columns that have a name of ours."""
    file = tmp_path / "export.csv"
    file.write_text(GERMAN, encoding="utf-8-sig")
    assert main(["check", str(file)]) == 2
    told = capsys.readouterr().err
    assert 'must separate its cells by commas, got semicolons. Write separator = ";"' in told
    assert "--suggest-mapping" in told
    assert main(["check", str(file), "--suggest-mapping"]) == 0
    text = (tmp_path / "mapping.toml").read_text()
    assert 'separator = ";"' in text
    assert 'decimal = "," # as in 3,4: decimals, not thousands?' in text
    (tmp_path / "mapping.toml").write_text(text.replace("= false", "= true"))
    cohort = read_cohort(file)
    assert cohort.men["lh_iu_l"].tolist() == [3.4, 4]
    assert cohort.men["testosterone_ng_dl"].round(2).tolist() == [271.11, 353.31]
    assert cohort.men["estradiol_pg_ml"].tolist() == [20.5, 31]
    assert cohort.men["estradiol_censor"].tolist() == [-1, 0]
    assert cohort.men["site"].tolist() == ["Nord, Süd", "Nord"]
    assert "semicolons between cells, decimal commas." in cohort.notices[0]
    chunks = stream_mapped(file).chunks(1, ["lh_iu_l", "estradiol_pg_ml"])
    assert [chunk.table.cells["estradiol_pg_ml"].tolist() for chunk in chunks] == [
        ["<20.5"], ["31"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("codec", "encoding", "got"),
    [("cp1252", "windows-1252", "another encoding"), ("utf-16", "UTF-16", "NUL bytes or UTF-16")],
)
def test_what_excel_saves_is_read_through_a_suggested_mapping(
    tmp_path, capsys, codec, encoding, got
):
    """Umlauts in names and words; refused until somebody says how they are written."""
    file = tmp_path / "export.csv"
    file.write_bytes(
        "Östradiol (pg/ml);lh_iu_l;site\n21;3,4;Zürich – Süd\n32,5;4;Bern\n".encode(codec)
    )
    assert main(["check", str(file)]) == 2
    told = capsys.readouterr().err
    assert f"must be text in UTF-8, got {got}" in told
    assert f'or write encoding = "{encoding}" in mapping.toml' in told
    assert main(["check", str(file), "--suggest-mapping"]) == 0
    text = (tmp_path / "mapping.toml").read_text(encoding="utf-8")
    assert f'encoding = "{encoding}"' in text
    assert 'column = "Östradiol (pg/ml)"' in text
    (tmp_path / "mapping.toml").write_text(text.replace("= false", "= true"), encoding="utf-8")
    cohort = read_cohort(file)
    assert cohort.men["site"].tolist() == ["Zürich – Süd", "Bern"]
    assert f"text in {encoding}, semicolons between cells, decimal commas." in cohort.notices[0]
    chunks = stream_mapped(file).chunks(1, ["site"])
    assert [chunk.table.cells["site"].tolist() for chunk in chunks] == [["Zürich – Süd"], ["Bern"]]


@pytest.mark.parametrize(
    ("encoding", "raw", "match"),
    [
        ("windows-1252", b"site\n\x81\n", "be text in windows-1252, got another encoding in row 1"),
        ("UTF-16", b"site\nABC\n", "be text in UTF-16, got another encoding"),
        ("windows-1252", b"site\nA\x00\n", "be text in windows-1252, got NUL bytes"),
        ("latin-1", b"site\nA\n", "encoding must be 'UTF-8', 'windows-1252' or 'UTF-16'"),
    ],
)
def test_an_encoding_that_is_not_the_tables_is_refused(tmp_path, encoding, raw, match):
    file = tmp_path / "men.csv"
    file.write_bytes(raw)
    (tmp_path / "mapping.toml").write_text(f'file = "men.csv"\nencoding = "{encoding}"\n')
    with pytest.raises(CohortError, match=match):
        read_cohort(file)
    with pytest.raises(CohortError, match=match.removesuffix(" in row 1")):
        list(stream_mapped(file).chunks(10, ["site"]))


def test_a_mapping_may_say_no_more_than_how_a_table_is_written(tmp_path):
    (tmp_path / "men.csv").write_text("lh_iu_l\tsite\n3,4\tA\n")
    (tmp_path / "mapping.toml").write_text('file = "men.csv"\nseparator = "\\t"\ndecimal = ","\n')
    assert read_cohort(tmp_path / "men.csv").men["lh_iu_l"].tolist() == [3.4]


@pytest.mark.parametrize(
    ("mapping", "table", "match"),
    [
        ('decimal = ","', "lh_iu_l,site\n1.234,A\n", r"got '1\.234 \(decimal is a comma\)'"),
        ("", 'lh_iu_l,site\n"3,4",A\n', r'with a point, or decimal = "," in mapping\.toml'),
        ('separator = ";"', "lh_iu_l,site\n3,A\n", "by semicolons, got commas"),
        ('separator = ";"', "lh_iu_l;site\n3;A;B\n", "have 2 cells.*Quote cells that hold a semi"),
        ("", "lh_iu_l,site\n3,4,A\n", "or say with separator and decimal in mapping.toml"),
        ('separator = "#"', "lh_iu_l#site\n3#A\n", "separator must be ',', ';'"),
        ('decimal = "\'"', "lh_iu_l\n3\n", r"decimal must be '\.' or ','"),
        ("decimal = 1", "lh_iu_l\n3\n", "decimal must be text, got 1"),
    ],
)  # fmt: skip
def test_marks_are_never_guessed_and_the_remedy_names_their_keys(tmp_path, mapping, table, match):
    (tmp_path / "men.csv").write_text(table)
    (tmp_path / "mapping.toml").write_text(f'file = "men.csv"\n{mapping}\n')
    with pytest.raises(CohortError, match=match):
        read_cohort(tmp_path / "men.csv")


def test_what_a_mapping_cannot_make_and_what_rows_break_are_told_at_once(clinic):
    """The mapping itself is sound; a day that is none and an LH that is none come together."""
    clinic.write_text(TABLE.replace("01/02/2025", "2025-02-01").replace("7.5", "high"))
    with pytest.raises(CohortError, match="must") as caught:
        read_cohort(clinic, need=("followup_days",))
    assert [(p.field, p.rows) for p in caught.value.problems] == [
        ("Visit", (1,)),
        ("lh_miu_ml", (3,)),
    ]


def test_a_column_that_is_absent_spares_the_others_no_check(clinic, tmp_path):
    (tmp_path / "mapping.toml").write_text(MAPPING.replace('"Total T"', '"Totl T"'))
    clinic.write_text(TABLE.replace("7.5", "high"))
    with pytest.raises(CohortError, match="must") as caught:
        read_cohort(clinic)
    assert [p.field for p in caught.value.problems] == ["mapping.toml testosterone", "lh_miu_ml"]


def test_dates_that_parquet_holds_as_dates_are_refused_by_name(clinic, tmp_path):
    table = pd.read_csv(clinic)
    table["Visit"] = pd.to_datetime(table["Visit"], format="%d/%m/%Y")
    table.to_parquet(tmp_path / "clinic.parquet")
    text = MAPPING.replace("clinic.csv", "clinic.parquet")
    (tmp_path / "mapping.toml").write_text(text)
    with pytest.raises(CohortError, match=r"Visit must hold text, got timestamp.*as text\."):
        read_cohort(tmp_path / "clinic.parquet")


def test_flags_and_exact_numbers_of_parquet_survive_a_mapping(tmp_path):
    cells = {"Clomid": [True, False], "LH": [3.4, 4.123456789], "fsh_iu_l": [2.5, -9.0]}
    pd.DataFrame(cells).to_parquet(tmp_path / "men.parquet")
    (tmp_path / "mapping.toml").write_text(
        'file = "men.parquet"\ndecimal = ","\nmissing = ["-9"]\n[clomiphene]\ncolumn = "Clomid"\n'
        '[lh]\ncolumn = "LH"\nunit = "IU/L"\n'
    )
    men = read_cohort(tmp_path / "men.parquet").men
    assert men["clomiphene"].tolist() == [1, 0]
    assert men["lh_iu_l"].tolist() == [3.4, 4.123456789]
    assert men["fsh_iu_l"].fillna(-1).tolist() == [2.5, -1]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("LH,Comment\n3,x\n", True),
        ("Follitropin,Comment\n3,x\n", True),
        ("patient_id,lh_iu_l,Comment\na,3,x\na,3,x\n", False),
        ("patient_id,lh_iu_l\na,high\n", False),
        ("lh_iu_l,lh_iu_l\n3,3\n", False),
    ],
)
def test_the_hint_of_a_mapping_is_told_only_where_it_would_help(tmp_path, capsys, text, hint):
    file = tmp_path / "men.csv"
    file.write_text(text)
    assert main(["check", str(file)]) == 2
    assert ("--suggest-mapping" in capsys.readouterr().err) is hint


def test_with_a_mapping_no_other_is_suggested(clinic, capsys):
    """Neither by the hint nor where a column of the outcome is absent."""
    clinic.write_text(TABLE.replace("Free T", "FSH"))
    assert main(["check", str(clinic)]) == 2
    assert "--suggest-mapping" not in capsys.readouterr().err
    clinic.write_text(TABLE)
    assert main(["check", str(clinic), "--outcome"]) == 2
    told = capsys.readouterr().err
    assert "Name the columns that hold them in mapping.toml, or add them." in told
    assert "--suggest-mapping" not in told


def test_an_outcome_under_other_names_is_told_how_to_map(tmp_path, capsys):
    (tmp_path / "men.csv").write_text("lh_iu_l,sa_fu_conc\n3,7\n")
    assert main(["check", str(tmp_path / "men.csv"), "--outcome"]) == 2
    told = capsys.readouterr().err
    assert "under exactly these names, or say which columns they are: respredict check" in told


def test_the_worked_example_of_the_dictionary_is_read(tmp_path):
    """``data/README.md`` shows every key, and its table is what targets gives."""
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## The mapping") :]
    example = re.search("```toml\n(.*?)```", section, flags=re.DOTALL)[1]
    table = re.search("```csv\n(.*?)```", section, flags=re.DOTALL)[1]
    (tmp_path / "clinic.csv").write_text(table)
    (tmp_path / "mapping.toml").write_text(example)
    men = read_cohort(tmp_path / "clinic.csv", need=("outcome",)).men
    assert men["testosterone_ng_dl"].round(2).fillna(-1).tolist() == [271.11, -1]
    assert men["followup_days"].tolist() == [90, 92]
    assert men["clomiphene"].tolist() == [1, 0]
    keys = {*WHOLE, *ENTRY}
    assert {key for key in keys if re.search(rf"^{key} = ", example, flags=re.MULTILINE)} == keys
    assert targets_table() in section
