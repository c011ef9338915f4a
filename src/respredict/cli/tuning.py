"""``tune``: parameters of the candidates are searched for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from respredict.cli.common import Add, add_mapping, print_told, read_mapped, say
from respredict.config import Settings, read_settings

if TYPE_CHECKING:
    from respredict.lifecycle.tuned import Tuned

__all__ = ["add_tuning"]


def add_tuning(add: Add) -> None:
    """Add ``tune``.

    Parameters
    ----------
    add : callable
        Of :func:`respredict.cli.common.adder`.
    """
    tune = add("tune", _tune, "search for parameters of the candidates; write settings to train")
    tune.add_argument("cohort", nargs="?", help="CSV or Parquet (default: the settings' table)")
    tune.add_argument("--config", help="TOML settings (default: the built-in ones)")
    add_mapping(tune)
    tune.add_argument(
        "--storage", default="sqlite:///tuning.db",
        help="URI of a database that processes share (default: sqlite:///tuning.db)",
    )  # fmt: skip
    tune.add_argument("--study", default="respredict", help="its name (default: respredict)")
    tune.add_argument(
        "--trials", type=int, default=40, help="the study shall hold, whoever ran them (default 40)"
    )
    tune.add_argument("--out", default="tuned.toml", help="settings to write (default: tuned.toml)")


def _tune(given: argparse.Namespace) -> int:
    from respredict.lifecycle.tuning import tune

    settings = read_settings(given.config) if given.config else Settings()
    if given.cohort:
        settings = settings.with_cohort(given.cohort)
    with read_mapped(given, settings.cohort.path):
        found = tune(
            settings, storage=given.storage, study=given.study, trials=given.trials,
            out=Path(given.out), say=say,
        )  # fmt: skip
    return print_told(given, found.as_dict(), _text(found))


def _text(found: Tuned) -> str:
    with_ = ", ".join(f"{key} {value:g}" for key, value in found.parameters.items())
    before = f"{found.untuned_loss:.4f}"
    size, spread = f"{found.gain:+.4f}", f"{found.standard_error:.4f}"
    if found.better:
        said = f"The gain of {size} exceeds its standard error of {spread}: it is taken."
    else:
        said = f"The gain of {size} is within its standard error of {spread}: keep the default."
    lines = [
        f"{found.trials} trials in study {found.study!r}, {found.here} of them run here.",
        f"Best: {found.candidate}{f' with {with_}' if with_ else ''}.",
        f"Log-loss of men left out {found.loss:.4f}; {found.untuned}, untuned, {before}.",
        said,
        "The tuned log-loss is optimistic: it is the best of many on the same folds.",
    ]
    if found.better:
        lines.append(
            "A validation fits with these parameters in every resample and does not repeat the "
            "search; report and card say so. Other men judge it: respredict promote --data."
        )
    lines.append(f"Wrote {found.file}. Next: respredict train --config {found.file} --validate")
    return "\n".join(lines)
