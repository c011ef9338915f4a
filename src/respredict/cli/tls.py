"""Certificate and key of ``serve``: judged before anything starts, as workers would fail late."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from respredict.errors import ConfigError, Problem

__all__ = ["CIPHERS", "check_pair"]

#: Of TLS 1.2: authenticated, and with keys that are forgotten. BentoML's own choice leaves only
#: CBC with SHA-1. The suites of TLS 1.3 are always offered; older versions have none of these.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

_CERTIFICATE, _KEY = "serving.tls_certificate", "serving.tls_key"


def check_pair(certificate: str, key: str) -> None:
    """Refuse files that TLS cannot be spoken with.

    Parameters
    ----------
    certificate : str
        PEM file: the service's certificate, then those that vouch for it.
    key : str
        PEM file: its private key, without a passphrase.

    Raises
    ------
    ConfigError
        If one of them cannot be read or is something else, if they are no pair, or the
        certificate is not valid now.
    """
    chain, secret = _read(_CERTIFICATE, certificate), _read(_KEY, key)
    try:
        own = load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise _wrong(
            _CERTIFICATE,
            "hold a PEM certificate",
            repr(certificate),
            "Give the certificate, not the key",
        ) from error
    now = datetime.datetime.now(datetime.UTC)
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
        ended = now > own.not_valid_after_utc
        day = own.not_valid_after_utc if ended else own.not_valid_before_utc
        got = f"{certificate!r}, which {'ended' if ended else 'begins'} on {day:%Y-%m-%d}"
        raise _wrong(_CERTIFICATE, "be valid today", got, "Give one that is, or set the clock")
    try:
        load_pem_private_key(secret, None)
    except TypeError as error:
        remedy = "Write it without one, readable for the service only: openssl pkey -in … -out …"
        raise _wrong(_KEY, "have no passphrase", repr(key), remedy) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        remedy = "Give the private key, not the certificate"
        raise _wrong(_KEY, "hold a PEM private key", repr(key), remedy) from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _wrong(
                _KEY, f"belong to {certificate}", repr(key), "Give the key that it was made with"
            ) from error
        reason = str(error.reason).lower().replace("_", " ")
        remedy = "Make both anew, with 2048 bits of RSA or P-256 at least"
        raise _wrong(_CERTIFICATE, "be one that TLS takes", reason, remedy) from error


def _read(where: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        got = f"{file!r}: {error.strerror}"
        rule, remedy = "be a file that can be read", "Name a PEM file"
        raise ConfigError(Problem(where, rule, got, remedy)) from error


def _wrong(where: str, rule: str, got: str, remedy: str) -> ConfigError:
    return ConfigError(Problem(where, rule, got, remedy))
