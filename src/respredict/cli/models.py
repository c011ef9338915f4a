"""``train``: a model is made, and where asked put in service."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from respredict.cli.common import NO, Add, add_mapping, print_told, read_mapped, say, user
from respredict.cli.lifecycle import add_lifecycle, proposed_text, proposed_told
from respredict.cli.tuning import add_tuning
from respredict.cli.watching import add_watching
from respredict.config import Settings, home, read_settings

if TYPE_CHECKING:
    from respredict.lifecycle.training import Trained
    from respredict.validation.report import Report

__all__ = ["add_models"]


def add_models(add: Add) -> None:
    """Add ``train``, ``tune``, and what follows: ``promote``, ``update``, ``outcome``, ``monitor``.

    Parameters
    ----------
    add : callable
        Of :func:`respredict.cli.common.adder`.
    """
    train = add("train", _train, "fit, explain, log and register a model")
    train.add_argument("cohort", nargs="?", help="CSV or Parquet (default: the settings' table)")
    train.add_argument("--config", help="TOML settings (default: the built-in ones)")
    add_mapping(train)
    train.add_argument("--validate", action="store_true", help="validate it in full; takes minutes")
    train.add_argument("--jobs", type=int, help="processes of the validation (default: all)")
    train.add_argument("--promote", action="store_true", help="make it the champion")
    train.add_argument("--reason", default="", help="why to promote it whatever the gate answers")
    add_tuning(add)
    add_lifecycle(add)
    add_watching(add)


def _train(given: argparse.Namespace) -> int:
    settings = read_settings(given.config) if given.config else Settings()
    if given.cohort:
        settings = settings.with_cohort(given.cohort)
    if given.jobs is not None:
        settings = settings.with_jobs(given.jobs)
    with read_mapped(given, settings.cohort.path):
        return _train_on(settings, given)


def _train_on(settings: Settings, given: argparse.Namespace) -> int:
    from respredict.lifecycle.promoting import propose
    from respredict.lifecycle.training import train

    trained = train(settings, home=home(), validated=given.validate, say=say)
    for notice in trained.notices:
        say(f"note: {notice}")
    report = None
    if given.validate:
        from respredict.lifecycle.validating import validate_trained

        report = validate_trained(trained, settings, say=say)
    proposed = None
    if given.promote:
        number, data = str(trained.version.number), _judges(settings, trained)
        proposed = propose(
            number, home=home(), actor=user(), reason=given.reason, data=data, say=say
        )
    told = {
        "version": trained.version.number,
        "run_id": trained.version.run_id,
        "digest": trained.bundle.digest,
        "champion": proposed is not None and proposed.promoted,
        "proposed": None if proposed is None else proposed_told(proposed),
        "use": trained.bundle.meta["use"],
        "trained_on": trained.bundle.meta["trained_on"],
        "metrics": trained.metrics,
        "validation": None if report is None else _summary(report),
    }
    text = _trained(told)
    if proposed is not None and not proposed.promoted:
        print_told(given, told, f"{text}\n{proposed_text(proposed)}")
        return NO
    return print_told(given, told, text)


def _judges(settings: Settings, trained: Trained) -> str | None:
    """Return the table that may judge a model just trained: a clinic's own, none for synthetic."""
    clinical = trained.bundle.meta["trained_on"]["kind"] == "clinical"
    return settings.cohort.path if clinical else None


def _trained(told: dict[str, Any]) -> str:
    metrics, role = told["metrics"], "champion" if told["champion"] else "challenger"
    men = f"{metrics['men']:.0f} men, {metrics['events']:.0f} of whom improved"
    auc, left_out = metrics["apparent_auc"], metrics["cross_validated_auc"]
    lines = [
        f"Version {told['version']} ({told['digest'][:19]}), now the {role}.",
        f"Fitted on {men} ({told['trained_on']['kind']}).",
        f"AUC {auc:.3f} on the men fitted, {left_out:.3f} cross-validated.",
    ]
    if told["validation"]:
        lines.append(_validated(told["validation"]))
    if told["use"] == "demonstration":
        lines.append("Trained on synthetic men: a demonstration, not for anybody's care.")
    return "\n".join(lines)


def _summary(report: Report) -> dict[str, Any]:
    """Return what a validation says of the model; the artifact holds the rest."""
    whole = report.as_dict()
    return {
        "artifact": "report.json",
        "model": whole["model"],
        "resamples": whole["settings"]["validation.resamples"],
        "performance": whole["performance"][whole["model"]["candidate"]],
        "sample_size": whole["sample_size"],
    }


def _validated(told: dict[str, Any]) -> str:
    auc, slope = (told["performance"][name] for name in ("auc", "calibration_slope"))
    found, tilt = auc["corrected"], slope["corrected"]["value"]
    ends = "" if found.get("low") is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
    said = "not defined" if tilt is None else f"{tilt:.2f}"
    return (
        f"Validated over {told['resamples']} resamples: AUC {found['value']:.3f}{ends} once its "
        f"optimism of {auc['optimism']:.3f} is taken off; calibration slope {said}. "
        f"All of it is {told['artifact']} of the run."
    )
