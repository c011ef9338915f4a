"""Tables into cohorts: what is read, what is refused, and what a message tells."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respredict.cohort import (
    Cohort,
    Provenance,
    describe,
    outcome_columns,
    read_cohort,
)
from respredict.errors import CohortError, ConfigError
from respredict.schema.record import COLUMNS

MEN = {
    "patient_id": ["Q-7731", "Q-7732", "Q-7733"],
    "age_years": ["34", "41", "29.5"],
    "testosterone_ng_dl": ["270.6", "311", "402"],
    "estradiol_pg_ml": ["<20", "26", "31"],
    "lh_iu_l": ["3.4", "", "5.1"],
}


def table(folder: Path, *, name: str = "clinic.csv", **columns: Sequence[str] | None) -> Path:
    """Write the three men with these columns over or beside them, None for without."""
    cells = {k: v for k, v in {**MEN, **columns}.items() if v is not None}
    return written(folder / name, cells)


def written(path: Path, cells: Mapping[str, Sequence[str]]) -> Path:
    """Write a table of text cells."""
    lines = [",".join(cells), *(",".join(row) for row in zip(*cells.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def sidecar(folder: Path, text: str = "", *, kind: str = "clinical") -> None:
    """Write a sidecar of clinic.csv."""
    head = f'file = "clinic.csv"\nkind = "{kind}"\n'
    (folder / "cohort.toml").write_text(head + text, encoding="utf-8")


def refusal(path: Path, **arguments: object) -> str:
    """Return the message of the refusal; it never carries a pseudonym."""
    before = {file: file.read_bytes() for file in path.parent.glob("*") if file.is_file()}
    with pytest.raises(CohortError, match="must") as caught:
        read_cohort(path, **arguments)
    assert "Q-77" not in str(caught.value)
    assert {f: f.read_bytes() for f in path.parent.glob("*") if f.is_file()} == before
    return str(caught.value)


class TestReading:
    """A sound table."""

    def test_has_every_column_in_order(self, tmp_path: Path):
        """Columns of the record come first, then the side of each measurement."""
        men = read_cohort(table(tmp_path)).men
        sides = [c.censor_column for c in COLUMNS if c.kind == "measurement"]
        assert list(men) == [c.name for c in COLUMNS] + sides
        assert all(men[side].dtype == np.int8 for side in sides)
        assert all(men[c.name].dtype == np.float64 for c in COLUMNS if c.kind != "text")
        assert men["patient_id"].dtype == men["site"].dtype == object

    def test_reads_values_and_sides(self, tmp_path: Path):
        """A censored value keeps its limit and its side; an empty cell is NaN."""
        men = read_cohort(table(tmp_path)).men
        assert men["estradiol_pg_ml"].tolist() == [20.0, 26.0, 31.0]
        assert men["estradiol_censor"].tolist() == [-1, 0, 0]
        assert np.isnan(men["lh_iu_l"][1])
        assert men["fsh_iu_l"].isna().all()
        assert men["site"].tolist() == ["all"] * 3

    @pytest.mark.parametrize(
        ("cell", "value", "side"),
        [
            ("<20", 20, -1), ("≤ 20", 20, -1), ("<=20", 20, -1), (">100", 100, 1),
            ("≥100", 100, 1), (" 26.5 ", 26.5, 0), ("2.65e1", 26.5, 0),
        ],
    )  # fmt: skip
    def test_reads_a_measurement(self, tmp_path: Path, cell: str, value: float, side: int):
        """Comparators and blanks are read as people write them."""
        men = read_cohort(table(tmp_path, estradiol_pg_ml=[cell, "26", "31"])).men
        assert (men["estradiol_pg_ml"][0], men["estradiol_censor"][0]) == (value, side)

    @pytest.mark.parametrize(
        "cell", ["", "  ", "NA", "N/A", "na", "NaN", "nan", "null", "None", ".", "-"]
    )
    def test_reads_a_missing_value(self, tmp_path: Path, cell: str):
        """What people write for nothing is nothing."""
        assert np.isnan(read_cohort(table(tmp_path, fsh_iu_l=[cell, "4", "5"])).men["fsh_iu_l"][0])

    @pytest.mark.parametrize(
        ("name", "cell", "canonical", "value"),
        [
            ("testosterone_nmol_l", "10", "testosterone_ng_dl", 288.42),
            ("estradiol_pmol_l", "100", "estradiol_pg_ml", 27.238),
            ("lh_miu_ml", "3.4", "lh_iu_l", 3.4),
            ("fsh_miu_ml", "4.8", "fsh_iu_l", 4.8),
        ],
    )
    def test_converts(self, tmp_path: Path, name: str, cell: str, canonical: str, value: float):
        """An accepted unit is converted, its side kept."""
        columns = {canonical: None, name: [cell, f"<{cell}", ""]}
        men = read_cohort(table(tmp_path, **columns)).men
        assert men[canonical][:2].tolist() == pytest.approx([value, value], rel=1e-12)
        side = canonical.split("_")[0] + "_censor"
        assert men[side].tolist() == [0, -1, 0]

    def test_computes_the_body_mass_index(self, tmp_path: Path):
        """Weight and height stand in where the index is empty."""
        body = {"weight_kg": ["81", "90", ""], "height_cm": ["180", "180", "170"]}
        men = read_cohort(table(tmp_path, **body)).men
        assert men["bmi_kg_m2"][:2].tolist() == pytest.approx([25.0, 27.78], abs=0.01)
        assert np.isnan(men["bmi_kg_m2"][2])
        men = read_cohort(table(tmp_path, **body, bmi_kg_m2=["25.4", "", "30"])).men
        assert men["bmi_kg_m2"].tolist() == pytest.approx([25.4, 27.78, 30], abs=0.01)

    def test_leaves_half_a_body_unread_beside_the_index(self, tmp_path: Path):
        """Where the index itself is given, a weight alone is no loss, and told."""
        columns = {"weight_kg": ["81", "", ""], "bmi_kg_m2": ["25", "26", ""]}
        cohort = read_cohort(table(tmp_path, **columns))
        assert "weight_kg is not read: height_cm is absent." in cohort.notices
        assert cohort.men["bmi_kg_m2"][:2].tolist() == [25, 26]

    def test_names_men_by_row(self, tmp_path: Path):
        """A table without pseudonyms is read, and says so."""
        cohort = read_cohort(table(tmp_path, patient_id=None))
        assert cohort.men["patient_id"].tolist() == ["row-1", "row-2", "row-3"]
        assert any("No patient_id" in notice for notice in cohort.notices)

    def test_reads_a_byte_order_mark_and_windows_lines(self, tmp_path: Path):
        """What a spreadsheet saves as CSV UTF-8 is read."""
        path = table(tmp_path)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
        assert read_cohort(path).men["patient_id"].tolist() == MEN["patient_id"]

    def test_keeps_an_empty_row_of_a_single_column(self, tmp_path: Path):
        """In a table of one column an empty line between men is a man without a value."""
        path = tmp_path / "lh.csv"
        path.write_text("lh_iu_l\n3.4\n\n5.1\n")
        assert len(read_cohort(path).men) == 3

    @pytest.mark.parametrize("end", [b",,\n", b",,\n,,\n", b" ,,\t\n\n,,\n", b",,", b",\n,,,,,\n"])
    def test_leaves_out_rows_without_anything_at_the_end(self, tmp_path: Path, end: bytes):
        """Excel writes them below a table; they are no men, and a note says so."""
        path = tmp_path / "men.csv"
        path.write_bytes(b"patient_id,site,lh_iu_l\na,A,3\nb,A,4\n" + end)
        cohort = read_cohort(path)
        assert cohort.men["patient_id"].tolist() == ["a", "b"]
        rows = sum(bool(line) for line in end.split(b"\n"))
        told = (
            f"Left out: {rows} row{'s' if rows > 1 else ''} at the end in which no cell is filled"
        )
        assert any(note.startswith(told) for note in cohort.notices)

    def test_keeps_a_row_without_anything_between_men(self, tmp_path: Path):
        """Rows count as they stand: one that holds no man is told where it is."""
        path = tmp_path / "men.csv"
        path.write_bytes(b"patient_id,site,lh_iu_l\na,A,3\n,,\nb,A,4\n,,\n")
        told = refusal(path)
        assert "patient_id must be given in every row, got none in row 2. " in told
        assert "site must be given for every man, got none in row 2. " in told

    def test_names_unread_columns(self, tmp_path: Path):
        """Unknown columns, nameless ones and free testosterone are left unread and told."""
        extra = {
            "hba1c": ["5"] * 3,
            "age_yeers": ["5"] * 3,
            "estradiol_below_lod": ["0"] * 3,
            "": ["1", "2", "3"],
            "free_testosterone_ng_dl": ["9"] * 3,
        }
        told = "\n".join(read_cohort(table(tmp_path, **extra)).notices)
        assert "'hba1c'" in told
        assert "'age_yeers' (did you mean 'age_years'?)" in told
        assert "'estradiol_below_lod'" in told
        assert "1 without a name" in told
        assert "only total testosterone is" in told

    def test_reads_flags(self, tmp_path: Path):
        """Flags are 0, 1 or empty."""
        men = read_cohort(table(tmp_path, clomiphene=["0", "1.0", ""])).men
        assert men["clomiphene"][:2].tolist() == [0, 1]
        assert np.isnan(men["clomiphene"][2])

    def test_reads_many_men(self, tmp_path: Path):
        """Distinct cells are read once, whatever the number of men."""
        n = 20_000
        cells = {name: list(column) * n for name, column in MEN.items()}
        cells["patient_id"] = [f"Q-{i}" for i in range(3 * n)]
        assert len(read_cohort(written(tmp_path / "many.csv", cells)).men) == 3 * n


class TestParquet:
    """A Parquet table."""

    def test_reads_every_type(self, tmp_path: Path):
        """Numbers, decimals, categories, flags, nulls and text mean what they say."""
        cells = {
            "patient_id": pa.array([7, 8, None]).fill_null(9),
            "site": pa.array(["a", "b", "a"]).dictionary_encode(),
            "age_years": pa.array([Decimal("34.5"), None, Decimal("41.0")]),
            "testosterone_ng_dl": pa.array([270.6, None, float("nan")]),
            "estradiol_pg_ml": pa.array(["<20", "26", None], pa.large_string()),
            "lh_iu_l": pa.array(["3.4", "3.4", None]).dictionary_encode(),
            "fsh_iu_l": pa.nulls(3),
            "clomiphene": pa.array([True, False, None]),
            "tamoxifen": pa.array([1, 0, None], pa.int8()),
        }
        path = tmp_path / "men.parquet"
        pq.write_table(pa.table(cells), path)
        men = read_cohort(path).men
        assert men["patient_id"].tolist() == ["7", "8", "9"]
        assert men["site"].tolist() == ["a", "b", "a"]
        assert men["age_years"].fillna(-1).tolist() == [34.5, -1, 41]
        assert men["testosterone_ng_dl"].fillna(-1).tolist() == [270.6, -1, -1]
        assert men["estradiol_censor"].tolist() == [-1, 0, 0]
        assert men["lh_iu_l"].fillna(-1).tolist() == [3.4, 3.4, -1]
        assert men["clomiphene"].fillna(-1).tolist() == [1, 0, -1]
        assert men["tamoxifen"].fillna(-1).tolist() == [1, 0, -1]

    def test_leaves_row_labels_unread(self, tmp_path: Path):
        """The labels that pandas writes along are no column."""
        frame = pd.DataFrame({"lh_iu_l": [3.4, 4.0]}, index=[5, 9])
        frame.to_parquet(tmp_path / "men.parquet")
        assert "without a name" not in "".join(read_cohort(tmp_path / "men.parquet").notices)

    def test_leaves_a_nameless_column_unread(self, tmp_path: Path):
        """A column without a name is left unread and told."""
        pq.write_table(pa.table({"": [1], "lh_iu_l": [3.4]}), tmp_path / "men.parquet")
        assert "1 without a name" in "".join(read_cohort(tmp_path / "men.parquet").notices)

    @pytest.mark.parametrize(
        ("cells", "message"),
        [
            ({"lh_iu_l": pa.array([float("inf")])}, "lh_iu_l must be a finite number"),
            ({"lh_iu_l": pa.array([True])}, "lh_iu_l must be a number, got True in row 1"),
            ({"lh_iu_l": pa.array([0], pa.timestamp("s"))}, "lh_iu_l must hold text or numbers"),
            ({"lh_iu_l": pa.array([], pa.float64())}, "must hold at least one man"),
            ({"weight_kg": pa.array([0], pa.date32())}, "weight_kg must stand beside height_cm"),
            ({"clomiphene": pa.array([0.5])}, "clomiphene must be 0 or 1, got 0.5 in row 1"),
        ],
    )
    def test_refuses(self, tmp_path: Path, cells: dict[str, pa.Array], message: str):
        """A type or number that is no measurement is refused."""
        path = tmp_path / "men.parquet"
        pq.write_table(pa.table(cells), path)
        assert message in refusal(path)

    def test_refuses_columns_of_one_name(self, tmp_path: Path):
        """Two columns of one name are refused, as in CSV."""
        path = tmp_path / "men.parquet"
        pq.write_table(pa.Table.from_arrays([pa.array([1.0])] * 2, ["lh_iu_l", "lh_iu_l"]), path)
        assert "must name each column once" in refusal(path)


GOOD = b"patient_id,lh_iu_l\nQ-7731,3.4\n"


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("a.csv", b"", "must hold a table, got an empty file"),
        ("a.csv", b"\xef\xbb\xbf", "must name its columns in the first row"),
        ("a.csv", b"\n\n", "must name its columns in the first row, got an empty row"),
        ("a.csv", b"patient_id,lh_iu_l\n", "must hold at least one man, got a header and no row"),
        ("a.csv", b"patient_id,lh_iu_l\n\n\n", "must hold at least one man"),
        ("a.csv", b"patient_id,lh_iu_l\n,\n,\n", "must hold at least one man"),
        ("a.csv", b",\n,\n", "must name its columns in the first row, got an empty row"),
        ("a.csv", b"Q-7731,3.4\nQ-7732,3.1\n", "first row, got 1 number there. Add a header"),
        ("a.csv", b"lh_iu_l,lh_iu_l\n1,2\n", "name each column once, got 'lh_iu_l' more than once"),
        (
            "a.csv",
            GOOD + b"Q-7732,3,4\n",
            "must have 2 cells in every row, as its header has, got 3",
        ),
        ("a.csv", GOOD + b"Q-7732\n", "got 1 in row 2"),
        ("a.csv", GOOD + b"\n" + b"Q-7732,3\n", "got 0 in row 2"),
        (
            "a.csv",
            b"patient_id;lh_iu_l\nQ-7731;3,4\n",
            'got semicolons. Write separator = ";", and',
        ),
        ("a.csv", b"patient_id\tlh_iu_l\nQ-7731\t3.4\n", 'got tabs. Write separator = "\\t", and'),
        ("a.csv", b"Nr, neu;LH;FSH\n7;3,4;4,1\n8;3;4\n", "by commas, got semicolons."),
        ("a.csv", GOOD + b"Q-7732,\x00\n", "must be text in UTF-8, got NUL bytes or UTF-16"),
        ("a.csv", GOOD.decode().encode("utf-16"), "must be text in UTF-8, got NUL bytes or UTF-16"),
        ("a.csv", GOOD + b"Z\xfcrich,3\n", "must be text in UTF-8, got another encoding in row 2"),
        ("a.csv", b"Z\xfcrich,lh_iu_l\na,3\n", "must be text in UTF-8, got another encoding. Save"),
        ("a.csv", GOOD + b'"Q-7732,3\n', "must be comma-separated text"),
        ("a.csv", b'"patient_id', "must be comma-separated text"),
        ("a.csv", b"PK\x03\x04...", "must be CSV or Parquet, got a workbook. Save it as CSV"),
        ("a.xlsx", b"anything", "must be CSV or Parquet, got a workbook"),
        ("a.csv", b"PAR1....PAR1", "must be CSV as its name says, got Parquet"),
        ("a.parquet", GOOD, "must be Parquet as its name says"),
        ("a.parquet", b"PAR1....PAR1", "must be a sound Parquet file, got a damaged one"),
        ("a.tsv", GOOD, "must end in .csv or .parquet, got the ending '.tsv'"),
        ("a", GOOD, "must end in .csv or .parquet, got no ending"),
    ],
)
def test_refuses_a_file_that_is_no_table(tmp_path: Path, name: str, raw: bytes, message: str):
    """A file that cannot be read as what its name says stops at the door, alone."""
    path = tmp_path / name
    path.write_bytes(raw)
    told = refusal(path)
    assert message in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("name", ["absent.csv", "folder.csv", "nul\0.csv"])
def test_refuses_a_path_that_is_no_file(tmp_path: Path, name: str):
    """A missing file, a folder and an impossible path are refused with the remedy."""
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CohortError, match=r"must be a readable file, got .*Check the path"):
        read_cohort(tmp_path / name)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        # cells
        (
            {"lh_iu_l": ["3.4", "high", "low"]},
            "lh_iu_l must be a number, got 'high', 'low' in rows 2, 3. Write a",
        ),
        (
            {"lh_iu_l": ["12 IU/L", "", ""]},
            "got '12 IU/L' in row 1. Write the number alone; the unit stands in",
        ),
        ({"lh_iu_l": ['"3,4"', "", ""]}, "got '3,4' in row 1. Write decimals with a point"),
        (
            {"lh_iu_l": ["1e999", "inf", "nan"]},
            "lh_iu_l must be a number, got '1e999', 'inf' in rows 1, 2",
        ),
        ({"lh_iu_l": ["a", "b", "c"], "fsh_iu_l": ["x" * 99, "", ""]}, "x…"),
        (
            {"age_years": ["<20", "30", "30"]},
            "age_years must be an exact number, got '<20' in row 1",
        ),
        (
            {"clomiphene": ["yes", "1", "2"]},
            "clomiphene must be 0 or 1, got 'yes', '2' in rows 1, 3. Write 1",
        ),
        # limits
        (
            {"lh_iu_l": ["<0", "3", "4"]},
            "lh_iu_l must be above 0 behind < or >, got 0 in row 1. Write the assay",
        ),
        (
            {"lh_iu_l": ["-1", "3", "400"]},
            "lh_iu_l must be 0.05 to 100 [IU]/L, got -1, 400 in rows 1, 3",
        ),
        (
            {"age_years": ["34", "17", "71"]},
            "age_years must be 18 to 70 a, got 17, 71 in rows 2, 3. Check",
        ),
        (
            {"testosterone_ng_dl": ["9.4", "300", "300"]},
            "10 to 3000 ng/dL, got 9.4 in row 1. 9.4 ng/dL reads as nmol/L (271.1 ng/dL): check",
        ),
        (
            {"testosterone_ng_dl": None, "testosterone_nmol_l": ["300", "11", "12"]},
            "0.3467 to 104 nmol/L, got 300 in row 1. 300 nmol/L reads as ng/dL (300 ng/dL)",
        ),
        ({"estradiol_pg_ml": ["160", "<20", "30"]}, "160 pg/mL reads as pmol/L (43.58 pg/mL)"),
        (
            {"followup_days": ["0", "-3", "91"]},
            "must lie after baseline, 1 day or more, got 0, -3 in rows 1, 2. Count the days",
        ),
        (
            {"followup_days": ["91", "4000", "91"]},
            "followup_days must be at most 3650 d, got 4000 in row 2",
        ),
        # units
        (
            {"testosterone_ng_dl": ["12", "300", "300"]},
            "must be in ng/dL throughout, got 1 that reads likelier in another unit: 12 ng/dL",
        ),
        (
            {"testosterone_ng_dl": ["12", "300", "300"]},
            "12 ng/dL reads as nmol/L (346.1 ng/dL) in row 1. Convert",
        ),
        (
            {"testosterone_ng_dl": ["12", "300", "300"]},
            "list 'testosterone_ng_dl' under units_confirmed in cohort.toml.",
        ),
        (
            {"testosterone_ng_dl": ["12", "13", "14"]},
            "got 3 that read likelier in another unit: 12 ng/dL",
        ),
        (
            {"estradiol_pg_ml": ["140", "20", "30"]},
            "140 pg/mL reads as pmol/L (38.13 pg/mL) in row 1",
        ),
        (
            {"testosterone_nmol_l": ["10", "11", "12"]},
            "must be given in one unit, got testosterone_ng_dl and testosterone_nmol_l",
        ),
        (
            {"lh_miu_ml": ["", "", ""]},
            "lh_iu_l must be given in one unit, got lh_iu_l and lh_miu_ml. Keep",
        ),
        # names
        (
            {"testosterone": ["9", "9", "9"]},
            "with its unit, got no unit. Name it testosterone_ng_dl or testosterone_nmol_l",
        ),
        (
            {"lh_iu_l": None, "LH": ["3", "4", "5"]},
            "LH must be named with its unit, got no unit. Name it lh_iu_l or lh_miu_ml",
        ),
        (
            {"lh_u_l": ["3", "4", "5"]},
            "must be named with its unit, got the unit 'u_l'. Did you mean 'lh_iu_l'?",
        ),
        (
            {"estradiol_ng_ml": ["3", "4", "5"]},
            "estradiol_ng_ml must be named with its unit, got the unit 'ng_ml'",
        ),
        (
            {"prolactin_miu_l": ["3", "4", "5"]},
            "got the unit 'miu_l'. Did you mean 'prolactin_ng_ml'? Name it",
        ),
        (
            {"Testosterone_ng_dL": ["3", "4", "5"]},
            "got capital letters. Did you mean 'testosterone_ng_dl'?",
        ),
        ({"Estradiol (pg/mL)": ["3", "4", "5"]}, "Name it estradiol_pg_ml or estradiol_pmol_l"),
        (
            {"sperm concentration": ["3", "4", "5"]},
            "sperm concentration must be named with its unit, got no unit",
        ),
        ({"followup_motility": ["3", "4", "5"]}, "got no unit. Name it followup_motility_percent"),
        # body
        (
            {"weight_kg": ["80", "", ""]},
            "must stand beside height_cm, got no height_cm. Add height_cm, or give bmi_kg_m2",
        ),
        ({"height_cm": ["180", "", ""]}, "height_cm must stand beside weight_kg, got no weight_kg"),
        (
            {"weight_kg": ["80", "", ""], "height_cm": ["1.8", "", ""]},
            "height_cm must be 120 to 230 cm, got 1.8 in row 1",
        ),
        (
            {"weight_kg": ["350", "", ""], "height_cm": ["120", "", ""]},
            "bmi_kg_m2 must be 12 to 80 kg/m2 as weight_kg",
        ),
        (
            {
                "weight_kg": ["81", "", ""],
                "height_cm": ["180", "", ""],
                "bmi_kg_m2": ["26.1", "", ""],
            },
            "bmi_kg_m2 must agree with weight_kg and height_cm within 1 kg/m2, got 26.1 in row 1",
        ),
        # men
        (
            {"patient_id": ["Q-7731", "Q-7732", " Q-7731 "]},
            "patient_id must name one row each, got repeats in rows 1, 3",
        ),
        (
            {"patient_id": ["Q-7731", "", "NA"]},
            "patient_id must be given in every row, got none in rows 2, 3",
        ),
        ({"site": ["A", "", "B"]}, "site must be given for every man, got none in row 2"),
        (
            {"patient_id": ["SYN-1", "Q-7732", "syn-3"]},
            "be all synthetic or all clinical, got some that begin with SYN- in rows 1, 3",
        ),
        (
            {"patient_id": ["SYN-1", "SYN-2", "SYN-3"]},
            "must say that it is synthetic, got the synthetic cohort without its cohort.toml",
        ),
    ],
)
def test_refuses(tmp_path: Path, columns: dict[str, list[str] | None], message: str):
    """What cannot be read without a guess is refused: rows, field, rule, value, remedy."""
    assert message in refusal(table(tmp_path, **columns))


def test_refuses_a_table_without_a_measurement(tmp_path: Path):
    """A table of other things is refused with the names that come nearest."""
    path = written(
        tmp_path / "a.csv", {"patient_id": ["Q-7731"], "total_testosterone_ng_dl": ["9"]}
    )
    assert "got none. Name one as in testosterone_ng_dl." in refusal(path)
    path = written(tmp_path / "a.csv", {"patient_id": ["Q-7731"], "shbg_nmoll_l": ["9"]})
    assert "did you mean 'shbg_nmol_l'?" in refusal(path)


def test_tells_every_problem_at_once(tmp_path: Path):
    """One refusal carries all of it, one problem for each column and rule."""
    sidecar(tmp_path, 'souce = "us"\n')
    columns = {
        "patient_id": ["Q-7731", "Q-7731", ""],
        "age_years": ["12", "x", "y"],
        "lh_iu_l": ["300", "300", "z"],
        "estradiol": ["1", "2", "3"],
    }
    with pytest.raises(CohortError, match="must") as caught:
        read_cohort(table(tmp_path, **columns), need=("outcome",))
    told = [(problem.field, problem.rows) for problem in caught.value.problems]
    assert told == [
        ("cohort.toml souce", ()),
        ("estradiol", ()),
        ("sperm_concentration_m_ml, followup_days, followup_sperm_concentration_m_ml", ()),
        ("patient_id", (3,)),
        ("patient_id", (1, 2)),
        ("age_years", (2, 3)),
        ("age_years", (1,)),
        ("lh_iu_l", (3,)),
        ("lh_iu_l", (1, 2)),
    ]


def test_joins_the_remedies_of_one_rule(tmp_path: Path):
    """Different mistakes under one rule are one problem with each remedy."""
    told = refusal(table(tmp_path, lh_iu_l=["12 IU/L", "high", "3"]))
    assert "in rows 1, 2. Write the number alone; the unit stands in the column's name. " in told
    assert told.endswith("or leave the cell empty.")


class TestDoubt:
    """Values inside the limits that read likelier in another unit."""

    def test_is_a_notice_where_it_is_rare(self, tmp_path: Path):
        """One value in a thousand is told and kept."""
        cells = {"testosterone_ng_dl": ["15", *["300"] * 999]}
        cohort = read_cohort(written(tmp_path / "a.csv", cells))
        assert cohort.men["testosterone_ng_dl"][0] == 15
        told = "\n".join(cohort.notices)
        assert "1 that reads likelier in another unit: 15 ng/dL reads as nmol/L" in told
        assert ", in row 1. Kept as typed" in told

    def test_is_an_error_beyond_that(self, tmp_path: Path):
        """Two in a thousand are a column in two units."""
        cells = {"testosterone_ng_dl": ["15", "14", *["300"] * 998]}
        assert "2 that read likelier" in refusal(written(tmp_path / "a.csv", cells))

    def test_counts_only_the_men_with_a_value(self, tmp_path: Path):
        """Empty cells do not make a doubted value rarer."""
        cells = {"testosterone_ng_dl": ["15", *["NA"] * 1999]}
        assert "1 that reads likelier" in refusal(written(tmp_path / "a.csv", cells))

    def test_is_settled_by_the_sidecar(self, tmp_path: Path):
        """A unit that the clinic confirms is believed, and told."""
        sidecar(tmp_path, 'units_confirmed = ["testosterone_ng_dl"]\n')
        values = ["12", "13", "14"]
        cohort = read_cohort(table(tmp_path, testosterone_ng_dl=values))
        assert "Its unit is confirmed in cohort.toml." in "\n".join(cohort.notices)
        assert cohort.men["testosterone_ng_dl"].tolist() == [12, 13, 14]

    def test_leaves_censored_values_alone(self, tmp_path: Path):
        """A limit says nothing of the value, so it is not doubted."""
        read_cohort(table(tmp_path, testosterone_ng_dl=["<12", "300", "300"]))

    def test_shows_a_few_rows(self, tmp_path: Path):
        """A notice stays short however many rows it is about."""
        cells = {"testosterone_ng_dl": [*["15"] * 7, *["300"] * 6993]}
        told = "\n".join(read_cohort(written(tmp_path / "a.csv", cells)).notices)
        assert "in rows 1, 2, 3, 4, 5 and 2 more" in told


class TestNeed:
    """Columns that must be there."""

    def test_names_what_is_missing(self, tmp_path: Path):
        """Missing columns are named exactly, with the nearest name there is."""
        path = table(
            tmp_path, sperm_concentration_m_ml=["1", "2", "3"], followup_day=["90", "91", "92"]
        )
        told = refusal(path, need=("outcome",))
        assert "got no such column. " in told
        assert "'followup_day' for followup_days" in told

    def test_follows_the_scheme(self, tmp_path: Path):
        """Total motile count needs volume and motility on both sides; the sidecar may ask it."""
        path = table(tmp_path)
        assert "motility" not in refusal(path, need=("outcome",))
        told = refusal(path, need=("outcome",), scheme="tmsc")
        assert "followup_motility_percent" in told
        assert " motility_percent" in told
        sidecar(tmp_path, 'scheme = "tmsc"\n')
        assert refusal(path, need=("outcome",)) == told

    def test_takes_canonical_columns(self, tmp_path: Path):
        """A column in another accepted unit counts."""
        path = table(tmp_path, lh_iu_l=None, lh_miu_ml=["3", "4", "5"])
        read_cohort(path, need=("lh_iu_l", "patient_id"))
        assert "fsh_iu_l must be in the table, got no such column" in refusal(
            path, need=("fsh_iu_l",)
        )

    def test_refuses_an_unknown_scheme(self, tmp_path: Path):
        """A scheme of no name is the settings' fault, not the table's."""
        with pytest.raises(ConfigError, match="scheme must be one of"):
            read_cohort(table(tmp_path), need=("outcome",), scheme="whom")

    def test_lists_the_columns_of_an_outcome(self):
        """Baseline comes first, then the day and the follow-up."""
        assert outcome_columns("tmsc")[3:5] == (
            "followup_days",
            "followup_sperm_concentration_m_ml",
        )
        assert len(outcome_columns("concentration")) == 3


class TestSidecar:
    """The file that says where a table is from."""

    def test_gives_the_provenance(self, tmp_path: Path):
        """What is written is read back, and the digest is the table's."""
        path = table(tmp_path, patient_id=["SYN-1", "SYN-2", "SYN-3"])
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sidecar(
            tmp_path,
            f'source = "a recipe"\nsha256 = "sha256:{digest}"\nrows = 3\nscheme = "who"\n'
            'date = "2026-11-21"\nseed = 7\nrecipe = "1"\n',
            kind="synthetic",
        )
        cohort = read_cohort(path)
        assert cohort.provenance == Provenance(
            "synthetic", "a recipe", digest, 3, "2026-11-21", "who", "clinic.csv"
        )
        assert cohort.notices == ()

    def test_is_optional_for_a_clinic(self, tmp_path: Path):
        """Without one a table is clinical, its source not stated, and says so."""
        cohort = read_cohort(table(tmp_path))
        assert cohort.provenance.kind == "clinical"
        assert cohort.provenance.source == "not stated"
        assert len(cohort.provenance.sha256) == 64
        assert "No cohort.toml beside clinic.csv" in cohort.notices[0]

    def test_belongs_to_one_table(self, tmp_path: Path):
        """A sidecar of another table is not this one's."""
        sidecar(tmp_path, 'source = "us"\n')
        cohort = read_cohort(table(tmp_path, name="other.csv"))
        assert cohort.provenance.source == "not stated"
        assert "belongs to another table, 'clinic.csv'" in cohort.notices[0]

    def test_takes_a_date_and_a_mark(self, tmp_path: Path):
        """A TOML date and a byte order mark are read as meant."""
        text = '\ufefffile = "clinic.csv"\nkind = "clinical"\ndate = 2026-11-21\n'
        (tmp_path / "cohort.toml").write_text(text, encoding="utf-8")
        assert read_cohort(table(tmp_path)).provenance.date == "2026-11-21"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                'souce = "us"',
                "souce must be a known key, got an unknown one. Did you mean 'source'?",
            ),
            ("rows = 4", "cohort.toml rows must be the table's 3 rows, got 4. Restore the table"),
            ('rows = "3"', "cohort.toml rows must be a whole number, got '3'"),
            ("seed = true", "cohort.toml seed must be a whole number, got True"),
            ('sha256 = "00ff"', "must be the digest of the table, got '00ff' for a table of"),
            (
                'scheme = "whoo"',
                "must be concentration or who or tmsc, got 'whoo'. Did you mean 'who'?",
            ),
            ('units_confirmed = ["lh"]', "must list measurement columns, got 'lh'"),
            ("units_confirmed = [1]", "must list measurement columns, got '1'"),
            ("scheme = 3", "cohort.toml scheme must be text, got 3"),
            ("=", "cohort.toml must be readable TOML in UTF-8"),
        ],
    )
    def test_refuses(self, tmp_path: Path, text: str, message: str):
        """An unknown key, a wrong value and a changed table are refused."""
        sidecar(tmp_path, text + "\n")
        assert message in refusal(table(tmp_path))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "cohort.toml file must be given, got nothing"),
            ('file = "clinic.csv"', "cohort.toml kind must be given, got nothing"),
            ("file = 3", "cohort.toml file must be text, got 3"),
            (
                'file = "clinic.csv"\nkind = "real"',
                "kind must be synthetic or clinical, got 'real'",
            ),
            ('file = "clinic.csv"\nkind = "synthetic"', "cohort.toml sha256 must be given"),
        ],
    )
    def test_asks_for(self, tmp_path: Path, text: str, message: str):
        """File and kind are always needed; the digest too where men are synthetic."""
        (tmp_path / "cohort.toml").write_text(text)
        assert message in refusal(table(tmp_path))

    def test_cannot_call_synthetic_men_clinical(self, tmp_path: Path):
        """The kinds are never mixed, whatever the sidecar says."""
        sidecar(tmp_path)
        path = table(tmp_path, patient_id=["SYN-1", "SYN-2", "SYN-3"])
        assert "begin with SYN- under kind clinical" in refusal(path)


class TestDescribe:
    """What a cohort holds, in numbers."""

    def test_counts(self, tmp_path: Path):
        """Counts are per measurement, and the whole is JSON."""
        told = describe(read_cohort(table(tmp_path, site=["B", "A", "B"])))
        assert json.loads(json.dumps(told)) == told
        assert told["rows"] == 3
        assert told["sites"] == {"B": 2, "A": 1}
        assert told["measurements"]["lh_iu_l"] == {
            "present": 2,
            "missing": 1,
            "below": 0,
            "above": 0,
            "median": {"value": 4.25, "unit": "[IU]/L"},
        }
        assert told["measurements"]["fsh_iu_l"]["median"] is None
        assert "Q-77" not in json.dumps(told)

    @pytest.mark.parametrize(
        ("cells", "median"),
        [
            (["<20", "26", "31"], (26.0, "")),
            (["<20", "<20", "31"], (20.0, "<")),
            (["20", ">40", ">40"], (40.0, ">")),
            (["<30", "25", "31"], (30.0, "<")),
            (["<30", ">20", "25"], None),
        ],
    )
    def test_gives_the_median_its_side(self, tmp_path: Path, cells: list[str], median: object):
        """A median that censoring moves carries a comparator, or is left out."""
        cohort = read_cohort(table(tmp_path, estradiol_pg_ml=cells))
        told = describe(cohort)["measurements"]["estradiol_pg_ml"]["median"]
        if median is None:
            assert told is None
        else:
            assert (told["value"], told.get("comparator", "")) == median


HORMONES = {
    "testosterone_ng_dl": (150, 900, "testosterone_nmol_l", 28.842),
    "estradiol_pg_ml": (12, 45, "estradiol_pmol_l", 0.27238),
    "lh_iu_l": (0.5, 20, "lh_miu_ml", 1.0),
    "fsh_iu_l": (0.5, 40, "fsh_miu_ml", 1.0),
}


@st.composite
def hormones(draw: st.DrawFn) -> dict[str, list[str]]:
    """Cells of plausible men, some censored, some missing."""
    n = draw(st.integers(1, 6))

    def cell(low: float, high: float) -> st.SearchStrategy[str]:
        number = st.floats(low, high)
        return st.one_of(
            st.just(""), number.map(repr), number.map("<{!r}".format), number.map("> {!r}".format)
        )

    return {
        "patient_id": [f"m{i}" for i in range(n)],  # a row without anything may be no man
        **{
            name: draw(st.lists(cell(low, high), min_size=n, max_size=n))
            for name, (low, high, _, _) in HORMONES.items()
        },
    }


def read(cells: Mapping[str, Sequence[str]], *, parquet: bool = False) -> pd.DataFrame:
    """Write a table and read it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("men.parquet" if parquet else "men.csv")
        if parquet:
            pq.write_table(pa.table({k: [c or None for c in v] for k, v in cells.items()}), path)
        else:
            written(path, cells)
        return read_cohort(path).men


def in_other_units(cells: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the same readings in the other accepted units."""

    def other(cell: str, factor: float) -> str:
        number = cell.lstrip("<> ")
        return cell.replace(number, repr(float(number) / factor)) if number else ""

    return {"patient_id": list(cells["patient_id"])} | {
        other_name: [other(cell, factor) for cell in cells[name]]
        for name, (_, _, other_name, factor) in HORMONES.items()
    }


@settings(max_examples=40, deadline=None)
@given(hormones())
def test_a_unit_does_not_change_a_man(cells: dict[str, list[str]]):
    """The same men in the other accepted units are the same men."""
    one, two = read(cells), read(in_other_units(cells))
    pd.testing.assert_frame_equal(one, two, check_exact=False, rtol=1e-12, atol=0)


@settings(max_examples=40, deadline=None)
@given(hormones(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(cells: dict[str, list[str]], random):
    """Men in another order are the same men in that order."""
    order = list(range(len(cells["lh_iu_l"])))
    random.shuffle(order)
    moved = {name: [column[i] for i in order] for name, column in cells.items()}
    expected = read(cells).iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(read(moved), expected)


@settings(max_examples=40, deadline=None)
@given(hormones())
def test_csv_equals_parquet(cells: dict[str, list[str]]):
    """The form of a table does not change what is read."""
    pd.testing.assert_frame_equal(read(cells), read(cells, parquet=True))


def test_a_cohort_is_told_apart_by_identity():
    """Two cohorts are equal only if they are one."""
    origin = Provenance("clinical", "us", "", 1, "")
    men = pd.DataFrame({"lh_iu_l": [3.4]})
    assert Cohort(men, origin) != Cohort(men, origin)
