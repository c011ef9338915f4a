"""What ``/metrics`` tells beyond BentoML's own: decisions, their time, the ledger, refusals.

Workers share the figures through the files that BentoML's Prometheus client keeps, so they
are made in the worker, once it is asked for the first of them. No label holds a value of a
request.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

__all__ = [
    "BATCH", "Refusals", "decided", "ledger_lag", "now_serving", "refusals", "refused", "reserve",
]  # fmt: skip

#: Code of a man who is refused in his place of a batch, while the others are answered.
BATCH = "refused-in-batch"
#: Names the folder where workers keep their figures together; BentoML sets it for them.
_TOGETHER = "PROMETHEUS_MULTIPROC_DIR"

#: Kinds of figures that the client keeps in a file each, and room for each of them.
_KINDS = ("counter", "histogram", "gauge_all", "gauge_livemax", "gauge_livesum")
_ROOM = 1 << 20

_BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)
#: Rules come from a fixed list; whatever else is told is counted as one.
_MOST_RULES = 300


def reserve() -> None:
    """Take the room for a worker's figures on the disk, before the first of them is made.

    Their files are mapped into memory with holes: on a full disk the first write into a hole
    would kill the worker by SIGBUS, without a word, instead of raising.

    Raises
    ------
    OSError
        If there is no room for them.
    """
    folder = os.environ.get(_TOGETHER)
    for kind in _KINDS if folder else ():
        with Path(str(folder), f"{kind}_{os.getpid()}.db").open("ab") as file:
            file.write(bytes(_ROOM))


@functools.cache
def _collectors() -> SimpleNamespace:
    from prometheus_client import Counter, Gauge, Histogram

    return SimpleNamespace(
        decisions=Counter(
            "respredict_decisions", "Decisions that were recorded and answered.", ["status"]
        ),
        seconds=Histogram(
            "respredict_decision_seconds",
            "From the valid request to the durable record.",
            buckets=_BUCKETS,
        ),
        refusals=Counter("respredict_refusals", "Requests that were refused.", ["code", "rule"]),
        waiting=Gauge(
            "respredict_ledger_waiting",
            "Answers that wait for their record.",
            multiprocess_mode="livesum",
        ),
        lag=Gauge(
            "respredict_ledger_lag_seconds",
            "How long the oldest of them has waited.",
            multiprocess_mode="livemax",
        ),
        model=Gauge(
            "respredict_model_info",
            "1 for the model that is served.",
            ["digest", "version", "use"],
            multiprocess_mode="livemax",
        ),
    )


@functools.cache
def _decisions(status: str) -> Any:
    return _collectors().decisions.labels(status)


@functools.lru_cache(maxsize=_MOST_RULES)
def _refusals(code: str, rule: str) -> Any:
    return _collectors().refusals.labels(code, rule)


def decided(status: str, seconds: float, count: int = 1) -> None:
    """Count decisions that were recorded.

    Parameters
    ----------
    status : str
        ``scored``, ``caution`` or ``indeterminate``.
    seconds : float
        From the valid request to the durable record.
    count : int, default=1
        How many of this status one request gave.
    """
    _decisions(status).inc(count)
    _collectors().seconds.observe(seconds)


def refused(code: str, rule: str = "") -> None:
    """Count a refused request, or one broken rule of it.

    Parameters
    ----------
    code : str
        Of the problem body.
    rule : str, default=""
        The broken rule, as the problem words it; never a value.
    """
    if _refusals.cache_info().currsize >= _MOST_RULES:
        rule = "other"
    _refusals(code, rule).inc()


def ledger_lag(waiting: int, seconds: float) -> None:
    """Tell how far the ledger is behind.

    Parameters
    ----------
    waiting : int
        Answers that wait for their record.
    seconds : float
        How long the oldest has waited.
    """
    _collectors().waiting.set(waiting)
    _collectors().lag.set(seconds)


class Refusals(NamedTuple):
    """How often something was refused.

    Parameters
    ----------
    code : str
        Of the problem body, or ``BATCH``.
    rule : str
        The broken rule, or the reason; may be empty.
    times : int
        At least 1. What breaks two rules is counted by each.
    """

    code: str
    rule: str
    times: int


def refusals() -> list[Refusals]:
    """Return how often requests were refused, by code and rule.

    Returns
    -------
    list of Refusals
        The most frequent first. Those of every worker since the service was started, also
        of workers that have ended; of this process alone if nobody keeps figures together.
    """
    collector: Any = _collectors().refusals
    if os.environ.get(_TOGETHER):
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        collector = MultiProcessCollector(CollectorRegistry())
    found = [
        Refusals(sample.labels["code"], sample.labels["rule"], int(sample.value))
        for family in collector.collect()
        for sample in family.samples
        if sample.name == "respredict_refusals_total" and sample.value
    ]
    return sorted(found, key=lambda told: (-told.times, told))


_served: list[tuple[str, str, str]] = []


def now_serving(digest: str, version: int | None, use: str) -> None:
    """Tell which model this worker answers with.

    Parameters
    ----------
    digest : str
        ``sha256:`` and 64 hexadecimal digits.
    version : int or None
        Its number in the registry.
    use : str
        ``clinical`` or ``demonstration``.
    """
    model = _collectors().model
    while _served:
        model.labels(*_served.pop()).set(0)
    _served.append((digest, "" if version is None else str(version), use))
    model.labels(*_served[0]).set(1)
