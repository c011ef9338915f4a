"""A search for the parameters of the candidates, by as many processes as share its storage.

What a trial costs is what a choice among candidates goes by: log-loss on the same men left
out. The best of many trials on the same folds looks better than it is; so it is taken only
where it beats the settings as they were by more than one standard error, and the settings
it leaves say that there was a search.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from respredict.candidate_settings import CandidateSettings
from respredict.config import Settings
from respredict.errors import InputError, Problem
from respredict.files import write_atomically
from respredict.lifecycle.measurable import check_measured
from respredict.lifecycle.subjects import read_subjects
from respredict.lifecycle.tuned import Tuned, settings_toml
from respredict.validation.fitting import Candidate, Men
from respredict.validation.resamples import random_for
from respredict.validation.running import candidates_of, chosen_candidate, compared
from respredict.validation.selection import choose, losses
from respredict.validation.subjects import matrix_of

if TYPE_CHECKING:
    from optuna import Study, Trial

__all__ = ["SPACE", "tune"]

Say = Callable[[str], None]

#: Where each parameter of a candidate is searched for: least, greatest, and whether by
#: factors. The others have none, or choose theirs again in every fit.
SPACE: dict[str, dict[str, tuple[float, float, bool]]] = {
    "published": {"prior_width": (0.25, 4.0, True)},
    "splines": {"knots": (3, 5, False)},
    "boosting": {
        "learning_rate": (0.03, 0.3, True),
        "leaf_penalty": (0.1, 30.0, True),
        "leaf_information": (2.0, 20.0, True),
    },
}
_ABOUT = "respredict"  # the attribute of a study that says what it is of
_SAMPLER = 61  # what random numbers are for
_WAIT = 60.0  # seconds for another process to let go of a SQLite file
_PAUSE = 0.5  # seconds, while another process makes the tables


def tune(
    settings: Settings, *, storage: str, study: str, trials: int, out: Path,
    say: Say = lambda _: None,
) -> Tuned:  # fmt: skip
    """Search until a study holds so many trials, and write the settings to train with.

    Parameters
    ----------
    settings : Settings
        As they are: the table, the predictors, the candidates and the folds are theirs.
    storage : str
        URI of the database that processes share: a SQLite file or PostgreSQL.
    study : str
        Name of the study in it; made if there is none, continued if there is.
    trials : int
        The study shall hold, whoever ran them; each process that is under way when the
        last begins may add one more.
    out : Path
        TOML file to write.
    say : callable, default: silent
        Told what is done.

    Returns
    -------
    Tuned
        The same to the bit for the same men, settings and number of trials, run by one
        process, cut off and continued or not.

    Raises
    ------
    CohortError
        If the table cannot be read or holds too few men of either outcome.
    InputError
        If optuna is not installed, the storage does not answer, or the study is of other
        men or other settings.

    Notes
    -----
    Source: Bergstra et al., Advances in Neural Information Processing Systems 24:2546-2554
    (2011), for the sampler; Breiman et al., Classification and Regression Trees (1984),
    chapter 3, for the rule of one standard error.
    """
    if trials < 1:
        raise InputError(Problem("--trials", "be at least 1", str(trials), "Use 40"))
    optuna = _optuna()
    settings_here = settings.with_jobs(1)  # processes share the work by sharing the storage
    _, subjects = read_subjects(settings, say=say)
    check_measured(subjects.men, settings.model.predictors)
    men = matrix_of(subjects, settings.model.predictors)
    names = tuple(c.name for c in candidates_of(settings))
    search = _Search(settings_here, men, names, say)
    with _opened(storage) as kept, _quiet(optuna):
        of = optuna.create_study(
            storage=kept, study_name=study, direction="minimize", load_if_exists=True
        )
        _check_same(of, _about(men, settings, names))
        here = search.run(of, trials, optuna)
        done = search.known(of)
    (name, asked), _ = min(done, key=lambda one: one[1])
    say("comparing the best with the settings as they were")
    untuned = chosen_candidate(subjects, settings_here)
    both = (search.candidate(untuned, settings.candidates), search.candidate(name, asked))
    loss = search.losses(both)
    apart = loss[0] - loss[1]
    better = choose(loss, np.ones(len(men), dtype=np.int64)) == 1
    found = settings
    if better:
        asked = dataclasses.replace(asked, search=f"study {study!r}, {len(done)} trials")
        model = dataclasses.replace(settings.model, candidate=name)
        found = dataclasses.replace(settings, model=model, candidates=asked)
    told = Tuned(
        study=study, trials=len(done), here=here, candidate=name,
        parameters={key: getattr(asked, key) for key in SPACE.get(name, {})},
        loss=float(loss[1].mean()), untuned_loss=float(loss[0].mean()), gain=float(apart.mean()),
        standard_error=float(apart.std(ddof=1) / np.sqrt(len(men))), untuned=untuned,
        better=better, settings=found, file=out,
    )  # fmt: skip
    write_atomically(out, settings_toml(found))
    return told


class _Search:
    """Trials of one process."""

    def __init__(self, settings: Settings, men: Men, names: tuple[str, ...], say: Say) -> None:
        self.settings, self.men, self.names, self.say = settings, men, names, say

    def candidate(self, name: str, asked: CandidateSettings) -> Candidate:
        return Candidate(name, self.settings.model.predictors, asked)

    def losses(self, candidates: tuple[Candidate, ...]) -> NDArray[np.float64]:
        """Return the log-loss of each man left out, over the deals of the folds."""
        p = compared(candidates, self.men, self.settings).p
        return np.asarray(losses(self.men.y, p).mean(axis=0))

    def run(self, study: Study, trials: int, optuna: Any) -> int:
        """Add trials until the study holds so many; return how many were added."""
        here = 0
        while len(done := self.known(study)) < trials:
            trial = study.ask()
            # By the number of the trial: two processes draw apart, and one continues as it was.
            seed = random_for(self.settings.validation.seed, _SAMPLER, trial.number).integers(2**32)
            study.sampler = optuna.samplers.TPESampler(seed=int(seed), multivariate=False)
            try:
                name, asked = self._drawn(trial)
                again = [value for point, value in done if point == (name, asked)]
                value = again[0] if again else self._loss(name, asked)
            except BaseException:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                raise
            study.tell(trial, value)
            here += 1
            self.say(f"trial {len(done) + 1} of {trials}: {name}, log-loss {value:.4f}")
        return here

    def known(self, study: Study) -> list[tuple[tuple[str, CandidateSettings], float]]:
        """Return the trials that were finished, whoever ran them."""
        found = []
        for trial in study.get_trials(deepcopy=False):
            if trial.state.name == "COMPLETE":
                assert trial.value is not None
                found.append((self._point(dict(trial.params)), trial.value))
        return found

    def _drawn(self, trial: Trial) -> tuple[str, CandidateSettings]:
        name = trial.suggest_categorical("candidate", self.names)
        for key, (least, most, by_factors) in SPACE.get(name, {}).items():
            if isinstance(least, int):
                trial.suggest_int(key, least, int(most))
            else:
                trial.suggest_float(key, least, most, log=by_factors)
        return self._point(dict(trial.params))

    def _point(self, params: dict[str, Any]) -> tuple[str, CandidateSettings]:
        """Return what is fitted, with three figures a number, as it will stand in a file."""
        name = params.pop("candidate")
        told: dict[str, Any] = {
            k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in params.items()
        }
        return name, dataclasses.replace(self.settings.candidates, **told)

    def _loss(self, name: str, asked: CandidateSettings) -> float:
        return float(self.losses((self.candidate(name, asked),)).mean())


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        remedy = "Run: pip install 'respredict[tune]'"
        raise InputError(Problem("tune", "have optuna", "no such package", remedy)) from error
    return optuna


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Leave it to the caller to say what is going on."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def _opened(uri: str) -> Iterator[Any]:
    """Open the storage; whatever it answers amiss is told without the password of its URI."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        kept = _made(uri)
    except (SQLAlchemyError, ImportError, RuntimeError) as error:  # no driver, another schema
        raise _refused(uri, error) from error
    try:
        yield kept
    except (SQLAlchemyError, StorageInternalError) as error:
        raise _refused(uri, error) from error
    finally:
        kept.remove_session()
        kept.engine.dispose()


def _made(uri: str, tries: int = 10) -> Any:
    """Open the storage, its tables made at first; another process may be making them too."""
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import DatabaseError, IntegrityError

    wait = {"connect_args": {"timeout": _WAIT}} if uri.startswith("sqlite") else {}
    try:
        return RDBStorage(uri, engine_kwargs=wait)
    except DatabaseError as error:
        made_there = isinstance(error, IntegrityError) or "already exists" in str(error)
        if not made_there or tries == 1:
            raise
    time.sleep(_PAUSE)
    return _made(uri, tries - 1)


def _refused(uri: str, error: Exception) -> InputError:
    got = f"{_shown(uri)}: {str(error).splitlines()[0].replace(uri, _shown(uri))}"
    remedy = "Name one as sqlite:///study.db or postgresql+psycopg://user@host/name"
    return InputError(Problem("--storage", "be a database that answers", got, remedy))


def _shown(uri: str) -> str:
    """Return a URI without its user and password."""
    scheme, slashes, rest = uri.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"


def _about(men: Men, settings: Settings, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what trials must have in common to be compared."""
    asked, digest = settings.validation, hashlib.sha256()
    for part in (men.X.to_numpy(float), men.y, men.site):
        digest.update(np.ascontiguousarray(part).tobytes())
    return {
        "men": digest.hexdigest(), "predictors": settings.model.predictors,
        "candidates": list(names), "folds": asked.folds, "repeats": asked.repeats,
        "seed": asked.seed, "version": importlib.metadata.version("respredict"),
    }  # fmt: skip


def _check_same(study: Study, about: dict[str, Any]) -> None:
    before = study.user_attrs.get(_ABOUT)
    if before is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(_ABOUT, about)
        return
    before = before or {}
    other = [key for key, value in about.items() if before.get(key) != value]
    if other:
        rule, got = "be of these men and settings", f"one with other {', '.join(other)}"
        raise InputError(Problem(f"study {study.study_name}", rule, got, "Name another study"))
