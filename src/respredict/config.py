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

from respredict.errors import ConfigError, Problem, nearest

__all__ = [
    "CohortSettings",
    "ModelSettings",
    "OutcomeSettings",
    "Settings",
    "home",
    "read_settings",
]

PREDICTOR_SETS = ("hormones", "hormones+semen", "lh+fsh", "t_lh")
SHRINK_TO = ("published", "zero")


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
    """``[model]``: predictor set, and what the coefficients are shrunk to.

    Parameters
    ----------
    predictors : str
        A predictor set.
    shrink_to : str
        ``published`` or ``zero``.
    seed : int
        Draws folds and resamples.
    """

    predictors: str = "hormones"
    shrink_to: str = "published"
    seed: int = 20261121


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
    """

    cohort: CohortSettings = field(default_factory=CohortSettings)
    outcome: OutcomeSettings = field(default_factory=OutcomeSettings)
    model: ModelSettings = field(default_factory=ModelSettings)

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


_KINDS = {str: ("be text", '"..."'), int: ("be a whole number", "1")}
_GREATEST_SEED = 2**32 - 1  # what NumPy takes
_CHOICES = {"model.predictors": PREDICTOR_SETS, "model.shrink_to": SHRINK_TO}


def read_settings(path: str | os.PathLike[str]) -> Settings:
    r"""Read a settings file; what it leaves out keeps its default.

    Parameters
    ----------
    path : path-like
        A TOML file with the sections ``[cohort]``, ``[outcome]`` and ``[model]``.

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
    ...     _ = file.write_text('[model]\nshrink_to = "zero"\n')
    ...     read_settings(file).model.shrink_to
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
        wanted: Any = type(known[key].default)
        choices = _CHOICES.get(where)
        if type(value) is not wanted:
            rule, example = _KINDS[wanted]
            problems.append(Problem(where, rule, repr(value), f"Write {key} = {example}"))
        elif where == "model.seed" and not 0 <= value <= _GREATEST_SEED:
            rule = f"be 0 to {_GREATEST_SEED}"
            problems.append(Problem(where, rule, repr(value), "Choose another"))
        elif choices and value not in choices:
            advice = nearest(str(value), choices)
            problems.append(
                Problem(where, "be a known one", repr(value), f"{advice}Use {', '.join(choices)}")
            )
        else:
            values[key] = value
    return kind(**values)


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
