"""A logistic model in measured values: terms, probability, and a spreadsheet formula.

================  =============================================================
transform         what is multiplied with the coefficient
================  =============================================================
``linear``        the value in its unit
``ln``            its natural logarithm; of 0 it is 0, where an ``is_zero`` term says so
``is_zero``       1 where the value is 0, else 0
``ratio``         the value over another, each in its unit
``ln_ratio``      the natural logarithm of that
================  =============================================================

To add a transform, add it to ``TRANSFORMS`` and to ``Equation._value`` and ``Equation.formula``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from respredict.model.affine import affine
from respredict.model.predictors import PREDICTORS
from respredict.outcome import SCHEMES
from respredict.schema.analytes import Unit, analyte

__all__ = ["FORMAT", "TRANSFORMS", "Equation", "Term", "equation_of"]

FORMAT = "respredict-equation/1"
Floats = NDArray[np.float64]

TRANSFORMS = ("linear", "ln", "is_zero", "ratio", "ln_ratio")
_BODY = {"age": ("age_years", Unit("a", 1.0, "years")),
         "bmi": ("bmi_kg_m2", Unit("kg/m2", 1.0, "kg_m2"))}  # fmt: skip
_TERM_KEYS = ("transform", "input", "unit", "coefficient", "over", "over_unit")


@dataclass(frozen=True, slots=True)
class Term:
    """One summand of the log-odds.

    Parameters
    ----------
    transform : str
        One of the table above.
    input : str
        ``age``, ``bmi`` or the name of an analyte.
    unit : str
        That the input is taken in, a UCUM code or an alias of the schema.
    coefficient : float
        Log-odds per unit of what is transformed.
    over, over_unit : str, default=""
        The input below a ratio.
    """

    transform: str
    input: str
    unit: str
    coefficient: float
    over: str = ""
    over_unit: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object; ``over`` only where there is one."""
        told = {name: getattr(self, name) for name in _TERM_KEYS}
        return {key: value for key, value in told.items() if value != ""}


@dataclass(frozen=True, slots=True)
class Equation:
    """A logistic model in measured values.

    Parameters
    ----------
    name : str
        Of the model.
    scheme : str
        Category scheme of the outcome.
    definition : str
        Of the outcome, in words.
    intercept : float
        Log-odds where every term is 0.
    terms : tuple of Term
        Added in this order.
    citation : str
        Where the coefficients come from.

    Examples
    --------
    >>> of = Equation("one", "concentration", "up a category", -1.0,
    ...               (Term("ln_ratio", "testosterone", "ng/dL", 0.5, "lh", "[IU]/L"),), "none")
    >>> of.formula()
    '=1/(1+EXP(-(-1+0.5*LN(testosterone_ng_dl/lh_iu_l))))'
    >>> men = pd.DataFrame({"testosterone_ng_dl": [300.0, 300.0], "lh_iu_l": [6.0, np.nan]})
    >>> of.probability(men).round(3)
    array([0.722,   nan])
    """

    name: str
    scheme: str
    definition: str
    intercept: float
    terms: tuple[Term, ...]
    citation: str

    def inputs(self) -> tuple[tuple[str, str], ...]:
        """Return each input with its unit, once, in the order of the terms."""
        pairs = [(t.input, t.unit) for t in self.terms]
        pairs += [(t.over, t.over_unit) for t in self.terms if t.over]
        return tuple(dict.fromkeys(pairs))

    def probability(self, men: pd.DataFrame) -> Floats:
        """Return the probability of each man.

        Parameters
        ----------
        men : DataFrame of shape (n_patients, n_columns)
            As a cohort holds them.

        Returns
        -------
        ndarray of shape (n_patients,)
            In (0, 1); NaN where a value is missing, censored, or has no logarithm.
        """
        total = np.full(len(men), self.intercept)
        for term in self.terms:
            total = total + term.coefficient * self._value(term, men)
        return np.asarray(expit(total))

    def _value(self, term: Term, men: pd.DataFrame) -> Floats:
        value = _read(men, term.input, term.unit)
        if term.over:
            below = _read(men, term.over, term.over_unit)
            value = value / np.where(below > 0, below, np.nan)
        if term.transform == "is_zero":
            return np.where(np.isnan(value), np.nan, (value == 0).astype(float))
        if not term.transform.startswith("ln"):
            return value
        log = np.log(np.where(value > 0, value, np.nan))
        return np.where(value == 0, 0.0, log) if self._has_zero(term) else log

    def _has_zero(self, term: Term) -> bool:
        return any(t.transform == "is_zero" and t.input == term.input for t in self.terms)

    def formula(self) -> str:
        """Return one spreadsheet formula; each input is a named cell in its unit.

        Returns
        -------
        str
            Begins with ``=``; needs ``EXP``, ``LN`` and, where a count may be 0, ``IF``.
        """
        total = f"{self.intercept:.15g}"
        for term in self.terms:
            total += f"{term.coefficient:+.15g}*{self._written(term)}"
        return f"=1/(1+EXP(-({total})))"

    def _written(self, term: Term) -> str:
        name = column_of(term.input, term.unit)
        if term.over:
            name = f"{name}/{column_of(term.over, term.over_unit)}"
        if term.transform == "is_zero":
            return f"IF({name}=0,1,0)"
        if term.transform.startswith("ln"):
            return f"IF({name}=0,0,LN({name}))" if self._has_zero(term) else f"LN({name})"
        return f"({name})" if term.over else name

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object of the file."""
        return {
            "format": FORMAT,
            "name": self.name,
            "outcome": {"scheme": self.scheme, "definition": self.definition},
            "intercept": self.intercept,
            "terms": [term.as_dict() for term in self.terms],
            "citation": self.citation,
        }


def equation_of(pipeline: Any, meta: Mapping[str, Any]) -> Equation | None:
    """Return a fitted model as an equation, None for one that is not a weighted sum.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Imputer, features and classifier, fitted.
    meta : mapping
        Of its bundle.

    Returns
    -------
    Equation or None
        For men with every value measured, its probability is the model's.
    """
    straight = affine(pipeline)
    if straight is None:
        return None
    intercept, slopes = straight
    names = [str(name) for name in pipeline[0].get_feature_names_out()]
    inputs = {f"ln_{name}": name for name in PREDICTORS[meta["predictors"]]}
    terms = []
    for name, slope in zip(names, slopes.tolist(), strict=True):
        transform, of = "ln", inputs.get(name, "")
        if not of:
            zero = name == "azoospermia"
            transform, of = ("is_zero", "sperm_concentration") if zero else ("linear", "age")
        terms.append(Term(transform, of, _canonical(of), slope))
    known = SCHEMES[meta["scheme"]]
    definition = (f"up at least one category of {known.measure.replace('_', ' ')}: "
                  f"{', '.join(known.labels)}")  # fmt: skip
    told = meta["trained_on"]
    citation = f"respredict model fitted to {told['men']} men ({told['kind']}); {told['source']}"
    return Equation(meta["name"], known.name, definition, intercept, tuple(terms), citation)


def column_of(name: str, unit: str) -> str:
    """Return the name of an input's cell or column in a unit, as a cohort table names it."""
    if name in _BODY:
        return _BODY[name][0]
    return analyte(name).column_in(_unit(name, unit))


def _canonical(name: str) -> str:
    return _BODY[name][1].code if name in _BODY else analyte(name).unit


def _unit(name: str, written: str) -> Unit:
    found = analyte(name).find_unit(written)
    assert found is not None
    return found


def _read(men: pd.DataFrame, name: str, unit: str) -> Floats:
    if name in _BODY:
        return men[_BODY[name][0]].to_numpy(dtype=float)
    of = analyte(name)
    value = men[of.column].to_numpy(dtype=float) / _unit(name, unit).factor
    if of.censor_column not in men:
        return value
    return np.where(men[of.censor_column].to_numpy() == 0, value, np.nan)
