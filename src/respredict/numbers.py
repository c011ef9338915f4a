"""Every number of a man, in one place: probability, explanation, intervals, support.

Arrays in, arrays out; what they mean in words is said elsewhere. A man's numbers do not
depend on who is scored with him, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from respredict.bundle import Bundle
from respredict.explain import Explained, Explainer, One
from respredict.model.candidates import PREDICTORS
from respredict.model.compiled import Known
from respredict.schema.analytes import ANALYTES, analyte
from respredict.schema.quantities import Quantity
from respredict.schema.request import Request
from respredict.uncertainty.kinds import build_redraw
from respredict.uncertainty.support import Seen, SupportResult

__all__ = ["LEVEL", "Calculator", "Figures", "Numbers"]

#: Of every interval in an answer.
LEVEL = 0.9

_SIDES = {"<": -1.0, "": 0.0, ">": 1.0}
_BODY_COLUMNS = {"age": "age_years", "bmi": "bmi_kg_m2"}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Every number of some men, as arrays.

    Parameters
    ----------
    explained : Explained
        Probability and contributions.
    low, high : ndarray of shape (n_patients,) or None
        Interval of the mean prediction, the model fitted to other men of the same
        kind; None for a model without refits.
    redraw_low, redraw_high : ndarray of shape (n_patients,) or None
        Interval of the probability from blood drawn again.
    support : SupportResult or None
        Who is like the men fitted.
    worsening : tuple of three ndarrays of shape (n_patients,) or None
        Probability of moving down and its interval, where there is a model of it.
    """

    explained: Explained
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None
    redraw_low: NDArray[np.float64] | None = None
    redraw_high: NDArray[np.float64] | None = None
    support: SupportResult | None = None
    worsening: tuple[NDArray[np.float64], ...] | None = None

    def take(self, row: int) -> Figures:
        """Return what concerns the probability of one man."""
        return Figures(
            self.explained.one(row),
            _taken((self.low, self.high), row),
            _taken((self.redraw_low, self.redraw_high), row),
            _taken(self.worsening or (), row),
        )


class Figures(NamedTuple):
    """The probability of one man and what belongs to it, in plain numbers.

    Parameters
    ----------
    explained : One
        Probability and contributions.
    interval, redraw : sequence of float or None
        Low and high, as in ``Numbers``.
    worsening : sequence of float or None
        Probability of moving down, low and high.
    """

    explained: One
    interval: Sequence[float] | None
    redraw: Sequence[float] | None
    worsening: Sequence[float] | None


class Calculator:
    """Computes every number that one model gives.

    Parameters
    ----------
    bundle : Bundle
        The model.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.inputs = PREDICTORS[bundle.meta["predictors"]]
        self._extras = bundle.extras
        self._explainer = Explainer(bundle.pipeline, self.inputs)
        self._readers = [_reader(column) for column in bundle.meta["columns"]]
        worsening = bundle.extras.worsening
        self._worsening = worsening and Explainer(worsening, self.inputs)
        self._values = len(bundle.pipeline[0].mean_)
        self._redraw = build_redraw(bundle.pipeline, self.inputs)

    def matrix(self, requests: Sequence[Request]) -> NDArray[np.float64]:
        """Return the model matrix of some requests, in the pipeline's columns.

        Parameters
        ----------
        requests : sequence of Request
            One a man.

        Returns
        -------
        ndarray of shape (n_patients, n_columns)
            NaN where a man lacks a value.
        """
        return np.array([self._row(request) for request in requests], dtype=np.float64)

    def numbers(
        self, X: NDArray[np.float64], *, stated: NDArray[np.int64] | None = None
    ) -> Numbers:
        """Return every number of some men.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_columns)
            In the pipeline's columns.
        stated : ndarray of int of shape (n_patients, n_values), default=None
            Which of an analyte's units each value came in; the canonical one if None.

        Returns
        -------
        Numbers
            The same bits for a man whoever is with him.
        """
        explained = self._explainer.explain(X)
        known = self._explainer.split(X)
        refits, support = self._extras.refits, self._extras.support
        low = high = again_low = again_high = None
        if refits is not None:
            low, high = refits.interval(*known, level=LEVEL)
        again_low, again_high = self._redraw.interval(*known, level=LEVEL)
        checked = None if support is None else support.check(known[0], known[1], known[2], stated)
        return Numbers(explained, low, high, again_low, again_high, checked, self._worsened(X))

    def stated_units(self, requests: Sequence[Request]) -> NDArray[np.int64]:
        """Return which of its units each value came in, counted from 0.

        Parameters
        ----------
        requests : sequence of Request
            One a man.

        Returns
        -------
        ndarray of int of shape (n_patients, n_values)
            Positions in ``Analyte.units``; 0 where he lacks the value.
        """
        return np.array([self._stated(request) for request in requests], dtype=np.int64)

    def known(self, request: Request) -> Known:
        """Return what the model knows of one man.

        Parameters
        ----------
        request : Request
            In canonical units.

        Returns
        -------
        Known
            For :meth:`seen` and :meth:`figures`.
        """
        return self._explainer.read_one(self._row(request))

    def seen(self, known: Known, request: Request) -> Seen | None:
        """Say whether one man is like the men fitted.

        Parameters
        ----------
        known : Known
            As :meth:`known` gives it.
        request : Request
            The same man's.

        Returns
        -------
        Seen or None
            None for a model without support.
        """
        support = self._extras.support
        return None if support is None else support.look_at(known, self._stated(request))

    def figures(self, known: Known, request: Request) -> Figures:
        """Return the probability of one man and what belongs to it.

        Parameters
        ----------
        known : Known
            As :meth:`known` gives it.
        request : Request
            The same man's.

        Returns
        -------
        Figures
            The same bits as of :meth:`numbers`.
        """
        refits = self._extras.refits
        worsened = () if self._worsening is None else self._worsened(self.matrix([request]))
        return Figures(
            self._explainer.explain_one(known),
            None if refits is None else refits.interval_of(known, level=LEVEL),
            self._redraw.interval_of(known, level=LEVEL),
            _taken(worsened or (), 0),
        )

    def _row(self, request: Request) -> list[float]:
        return [read(request) for read in self._readers]

    def _stated(self, request: Request) -> list[int]:
        received = request.received
        stated = [_unit_number(n, received[n].unit) if n in received else 0 for n in self.inputs]
        return stated + [0] * (self._values - len(stated))

    def _worsened(self, X: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...] | None:
        """Return the probability of moving down and its interval, where it is modelled."""
        extras = self._extras
        if self._worsening is None or extras.worsening_refits is None:
            return None
        probability = self._worsening.probability(X)
        known = self._worsening.split(X)
        return (probability, *extras.worsening_refits.interval(*known, level=LEVEL))


def _taken(parts: Sequence[NDArray[np.float64] | None], row: int) -> list[float] | None:
    known = [float(part[row]) for part in parts if part is not None]
    return known or None


@cache
def _unit_number(name: str, written: str) -> int:
    of = analyte(name)
    unit = of.find_unit(written)
    assert unit is not None
    return of.units.index(unit)


def _reader(column: str) -> Callable[[Request], float]:
    """Return what reads one column of the model matrix from a request."""
    for field, canonical in _BODY_COLUMNS.items():
        if column == canonical:
            return lambda request: _or_nan(getattr(request, field))
    for a in ANALYTES:
        if column == a.column:
            return lambda request: _value(request.quantities.get(a.name))
        if column == a.censor_column:
            return lambda request: _censor(request.quantities.get(a.name))
    msg = f"a model's column must be one of the record's, got {column!r}. Register it again."
    raise ValueError(msg)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _value(quantity: Quantity | None) -> float:
    return math.nan if quantity is None else quantity.value


def _censor(quantity: Quantity | None) -> float:
    return 0.0 if quantity is None else _SIDES[quantity.comparator]
