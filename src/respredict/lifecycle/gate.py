"""May this challenger take the champion's place: what can be said, and what it rests on.

Two models are compared on the same men, whom neither was fitted to, by the interval of
their difference. Where the men cannot tell, the answer says so and how many would. Beside
that a challenger must explain what it answers and answer as when it was registered;
without either it is promoted for no reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.bundle import Bundle
from respredict.cohort import Cohort
from respredict.errors import ExplanationError, InputError, Problem
from respredict.explain import TOLERANCE, Explainer
from respredict.lifecycle.conformance import compare_answers
from respredict.lifecycle.fitted import FittedMen
from respredict.lifecycle.recipes import left_out, recipe_of
from respredict.lifecycle.registering import PACK
from respredict.model.candidates import PREDICTORS
from respredict.scoring import Scorer
from respredict.validation.description import groupings
from respredict.validation.paired import Comparison, compare
from respredict.validation.subjects import Subjects
from respredict.words.phrases import counted

__all__ = ["ALLOWED", "Side", "Verdict", "compare_sides", "conforms"]

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
Say = Callable[[str], None]

#: Answers that promote without a reason.
ALLOWED = ("better", "not worse")
_FEWEST = 2
_SEED = 20261121


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two models, and whom it was fitted to.

    Parameters
    ----------
    name : str
        ``champion`` or ``challenger``.
    bundle : Bundle
        The model.
    men : FittedMen or None
        None where its run does not say.
    """

    name: str
    bundle: Bundle
    men: FittedMen | None


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a challenger.

    Parameters
    ----------
    answer : str
        ``better``, ``not worse``, ``worse`` or ``cannot tell``.
    why : tuple of str
        What it rests on, a sentence each.
    sound : bool, default=True
        Whether it explains what it answers, and answers as when it was registered.
    exempt : bool, default=False
        Whether nothing was to be compared: it may be promoted whatever the answer.
    comparison : Comparison or None, default=None
        Where the two were compared.
    men : dict, default: empty
        How many were in the table, left out and compared.
    """

    answer: str
    why: tuple[str, ...]
    sound: bool = True
    exempt: bool = False
    comparison: Comparison | None = None
    men: dict[str, int] = field(default_factory=dict)

    @property
    def allows(self) -> bool:
        """Whether it may be promoted without a reason."""
        return self.sound and (self.exempt or self.answer in ALLOWED)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "answer": self.answer,
            "allows": self.allows,
            "sound": self.sound,
            "exempt": self.exempt,
            "why": list(self.why),
            "comparison": None if self.comparison is None else self.comparison.as_dict(),
            "men": self.men,
        }


def conforms(bundle: Bundle) -> str:
    """Ask a model its conformance pack; return what is wrong, or an empty string.

    Parameters
    ----------
    bundle : Bundle
        The model.

    Returns
    -------
    str
        A sentence, empty where it answers as it did when it was registered.
    """
    pack = bundle.document(PACK)
    if pack is None:
        return "It has no conformance pack: train it again."
    found = compare_answers(pack, Scorer(bundle).score)
    if not found:
        return ""
    first, places = found[0], counted(len(found), "place", "places")
    return (
        f"It departs from its conformance pack in {places}, first in "
        f"{first.case!r}: {first.where} must be {first.expected}, got {first.got}."
    )


def compare_sides(
    champion: Side, challenger: Side, cohort: Cohort, subjects: Subjects, *,
    say: Say = lambda _: None,
) -> Verdict:  # fmt: skip
    """Compare two models on the men of a table whom neither was fitted to.

    Parameters
    ----------
    champion, challenger : Side
        The models; they must predict the same outcome.
    cohort : Cohort
        The table.
    subjects : Subjects
        Its men whose outcome is known.
    say : callable, default: silent
        Told what is done.

    Returns
    -------
    Verdict
        With the comparison, where there were men for it.

    Raises
    ------
    InputError
        If the models predict different outcomes, or synthetic men would judge a clinical
        model.
    """
    _check_comparable(champion, challenger, cohort)
    why: list[str] = []
    p, usable = {}, np.ones(len(subjects.improved), dtype=bool)
    for side in (champion, challenger):
        say(f"asking the {side.name}")
        p[side.name], fresh, said = _asked(side, cohort, subjects)
        usable &= fresh
        why += said
    men = {
        "in_table": len(cohort.men),
        "known_outcome": len(usable),
        "fitted": int((~usable).sum()),
        "compared": int(usable.sum()),
    }
    try:
        Explainer(challenger.bundle.pipeline, _inputs(challenger)).explain(
            _matrix(challenger, subjects)
        ).check()
    except ExplanationError as error:
        return Verdict("worse", (*why, str(error)), sound=False, men=men)
    why.append(f"Its explanations sum to what it answers within {TOLERANCE:g} for all men.")
    if men["compared"] < _FEWEST:
        why.append(f"{men['compared']} men were left to compare on.")
        return Verdict("cannot tell", tuple(why), men=men)
    y = subjects.improved[usable]
    groups = {n: g[usable] for n, g in _groups(subjects).items()}
    found = compare(y, p["champion"][usable], p["challenger"][usable], seed=_SEED, groups=groups)
    return Verdict(found.answer, (*_said(found), *why), comparison=found, men=men)


def _check_comparable(champion: Side, challenger: Side, cohort: Cohort) -> None:
    schemes = [side.bundle.meta["scheme"] for side in (champion, challenger)]
    if schemes[0] != schemes[1]:
        rule, remedy = "predict the outcome of the champion", "Promote it with a reason instead"
        got = f"{schemes[1]} against {schemes[0]}"
        raise InputError(Problem("the challenger", rule, got, remedy))
    kinds = {side.bundle.meta["trained_on"]["kind"] for side in (champion, challenger)}
    if cohort.provenance.kind == "synthetic" and kinds != {"synthetic"}:
        rule, remedy = "be clinical to judge a clinical model", "Name a clinic's own table"
        raise InputError(Problem("--data", rule, "synthetic men", remedy))


def _asked(side: Side, cohort: Cohort, subjects: Subjects) -> tuple[Floats, Masks, list[str]]:
    """Return what a model says of each man, whom it may be judged on, and what to know."""
    meta, X, y = side.bundle.meta, _matrix(side, subjects), subjects.improved
    own = meta["trained_on"]["sha256"] == cohort.provenance.sha256 and "updates" not in meta
    if own:
        seed = int(meta["settings"]["model.seed"])
        said = (
            f"The table is the one the {side.name} was fitted to: its recipe was judged, each "
            "man by a fit without him."
        )
        return left_out(recipe_of(meta), X, y, seed=seed), np.ones(len(y), dtype=bool), [said]
    p = side.bundle.pipeline.predict_proba(X)[:, 1]
    if side.men is None:
        said = f"Whom the {side.name} was fitted to is not on record, so nobody is left to judge it"
        return p, np.zeros(len(y), dtype=bool), [f"{said}; train it again."]
    fitted = side.men.among(subjects.men)
    if not fitted.any():
        return p, ~fitted, []
    return p, ~fitted, [f"The {side.name} was fitted to {fitted.sum()} of the men: left out."]


def _inputs(side: Side) -> tuple[str, ...]:
    return PREDICTORS[side.bundle.meta["predictors"]]


def _matrix(side: Side, subjects: Subjects) -> Any:
    return subjects.men[list(side.bundle.meta["columns"])].astype(float)


def _groups(subjects: Subjects) -> Mapping[str, Masks]:
    """Return the subgroups that the report tells of, by name."""
    sites, site = subjects.sites()
    found: dict[str, Masks] = {}
    for by, names, which in groupings(subjects.men, site, sites):
        if len(names) > 1:
            found |= {f"{by}: {name}": which == k for k, name in enumerate(names)}
    return found


def _said(found: Comparison) -> list[str]:
    of = found.log_loss
    ends = f"{of.value:+.3f} [{of.low:+.3f}, {of.high:+.3f}]"
    told = [
        f"Log-loss of the challenger minus the champion's on {of.men} men: {ends}.",
        f"Up to {of.margin:g} more is still not worse.",
    ]
    told += [
        f"Clearly worse in {guard.measure}: {guard.value:+.3f} [{guard.low:+.3f}, "
        f"{guard.high:+.3f}], where {guard.margin:g} is allowed."
        for guard in found.guards
        if guard.low > guard.margin
    ]
    if found.men_needed is not None:
        told.append(f"About {found.men_needed} men would settle it, were it as seen.")
    return told
