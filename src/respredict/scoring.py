"""The Scorer: a request in, the whole answer out, for one man or many.

Everything slow happens once, when the Scorer is made; an answer is arithmetic on
arrays. Its probability equals the pipeline's ``predict_proba`` within 1e-12 and does
not depend on who is scored with him.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from respredict import guidance, judging
from respredict.bundle import Bundle, champion, load_bundle
from respredict.members import explanation, improvement, inputs, worsening
from respredict.numbers import LEVEL, Calculator, Figures
from respredict.outcome import Scheme, scheme
from respredict.quoting import Piece, Quotes, joined, members, merged
from respredict.schema.quantities import Quantity
from respredict.schema.request import Request, read_request
from respredict.statement import closing, statement
from respredict.uncertainty.support import Seen

__all__ = ["Scorer", "Told", "definition", "load_scorer"]


@dataclass(frozen=True, slots=True)
class Told:
    """An answer in the bytes that are sent and recorded, and what filters need of it.

    Parameters
    ----------
    status : str
        ``scored``, ``caution`` or ``indeterminate``.
    risk : float or None
        The served probability; None where there is none.
    pieces : tuple of bytes and Text
        Joined they are a JSON object in UTF-8; a Text says the same of every man.
    """

    status: str
    risk: float | None
    pieces: tuple[Piece, ...]

    def body(self) -> bytes:
        """Return the pieces joined."""
        return joined(self.pieces)


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
        self._identity = self._named()
        demonstration = self._identity["use"] == "demonstration"
        self._closing = {
            scored: f" {closing(demonstration=demonstration, probability=scored)}"
            for scored in (True, False)
        }
        self._same = {
            "improvement": {"level": LEVEL, "definition": self._definition},
            "comparators": {"prevalence": bundle.meta["trained_on"]["prevalence"]},
        }
        extras = bundle.extras
        modelled = extras.worsening is not None and extras.worsening_refits is not None
        self._worsening = {} if modelled else dict(bundle.meta["worsening"])
        self._quotes = Quotes(
            self.inputs, self._identity, improvement=self._same["improvement"],
            worsening=self._worsening, comparators=self._same["comparators"],
        )  # fmt: skip

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
        return _read(self._alone(_checked(request), today or _today(), {}))

    def told(self, request: Request, *, decision_id: str, today: datetime.date) -> Told:
        """Score one man, in the bytes that are sent and recorded.

        Parameters
        ----------
        request : Request
            Checked.
        decision_id : str
            Of the decision, its first member.
        today : date
            Day of the answer.

        Returns
        -------
        Told
            What :meth:`score` gives, as JSON.

        Raises
        ------
        ExplanationError
            If the contributions miss the probability.
        """
        return self._alone(request, today, {"decision_id": decision_id})

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
        checked = [_checked(request) for request in requests]
        if not checked:
            return []
        day = today or _today()
        numbers = self.calculator.numbers(
            self.calculator.matrix(checked), stated=self.calculator.stated_units(checked)
        )
        support = numbers.support
        return [
            _read(self._tell(
                request, day, {}, None if support is None else support.take(row),
                partial(numbers.take, row),
            ))
            for row, request in enumerate(checked)
        ]  # fmt: skip

    def model_card(self) -> dict[str, Any]:
        """Return what the model is and what it was made of."""
        meta = self.bundle.meta
        told = ("trained_on", "performance", "importance", "worsening", "settings", "versions")
        return {
            **self._identity,
            "predictors": list(self.inputs),
            "outcome": {"scheme": self.scheme.name, "definition": self._definition},
            **{name: meta[name] for name in told},
        }

    def _named(self) -> dict[str, Any]:
        told = self.bundle.meta["trained_on"]
        return {
            "name": self.bundle.meta["name"],
            "version": self._version,
            "digest": self.bundle.digest,
            "trained_on": {"kind": told["kind"], "men": told["men"]},
            "use": self.bundle.meta["use"],
        }

    def _alone(self, request: Request, today: datetime.date, head: Mapping[str, str]) -> Told:
        calculator = self.calculator
        known = calculator.known(request)
        seen = calculator.seen(known, request)
        return self._tell(request, today, head, seen, lambda: calculator.figures(known, request))

    def _tell(
        self, request: Request, today: datetime.date, head: Mapping[str, str], seen: Seen | None,
        figures_of: Callable[[], Figures],
    ) -> Told:  # fmt: skip
        """Return the answer of a man; his figures are asked for if he is given any."""
        reasons, cautions = self._judged(request, seen, today)
        figures = None if reasons else figures_of()
        status = "indeterminate" if reasons else "caution" if cautions else "scored"
        answer: dict[str, Any] = {**head, "status": status}
        if figures is None:
            answer["reasons"] = reasons
            start: list[Piece] = [orjson.dumps(answer)[:-1], b",", self._quotes.comparators]
        else:
            answer["improvement"] = improvement(figures)
            start = [orjson.dumps(answer)[:-2], b",", self._quotes.improvement]
            if figures.worsening is not None:
                answer["worsening"] = worsening(figures.worsening)
                start += [b'"worsening":', orjson.dumps(answer["worsening"]), b","]
                start.append(self._quotes.comparators)
            answer["explanation"] = explanation(request, self.inputs, figures.explained)
        ratios = judging.ratio(request, "estradiol"), judging.ratio(request, "lh")
        usual, own = judging.usual_rules(request, *ratios), self._own(request, ratios, figures)
        told = self._without_closing({**answer, **own, "cautions": cautions}, usual)
        if figures is None:
            end = [b'"statement":', orjson.dumps(told)[:-1]]
        else:
            answer["explanation"]["statement"] = told
            end = [b'"explanation":', orjson.dumps(answer["explanation"])[:-2]]
        pieces = [
            *start, members(usual), b"},", members(own), b',"cautions":',
            *self._quotes.cautions(cautions), b",", *end,
            *self._quotes.rest(
                request, guidance.published_groups(request, *ratios),
                guidance.candidate_criteria(request, *ratios), scored=figures is not None,
            ),
        ]  # fmt: skip
        return Told(status, figures and figures.explained.probability, merged(pieces))

    def _judged(
        self, request: Request, seen: Seen | None, today: datetime.date
    ) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """Return why he is given no probability, and what to mind."""
        reasons = judging.reasons(request, self.inputs, self.scheme)
        cautions = judging.cautions(request, self.inputs, today)
        for told in judging.unlike(request, self.inputs, seen):
            doubted = told["code"] == "unit_in_doubt"
            if doubted and told["code"] not in [reason["code"] for reason in reasons]:
                reasons.append(told)
            elif not doubted:
                cautions.append(told)
        if reasons:  # nothing is estimated for who is given no probability
            cautions = [told for told in cautions if told["code"] != "value_imputed"]
        return reasons, cautions

    def _own(
        self, request: Request, ratios: tuple[Quantity | None, Quantity | None],
        figures: Figures | None,
    ) -> dict[str, Any]:  # fmt: skip
        """Return what is reckoned of him without the model, and what he sent."""
        own: dict[str, Any] = {
            "chance_only": judging.chance(request, self.scheme),
            "derived": judging.derived(request, *ratios),
        }
        if request.reference is not None:
            own["reference"] = request.reference
        return {**own, "inputs": inputs(request, self.inputs, figures and figures.explained)}

    def _without_closing(self, answer: dict[str, Any], usual: Mapping[str, Any]) -> str:
        """Return the statement but for the sentences that end every one alike."""
        same, scored = self._same, "improvement" in answer
        answer |= {"model": self._identity, "comparators": {**same["comparators"], **usual}}
        if scored:
            answer["improvement"] = {**same["improvement"], **answer["improvement"]}
            answer.setdefault("worsening", self._worsening)
        return statement(answer).removesuffix(self._closing[scored])


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


def _checked(request: Request | Mapping[str, Any]) -> Request:
    return request if isinstance(request, Request) else read_request(request)


def _today() -> datetime.date:
    return datetime.datetime.now(tz=datetime.UTC).date()


def _read(told: Told) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(told.body())
    return answer
