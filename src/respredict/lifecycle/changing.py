r"""A change plan: what may change in the model, written down before it does.

A clinic agrees with its reviewers on a TOML file; a promotion that cites it must keep to
it, and the ledger keeps the digest of its bytes::

    name = "Yearly retraining, agreed 2026-10-01"
    valid_until = 2027-10-01
    predictors = ["hormones"]
    candidates = ["published"]
    steps = ["intercept", "intercept and slope"]
    answers = ["better", "not worse"]
    minimum_men = 100

    [subgroups]
    "azoospermia: azoospermia" = 0.05
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from respredict.config import CANDIDATES, PREDICTOR_SETS
from respredict.errors import ConfigError, Problem, nearest
from respredict.lifecycle.gate import Verdict
from respredict.validation.closed_test import STEPS

__all__ = ["ChangePlan", "read_plan"]

_ANSWERS = ("better", "not worse", "cannot tell")
_TRAINED = "trained"
_CHOICES = {
    "predictors": PREDICTOR_SETS,
    "candidates": CANDIDATES,
    "steps": (_TRAINED, *STEPS[1:]),
    "answers": _ANSWERS,
}


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """What a promotion that cites the plan may change.

    Parameters
    ----------
    name : str
        As people call it.
    valid_until : date
        Its last day.
    sha256 : str
        Digest of the file.
    predictors, candidates : tuple of str
        That the new model may have.
    steps : tuple of str, default=("trained", "intercept", ...)
        How it may have been made: ``trained`` anew, or a step of ``respredict update``.
    answers : tuple of str, default=("better", "not worse")
        Of the gate.
    minimum_men : int, default=0
        On whom the two must have been compared.
    subgroups : mapping of str to float, default: none
        Log-loss by which a subgroup may be worse, as the gate names them; a difference
        that lies clearly beyond is against the plan.
    """

    name: str
    valid_until: datetime.date
    sha256: str
    predictors: tuple[str, ...] = PREDICTOR_SETS
    candidates: tuple[str, ...] = CANDIDATES
    steps: tuple[str, ...] = _CHOICES["steps"]
    answers: tuple[str, ...] = ("better", "not worse")
    minimum_men: int = 0
    subgroups: Mapping[str, float] = field(default_factory=dict)

    def cited(self) -> dict[str, str]:
        """Return what the ledger keeps of it."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "valid_until": self.valid_until.isoformat(),
        }

    def departures(
        self, meta: Mapping[str, Any], verdict: Verdict, today: datetime.date
    ) -> list[str]:
        """Say where a promotion departs from the plan.

        Parameters
        ----------
        meta : mapping
            Of the challenger's bundle.
        verdict : Verdict
            Of the gate.
        today : date
            Of the promotion.

        Returns
        -------
        list of str
            A sentence each; empty where it keeps to it.
        """
        step = meta["updates"][-1]["step"] if "updates" in meta else _TRAINED
        told = [
            f"The plan allows {what} {', '.join(allowed)}, got {got}."
            for what, allowed, got in (
                ("the predictors", self.predictors, meta["predictors"]),
                ("the candidates", self.candidates, meta["candidate"]),
                ("the steps", self.steps, step),
                ("the answers", self.answers, verdict.answer),
            )
            if got not in allowed
        ]
        if today > self.valid_until:
            told.append(f"The plan is valid until {self.valid_until}, got {today}.")
        compared = verdict.men.get("compared", 0)
        if compared < self.minimum_men:
            told.append(f"The plan asks for {self.minimum_men} men compared, got {compared}.")
        return told + self._too_much_worse(verdict)

    def _too_much_worse(self, verdict: Verdict) -> list[str]:
        guards = verdict.comparison.guards if verdict.comparison else ()
        found = {guard.measure.removeprefix("log-loss in "): guard for guard in guards}
        told = []
        for name, limit in self.subgroups.items():
            if name not in found:
                told.append(f"The plan limits {name!r}, in which too few men were compared.")
            elif found[name].low > limit:
                worse = found[name]
                told.append(
                    f"The plan allows {limit:g} more log-loss in {name}, got {worse.value:+.3f} "
                    f"[{worse.low:+.3f}, {worse.high:+.3f}]."
                )
        return told


def read_plan(path: Path) -> ChangePlan:
    r"""Read a change plan.

    Parameters
    ----------
    path : Path
        TOML.

    Returns
    -------
    ChangePlan
        Frozen, with the digest of the file.

    Raises
    ------
    ConfigError
        If it cannot be read, or for every unknown key and wrong value.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "plan.toml"
    ...     _ = file.write_text('name = "yearly"\nvalid_until = 2027-10-01\nminimum_men = 100\n')
    ...     read_plan(file).minimum_men
    100
    """
    try:
        raw = path.read_bytes()
        written = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        got = f"{path}: {error.strerror}"
        raise ConfigError(Problem("--plan", "be a readable TOML file", got, "Name one")) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        remedy = "Compare with training/plan.toml"
        raise ConfigError(Problem("--plan", "be TOML", str(error), remedy)) from error
    problems = [problem for key, value in written.items() if (problem := _problem(key, value))]
    problems += [
        Problem(f"plan {key}", "be given", "nothing", f"Write {key} = ...")
        for key in ("name", "valid_until")
        if key not in written
    ]
    if problems:
        raise ConfigError(problems)
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in written.items()}
    return ChangePlan(sha256=hashlib.sha256(raw).hexdigest(), **values)


def _problem(key: str, value: Any) -> Problem | None:
    """Return what is wrong with one key of a plan, None if nothing is."""
    known = [f.name for f in dataclasses.fields(ChangePlan) if f.name != "sha256"]
    where = f"plan {key}"
    if key not in known:
        remedy = f"{nearest(key, known)}Use {', '.join(known)}"
        return Problem(where, "be a known key", "an unknown one", remedy)
    if key in _CHOICES:
        return _choice_problem(where, value, _CHOICES[key])
    rules = {
        "name": ("be text", isinstance(value, str) and bool(value)),
        "valid_until": ("be a date", type(value) is datetime.date),
        "minimum_men": ("be a whole number from 0", type(value) is int and value >= 0),
        "subgroups": ("give a number above 0 for each name", _are_limits(value)),
    }
    rule, kept = rules[key]
    return None if kept else Problem(where, rule, repr(value), "Compare with training/plan.toml")


def _choice_problem(where: str, value: Any, choices: tuple[str, ...]) -> Problem | None:
    if not isinstance(value, list) or not value:
        return Problem(where, "be a list", repr(value), f"Use some of {', '.join(choices)}")
    for one in value:
        if one not in choices:
            remedy = f"{nearest(str(one), choices)}Use some of {', '.join(choices)}"
            return Problem(where, "hold known ones", repr(one), remedy)
    return None


def _are_limits(value: Any) -> bool:
    return isinstance(value, dict) and all(
        type(limit) in (int, float) and limit > 0 for limit in value.values()
    )
