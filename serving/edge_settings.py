"""What the edge allows, from the settings that ``respredict serve`` hands to a worker."""

from __future__ import annotations

import os
from dataclasses import dataclass

from respredict.serving_settings import serving_settings

__all__ = ["EdgeSettings", "edge_settings"]


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """Limits of the edge of one worker.

    Parameters
    ----------
    rate : float, default=10_000.0
        Requests a second that one key may send; 0 is no limit.
    burst : float, default=20_000.0
        Requests that may come at once after a pause.
    guesses : float, default=10.0
        Wrong keys that one peer address may send at once.
    guesses_a_minute : float, default=10.0
        How fast these come back.
    body_seconds : float, default=10.0
        In which the whole of a body must arrive.
    origins : frozenset of str, default=frozenset()
        Other origins whose pages may call, exact.
    behind_proxy : bool, default=False
        Whether TLS ends at a proxy before this service.
    open_metrics : bool, default=False
        Whether ``/metrics`` asks for no key.
    """

    rate: float = 10_000.0
    burst: float = 20_000.0
    guesses: float = 10.0
    guesses_a_minute: float = 10.0
    body_seconds: float = 10.0
    origins: frozenset[str] = frozenset()
    behind_proxy: bool = False
    open_metrics: bool = False


def edge_settings() -> EdgeSettings:
    """Return what the edge of this process allows.

    Returns
    -------
    EdgeSettings
        From the settings of the service; ``RESPREDICT_OPEN_METRICS=1`` opens ``/metrics``.

    Raises
    ------
    ConfigError
        If the environment holds other settings than ``respredict serve`` writes.
    """
    told = serving_settings()
    rate = told.requests_per_minute / 60
    return EdgeSettings(
        rate=rate,
        burst=max(2 * rate, 1.0),
        origins=frozenset(told.cors_origins),
        behind_proxy=told.behind_proxy,
        open_metrics=os.environ.get("RESPREDICT_OPEN_METRICS") == "1",
    )
