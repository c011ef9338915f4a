"""``serve``: the champion, behind HTTP."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respredict.cli.common import Add, say, user
from respredict.config import home
from respredict.errors import ConfigError, InputError, Problem

if TYPE_CHECKING:
    from respredict.serving_settings import ServingSettings

__all__ = ["add_serve", "prepare"]

#: A service that was just killed may hold the port for so long.
_PORT_SECONDS = 5.0


def add_serve(add: Add) -> None:
    """Add ``serve``.

    Parameters
    ----------
    add : callable
        Of :func:`respredict.cli.common.adder`.
    """
    serve = add("serve", _serve, "serve the champion")
    serve.add_argument("--config", metavar="FILE", help="settings, as in serving/default.toml")
    serve.add_argument("--host", help="IP address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (3000)")
    serve.add_argument("--workers", type=int, help="processes that answer (1)")
    serve.add_argument(
        "--behind-proxy", action="store_true", default=None, help="a proxy ends TLS before it"
    )
    serve.add_argument("--tls-cert", dest="tls_certificate", metavar="FILE", help="PEM")
    serve.add_argument("--tls-key", metavar="FILE", help="PEM")
    serve.add_argument(
        "--sign-in", nargs="?", const="clinician,auditor", metavar="ROLES",
        help="print a link that signs in once within 10 minutes (as clinician,auditor)",
    )  # fmt: skip


def prepare(given: argparse.Namespace) -> tuple[list[str], dict[str, str]]:
    """Do once what workers would race for, and return what starts them.

    Parameters
    ----------
    given : Namespace
        The parsed command line of ``serve``.

    Returns
    -------
    tuple of list of str and dict
        Command and environment.

    Raises
    ------
    ConfigError
        If a setting is wrong, or others could reach what is not protected.
    RegistryError
        If there is no champion.
    """
    from respredict.access import Access, create_access
    from respredict.bundle import champion
    from respredict.ledger.creation import create_ledger

    champion(home())  # refuses early, with the remedy
    settings = _settings(given)
    root = _checkout()
    create_ledger(home())
    create_access(home())
    with Access(home()) as access:
        settings.check_reach(keys=access.has_keys())
    _wait_for(settings)
    link = _link(given.sign_in, settings)
    say(f"serving on {_address(settings)}/v1/score (Ctrl-C ends it)")
    if link:
        say(f"sign in within 10 minutes, once: {link}")
    environment = {**os.environ, **settings.as_environment(), **_places(root)}
    return _command(settings, root), environment


def _serve(given: argparse.Namespace) -> int:
    command, environment = prepare(given)
    sys.stderr.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - fixed words


def _settings(given: argparse.Namespace) -> ServingSettings:
    """Return the file's settings, with those of the command line in their place."""
    from respredict.serving_settings import ServingSettings, read_serving_settings

    settings = read_serving_settings(given.config) if given.config else ServingSettings()
    names = ("host", "port", "workers", "behind_proxy", "tls_certificate", "tls_key")
    typed: dict[str, Any] = {n: getattr(given, n) for n in names if getattr(given, n) is not None}
    settings = settings.with_values(typed)
    if settings.tls:
        from respredict.cli.tls import check_pair

        check_pair(settings.tls_certificate, settings.tls_key)
    return settings


def _link(roles: str | None, settings: ServingSettings) -> str:
    """Return the address that signs in once, if one was asked for."""
    if roles is None:
        return ""
    from respredict.access import create_link
    from respredict.audit.keys import record_key_event

    if not settings.loopback:
        rule, remedy = "be asked for on loopback only", "Run respredict keys link on this machine"
        raise InputError(Problem("--sign-in", rule, f"host {settings.host}", remedy))
    owner, wanted = user(), sorted(set(roles.split(",")))

    def record() -> None:
        record_key_event(home(), event="linked", key_id=owner, role=" ".join(wanted), actor=owner)

    token = create_link(home(), wanted, owner=owner, record=record)
    return f"{_address(settings)}/sign-in/{token}"


def _address(settings: ServingSettings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls else 'http'}://{host}:{settings.port}"


def _wait_for(settings: ServingSettings) -> None:
    """Wait a little until the port is free; say so if it stays taken."""
    end = time.monotonic() + _PORT_SECONDS
    while True:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, settings.port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE and time.monotonic() < end:
                    time.sleep(0.1)
                    continue
                raise ConfigError(
                    Problem(
                        "serving.port",
                        "be free to listen on",
                        f"{settings.host}:{settings.port}: {error.strerror}",
                        "End what listens there, or give --port",
                    )
                ) from error
            return


def _places(root: Path) -> dict[str, str]:
    """Return where the workers find state and code."""
    return {
        "RESPREDICT_HOME": str(home()),
        "BENTOML_HOME": os.environ.get("BENTOML_HOME", str(home() / "bentoml")),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")])),
    }


def _command(settings: ServingSettings, root: Path) -> list[str]:
    words = [
        sys.executable, "-m", "bentoml", "serve", "serving.service:ResponseService",
        "--host", settings.host, "--port", str(settings.port),
        "--timeout-graceful-shutdown", str(settings.graceful_seconds), "--working-dir", str(root),
    ]  # fmt: skip
    if settings.tls:
        from respredict.cli.tls import CIPHERS

        words += [
            "--ssl-ciphers", CIPHERS,
            "--ssl-certfile", str(Path(settings.tls_certificate).resolve()),
            "--ssl-keyfile", str(Path(settings.tls_key).resolve()),
        ]  # fmt: skip
    return words


def _checkout() -> Path:
    """Return the folder that holds ``serving/``."""
    for folder in (Path.cwd(), Path(__file__).resolve().parents[3]):
        if (folder / "serving" / "service.py").is_file():
            return folder
    raise InputError(
        Problem(
            "serve",
            "be run in a checkout, where serving/ is",
            str(Path.cwd()),
            "Change into a checkout, or build and serve a Bento",
        )
    )
