"""TLS as the service itself speaks it: who is let in beyond loopback, how, and with which files."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import itertools
import json
import os
import re
import socket
import ssl
import threading
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from respredict.access import create_link
from respredict.cli import main
from tests.serving_pages.conftest import HTML
from tests.serving_pages.conftest import MAN as FORM
from tests.serving_process.running import Running, free_port, own_home

BAD_INPUT = 2
OLD = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)


def pair(
    folder: Path, name: str = "service", *, key=None, passphrase: bytes = b"", hours: int = 0
) -> list[Path]:
    """Write a self-signed certificate of this machine and its key; return both files."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "respredict test")])
    now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    sealed = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    files = [folder / f"{name}.pem", folder / f"{name}.key"]
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed))
    return files


class Secured(Running):
    """A service that others could reach, asked over TLS by who trusts its certificate only."""

    def __init__(self, home: Path, certificate: Path, key: Path) -> None:
        self.trusting = ssl.create_default_context(cafile=str(certificate))
        super().__init__(
            home, "--host", "0.0.0.0", "--tls-cert", str(certificate), "--tls-key", str(key)
        )

    def request(self, method, path, body=None, **headers):
        """Return an answer over TLS, headers and all."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=15, context=self.trusting
        )
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def ask(self, method, path, body=None, **headers):
        """Return status and body of one answer."""
        given = {"X-Api-Key": self.key, "Content-Type": "application/json", **headers}
        response, content = self.request(method, path, body, **given)
        return response.status, content

    def shake_hands(self, context: ssl.SSLContext) -> tuple[str, str]:
        """Return the version and the cipher that both agree on."""
        return hands_shaken(self.port, context)


def hands_shaken(port: int, context: ssl.SSLContext) -> tuple[str, str]:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        return wrapped.version(), wrapped.cipher()[0]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a certificate and its key."""
    return pair(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def service(trained, files, tmp_path_factory):
    """Serve beyond loopback, over TLS."""
    with Secured(own_home(trained["home"], tmp_path_factory.mktemp("secured")), *files) as service:
        yield service


def test_a_man_is_scored_over_tls_that_is_verified(service):
    """By who trusts the certificate; who does not is not answered."""
    assert service.score()["status"] == "scored"
    assert service.shake_hands(service.trusting)[0] == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        service.shake_hands(ssl.create_default_context())


def test_a_session_is_sent_over_tls_only_and_its_forms_come_from_there(service):
    """The cookie is Secure, and the origin of a form is that of https."""
    link = create_link(service.home, ["clinician"], owner="a test")
    response, _ = service.request("GET", f"/sign-in/{link}", **HTML)
    assert response.status == 303
    cookie = response.headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))

    told = {
        **HTML,
        "Cookie": cookie.split(";")[0],
        "Content-Type": "application/x-www-form-urlencoded",
    }
    for scheme, due in (("https", 200), ("http", 403)):
        origin = {"Origin": f"{scheme}://127.0.0.1:{service.port}"}
        response, page = service.request("POST", "/", urlencode(FORM), **told, **origin)
        assert response.status == due
    assert b"another site" in page


def test_plain_http_is_not_answered_and_disturbs_nobody(service):
    """Neither is an empty greeting; the log keeps no trace of a failure."""
    for sent in (b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n", b"\x00" * 40, b""):
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            try:
                while part := connection.recv(4096):
                    received += part
            except ConnectionResetError:
                pass
        assert b"HTTP" not in received
    assert service.score()["status"] == "scored"
    assert "Traceback" not in service.output()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # what is to be refused
@pytest.mark.parametrize("version", OLD)
def test_old_versions_are_refused(service, files, version):
    """By a caller who would speak them: with a server that does too, he gets through."""
    old = ssl.create_default_context(cafile=str(files[0]))
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = version
    with lenient(files, version) as port:
        try:
            spoken, _ = hands_shaken(port, old)
        except ssl.SSLError as error:
            pytest.skip(f"this OpenSSL speaks no {version.name}: {error.reason}")
        assert spoken == version.name.replace("_", ".")
    with pytest.raises((ssl.SSLError, ConnectionResetError)) as refused:
        service.shake_hands(old)
    assert "CERTIFICATE" not in str(refused.value)


class lenient:  # noqa: N801 - a context manager
    """One handshake with a server that takes an old version."""

    def __init__(self, files: list[Path], version: ssl.TLSVersion) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.context.minimum_version = self.context.maximum_version = version
        self.context.load_cert_chain(*files)

    def __enter__(self) -> int:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._answer)
        self.thread.start()
        return self.listening.getsockname()[1]

    def _answer(self) -> None:
        connection, _ = self.listening.accept()
        try:
            with self.context.wrap_socket(connection, server_side=True) as wrapped:
                wrapped.recv(1)
        except OSError:
            connection.close()

    def __exit__(self, *_: object) -> None:
        self.thread.join(10)
        self.listening.close()


@pytest.mark.parametrize(
    ("ciphers", "taken"),
    [("ECDHE+AESGCM", True), ("ECDHE+CHACHA20", True), ("ECDHE+AES+SHA1", False)],
)
def test_tls_1_2_is_spoken_with_authenticated_ciphers_only(service, ciphers, taken):
    """Those that a browser of the last ten years speaks, and none of CBC."""
    told = ssl.create_default_context()
    told.load_verify_locations(cadata=ssl.get_server_certificate(("127.0.0.1", service.port)))
    told.maximum_version = ssl.TLSVersion.TLSv1_2
    told.set_ciphers(ciphers)
    if taken:
        version, cipher = service.shake_hands(told)
        assert (version, bool(re.search("GCM|CHACHA20", cipher))) == ("TLSv1.2", True)
    else:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            service.shake_hands(told)


@pytest.fixture
def home(in_trained, tmp_path, monkeypatch):
    """Serve a home of its own; nothing that is refused gets as far as starting it."""

    def started(*_: object) -> None:
        pytest.fail("the service was started")

    monkeypatch.setattr(os, "execve", started)
    home = own_home(in_trained["home"], tmp_path)
    monkeypatch.setenv("RESPREDICT_HOME", str(home))
    return home


#: Certificate and key that are no use, and what is said of them.
WRONG = (
    ("none", "good.key", "tls_certificate must be a file that can be read, got '{none}': No such"),
    ("good.pem", "none", "tls_key must be a file that can be read, got '{none}': No such file"),
    ("good.pem", ".", "tls_key must be a file that can be read, got '{.}': Is a directory"),
    ("good.key", "good.pem", "hold a PEM certificate, got '{good.key}'. Give the certificate, not"),
    ("good.pem", "good.pem", "hold a PEM private key, got '{good.pem}'. Give the private key, not"),
    ("noise", "good.key", "tls_certificate must hold a PEM certificate, got '{noise}'"),
    ("cut", "good.key", "tls_certificate must hold a PEM certificate, got '{cut}'"),
    ("good.pem", "noise", "tls_key must hold a PEM private key, got '{noise}'"),
    ("good.pem", "other.key", "belong to {good.pem}, got '{other.key}'. Give the key that it was"),
    ("sealed.pem", "sealed.key", "must have no passphrase, got '{sealed.key}'. Write it without"),
    ("past.pem", "past.key", "tls_certificate must be valid today, got '{past.pem}', which ended"),
    ("future.pem", "future.key", "valid today, got '{future.pem}', which begins on 2"),
    ("small.pem", "small.key", "be one that TLS takes, got ee key too small. Make both anew"),
)


@pytest.mark.parametrize(("certificate", "key", "message"), WRONG)
def test_files_that_are_no_use_are_refused_before_anything_starts(
    home, tmp_path, capsys, certificate, key, message
):
    """One error with its remedy, exit code 2, nothing made."""
    good = pair(tmp_path, "good")
    pair(tmp_path, "other")
    pair(tmp_path, "past", hours=-48)
    pair(tmp_path, "future", hours=48)
    pair(tmp_path, "small", key=rsa.generate_private_key(65537, 1024))
    pair(tmp_path, "sealed", passphrase=b"secret")
    (tmp_path / "noise").write_bytes(b"\xff\x00-----BEGIN")
    (tmp_path / "cut").write_bytes(good[0].read_bytes()[:200])
    words = ["serve", "--port", str(free_port()), "--tls-cert", str(tmp_path / certificate)]
    assert main([*words, "--tls-key", str(tmp_path / key)]) == BAD_INPUT
    told = capsys.readouterr().err
    assert re.sub(r"\{(.*?)\}", lambda name: str(tmp_path / name[1]), message) in told
    assert len(told.strip().splitlines()) == 1
    assert told.strip().endswith(".")
    assert not (home / "keys.db").exists()


def test_one_half_is_refused(home, capsys):
    """A certificate without a key would serve nobody."""
    assert main(["serve", "--tls-cert", "c.pem"]) == BAD_INPUT
    assert "serving.tls_certificate must come with its other half" in capsys.readouterr().err


def test_the_settings_reach_bentoml(home, files, monkeypatch):
    """Certificate, key and ciphers, whatever folder the service runs in."""
    from tests.serving_process.test_serve import prepared

    monkeypatch.chdir(files[0].parent)
    names = [file.name for file in files]
    command, environment = prepared(
        "--port", str(free_port()), "--tls-cert", names[0], "--tls-key", names[1]
    )
    given = dict(itertools.pairwise(command))
    assert [given["--ssl-certfile"], given["--ssl-keyfile"]] == [str(file) for file in files]
    assert given["--ssl-ciphers"] == "ECDHE+AESGCM:ECDHE+CHACHA20"
    assert json.loads(environment["RESPREDICT_SERVING"])["tls_key"] == names[1]
