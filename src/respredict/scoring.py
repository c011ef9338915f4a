"""The Scorer: a request in, the whole answer out, for one man or many.

Everything slow happens once, when the Scorer is made; an answer is arithmetic on
arrays. Its probability equals the pipeline's ``predict_proba`` within 1e-12 and does
not depend on who is scored with him.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.bundle import Bundle, champion, load_bundle
from respredict.chance import chance_for
from respredict.explain import Explained, Explainer
from respredict.model.candidates import PREDICTORS
from respredict.outcome import Scheme, scheme
from respredict.schema.analytes import ANALYTES, analyte, likelier_unit
from respredict.schema.quantities import Quantity, rule_at_least, rule_below
from respredict.schema.request import Request, read_request
from respredict.statement import statement

__all__ = ["Scorer", "load_scorer"]

#: What makes the signal: without both there is no probability.
_NEEDED = ("testosterone", "lh")
_BODY_COLUMNS = {"age": "age_years", "bmi": "bmi_kg_m2"}


class Scorer:
    """Scores and explains men with one model.

    Parameters
    ----------
    bundle : Bundle
        The model.
    version : int or None, default=None
        Its number in the registry.
    """

    def __init__(self, bundle: Bundle, version: int | None = None) -> None:
        self.bundle = bundle
        self.inputs = PREDICTORS[bundle.meta["predictors"]]
        self._explainer = Explainer(bundle.pipeline, self.inputs)
        self._columns = list(bundle.meta["columns"])
        self._scheme = scheme(bundle.meta["scheme"])
        self._version = version

    def score(self, request: Request | Mapping[str, Any]) -> dict[str, Any]:
        """Score one man.

        Parameters
        ----------
        request : Request or mapping
            Checked, or as parsed from JSON.

        Returns
        -------
        dict
            The answer, plain JSON values.

        Raises
        ------
        RequestError
            If a mapping breaks a rule.
        """
        return self.score_many([request])[0]

    def score_many(self, requests: Sequence[Request | Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Score men together; each answer is what he would get alone, to the last bit."""
        checked = [r if isinstance(r, Request) else read_request(r) for r in requests]
        if not checked:
            return []
        explained = self._explainer.explain(self.matrix(checked))
        return [self._answer(r, explained, i) for i, r in enumerate(checked)]

    def matrix(self, requests: Sequence[Request]) -> NDArray[np.float64]:
        """Return the model matrix of some requests, in the pipeline's columns."""
        X = np.full((len(requests), len(self._columns)), np.nan)
        for j, column in enumerate(self._columns):
            read = _reader(column)
            for i, request in enumerate(requests):
                X[i, j] = read(request)
        return X

    def model_card(self) -> dict[str, Any]:
        """Return what the model is and what it was made of."""
        meta = self.bundle.meta
        return {
            **self._identity(),
            "predictors": list(self.inputs),
            "outcome": {"scheme": self._scheme.name, "definition": definition(self._scheme)},
            "trained_on": meta["trained_on"],
            "performance": meta["performance"],
            "importance": meta["importance"],
            "settings": meta["settings"],
            "versions": meta["versions"],
        }

    def _identity(self) -> dict[str, Any]:
        told = self.bundle.meta["trained_on"]
        return {
            "name": self.bundle.meta["name"],
            "version": self._version,
            "digest": self.bundle.digest,
            "trained_on": {"kind": told["kind"], "men": told["men"]},
            "use": self.bundle.meta["use"],
        }

    def _answer(self, request: Request, explained: Explained, row: int) -> dict[str, Any]:
        reasons = self._reasons(request)
        cautions = self._cautions(request)
        answer: dict[str, Any] = {
            "status": "indeterminate" if reasons else "caution" if cautions else "scored"
        }
        if reasons:
            answer["reasons"] = reasons
        else:
            answer["improvement"] = {
                "probability": float(explained.probability[row]),
                "definition": definition(self._scheme),
            }
            answer["worsening"] = dict(self.bundle.meta["worsening"])
        answer["chance_only"] = self._chance(request)
        answer["comparators"] = self._comparators(request)
        answer["derived"] = _derived(request)
        if not reasons:
            answer["explanation"] = self._explanation(request, explained, row)
        answer["inputs"] = self._inputs(request, None if reasons else explained, row)
        answer["cautions"] = cautions
        answer["model"] = self._identity()
        if request.reference is not None:
            answer["reference"] = request.reference
        if not reasons:
            answer["explanation"]["statement"] = statement(answer)
        return answer

    def _reasons(self, request: Request) -> list[dict[str, str]]:
        """Say why no probability can be given, if none can."""
        reasons: list[dict[str, str]] = []
        for name in _NEEDED:
            if name in self.inputs and name not in request.quantities:
                text = f"{_label(name)} is missing: the signal is the ratio of testosterone to LH."
                reasons.append({"code": f"{name}_missing", "text": text, "remedy": f"Send {name}."})
        reasons += self._doubts(request)
        count = self._count(request)
        if count is not None and rule_at_least(count, self._scheme.cuts[-1]):
            text = f"His baseline of {count} is in the top category: none is left to move up to."
            reasons.append({"code": "top_category", "text": text, "remedy": "None."})
        if request.treatment.testosterone == "current":
            text = "He takes testosterone, which suppresses LH and FSH: they do not tell his own."
            remedy = "Measure again after it is stopped and the hormones have come back."
            reasons.append({"code": "on_testosterone", "text": text, "remedy": remedy})
        return reasons

    def _doubts(self, request: Request) -> list[dict[str, str]]:
        doubts: list[dict[str, str]] = []
        for name, quantity in request.received.items():
            of = analyte(name)
            unit = of.find_unit(quantity.unit)
            assert unit is not None
            other = None if quantity.comparator else likelier_unit(of, quantity.value, unit)
            if other is not None:
                reread = of.canonical(quantity.value, other)
                text = (
                    f"{of.label} of {quantity} reads likelier as {quantity.value:g} {other.code} "
                    f"({reread})."
                )
                remedy = "Check the unit on the laboratory's report and send it again."
                doubts.append({"code": "unit_in_doubt", "text": text, "remedy": remedy})
        return doubts

    def _cautions(self, request: Request) -> list[dict[str, str]]:
        cautions: list[dict[str, str]] = []
        for name in self.inputs:
            if not _has(request, name):
                text = f"{_label(name)} is missing and was estimated from his other values."
                cautions.append({"code": "value_imputed", "input": name, "text": text})
        count = request.quantities.get("sperm_concentration")
        azoospermic = count is not None and not count.comparator and count.value == 0
        if azoospermic and "sperm_concentration" not in self.inputs:
            cautions.append(_azoospermia())
        return cautions

    def _count(self, request: Request) -> Quantity | None:
        if self._scheme.measure == "concentration":
            return request.quantities.get("sperm_concentration")
        return _motile_count(request)

    def _chance(self, request: Request) -> dict[str, Any]:
        chance = chance_for(self._scheme, self._count(request))
        told: dict[str, Any] = {"up": chance.up, "down": chance.down}
        if chance.reason:
            told["reason"] = chance.reason
        return told

    def _comparators(self, request: Request) -> dict[str, Any]:
        t_lh, t_e2 = _ratio(request, "lh"), _ratio(request, "estradiol")
        told: dict[str, Any] = {
            "prevalence": self.bundle.meta["trained_on"]["prevalence"],
            "t_lh_at_least_100": rule_at_least(t_lh, 100.0),
            "t_e2_below_10": rule_below(t_e2, 10.0),
        }
        open_ones = {
            rule: _why_open(request, under)
            for rule, under in (("t_lh_at_least_100", "lh"), ("t_e2_below_10", "estradiol"))
            if told[rule] is None
        }
        if open_ones:
            told["reasons"] = open_ones
        return told

    def _explanation(self, request: Request, explained: Explained, row: int) -> dict[str, Any]:
        alone = Explained(
            explained.base,
            explained.log_odds[row : row + 1],
            explained.probability[row : row + 1],
            explained.contributions[row : row + 1],
            explained.completed[row : row + 1],
        )
        error = alone.check()
        contributions = [
            {"input": name, "value": _shown(request, name), "log_odds": float(value)}
            for name, value in zip(self.inputs, alone.contributions[0], strict=True)
            if _has(request, name)
        ]
        return {
            "scale": "log-odds",
            "base": explained.base,
            "total": float(alone.log_odds[0]),
            "max_error": error,
            "contributions": contributions,
        }

    def _inputs(self, request: Request, explained: Explained | None, row: int) -> dict[str, Any]:
        """Each input as received, as converted, and as the model used it."""
        told: dict[str, Any] = {}
        for name in ("age", "bmi", *(a.name for a in ANALYTES)):
            has = _has(request, name)
            state = "measured" if has else "unknown"
            entry: dict[str, Any] = {}
            if has and name in _BODY_COLUMNS:
                entry["received"] = {"value": getattr(request, name), "unit": _UNITS[name]}
            elif has:
                entry["received"] = request.received[name].as_dict()
                entry["converted"] = request.quantities[name].as_dict()
                if request.quantities[name].comparator:
                    state = "censored"
            if name in self.inputs and explained is not None:
                if not has:
                    state = "imputed"
                j = self.inputs.index(name)
                entry["used"] = {
                    "value": _used(request, name, explained.completed[row, j]),
                    "unit": _UNITS[name],
                }
            told[name] = {"state": state, **entry}
        return told


def load_scorer(home: Path) -> Scorer:
    """Return the Scorer of the champion.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    Scorer
        Of the champion.

    Raises
    ------
    RegistryError
        If no model was promoted yet.
    BundleError
        If the champion's files were changed.
    """
    told = champion(home)
    return Scorer(load_bundle(home, told["digest"]), told.get("version"))


def definition(of: Scheme) -> str:
    """Return what an improvement is, in words.

    Examples
    --------
    >>> definition(scheme("who"))[:63]
    'Sperm concentration up at least one category (0, >0 to <5, 5 to'
    """
    measure = {
        "concentration": ("Sperm concentration", "million/mL"),
        "total_motile_count": ("Total motile sperm count", "million"),
    }[of.measure]
    return (
        f"{measure[0]} up at least one category ({', '.join(of.labels)} {measure[1]}) in the "
        "semen sample nearest 90 days after the start (60 to 270). Category change, "
        "not proof that the drug did it."
    )


_UNITS = {"age": "a", "bmi": "kg/m2", **{a.name: a.unit for a in ANALYTES}}


def _label(name: str) -> str:
    label = {"bmi": "BMI", "age": "age"}.get(name) or analyte(name).label
    return label[0].upper() + label[1:]


def _has(request: Request, name: str) -> bool:
    return (
        getattr(request, name) is not None if name in _BODY_COLUMNS else name in request.quantities
    )


def _shown(request: Request, name: str) -> str:
    if name in _BODY_COLUMNS:
        return str(Quantity(getattr(request, name), _UNITS[name]))
    return str(request.received[name])


def _used(request: Request, name: str, completed: float) -> float:
    """Return what the model took for an input: the measured value, or the one completed."""
    if name in _BODY_COLUMNS:
        measured = getattr(request, name)
    else:
        quantity = request.quantities.get(name)
        measured = None if quantity is None or quantity.comparator else quantity.value
    if measured is not None:
        return float(measured)
    return float(completed) if name == "age" else math.exp(float(completed))


def _reader(column: str) -> Any:
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
    return 0.0 if quantity is None else float(quantity.censor)


def _ratio(request: Request, under: str) -> Quantity | None:
    over = request.quantities.get("testosterone")
    below = request.quantities.get(under)
    return None if over is None or below is None else over.divided_by(below)


def _why_open(request: Request, under: str) -> str:
    for name in ("testosterone", under):
        if name not in request.quantities:
            return f"{analyte(name).label} is missing"
    known = ", ".join(
        f"{analyte(name).label} {request.received[name]}"
        for name in ("testosterone", under)
        if request.quantities[name].comparator
    )
    return f"open: {known}"


def _derived(request: Request) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in (
        ("t_e2", _ratio(request, "estradiol")),
        ("t_lh", _ratio(request, "lh")),
        ("total_motile_count", _motile_count(request)),
    ):
        told[name] = None if value is None else value.as_dict()
    return told


def _motile_count(request: Request) -> Quantity | None:
    from respredict.outcome import total_motile_count

    parts = [request.quantities.get(n) for n in ("semen_volume", "sperm_concentration", "motility")]
    volume, concentration, motility = parts
    count, side = total_motile_count(
        _value(volume),
        _value(concentration),
        _value(motility),
        volume_censor=_censor(volume),
        concentration_censor=_censor(concentration),
        motility_censor=_censor(motility),
    )
    if math.isnan(count[0]):
        return None
    return Quantity(float(count[0]), "10*6", {-1: "<", 0: "", 1: ">"}[int(side[0])])  # type: ignore[arg-type]


def _azoospermia() -> dict[str, str]:
    from respredict.evidence.facts import fact

    row = fact("azoospermic_improved")
    return {
        "code": "azoospermia_not_in_model",
        "text": f"He is azoospermic, which this model does not see. {row['observed']}",
        "source": row["source"],
    }
