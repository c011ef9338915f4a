"""Record what dcurves, pmsampsize and pmvalsampsize say: others.json.

Run with these three installed, and with scikit-learn and tabulate, which pmvalsampsize loads.
pmvalsampsize simulates a million men, so its numbers carry that noise.
"""

from __future__ import annotations

import json
import math
import warnings
from importlib.metadata import version
from pathlib import Path
from statistics import NormalDist

import pandas as pd

HERE = Path(__file__).parent
THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def main() -> None:
    """Ask all three and write what they say."""
    warnings.simplefilter("ignore")
    from dcurves import dca
    from pmsampsize.pmsampsize import pmsampsize
    from pmvalsampsize.pmvalsampsize import pmvalsampsize

    told: dict = {"net_benefit": {}, "development": [], "validation": []}
    sets = json.loads((HERE / "predictions.json").read_text(encoding="utf-8"))
    for name, men in sets.items():
        table = pd.DataFrame(men)
        found = dca(data=table, outcome="y", modelnames=["p"], thresholds=THRESHOLDS)
        found = found.set_index(["model", "threshold"])
        told["net_benefit"][name] = [
            {
                "threshold": t,
                "value": float(found.loc[("p", t), "net_benefit"]),
                "treat_all": float(found.loc[("all", t), "net_benefit"]),
                "avoided": float(found.loc[("p", t), "net_intervention_avoided"]),
            }
            for t in THRESHOLDS
        ]
    for how in (
        {"cstatistic": 0.70, "prevalence": 0.46, "parameters": 7},
        {"cstatistic": 0.75, "prevalence": 0.46, "parameters": 7},
        {"cstatistic": 0.80, "prevalence": 0.46, "parameters": 7},
        {"cstatistic": 0.65, "prevalence": 0.12, "parameters": 7},
        {"csrsquared": 0.1, "prevalence": 0.46, "parameters": 7},
        {"csrsquared": 0.05, "prevalence": 0.12, "parameters": 20},
    ):
        out = pmsampsize("b", noprint=True, **how)
        criteria = [row[1] for row in out["results_table"] if str(row[0]).startswith("Crit")]
        told["development"].append({**how, "criteria": criteria, "r2": out["rsquared"]})
    for auc, prevalence, threshold in ((0.7, 0.46, 0.4), (0.75, 0.46, 0.4), (0.8, 0.2, 0.15)):
        # Where its search should end; from elsewhere it may step over the goal and never end.
        start = math.log(prevalence / (1 - prevalence)) - NormalDist().inv_cdf(auc) ** 2
        out = pmvalsampsize("b", prevalence=prevalence, cstatistic=auc, lpcstat=start,
                            tolerance=0.01, threshold=threshold, noprint=True)  # fmt: skip
        criteria = [row[1] for row in out["results_table"] if str(row[0]).startswith("Crit")]
        told["validation"].append(
            {"auc": auc, "prevalence": prevalence, "threshold": threshold,
             "criteria": [int(n) for n in criteria]}
        )  # fmt: skip
    packages = ("dcurves", "pmsampsize", "pmvalsampsize")
    told["versions"] = {name: version(name) for name in packages}
    (HERE / "others.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
