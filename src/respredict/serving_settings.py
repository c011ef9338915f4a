"""Settings of the service, read from one TOML file, frozen.

``respredict serve`` reads them once and hands them to the workers it starts, in their
environment. To add a setting, add it to :class:`ServingSettings` and to
``serving/default.toml``; a test compares the two.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from respredict.errors import ConfigError, Problem, nearest

__all__ = ["ServingSettings", "read_serving_settings", "serving_settings"]

#: Holds the settings in the environment of the workers, as JSON.
_VARIABLE = "RESPREDICT_SERVING"
_SECTION = "serving"


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """``[serving]``: where the service listens, and what it allows.

    Parameters
    ----------
    host : str
        IP address to listen on.
    port : int
        1 to 65535.
    workers : int
        Processes that answer, 1 to 64. One chain orders their records.
    timeout_seconds : float
        A request that takes longer is given up, 0.5 to 60. Each is held in memory that long.
    graceful_seconds : int
        What is read is answered for at most so long after SIGTERM, 1 to 600.
    requests_per_minute : int
        That one key may send to one worker, at least 1.
    cors_origins : tuple of str
        Exact origins whose pages may call the service, as ``https://clinic.example``.
    behind_proxy : bool
        Whether a proxy ends TLS before the service.
    open_metrics : bool
        Whether ``/metrics`` asks for no key.
    tls_certificate, tls_key : str
        PEM files; empty serves plain HTTP.
    max_ledger_bytes : int
        Size at which the ledger counts as full; 0 sets no limit.
    """

    host: str = "127.0.0.1"
    port: int = 3000
    workers: int = 1
    timeout_seconds: float = 3.0
    graceful_seconds: int = 10
    requests_per_minute: int = 600_000
    cors_origins: tuple[str, ...] = ()
    behind_proxy: bool = False
    open_metrics: bool = False
    tls_certificate: str = ""
    tls_key: str = ""
    max_ledger_bytes: int = 0

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def tls(self) -> bool:
        """Whether the service itself speaks TLS."""
        return bool(self.tls_certificate)

    def with_values(self, given: Mapping[str, Any]) -> ServingSettings:
        """Return the same settings with others in place of some, checked.

        Parameters
        ----------
        given : mapping
            Names and values.

        Returns
        -------
        ServingSettings
            Frozen.

        Raises
        ------
        ConfigError
            For every unknown key and wrong value.
        """
        problems: list[Problem] = []
        values: dict[str, Any] = {}
        for key, value in given.items():
            problem = _wrong(key, value)
            if problem:
                problems.append(problem)
            else:
                values[key] = _as_kept(key, value)
        together = dataclasses.replace(self, **values)
        if bool(together.tls_certificate) != bool(together.tls_key):
            rule, remedy = "come with its other half", "Give tls_certificate and tls_key"
            problems.append(Problem(f"{_SECTION}.tls_certificate", rule, "one alone", remedy))
        if problems:
            raise ConfigError(problems)
        return together

    def as_environment(self) -> dict[str, str]:
        """Return what carries the settings to the workers.

        Returns
        -------
        dict
            Environment variables; see :func:`serving_settings`.
        """
        told = {_VARIABLE: json.dumps(dataclasses.asdict(self))}
        return {**told, "RESPREDICT_OPEN_METRICS": "1"} if self.open_metrics else told

    def check_reach(self, *, keys: bool) -> None:
        """Refuse to be reached from elsewhere without keys, and without TLS.

        Parameters
        ----------
        keys : bool
            Whether there is a key in force.

        Raises
        ------
        ConfigError
            If another machine could ask without a key, or read what is said.
        """
        if self.loopback or (keys and (self.tls or self.behind_proxy)):
            return
        lacking = [] if keys else ["no key"]
        lacking += [] if self.tls or self.behind_proxy else ["no TLS"]
        raise ConfigError(
            Problem(
                "serving.host",
                "be loopback unless there are keys, and TLS or a proxy that ends it",
                f"{self.host} with {' and '.join(lacking)}",
                "Run respredict keys create, and give --tls-cert and --tls-key or --behind-proxy",
            )
        )


def read_serving_settings(path: str | os.PathLike[str]) -> ServingSettings:
    r"""Read a settings file; what it leaves out keeps its default.

    Parameters
    ----------
    path : path-like
        A TOML file with the section ``[serving]``.

    Returns
    -------
    ServingSettings
        Frozen.

    Raises
    ------
    ConfigError
        If the file cannot be read, or for every unknown key and wrong value.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "serving.toml"
    ...     _ = file.write_text("[serving]\nworkers = 4\n")
    ...     read_serving_settings(file).workers
    4
    """
    file = Path(path)
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        rule, remedy = "be a readable TOML file", "Name one"
        raise ConfigError(Problem("settings", rule, f"{file}: {error.strerror}", remedy)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        remedy = "Compare with serving/default.toml"
        raise ConfigError(Problem(f"{file}", "be TOML", str(error), remedy)) from error
    unknown = [name for name in written if name != _SECTION]
    if unknown:
        raise ConfigError([_unknown(name, [_SECTION]) for name in unknown])
    section = written.get(_SECTION, {})
    if not isinstance(section, dict):
        raise ConfigError(Problem(_SECTION, "be a section", repr(section), f"Write [{_SECTION}]"))
    return ServingSettings().with_values(section)


def serving_settings() -> ServingSettings:
    """Return the settings that ``respredict serve`` handed to this process.

    Returns
    -------
    ServingSettings
        The defaults where nothing was handed over, as in a Bento.

    Raises
    ------
    ConfigError
        If the environment holds anything else.
    """
    told = os.environ.get(_VARIABLE, "{}")
    try:
        given = dict(json.loads(told))
    except (ValueError, TypeError) as error:
        remedy = "Start the service with respredict serve, or unset it"
        raise ConfigError(Problem(_VARIABLE, "be a JSON object", told, remedy)) from error
    return ServingSettings().with_values(given)


_RANGES: dict[str, tuple[float, float]] = {
    "port": (1, 65_535),
    "workers": (1, 64),
    "timeout_seconds": (0.5, 60),
    "graceful_seconds": (1, 600),
    "requests_per_minute": (1, 1e9),
    "max_ledger_bytes": (0, 2**63 - 1),
}
_KINDS: dict[type, tuple[str, str]] = {
    str: ("be text", '"..."'),
    int: ("be a whole number", "1"),
    float: ("be a number", "1.0"),
    bool: ("be true or false", "true"),
    tuple: ("be a list of text", '["..."]'),
}
_DEFAULTS = {field.name: field.default for field in dataclasses.fields(ServingSettings)}


def _wrong(key: str, value: Any) -> Problem | None:
    """Return what is wrong with one setting."""
    where = f"{_SECTION}.{key}"
    if key not in _DEFAULTS:
        return _unknown(where, [f"{_SECTION}.{name}" for name in _DEFAULTS])
    kind = type(_DEFAULTS[key])
    if not _is(value, kind):
        rule, example = _KINDS[kind]
        return Problem(where, rule, repr(value), f"Write {key} = {example}")
    if key in _RANGES:
        low, high = _RANGES[key]
        if not low <= value <= high:
            return Problem(where, f"be {low:g} to {high:g}", repr(value), "Choose another")
    if key == "host" and not _is_address(value):
        return Problem(where, "be an IP address", repr(value), 'Write host = "127.0.0.1"')
    if key == "cors_origins":
        wrong = [origin for origin in value if not _is_origin(origin)]
        if wrong:
            remedy = 'Write cors_origins = ["https://clinic.example"]'
            return Problem(where, "be exact origins", ", ".join(map(repr, wrong)), remedy)
    return None


def _is(value: Any, kind: type) -> bool:
    if kind is tuple:
        return isinstance(value, list | tuple) and all(isinstance(part, str) for part in value)
    return type(value) is kind or (kind is float and type(value) is int)


def _as_kept(key: str, value: Any) -> Any:
    kind = type(_DEFAULTS[key])
    return kind(value) if kind in (tuple, float) else value


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_origin(text: str) -> bool:
    """Return whether a text is scheme, host and port only; ``*`` is not."""
    parts = urlsplit(text)
    exact = f"{parts.scheme}://{parts.netloc}" == text and "*" not in text and "@" not in text
    return exact and parts.scheme in ("http", "https") and bool(parts.netloc)


def _unknown(where: str, known: list[str]) -> Problem:
    advice = nearest(where, known)
    return Problem(where, "be a known setting", "an unknown one", f"{advice}Use {', '.join(known)}")
