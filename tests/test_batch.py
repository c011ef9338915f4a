"""Tables into scores: equal to each man alone, bad rows set apart, all or nothing on disk."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from respredict.batch import run, score_table
from respredict.batch.outputs import Outputs
from respredict.bundle import Extras
from respredict.cohort import read_cohort
from respredict.errors import CohortError, InputError
from respredict.judging import label
from respredict.model.candidates import PREDICTORS, build_pipeline, matrix_columns
from respredict.schema.analytes import ANALYTES, analyte, likelier_unit
from respredict.scoring import Scorer
from respredict.tables.rows import in_doubt
from tests.conftest import COHORT

CANONICAL = {a.name: (a.column, a.units[0]) for a in ANALYTES}
OTHER = {**CANONICAL, **{a.name: (a.column_in(a.units[1]), a.units[1])
                         for a in ANALYTES if len(a.units) > 1}}  # fmt: skip
SPREAD = {"testosterone": (310, 0.7), "estradiol": (24, 0.6), "lh": (5, 0.8), "fsh": (6, 0.9),
          "shbg": (30, 0.3), "sperm_concentration": (5, 1.5), "semen_volume": (3, 0.3),
          "motility": (40, 0.4)}  # fmt: skip
FLAGS = ("clomiphene", "tamoxifen", "gonadotropin_or_gnrh", "prior_testosterone")
MAN = {"patient_id": "Q-1", "testosterone_ng_dl": "270.6", "lh_iu_l": "3.4"}


def mixed(men: int, columns=CANONICAL, seed: int = 3) -> dict[str, list[str]]:
    """Cells of men of every kind: missing, censored, azoospermic, in doubt, co-treated."""
    random = np.random.default_rng(seed)
    cells = {
        "patient_id": [f"M{i}" for i in range(men)],
        "age_years": [f"{age}" for age in random.integers(20, 65, men)],
        "bmi_kg_m2": ["" if u < 0.1 else f"{20 + 100 * u / 6:.1f}" for u in random.random(men)],
    }
    for name, (median, spread) in SPREAD.items():
        of, (column, unit) = analyte(name), columns[name]
        values = median * np.exp(spread * random.standard_normal(men))
        values = np.clip(values, 1.2 * max(of.low, 0.01), 0.95 * of.high)
        kind = random.choice(["", "none", "<", ">", "0"], men, p=[0.72, 0.12, 0.08, 0.04, 0.04])
        zero = name == "sperm_concentration"
        cells[column] = [
            "" if k == "none" else "0" if k == "0" and zero else f"{k.strip('0')}{v:.5g}"
            for k, v in zip(kind, values / unit.factor, strict=True)
        ]
    for name in FLAGS:
        cells[name] = random.choice(["", "0", "1"], men, p=[0.1, 0.75, 0.15]).tolist()
    return cells


def body(row: dict[str, str], columns=CANONICAL) -> dict:
    """Return the JSON request that a row of cells makes."""
    told: dict = {"age": float(row["age_years"])}
    if row["bmi_kg_m2"]:
        told["bmi"] = float(row["bmi_kg_m2"])
    for name in SPREAD:
        column, unit = columns[name]
        cell = row[column]
        if cell:
            side = cell[0] if cell[0] in "<>" else ""
            told[name] = {"value": float(cell.lstrip("<>")), "unit": unit.code}
            told[name] |= {"comparator": side} if side else {}
    flags = {name: row[name] == "1" for name in FLAGS[:3] if row[name]}
    used = {"1": "past", "0": "never"}.get(row["prior_testosterone"])
    told["treatment"] = flags | ({"testosterone": used} if used else {})
    return told


def written(path: Path, cells: dict[str, list[str]]) -> Path:
    """Write cells as CSV or as text columns of Parquet."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table({k: [c or None for c in v] for k, v in cells.items()}), path)
    else:
        pd.DataFrame(cells).to_csv(path, index=False)
    return path


def lines(path: Path | str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def rows_of(cells: dict[str, list[str]]) -> list[dict[str, str]]:
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]


def expected(answer: dict) -> dict[str, str]:
    """Return the line that an answer makes."""
    names = {label(a.name): a.name for a in ANALYTES}

    def reason(one: dict) -> str:
        if one["code"] != "unit_in_doubt":
            return one["code"]
        return (
            f"unit_in_doubt:{next(n for told, n in names.items() if one['text'].startswith(told))}"
        )

    def ratio(name: str) -> str:
        value = answer["derived"][name]
        return "" if value is None else f"{value.get('comparator', '')}{value['value']:.6g}"

    cautions = [c["code"] + (f":{c['input']}" if "input" in c else "") for c in answer["cautions"]]
    return {
        "status": answer["status"],
        "reasons": " ".join(reason(one) for one in answer.get("reasons", ())),
        "cautions": " ".join(cautions),
        "t_e2": ratio("t_e2"),
        "t_lh": ratio("t_lh"),
        "model_version": str(answer["model"]["version"]),
        "model_digest": answer["model"]["digest"],
        "use": answer["model"]["use"],
    }


def assert_equal_to_alone(scorer: Scorer, cells, columns, scores: list[dict[str, str]]) -> None:
    assert len(scores) == len(cells["patient_id"])
    for i, (row, line) in enumerate(zip(rows_of(cells), scores, strict=True), 1):
        answer = scorer.score(body(row, columns))
        assert (line["row"], line["patient_id"]) == (str(i), row["patient_id"])
        assert {name: line[name] for name in expected(answer)} == expected(answer)
        improvement = answer.get("improvement", {})
        low, high = improvement.get("interval", (None, None))
        redraw_low, redraw_high = improvement.get("redraw_interval", (None, None))
        numbers = {
            "probability": improvement.get("probability"),
            **({"low": low, "high": high} if "low" in line else {}),
            "redraw_low": redraw_low,
            "redraw_high": redraw_high,
            "chance_up": answer["chance_only"]["up"],
            "chance_down": answer["chance_only"]["down"],
            "base": answer.get("explanation", {}).get("base"),
        }
        for one in answer.get("explanation", {}).get("contributions", ()):
            numbers[f"log_odds_{one['input']}"] = one["log_odds"]
        if "worsening" in line and "worsening" in answer:
            numbers["worsening"] = answer["worsening"]["probability"]
            numbers["worsening_low"], numbers["worsening_high"] = answer["worsening"]["interval"]
        for name, number in numbers.items():
            assert (float(line[name]) if line[name] else None) == number, name


class TestEqualToOneManAlone:
    """What a file says of a man is what his request is answered."""

    @pytest.mark.parametrize("columns", [CANONICAL, OTHER], ids=["canonical", "other-units"])
    def test_field_by_field(self, scorer, tmp_path, columns):
        """Statuses, codes and every number, to the last bit, in either unit."""
        cells = mixed(400, columns)
        table = written(tmp_path / "men.csv", cells)
        told = score_table(table, scorer, explain=True)
        scores = lines(told["out"])
        assert told["rejected"] == 0, lines(told["rejected_file"] or table)[:3]
        assert_equal_to_alone(scorer, cells, columns, scores)
        codes = " ".join(line["reasons"] + " " + line["cautions"] for line in scores).split()
        assert {"testosterone_missing", "lh_missing", "top_category", "cotreatment",
                "value_imputed:bmi", "azoospermia_not_in_model", "primary_testicular_failure",
                } <= set(codes)  # fmt: skip
        for begin in ("unit_in_doubt:", "outside_support:"):
            assert any(code.startswith(begin) for code in codes), begin
        assert {"low", "high", "redraw_low", "redraw_high"} <= set(scores[0])
        assert set(told["counts"]) == {"scored", "caution", "indeterminate"}
        assert sum(told["counts"].values()) == told["rows"] == 400

    @pytest.mark.parametrize(
        ("predictors", "scheme"), [("hormones+semen", "tmsc"), ("lh+fsh", "who"), ("t_lh", "tmsc")]
    )
    def test_under_another_model_and_scheme(self, scorer, tmp_path, predictors, scheme):
        """Inputs and categories are the model's: nothing is asked that it does not use."""
        men = read_cohort(COHORT).men
        names = list(matrix_columns(predictors))
        y = np.random.default_rng(0).integers(0, 2, len(men))
        pipeline = build_pipeline(predictors).fit(men[names].astype(float), y)
        meta = {**scorer.bundle.meta, "predictors": predictors, "scheme": scheme, "columns": names}
        made = dataclasses.replace(scorer.bundle, pipeline=pipeline, meta=meta, extras=Extras())
        other = Scorer(made, 7)
        cells = mixed(120, seed=5)
        told = score_table(written(tmp_path / "men.csv", cells), other, explain=True)
        assert_equal_to_alone(other, cells, CANONICAL, lines(told["out"]))
        assert [c for c in lines(told["out"])[0] if c.startswith("log_odds_")] == [
            f"log_odds_{name}" for name in PREDICTORS[predictors]
        ]

    def test_whole_answers(self, scorer, tmp_path):
        """``.jsonl`` holds the answer of the same request, received as the table gives it."""
        cells = mixed(60, OTHER)
        table = written(tmp_path / "men.csv", cells)
        told = score_table(table, scorer, out=str(tmp_path / "men.jsonl"))
        text = (tmp_path / "men.jsonl").read_text(encoding="utf-8")
        for i, (row, line) in enumerate(zip(rows_of(cells), text.splitlines(), strict=True), 1):
            answer = {"row": i, "patient_id": row["patient_id"], **scorer.score(body(row, OTHER))}
            assert json.loads(line) == json.loads(json.dumps(answer))
        assert sum(told["counts"].values()) == 60

    def test_a_man_without_an_age_is_scored(self, scorer, tmp_path):
        """A table may lack the age: it is estimated, and said."""
        told = score_table(written(tmp_path / "m.csv", {k: [v] for k, v in MAN.items()}), scorer)
        assert "value_imputed:age" in lines(told["out"])[0]["cautions"].split()


@pytest.fixture(scope="module")
def many(scorer, tmp_path_factory):
    """Score the same men many times over, across a border between chunks."""
    folder = tmp_path_factory.mktemp("many")
    cells = {name: column * 27 for name, column in mixed(300).items()}
    table = written(folder / "men.csv", cells)
    with pytest.MonkeyPatch.context() as patch:
        for ending in (".csv", ".parquet"):
            patch.setitem(run._AT_ONCE, ending, 2_500)
        yield table, Path(score_table(table, scorer, explain=True)["out"])


class TestBits:
    """Neither company, chunks, processes nor the form of the file change a number."""

    def test_chunks(self, scorer, many, tmp_path):
        """A man's line is the same wherever he stands, and alone."""
        table, out = many
        body_lines = [line.split(",", 1)[1] for line in out.read_text().splitlines()[1:]]
        assert body_lines == body_lines[:300] * 27
        text = table.read_text().splitlines()
        for i in (0, 41, 299):
            alone = tmp_path / f"man{i}.csv"
            alone.write_text(f"{text[0]}\n{text[i + 1]}\n")
            told = score_table(alone, scorer, explain=True)
            assert Path(told["out"]).read_text().splitlines()[1].split(",", 1)[1] == body_lines[i]

    def test_jobs(self, scorer, many, tmp_path):
        """Two processes write the same bytes."""
        table, out = many
        told = score_table(table, scorer, out=str(tmp_path / "2.csv"), explain=True, jobs=2)
        assert (tmp_path / "2.csv").read_bytes() == out.read_bytes()
        assert told["rows"] == 8_100

    def test_parquet(self, scorer, many, tmp_path):
        """Parquet in and out holds the same numbers to the last bit, and typed."""
        table, out = many
        men = pd.read_csv(table, dtype=str, keep_default_na=False)
        source = written(tmp_path / "men.parquet", {name: men[name].tolist() for name in men})
        target = tmp_path / "scores.parquet"
        score_table(source, scorer, out=str(target), explain=True)
        typed, text = pq.read_table(target), lines(out)
        assert typed.column_names == list(text[0])
        for name in typed.column_names:
            found = typed[name].to_pylist()
            read = int if name == "row" else float if typed[name].type == pa.float64() else str
            empty = "" if name in ("reasons", "cautions") else None
            assert found == [read(line[name]) if line[name] else empty for line in text], name
        assert str(typed.schema.field("status").type) == "string"

    def test_numeric_parquet(self, scorer, tmp_path):
        """Columns of numbers are read as the same text would be."""
        cells = {"age_years": [34.0, 41.0], "testosterone_ng_dl": [270.6, None], "lh_iu_l": [3, 4]}
        pq.write_table(pa.table(cells), tmp_path / "n.parquet")
        text = {name: ["" if v is None else str(v) for v in of] for name, of in cells.items()}
        one = score_table(tmp_path / "n.parquet", scorer)["out"]
        two = score_table(written(tmp_path / "t.csv", text), scorer)["out"]
        assert Path(one).read_bytes() == Path(two).read_bytes()
        assert [line["reasons"] for line in lines(one)] == ["", "testosterone_missing"]


class TestSetApart:
    """Rows that break a rule."""

    @pytest.mark.parametrize(
        ("row", "field", "rule", "got", "remedy"),
        [
            ("A,30,270,high,", "lh_iu_l", "must be a number", "'high'", "leave the cell empty"),
            ("A,30,12 ng/dL,3,", "testosterone_ng_dl", "must be a number", "'12 ng/dL'", "alone"),
            ("A,30,270,500,", "lh_iu_l", "must be 0.05 to 100 [IU]/L", "500", "Check the value"),
            ("A,30,3.5,3,", "testosterone_ng_dl", "must be 10 to 3000 ng/dL", "3.5", "nmol/L"),
            ("A,30,270,<0,", "lh_iu_l", "must be above 0 behind < or >", "0", "assay's limit"),
            ("A,<30,270,3,", "age_years", "must be an exact number", "'<30'", "number alone"),
            ("A,7,270,3,", "age_years", "must be 18 to 70 a", "7", "Check the value"),
            ("A,30,270,3,2", "clomiphene", "must be 0 or 1", "'2'", "Write 1 for yes"),
            ("A,30,270", "the row", "must have 5 cells, as the header has", "3", "decimals"),
            ("A,30,270,3,0,4", "the row", "must have 5 cells, as the header has", "6", "decimals"),
            ("", "the row", "must have 5 cells, as the header has", "0", "decimals"),
        ],
    )
    def test_with_the_reason(self, scorer, tmp_path, row, field, rule, got, remedy):
        """A bad row is told with its place, field, rule, value and remedy; the rest is scored."""
        table = tmp_path / "men.csv"
        good = "B,41,310,4,0"
        head = "patient_id,age_years,testosterone_ng_dl,lh_iu_l,clomiphene"
        table.write_text("\n".join([head, good, row, good, ""]))
        told = score_table(table, scorer)
        [apart] = lines(told["rejected_file"])
        assert told["rejected_file"] == str(tmp_path / "men.scores.rejected.csv")
        assert (told["rows"], told["rejected"]) == (3, 1)
        assert apart["row"] == "2"
        assert apart["patient_id"] == ("" if field == "the row" else "A")
        assert (apart["field"], apart["rule"], apart["got"]) == (field, rule, got)
        assert remedy in apart["remedy"]
        assert [(s["row"], s["patient_id"]) for s in lines(told["out"])] == [("1", "B"), ("3", "B")]

    def test_every_problem_of_a_row_is_told(self, scorer, tmp_path):
        """A row with three problems has three lines, and counts once; each its own remedy."""
        table = tmp_path / "men.csv"
        table.write_text("age_years,lh_iu_l,testosterone_ng_dl\n7,x,3.5\n30,3,270\n30,3,1\n")
        told = score_table(table, scorer)
        apart = lines(told["rejected_file"])
        assert [(a["row"], a["field"]) for a in apart] == [
            ("1", "age_years"), ("1", "testosterone_ng_dl"), ("1", "lh_iu_l"),
            ("3", "testosterone_ng_dl"),
        ]  # fmt: skip
        assert "3.5 ng/dL reads as nmol/L" in apart[1]["remedy"]
        assert "1 ng/dL reads as nmol/L" in apart[3]["remedy"]
        assert told["rejected"] == 2

    def test_all_of_them(self, scorer, tmp_path):
        """A table of bad rows gives a header of scores and all the reasons."""
        table = tmp_path / "men.csv"
        table.write_text("age_years,lh_iu_l\n7,3\n")
        told = score_table(table, scorer)
        assert (told["counts"], told["rejected"]) == ({}, 1)
        assert Path(told["out"]).read_text().startswith("row,patient_id,status,probability")
        assert lines(told["out"]) == []

    def test_an_earlier_file_of_them_goes(self, scorer, tmp_path):
        """Once the table is mended no reasons are left lying about."""
        table = tmp_path / "men.csv"
        table.write_text("lh_iu_l\nx\n3\n")
        first = score_table(table, scorer)
        table.write_text("lh_iu_l\n2\n3\n")
        second = score_table(table, scorer)
        assert (first["rejected"], second["rejected_file"]) == (1, None)
        assert not Path(first["rejected_file"]).exists()

    def test_outcome_and_site_are_not_read(self, scorer, tmp_path):
        """What happened later is no part of a score: a slip there sets nobody apart."""
        cells = {k: [v] for k, v in MAN.items()} | {"site": [""], "followup_days": ["-3"]}
        assert score_table(written(tmp_path / "men.csv", cells), scorer)["rejected"] == 0

    def test_repeated_and_absent_pseudonyms_are_scored(self, scorer, tmp_path):
        """A man may be scored twice, or without a name; commas and quotes survive."""
        names = ['a "b", c', 'a "b", c', "", "é\nf"]
        cells = {"patient_id": names, "lh_iu_l": ["3"] * 4, "testosterone_ng_dl": ["270"] * 4}
        told = score_table(written(tmp_path / "men.csv", cells), scorer)
        assert [line["patient_id"] for line in lines(told["out"])] == names

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_rows_without_anything_at_the_end_are_no_men(self, scorer, tmp_path, jobs):
        """Excel writes them; within the table they are rows as any other, and told by row."""
        table, said = tmp_path / "men.csv", []
        table.write_text(
            "patient_id,lh_iu_l,testosterone_ng_dl\na,3,270\n,,\nb,4,x\n,,\n ,,\n,\n\n"
        )
        told = score_table(table, scorer, say=said.append, jobs=jobs)
        assert (told["rows"], told["rejected"]) == (3, 1)
        assert [line["row"] for line in lines(told["out"])] == ["1", "2"]
        assert lines(told["rejected_file"])[0]["row"] == "3"
        assert said[-2] == "note: Left out: 3 rows at the end in which no cell is filled in."

    def test_a_german_table_is_scored_through_its_mapping(self, scorer, tmp_path):
        """The same scores as with commas between cells and points in numbers."""
        plain, german = tmp_path / "plain.csv", tmp_path / "german.csv"
        plain.write_text("age_years,lh_iu_l,testosterone_ng_dl\n34,3.4,270.6\n41,1.234,300\n")
        german.write_text("age_years;lh_iu_l;testosterone_ng_dl\n34;3,4;270,6\n41;1,234;300\n"
                          "41;1.234;300\n")  # fmt: skip
        text = 'file = "german.csv"\nseparator = ";"\ndecimal = ","\n'
        (tmp_path / "mapping.toml").write_text(text)
        told = score_table(german, scorer, jobs=2)
        assert lines(told["out"]) == lines(score_table(plain, scorer)["out"])
        assert told["rejected"] == 1
        assert "1.234 (decimal is a comma)" in Path(told["rejected_file"]).read_text()
        assert told["mapping"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        assert told["mapping_file"] == str(tmp_path / "mapping.toml")


def assert_earlier(folder: Path, *tables: str) -> None:
    """Say that a folder holds its tables and the outputs of an earlier run, unchanged."""
    outputs = {"men.scores.csv", "men.scores.rejected.csv"}
    assert {file.name for file in folder.iterdir()} == {*tables, *outputs}
    assert all((folder / name).read_text() == "earlier" for name in outputs)


class TestNothingIsLeftBehind:
    """Outputs appear whole at the end, or not at all."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"", "hold a table, got an empty file"),
            (b"\n", "name its columns in the first row"),
            (b"lh_iu_l;age_years\n3;4\n", "separate its cells by commas"),
            (b"lh_iu_l\n", "hold at least one man, got a header and no row"),
            (b"lh_iu_l\n\n\n", "hold at least one man"),
            (b"lh\n3\n", "lh must be named with its unit"),
            (b"lh_iu_l,lh_iu_l\n3,4\n", "name each column once"),
            (b"lh_iu_l,lh_miu_ml\n3,4\n", "be given in one unit"),
            (b"age_years,colour\n34,red\n", "have a measurement with its unit in the name"),
            (b"lh_iu_l,weight_kg\n3,80\n", "weight_kg must stand beside height_cm"),
            (b"lh_iu_l\n" + b"3\n" * 30_000 + b"\xff\n", "be text in UTF-8, got another encoding"),
            (b"lh_iu_l\n" + b"3\n" * 30_000 + b"\x00\n", "got NUL bytes"),
            (b"\xff\xfel\x00h\x00", "be text in UTF-8"),
            (b"lh_iu_l\n" + b"3\n" * 30_000 + b'"4\n', "be comma-separated text"),
            (b"PAR1 lh_iu_l\nPAR1", "be CSV as its name says, got Parquet"),
            (b"PK\x03\x04 lh", "be CSV or Parquet, got a workbook"),
        ],
    )
    def test_where_the_file_is_no_table(self, scorer, tmp_path, text, message):
        """A fault of the file, wherever it is met, leaves earlier outputs as they were."""
        table = tmp_path / "men.csv"
        table.write_bytes(text)
        (tmp_path / "men.scores.csv").write_text("earlier")
        (tmp_path / "men.scores.rejected.csv").write_text("earlier")
        with pytest.raises(CohortError, match="must") as caught:
            score_table(table, scorer)
        assert message in str(caught.value)
        assert_earlier(tmp_path, "men.csv")

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"lh_iu_l": pa.array([], pa.float64())}, "got columns and no row"),
            ({"lh_iu_l": [[1]]}, "lh_iu_l must hold text or numbers, got list"),
            ({"lh_iu_l ": [1.0], "lh_iu_l": [2.0]}, "name each column once"),
        ],
    )
    def test_where_parquet_is_no_table(self, scorer, tmp_path, columns, message):
        """The same of Parquet."""
        pq.write_table(pa.table(columns), tmp_path / "men.parquet")
        with pytest.raises(CohortError, match="must") as caught:
            score_table(tmp_path / "men.parquet", scorer)
        assert message in str(caught.value)
        assert [file.name for file in tmp_path.iterdir()] == ["men.parquet"]

    @pytest.mark.parametrize("cut", [slice(0, 40), slice(4, None)])
    def test_where_parquet_is_damaged(self, scorer, tmp_path, cut):
        """A cut file and one whose pages are spoilt are refused."""
        table = tmp_path / "men.parquet"
        pq.write_table(pa.table({"lh_iu_l": np.arange(1.0, 90.0)}), table)
        raw = table.read_bytes()
        spoilt = raw[cut] if cut.start == 0 else b"PAR1" + b"\xff" * 200 + raw[204:]
        table.write_bytes(spoilt)
        with pytest.raises(CohortError, match="Parquet"):
            score_table(table, scorer)
        assert [file.name for file in tmp_path.iterdir()] == ["men.parquet"]

    def test_where_it_is_interrupted(self, tmp_path):
        """Ctrl-C leaves no file of ours and the earlier ones untouched."""
        out, apart = tmp_path / "men.scores.csv", tmp_path / "men.scores.rejected.csv"
        for file in (out, apart):
            file.write_text("earlier")
        with (  # noqa: PT012 - both are written to before it comes
            pytest.raises(KeyboardInterrupt, match="Ctrl-C"),
            Outputs(out, apart) as outputs,
        ):
            outputs.write(b"row\n")
            outputs.reject(b"1,A\n")
            assert len(list(tmp_path.iterdir())) == 4
            raise KeyboardInterrupt("Ctrl-C")  # noqa: EM101
        assert_earlier(tmp_path)

    def test_where_parquet_is_interrupted(self, tmp_path):
        """The same of a Parquet file half written."""
        out, rows = tmp_path / "m.parquet", pa.RecordBatch.from_pydict({"row": [1]})
        with (  # noqa: PT012 - it is written to before it comes
            pytest.raises(KeyboardInterrupt, match="Ctrl-C"),
            Outputs(out, tmp_path / "m.rejected.csv") as outputs,
        ):
            outputs.write(rows)
            raise KeyboardInterrupt("Ctrl-C")  # noqa: EM101
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("out", "jobs", "message"),
        [
            ("scores.txt", 1, "--out must end in .csv, .jsonl or .parquet"),
            ("men.csv", 1, "--out must leave the table alone"),
            ("elsewhere/scores.csv", 1, "--out must lie in a folder"),
            ("scores.csv", 0, "--jobs must be at least 1, got 0"),
        ],
    )
    def test_where_the_options_are_wrong(self, scorer, tmp_path, monkeypatch, out, jobs, message):
        """Where the scores go and how many work on them is checked first."""
        monkeypatch.chdir(tmp_path)
        table = written(tmp_path / "men.csv", {k: [v] for k, v in MAN.items()})
        with pytest.raises(InputError, match="must") as caught:
            score_table(table, scorer, out=out, jobs=jobs)
        assert message in str(caught.value)
        assert [file.name for file in tmp_path.iterdir()] == ["men.csv"]

    def test_a_table_of_rejected_rows_is_not_replaced(self, scorer, tmp_path):
        """The file of rows set apart never lands on the table itself."""
        table = written(tmp_path / "men.rejected.csv", {k: [v] for k, v in MAN.items()})
        with pytest.raises(InputError, match="leave the table alone"):
            score_table(table, scorer, out=str(tmp_path / "men.csv"))


class TestUnitsInDoubt:
    """Values likelier in another unit, and the clinic's word for them."""

    def scored(self, scorer, folder: Path, sidecar: str) -> tuple[dict[str, str], list[str]]:
        """Score a man in doubt beside a sidecar; return his line and the notices."""
        cells = {**MAN, "testosterone_ng_dl": "12"}
        (folder / "cohort.toml").write_text(sidecar, encoding="utf-8")
        told: list[str] = []
        table = written(folder / "men.csv", {k: [v] for k, v in cells.items()})
        out = score_table(table, scorer, say=told.append)["out"]
        return lines(out)[0], told

    def test_are_indeterminate(self, scorer, tmp_path):
        """A man in doubt is told, not set apart, and gets no probability."""
        line, _ = self.scored(scorer, tmp_path, 'file = "other.csv"')
        assert (line["status"], line["reasons"], line["probability"]) == (
            "indeterminate", "unit_in_doubt:testosterone", "",
        )  # fmt: skip

    def test_are_taken_as_confirmed(self, scorer, tmp_path):
        """The sidecar's word holds, also where it was written for an earlier table."""
        text = 'file = "men.csv"\nkind = "clinical"\nsha256 = "00ff"\nrows = 9\n'
        text += 'units_confirmed = ["testosterone_ng_dl"]\n'
        line, told = self.scored(scorer, tmp_path, text)
        assert line["reasons"] == ""
        assert float(line["probability"]) > 0
        assert "note: cohort.toml is of an earlier men.csv: it was changed since." in told
        assert "note: units confirmed in cohort.toml: testosterone_ng_dl." in told

    def test_a_broken_sidecar_is_noted(self, scorer, tmp_path):
        """It confirms nothing, and scoring goes on."""
        line, told = self.scored(scorer, tmp_path, "= broken")
        assert line["reasons"] == "unit_in_doubt:testosterone"
        assert any("cohort.toml must be readable TOML" in notice for notice in told)

    @given(st.data())
    def test_are_those_of_one_man(self, data):
        """On arrays the same values are doubted as one by one."""
        of = data.draw(st.sampled_from([a for a in ANALYTES if a.median]))
        unit = data.draw(st.sampled_from(of.units))
        number = st.floats(of.low / unit.factor, of.high / unit.factor)
        values = data.draw(st.lists(number | st.just(float("nan")), max_size=20))
        alone = [v == v and likelier_unit(of, v, unit) is not None for v in values]
        assert in_doubt(of, np.array(values, float), unit).tolist() == alone


class TestProgress:
    """Lines on standard error."""

    def test_ends_with_the_sum(self, scorer, tmp_path):
        """The last line says how many were scored and how many set apart."""
        table = tmp_path / "men.csv"
        table.write_text("lh_iu_l,colour\nx,red\n3,blue\n")
        told: list[str] = []
        score_table(table, scorer, say=told.append)
        assert told[0] == "note: Columns not read: 'colour'."
        assert told[-1].startswith("1 of 2 men scored, 1 set apart, ")
