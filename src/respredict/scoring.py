"""The Scorer: a request in, the whole answer out, for one man or many.

Everything slow happens once, when the Scorer is made; an answer is arithmetic on
arrays. Its probability equals the pipeline's ``predict_proba`` within 1e-12 and does
not depend on who is scored with him.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from respredict import guidance, judging
from respredict.bundle import Bundle, champion, load_bundle
from respredict.explain import Explained
from respredict.numbers import LEVEL, Calculator, Numbers
from respredict.outcome import Scheme, scheme
from respredict.schema.analytes import ANALYTES
from respredict.schema.quantities import Quantity
from respredict.schema.request import Request, read_request
from respredict.statement import statement

__all__ = ["Scorer", "definition", "load_scorer"]

_UNITS = {"age": "a", "bmi": "kg/m2", **{a.name: a.unit for a in ANALYTES}}


class Scorer:
    """Scores and explains men with one model.

    Parameters
    ----------
    bundle : Bundle
        The model.
    version : int or None, default=None
        Its number in the registry.

    Attributes
    ----------
    calculator : Calculator
        Computes the numbers, for those who want them without words.
    scheme : Scheme
        The outcome's categories.
    inputs : tuple of str
        What the model uses.
    """

    def __init__(self, bundle: Bundle, version: int | None = None) -> None:
        self.bundle = bundle
        self.scheme = scheme(bundle.meta["scheme"])
        self.calculator = Calculator(bundle)
        self.inputs = self.calculator.inputs
        self._definition = definition(self.scheme)
        self._version = version

    def score(
        self, request: Request | Mapping[str, Any], *, today: datetime.date | None = None
    ) -> dict[str, Any]:
        """Score one man.

        Parameters
        ----------
        request : Request or mapping
            Checked, or as parsed from JSON.
        today : date, default=None
            Day of the answer, against which samples are old or not; today if None.

        Returns
        -------
        dict
            The answer, plain JSON values.

        Raises
        ------
        RequestError
            If a mapping breaks a rule.
        ExplanationError
            If the contributions miss the probability.
        """
        return self.score_many([request], today=today)[0]

    def score_many(
        self,
        requests: Sequence[Request | Mapping[str, Any]],
        *,
        today: datetime.date | None = None,
    ) -> list[dict[str, Any]]:
        """Score men together; each answer is what he would get alone, to the last bit.

        Parameters
        ----------
        requests : sequence of Request or mapping
            One a man.
        today : date, default=None
            As in :meth:`score`.

        Returns
        -------
        list of dict
            One answer a man, in order.
        """
        checked = [r if isinstance(r, Request) else read_request(r) for r in requests]
        if not checked:
            return []
        day = today or datetime.datetime.now(tz=datetime.UTC).date()
        numbers = self.calculator.numbers(
            self.calculator.matrix(checked), stated=self.calculator.stated_units(checked)
        )
        return [self._answer(r, numbers, i, day) for i, r in enumerate(checked)]

    def model_card(self) -> dict[str, Any]:
        """Return what the model is and what it was made of."""
        meta = self.bundle.meta
        told = ("trained_on", "performance", "importance", "worsening", "settings", "versions")
        return {
            **self._identity(),
            "predictors": list(self.inputs),
            "outcome": {"scheme": self.scheme.name, "definition": self._definition},
            **{name: meta[name] for name in told},
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

    def _answer(
        self, request: Request, numbers: Numbers, row: int, today: datetime.date
    ) -> dict[str, Any]:
        explained = numbers.explained
        unlike = judging.unlike(request, self.inputs, numbers.support, row)
        reasons = judging.reasons(request, self.inputs, self.scheme)
        cautions = judging.cautions(request, self.inputs, today)
        for told in unlike:
            doubted = told["code"] == "unit_in_doubt"
            if doubted and told["code"] not in [reason["code"] for reason in reasons]:
                reasons.append(told)
            elif not doubted:
                cautions.append(told)
        status = "indeterminate" if reasons else "caution" if cautions else "scored"
        answer: dict[str, Any] = {"status": status}
        if reasons:
            answer["reasons"] = reasons
        else:
            answer["improvement"] = self._improvement(numbers, row)
            answer["worsening"] = self._worsening_of(numbers, row)
        answer["chance_only"] = judging.chance(request, self.scheme)
        prevalence = self.bundle.meta["trained_on"]["prevalence"]
        answer["comparators"] = {"prevalence": prevalence, **judging.usual_rules(request)}
        answer["derived"] = judging.derived(request)
        if not reasons:
            answer["explanation"] = self._explanation(request, explained, row)
        answer["inputs"] = self._inputs(request, None if reasons else explained, row)
        answer["cautions"] = cautions
        answer.update(self._accompanying(request))
        answer["model"] = self._identity()
        if request.reference is not None:
            answer["reference"] = request.reference
        (answer if reasons else answer["explanation"])["statement"] = statement(answer)
        return answer

    def _improvement(self, numbers: Numbers, row: int) -> dict[str, Any]:
        told: dict[str, Any] = {"probability": float(numbers.explained.probability[row])}
        for name, low, high in (
            ("interval", numbers.low, numbers.high),
            ("redraw_interval", numbers.redraw_low, numbers.redraw_high),
        ):
            if low is not None and high is not None:
                told[name] = [float(low[row]), float(high[row])]
        return {**told, "level": LEVEL, "definition": self._definition}

    def _worsening_of(self, numbers: Numbers, row: int) -> dict[str, Any]:
        if numbers.worsening is None:
            return dict(self.bundle.meta["worsening"])
        probability, low, high = (float(part[row]) for part in numbers.worsening)
        return {
            "probability": probability,
            "interval": [low, high],
            "level": LEVEL,
            "basis": "model",
        }

    def _explanation(self, request: Request, explained: Explained, row: int) -> dict[str, Any]:
        """Return the contributions, once they are seen to sum to what is served."""
        alone = explained.take(row)
        error = alone.check()
        contributions = [
            {"input": name, "value": _shown(request, name), "log_odds": float(value)}
            for name, value in zip(self.inputs, alone.contributions[0], strict=True)
            if judging.has(request, name)
        ]
        return {
            "scale": "log-odds",
            "base": explained.base,
            "total": float(alone.log_odds[0]),
            "max_error": error,
            "contributions": contributions,
        }

    def _inputs(self, request: Request, explained: Explained | None, row: int) -> dict[str, Any]:
        """Return each input as received, as converted, and as the model used it."""
        told: dict[str, Any] = {}
        for name in _UNITS:
            has = judging.has(request, name)
            entry: dict[str, Any] = {"state": "measured" if has else "unknown"}
            if has and name in judging.BODY:
                entry["received"] = {"value": getattr(request, name), "unit": _UNITS[name]}
            elif has:
                entry["received"] = request.received[name].as_dict()
                entry["converted"] = request.quantities[name].as_dict()
                if request.quantities[name].comparator:
                    entry["state"] = "censored"
            if name in self.inputs and explained is not None:
                entry["state"] = entry["state"] if has else "imputed"
                used = _used(request, name, explained.completed[row, self.inputs.index(name)])
                entry["used"] = {"value": used, "unit": _UNITS[name]}
            told[name] = entry
        return told

    def _accompanying(self, request: Request) -> dict[str, Any]:
        """Return what was published that matches the man, each row with its source."""
        t_e2, t_lh = judging.ratio(request, "estradiol"), judging.ratio(request, "lh")
        demonstration = self.bundle.meta["use"] == "demonstration"
        return {
            "monitoring": guidance.monitoring(request),
            "safety": guidance.safety(request),
            "published_groups": guidance.published_groups(request, t_e2, t_lh),
            "candidate_criteria": guidance.candidate_criteria(request, t_e2, t_lh),
            "notices": guidance.notices(request, demonstration=demonstration),
        }


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

    Parameters
    ----------
    of : Scheme
        The categories.

    Returns
    -------
    str
        Two sentences.

    Examples
    --------
    >>> definition(scheme("who"))[:63]
    'Sperm concentration up at least one category (0, >0 to <5, 5 to'
    """
    measure, unit = {
        "concentration": ("Sperm concentration", "million/mL"),
        "total_motile_count": ("Total motile sperm count", "million"),
    }[of.measure]
    return (
        f"{measure} up at least one category ({', '.join(of.labels)} {unit}) in the "
        "semen sample nearest 90 days after the start (60 to 270). Category change, "
        "not proof that the drug did it."
    )


def _shown(request: Request, name: str) -> str:
    if name in judging.BODY:
        return str(Quantity(getattr(request, name), _UNITS[name]))
    return str(request.received[name])


def _used(request: Request, name: str, completed: float) -> float:
    """Return what the model took for an input: the measured value, or the one completed."""
    if name in judging.BODY:
        measured = getattr(request, name)
    else:
        quantity = request.quantities.get(name)
        measured = None if quantity is None or quantity.comparator else quantity.value
    if measured is not None:
        return float(measured)
    return float(completed) if name == "age" else math.exp(float(completed))
