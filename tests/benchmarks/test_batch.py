"""Heavy proof: scoring a table costs the same per man at any size, in flat memory.

Each size is scored in a process of its own, from Parquet to Parquet on one core; its peak
resident memory is what the operating system says of it. Ten million men are scored where
``RESPREDICT_TEN_MILLION=1``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from respredict.scoring import load_scorer
from tests.conftest import PUBLISHED_MAN

pytestmark = pytest.mark.prove

SIZES = (10_000, 100_000, 1_000_000)
TEN_MILLION = 10_000_000
WRITTEN_AT_ONCE = 250_000
WORK = """
import json, re, resource, sys
from pathlib import Path
from respredict.batch import score_table
from respredict.scoring import load_scorer

if __name__ == "__main__":
    home, table, out, explain, jobs = sys.argv[1:]
    scorer = load_scorer(Path(home))
    given = {"out": out, "explain": explain == "1", "jobs": int(jobs)}
    told = score_table(Path(table), scorer, **given)
    own = Path("/proc/self/status")  # what was ours before the program began is not counted
    told["peak_mb"] = (
        int(re.search(r"VmHWM:\\s+(\\d+)", own.read_text())[1]) / 1024
        if own.exists()
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    )
    print(json.dumps(told))
"""


def men(n: int, first: int, random: np.random.Generator, *, complete: bool) -> pa.Table:
    """Draw men; unless complete, 28 % of estradiol is censored and 15 % of three is missing."""

    def drawn(median: float, spread: float, low: float, high: float) -> np.ndarray:
        values = median * np.exp(spread * random.standard_normal(n))
        return np.clip(values, low, high).round(1)

    estradiol = drawn(26, 0.45, 5, 45)
    columns = {
        "patient_id": [f"P{i:09d}" for i in range(first, first + n)],
        "age_years": random.integers(20, 60, n).astype(float),
        "bmi_kg_m2": drawn(27, 0.15, 18, 50),
        "testosterone_ng_dl": drawn(303, 0.4, 120, 1500),
        "estradiol_pg_ml": estradiol,
        "lh_iu_l": drawn(5, 0.6, 0.3, 60),
        "fsh_iu_l": drawn(6, 0.8, 0.3, 90),
        "sperm_concentration_m_ml": drawn(4, 1.0, 0.1, 14.9),
    }
    if not complete:
        columns["estradiol_pg_ml"] = np.where(estradiol < 20, "<20", estradiol.astype(str))
        for name in ("bmi_kg_m2", "fsh_iu_l", "sperm_concentration_m_ml"):
            columns[name] = np.where(random.random(n) < 0.15, np.nan, columns[name])
    return pa.table(columns)


def table_of(folder: Path, n: int, *, complete: bool = True) -> Path:
    """Write a table of that many men, without holding them all."""
    random, path = np.random.default_rng(n), folder / f"men{n}-{complete}.parquet"
    writer = None
    for first in range(0, n, WRITTEN_AT_ONCE):
        part = men(min(WRITTEN_AT_ONCE, n - first), first, random, complete=complete)
        writer = writer or pq.ParquetWriter(path, part.schema)
        writer.write_table(part)
    writer.close()
    return path


def scored(home: Path, table: Path, *, suffix="parquet", explain=False, jobs=1) -> dict:
    """Score a table in a process of its own."""
    script, out = table.parent / "work.py", table.with_suffix(f".scores.{suffix}")
    script.write_text(WORK)
    words = [sys.executable, script, home, table, out, "1" if explain else "0", str(jobs)]
    told = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=True)
    out.unlink()
    return json.loads(told.stdout)


def show(name: str, told: dict) -> None:
    speed, cost = told["rows"] / told["seconds"], 1e6 * told["seconds"] / told["rows"]
    print(f"  {name:42} {speed:10,.0f} men/s {cost:7.2f} us a man {told['peak_mb']:7.0f} MB")


def one_at_a_time(home) -> float:
    """Return the seconds that one man's whole answer takes, the best of several rounds."""
    scorer, rounds = load_scorer(home), []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(100):
            scorer.score(PUBLISHED_MAN)
        rounds.append((time.perf_counter() - began) / 100)
    return min(rounds)


def test_cost_per_man_is_flat(trained, tmp_path):
    """A man among a million costs at most what one among ten thousand does, by a quarter."""
    sizes = [*SIZES, TEN_MILLION] if os.environ.get("RESPREDICT_TEN_MILLION") == "1" else SIZES
    print("\nParquet to Parquet, complete men, one core:")
    told = {}
    for n in sizes:
        table = table_of(tmp_path, n)
        told[n] = min((scored(trained["home"], table) for _ in range(3 if n < 1e6 else 1)),
                      key=lambda one: one["seconds"])  # fmt: skip
        show(f"{n:,} men", told[n])
        table.unlink()
    least = told[SIZES[0]]["seconds"] / SIZES[0]

    assert all(one["rejected"] == 0 for one in told.values())
    assert all(one["seconds"] / n <= 1.25 * least for n, one in told.items())
    alone = one_at_a_time(trained["home"])
    cost = told[SIZES[-1]]["seconds"] / SIZES[-1]
    print(f"  one man's whole answer: {1e6 * alone:.0f} us, {alone / cost:.0f} times as long")
    assert cost * 20 <= alone
    assert max(one["peak_mb"] for one in told.values()) <= 1_500


def test_every_form(trained, tmp_path):
    """Explanations, CSV, censored and missing values, and a second process, each told."""
    print("\n200,000 men:")
    complete, mixed = table_of(tmp_path, 200_000), table_of(tmp_path, 200_000, complete=False)
    text = tmp_path / "men.csv"
    pq.read_table(mixed).to_pandas().to_csv(text, index=False)
    home = trained["home"]
    show("Parquet to Parquet", scored(home, complete))
    show("with explanations", scored(home, complete, explain=True))
    show("28 % censored, 15 % missing", scored(home, mixed))
    show("the same with explanations", scored(home, mixed, explain=True))
    show("the same from CSV to CSV", scored(home, text, suffix="csv"))
    show("the same in two processes, their start in", scored(home, text, suffix="csv", jobs=2))
    answers = scored(home, table_of(tmp_path, 5_000), suffix="jsonl")
    show("whole answers (5,000 men)", answers)

    assert answers["rows"] == 5_000
