"""Settings of a run, read from one TOML file, frozen; and where state is kept.

To add a setting, add it to its section below and to ``training/default.toml``; a
test compares the two. An unknown key is refused with the nearest known one.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from respredict.candidate_settings import CANDIDATE_RANGES, CandidateSettings
from respredict.errors import ConfigError, Problem, nearest

__all__ = [
    "CohortSettings",
    "ModelSettings",
    "OutcomeSettings",
    "Settings",
    "ValidationSettings",
    "home",
    "read_settings",
]

PREDICTOR_SETS = ("hormones", "hormones+semen", "lh+fsh", "t_lh")
CANDIDATES = ("published", "zero", "splines", "boosting")
SELECT = "select"


@dataclass(frozen=True, slots=True)
class CohortSettings:
    """``[cohort]``: the table to learn from; its path counts from the working directory.

    Parameters
    ----------
    path : str
        CSV or Parquet.
    """

    path: str = "data/cohorts/synthetic.csv"


@dataclass(frozen=True, slots=True)
class OutcomeSettings:
    """``[outcome]``: the category scheme that says what an improvement is.

    Parameters
    ----------
    scheme : str
        ``concentration``, ``who`` or ``tmsc``.
    """

    scheme: str = "concentration"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """``[model]``: predictor set, and what is fitted to it.

    Parameters
    ----------
    predictors : str
        A predictor set.
    candidate : str
        ``published``, ``zero``, ``splines`` or ``boosting``; ``select`` takes the simplest
        of ``[validation]``'s candidates within one standard error of the best.
    seed : int
        Draws folds and resamples.
    """

    predictors: str = "hormones"
    candidate: str = "published"
    seed: int = 20261121


@dataclass(frozen=True, slots=True)
class ValidationSettings:
    """``[validation]``: what ``train --validate`` does.

    Parameters
    ----------
    candidates : tuple of str
        Compared, the simplest first whatever their order here.
    resamples : int
        Bootstrap resamples, each with everything chosen and fitted again.
    folds : int
        Most folds of a cross-validation.
    repeats : int
        Deals of the folds, where sites do not settle them, and of the learning curve.
    thresholds : tuple of float
        Probabilities from which a man would be treated, at which classes are judged.
    more_men : int
        How many more men the learning curve is asked about.
    seed : int
        Draws folds, resamples and parts.
    jobs : int
        Processes; 0 is one a processor. The report does not depend on it.
    """

    candidates: tuple[str, ...] = CANDIDATES
    resamples: int = 200
    folds: int = 5
    repeats: int = 3
    thresholds: tuple[float, ...] = (0.3, 0.45, 0.6)
    more_men: int = 50
    seed: int = 20261121
    jobs: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one run.

    Parameters
    ----------
    cohort : CohortSettings
        The table.
    outcome : OutcomeSettings
        The outcome.
    model : ModelSettings
        The model.
    candidates : CandidateSettings
        What the candidates are held to.
    validation : ValidationSettings
        Its validation.
    """

    cohort: CohortSettings = field(default_factory=CohortSettings)
    outcome: OutcomeSettings = field(default_factory=OutcomeSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    candidates: CandidateSettings = field(default_factory=CandidateSettings)
    validation: ValidationSettings = field(default_factory=ValidationSettings)

    def flat(self) -> dict[str, Any]:
        """Return ``{"section.key": value}``, as a run logs it."""
        return {
            f"{section.name}.{key}": value
            for section in dataclasses.fields(self)
            for key, value in dataclasses.asdict(getattr(self, section.name)).items()
        }

    def with_cohort(self, path: str | os.PathLike[str]) -> Settings:
        """Return the same settings for another table."""
        return dataclasses.replace(self, cohort=CohortSettings(path=os.fspath(path)))

    def with_jobs(self, jobs: int) -> Settings:
        """Return the same settings for another number of processes, 0 for all."""
        if problem := _problem("validation.jobs", "jobs", jobs, self.validation.jobs):
            raise ConfigError(problem)
        return dataclasses.replace(self, validation=dataclasses.replace(self.validation, jobs=jobs))


_KINDS = {
    str: ("be text", '"..."'),
    int: ("be a whole number", "1"),
    float: ("be a number with a decimal point", "1.0"),
    "texts": ("be a list of different texts", '["...", "..."]'),
    "numbers": ("be an ascending list of numbers in (0, 1)", "[0.3, 0.6]"),
}
_CHOICES = {
    "model.predictors": PREDICTOR_SETS,
    "model.candidate": (*CANDIDATES, SELECT),
    "validation.candidates": CANDIDATES,
}
_GREATEST_SEED = 2**32 - 1  # what NumPy takes
_RANGES: dict[str, tuple[float, float]] = {
    "model.seed": (0, _GREATEST_SEED),
    "validation.seed": (0, _GREATEST_SEED),
    "validation.resamples": (20, 10_000),
    "validation.folds": (2, 20),
    "validation.repeats": (1, 100),
    "validation.more_men": (1, 100_000),
    "validation.jobs": (0, 1_000),
} | {f"candidates.{key}": ends for key, ends in CANDIDATE_RANGES.items()}


def read_settings(path: str | os.PathLike[str]) -> Settings:
    r"""Read a settings file; what it leaves out keeps its default.

    Parameters
    ----------
    path : path-like
        A TOML file with the sections of :class:`Settings`.

    Returns
    -------
    Settings
        Frozen.

    Raises
    ------
    ConfigError
        If the file cannot be read, or for every unknown key and wrong value.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "run.toml"
    ...     _ = file.write_text('[model]\ncandidate = "zero"\n')
    ...     read_settings(file).model.candidate
    'zero'
    """
    file = Path(path)
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            Problem("settings", "be a readable TOML file", f"{file}: {error.strerror}", "Name one")
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            Problem(f"{file}", "be TOML", str(error), "Compare with training/default.toml")
        ) from error
    return settings_from(written)


def settings_from(written: dict[str, Any]) -> Settings:
    """Return the settings of a parsed TOML document, as :func:`read_settings` does."""
    problems: list[Problem] = []
    sections: dict[str, Any] = {}
    known = {section.name: section for section in dataclasses.fields(Settings)}
    for name, body in written.items():
        if name not in known:
            problems.append(_unknown(name, list(known)))
            continue
        if not isinstance(body, dict):
            problems.append(Problem(name, "be a section", repr(body), f"Write [{name}] above it"))
            continue
        sections[name] = _section(name, known[name].default_factory, body, problems)  # type: ignore[arg-type]
    if problems:
        raise ConfigError(problems)
    return Settings(**sections)


def _section(name: str, kind: type, body: dict[str, Any], problems: list[Problem]) -> Any:
    known = {f.name: f for f in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in body.items():
        where = f"{name}.{key}"
        if key not in known:
            problems.append(_unknown(where, [f"{name}.{k}" for k in known]))
            continue
        if problem := _problem(where, key, value, known[key].default):
            problems.append(problem)
        else:
            values[key] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _problem(where: str, key: str, value: Any, default: Any) -> Problem | None:
    """Return what is wrong with a value, None if nothing is."""
    wanted: Any = type(default)
    if wanted is tuple:
        wanted = "texts" if isinstance(default[0], str) else "numbers"
    if not _is_one(value, wanted):
        rule, example = _KINDS[wanted]
        return Problem(where, rule, repr(value), f"Write {key} = {example}")
    least, most = _RANGES.get(where, (value, value))
    if isinstance(value, int | float) and not least <= value <= most:
        return Problem(where, f"be {least} to {most}", repr(value), "Choose another")
    choices = _CHOICES.get(where)
    for one in value if isinstance(value, list) else [value]:
        if choices and one not in choices:
            advice = f"{nearest(str(one), choices)}Use {', '.join(choices)}"
            return Problem(where, "be a known one", repr(one), advice)
    return None


def _is_one(value: Any, wanted: Any) -> bool:
    if wanted == "texts":
        of_texts = isinstance(value, list) and all(type(one) is str for one in value)
        return of_texts and bool(value) and len(set(value)) == len(value)
    if wanted == "numbers":
        numbers = isinstance(value, list) and bool(value) and all(type(v) is float for v in value)
        return numbers and value == sorted(set(value)) and value[0] > 0 and value[-1] < 1
    return type(value) is wanted


def _unknown(where: str, known: list[str]) -> Problem:
    advice = nearest(where, known)
    return Problem(where, "be a known setting", "an unknown one", f"{advice}Use {', '.join(known)}")


def home() -> Path:
    """Return the folder that holds bundles, champion and ledger.

    ``RESPREDICT_HOME``, or ``.respredict`` in the working directory.

    Returns
    -------
    Path
        Absolute; it need not exist yet.
    """
    return Path(os.environ.get("RESPREDICT_HOME") or ".respredict").resolve()
