"""Many men judged and scored at once: what :mod:`respredict.judging` says of one, on arrays.

To judge by something new, add it there and here, in the same order; a test holds the two
equal on a table of men of every kind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from respredict.chance import chance_only
from respredict.evidence import Rule, fact
from respredict.judging import NEEDED
from respredict.numbers import Numbers
from respredict.outcome import Scheme, total_motile_count
from respredict.schema.analytes import analyte
from respredict.schema.record import AGE, BMI, SEMEN
from respredict.scoring import Scorer
from respredict.tables.rows import Men
from respredict.uncertainty.support import SupportResult

__all__ = ["STATUSES", "Judge"]

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
Flags = list[tuple[str, Masks]]

#: What a man's answer is; written as their number while he is reckoned with.
STATUSES = ("scored", "caution", "indeterminate")
_CO_TREATMENT = ("clomiphene", "tamoxifen", "gonadotropin_or_gnrh")
_INTERVALS = ("low", "high", "redraw_low", "redraw_high")
_WORSENING = ("worsening", "worsening_low", "worsening_high")
_SIDES = {-1: "<", 1: ">"}


class Judge:
    """Judges and scores the men of a table.

    Parameters
    ----------
    scorer : Scorer
        Of the model.
    explain : bool
        Whether each input's contribution is told as well.
    """

    def __init__(self, scorer: Scorer, *, explain: bool) -> None:
        self.scorer = scorer
        self.explain = explain
        card = scorer.model_card()
        version = card["version"]
        self._model = {
            "model_version": None if version is None else str(version),
            "model_digest": card["digest"],
            "use": card["use"],
        }
        self._columns = list(scorer.bundle.meta["columns"])
        self._n_values = len(scorer.bundle.pipeline[0].mean_)

    def judge(self, men: Men) -> tuple[pa.RecordBatch, NDArray[np.int64]]:
        """Judge and score some men.

        Parameters
        ----------
        men : Men
            As read from a table.

        Returns
        -------
        table : RecordBatch
            One row a man, in order.
        counts : ndarray of int, shape (3,)
            Men by status.

        Raises
        ------
        ExplanationError
            If the contributions of a man miss his probability.
        """
        inputs, of = self.scorer.inputs, self.scorer.scheme
        X = np.column_stack([men.columns[name] for name in self._columns]).astype(np.float64)
        numbers = self.scorer.calculator.numbers(X, stated=self._stated(men))
        doubted, unlike = _unlike(men, inputs, numbers.support)
        reasons = _reasons(men, inputs, of, doubted)
        told, shut = self._told(numbers), _any(reasons, len(men))
        cautions = _cautions(men, inputs, ~shut) + unlike
        status = np.where(shut, 2, _any(cautions, len(men)))
        up, down = _chance(men, of)
        columns = {
            "row": pa.array(men.rows),
            "patient_id": pa.array(men.columns["patient_id"], pa.string()),
            "status": _named(status, STATUSES),
            **{name: pa.array(values, mask=shut) for name, values in told.items()},
            "reasons": _joined(reasons, len(men)),
            "cautions": _joined(cautions, len(men)),
            "chance_up": pa.array(up, from_pandas=True),
            "chance_down": pa.array(down, from_pandas=True),
            "t_e2": _ratio(men, "estradiol"),
            "t_lh": _ratio(men, "lh"),
        }
        same = np.zeros(len(men), np.int32)
        columns |= {name: _named(same, (word,)) for name, word in self._model.items()}
        columns |= {name: pa.array(v, mask=shut) for name, v in self._explained(numbers).items()}
        table = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        return table, np.bincount(status, minlength=len(STATUSES))

    def _stated(self, men: Men) -> NDArray[np.int64]:
        """Return which of an analyte's units each value came in, counted from 0."""
        stated = np.zeros((len(men), self._n_values), np.int64)
        for name, (_, unit) in men.received.items():
            if name in self.scorer.inputs:
                stated[:, self.scorer.inputs.index(name)] = analyte(name).units.index(unit)
        return stated

    def _told(self, numbers: Numbers) -> dict[str, Floats]:
        """Return probability and intervals, as far as the model has them."""
        told = {"probability": numbers.explained.probability}
        for name in _INTERVALS:
            if (values := getattr(numbers, name)) is not None:
                told[name] = values
        if numbers.worsening is not None:
            told |= dict(zip(_WORSENING, numbers.worsening, strict=True))
        return told

    def _explained(self, numbers: Numbers) -> dict[str, Floats]:
        """Return base and contributions, once they are seen to sum to what is told."""
        if not self.explain:
            return {}
        found = numbers.explained
        found.check()
        parts = {
            f"log_odds_{n}": found.contributions[:, j] for j, n in enumerate(self.scorer.inputs)
        }
        return {"base": np.full(len(found.probability), found.base), **parts}


def _unlike(men: Men, inputs: tuple[str, ...], result: SupportResult | None) -> tuple[Flags, Flags]:
    """Flag whose unit is in doubt beside his other values, and who is unlike the men fitted."""
    if result is None:
        return [], []
    told = result.outside | result.in_doubt
    by_unit = told & (result.unit_analyte >= 0)
    doubted = by_unit & result.in_doubt
    confirmed = [j for j, name in enumerate(inputs) if name in men.confirmed]
    sure = doubted & np.isin(result.unit_analyte, confirmed)
    doubted &= ~sure
    unusual = told & ~doubted & (result.outside | ~sure)
    doubted &= ~_any(list(men.doubted.items()), len(men))  # it is said of him already
    least = np.minimum(result.least_expected, len(inputs) - 1)
    which = np.where(by_unit, result.unit_analyte, least)
    reasons = _each("unit_in_doubt", doubted, which, inputs)
    return reasons, _each("outside_support", unusual, which, inputs)


def _each(code: str, told: Masks, which: NDArray[np.int64], inputs: tuple[str, ...]) -> Flags:
    """Return a flag for each input that something is told of."""
    return [(f"{code}:{inputs[j]}", told & (which == j)) for j in np.unique(which[told])]


def _reasons(men: Men, inputs: tuple[str, ...], of: Scheme, doubted: Flags) -> Flags:
    found: Flags = [(f"{n}_missing", _lacks(men, n)) for n in NEEDED if n in inputs]
    found += [(f"unit_in_doubt:{name}", mask) for name, mask in men.doubted.items()]
    count, side = _count(men, of)
    return [*found, ("top_category", (count >= of.cuts[-1]) & (side >= 0)), *doubted]


def _cautions(men: Men, inputs: tuple[str, ...], scored: Masks) -> Flags:
    found: Flags = [(f"value_imputed:{name}", _lacks(men, name) & scored) for name in inputs]
    if "sperm_concentration" not in inputs:
        count, side = _measured(men, "sperm_concentration")
        found.append(("azoospermia_not_in_model", (count == 0) & (side == 0)))
    failing = np.ones(len(men), bool)
    for rule in fact("statement_primary_failure").rules:
        failing &= _holds(rule, *_measured(men, rule.quantity))
    taken = [men.columns[name] == 1 for name in _CO_TREATMENT]
    also: Masks = np.logical_or.reduce(taken)
    return [*found, ("primary_testicular_failure", failing), ("cotreatment", also)]


def _holds(rule: Rule, value: Floats, side: NDArray[np.int8]) -> Masks:
    """Say where a rule is known to hold, as ``Rule.holds`` does."""
    if rule.op == "<":
        return np.where(side < 0, value <= rule.threshold, value < rule.threshold) & (side <= 0)
    reached = (value >= rule.threshold) & (side >= 0)
    return reached & ((side > 0) | (value > rule.threshold)) if rule.op == ">" else reached


def _any(flags: Flags, n: int) -> Masks:
    found = np.zeros(n, bool)
    for _, mask in flags:
        found |= mask
    return found


def _joined(flags: Flags, n: int) -> pa.DictionaryArray:
    """Return the words of the flags that are set, a space between them."""
    codes = np.zeros(n, np.int64)
    for k, (_, mask) in enumerate(flags):
        codes |= mask.astype(np.int64) << k
    which, distinct = pd.factorize(codes)
    words = [" ".join(w for k, (w, _) in enumerate(flags) if code >> k & 1) for code in distinct]
    return _named(which, words)


def _named(which: NDArray[Any], words: Any) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(which.astype(np.int32), pa.array(words, pa.string()))


def _lacks(men: Men, name: str) -> Masks:
    column = {"age": AGE.name, "bmi": BMI.name}.get(name) or analyte(name).column
    return np.isnan(men.columns[column])


def _measured(men: Men, name: str) -> tuple[Floats, NDArray[np.int8]]:
    of = analyte(name)
    return men.columns[of.column], men.columns[of.censor_column]


def _count(men: Men, of: Scheme) -> tuple[Floats, NDArray[Any]]:
    """Return the baseline in the measure of the scheme, NaN unknown, and its side."""
    if of.measure == "concentration":
        return _measured(men, "sperm_concentration")
    read = {name: _measured(men, name) for name in SEMEN}
    count, side = total_motile_count(
        *(read[name][0] for name in ("semen_volume", "sperm_concentration", "motility")),
        volume_censor=read["semen_volume"][1],
        concentration_censor=read["sperm_concentration"][1],
        motility_censor=read["motility"][1],
    )
    # A part that nobody gave leaves the count unknown, but for no sperm at all.
    lacking = np.logical_or.reduce([np.isnan(values) for values, _ in read.values()])
    lacking &= read["sperm_concentration"][0] != 0
    return np.where(lacking, np.nan, count), np.where(lacking, 0, side)


def _chance(men: Men, of: Scheme) -> tuple[Floats, Floats]:
    count, side = _count(men, of)
    return chance_only(of, np.where(side == 0, count, np.nan))


def _ratio(men: Men, under: str) -> pa.Array:
    """Return testosterone over another hormone as text, with the side it inherits."""
    (over, above), (below, beside) = _measured(men, "testosterone"), _measured(men, under)
    nothing = (below == 0) | ((above != 0) & (above == beside))
    ratio = over / np.where(nothing, np.nan, below)
    side = np.sign(above.astype(np.int64) - beside)
    texts: list[str | None] = [f"{one:.6g}" for one in ratio.tolist()]
    for i in np.flatnonzero(side):
        texts[i] = f"{_SIDES[side[i]]}{texts[i]}"
    return pa.array(texts, pa.string(), mask=np.isnan(ratio))
