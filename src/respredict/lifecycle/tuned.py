"""What a search for parameters found, and the settings it leaves as a file."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from respredict.config import Settings

__all__ = ["Tuned", "settings_toml"]


@dataclass(frozen=True)
class Tuned:
    """What a search found, beside the settings as they were.

    Parameters
    ----------
    study : str
        Its name.
    trials, here : int
        It holds, and that this process added.
    candidate, parameters : str and dict
        Of the best trial.
    loss, untuned_loss : float
        Mean log-loss of men left out, in nats.
    gain, standard_error : float
        Of the paired difference: untuned less tuned.
    untuned : str
        The candidate of the settings as they were.
    better : bool
        Whether the gain exceeds one standard error.
    settings : Settings
        What to train with: as they were unless it is better.
    file : Path
        Where they were written.
    """

    study: str
    trials: int
    here: int
    candidate: str
    parameters: dict[str, float]
    loss: float
    untuned_loss: float
    gain: float
    standard_error: float
    untuned: str
    better: bool
    settings: Settings
    file: Path

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        told = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return told | {"settings": self.settings.flat(), "file": str(self.file)}


def settings_toml(settings: Settings) -> str:
    r"""Return settings as the file that :func:`respredict.config.read_settings` reads.

    Parameters
    ----------
    settings : Settings
        To write.

    Returns
    -------
    str
        TOML with every key.

    Examples
    --------
    >>> print(settings_toml(Settings()).split("\n\n")[1])
    [outcome]
    scheme = "concentration"
    """
    parts = []
    for section in dataclasses.fields(settings):
        body = dataclasses.asdict(getattr(settings, section.name))
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in body.items()]
        parts.append("\n".join([f"[{section.name}]", *lines]))
    return "\n\n".join(parts) + "\n"
