"""``respredict serve``: what it refuses before it listens, and what it hands to BentoML."""

from __future__ import annotations

import socket

import pytest

from respredict.access import Access, create_key
from respredict.cli import main
from respredict.cli.main import _parser
from respredict.cli.serve import prepare
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from tests.serving_process.running import own_home

BAD_INPUT = 2


@pytest.fixture
def home(in_trained, tmp_path, monkeypatch):
    """Serve a home of its own."""
    home = own_home(in_trained["home"], tmp_path)
    monkeypatch.setenv("RESPREDICT_HOME", str(home))
    return home


def prepared(*words: str) -> tuple[list[str], dict[str, str]]:
    return prepare(_parser().parse_args(["serve", *words]))


def port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_keys_and_ledger_are_there_before_workers_are(home, monkeypatch):
    """Workers would race to make them; settings reach them in the environment."""
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    command, environment = prepared("--port", port(), "--workers", "3")
    assert (home / "keys.db").is_file()
    assert (home / "ledger.db").is_file()
    assert '"workers": 3' in environment["RESPREDICT_SERVING"]
    assert command[command.index("--timeout-graceful-shutdown") + 1] == "10"
    assert environment["BENTOML_HOME"] == str(home / "bentoml")


def test_the_command_line_counts_more_than_the_file(home, tmp_path):
    """A file sets what is not typed."""
    file, asked = tmp_path / "serving.toml", port()
    file.write_text("[serving]\nport = 1\nworkers = 2\n", encoding="utf-8")
    _, environment = prepared("--config", str(file), "--port", asked)
    assert f'"port": {asked}, "workers": 2' in environment["RESPREDICT_SERVING"]


def test_nobody_elsewhere_reaches_it_without_key_and_tls(home, capsys):
    """One clear error each; with both it would listen."""
    everywhere = ["serve", "--host", "0.0.0.0", "--port", port()]
    assert main(everywhere) == BAD_INPUT
    assert "with no key and no TLS" in capsys.readouterr().err
    create_key(home, "clinician", name="test")
    assert main(everywhere) == BAD_INPUT
    assert "with no TLS" in capsys.readouterr().err
    command, _ = prepared(*everywhere[1:], "--behind-proxy")
    assert command[command.index("--host") + 1] == "0.0.0.0"


def test_a_certificate_that_is_not_there_is_named(home, capsys):
    """Before anything is started."""
    words = ["serve", "--port", port(), "--tls-cert", "no.pem", "--tls-key", "no.pem"]
    assert main(words) == BAD_INPUT
    assert (
        "tls_certificate must be a file that can be read, got 'no.pem'" in capsys.readouterr().err
    )


def test_a_taken_port_is_named(home, capsys, monkeypatch):
    """After a moment in which a service just killed may let go of it."""
    monkeypatch.setattr("respredict.cli.serve._PORT_SECONDS", 0.3)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert main(["serve", "--port", str(taken)]) == BAD_INPUT
    told = capsys.readouterr().err
    assert f"serving.port must be free to listen on, got 127.0.0.1:{taken}" in told


def test_the_sign_in_link_signs_in_once_and_is_on_record(home, capsys):
    """It stands on standard error, names no key, and its making is in the ledger."""
    prepared("--port", port(), "--sign-in", "auditor")
    line = next(line for line in capsys.readouterr().err.splitlines() if "/sign-in/" in line)
    token = line.rsplit("/", 1)[1]
    with Access(home) as access:
        _, identity = access.redeem(token)
        assert identity.roles == {"auditor"}
        with pytest.raises(PermissionError, match="used once"):
            access.redeem(token)
    with Reader(home) as reader:
        kinds = [record.kind for record in reader.find(Filter(kind="key")).records]
    assert kinds
    assert "rp_" not in line


def test_a_link_is_made_on_loopback_only(home, capsys):
    """Over the network a link could be read by others."""
    create_key(home, "clinician", name="test")
    words = ["serve", "--host", "0.0.0.0", "--port", port(), "--behind-proxy", "--sign-in"]
    assert main(words) == BAD_INPUT
    assert "--sign-in must be asked for on loopback only" in capsys.readouterr().err
