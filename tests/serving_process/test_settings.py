"""The settings of the service: what is refused with which advice, and who may be reached."""

from __future__ import annotations

import dataclasses
import tomllib

import pytest

from respredict.errors import ConfigError
from respredict.serving_settings import (
    ServingSettings,
    read_serving_settings,
    serving_settings,
)
from tests.conftest import ROOT

DEFAULT = ROOT / "serving" / "default.toml"


def test_the_default_file_states_every_default():
    """``serving/default.toml`` names each setting, with the value it has without the file."""
    written = tomllib.loads(DEFAULT.read_text(encoding="utf-8"))["serving"]
    assert read_serving_settings(DEFAULT) == ServingSettings()
    assert list(written) == [field.name for field in dataclasses.fields(ServingSettings)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[serving]\nwokers = 2", "serving.wokers must be a known setting, got an unknown one."),
        ("[serving]\nwokers = 2", "Did you mean 'serving.workers'?"),
        ("[servin]\nport = 1", "servin must be a known setting, got an unknown one."),
        ("serving = 1", "serving must be a section, got 1. Write [serving]"),
        ("[serving]\nport = '80'", "serving.port must be a whole number, got '80'."),
        ("[serving]\nport = true", "serving.port must be a whole number, got True."),
        ("[serving]\nport = 0", "serving.port must be 1 to 65535, got 0."),
        ("[serving]\nworkers = 65", "serving.workers must be 1 to 64, got 65."),
        ("[serving]\ntimeout_seconds = 0.1", "serving.timeout_seconds must be 0.5 to 60, got 0.1."),
        ("[serving]\nhost = 'localhost'", "serving.host must be an IP address, got 'localhost'."),
        ("[serving]\nbehind_proxy = 1", "serving.behind_proxy must be true or false, got 1."),
        ("[serving]\ncors_origins = ['*']", "serving.cors_origins must be exact origins, got '*'."),
        ("[serving]\ncors_origins = ['https://a.example/x']", "must be exact origins"),
        ("[serving]\ncors_origins = 'https://a.example'", "must be a list of text"),
        ("[serving]\ntls_key = 'k.pem'", "must come with its other half, got one alone."),
        ("[serving", "must be TOML"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_with_its_remedy(tmp_path, text, message):
    """What, the rule, the value and the remedy."""
    file = tmp_path / "serving.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read_serving_settings(file)
    assert message in str(refused.value)


def test_every_problem_is_told_at_once(tmp_path):
    """Two wrong settings are two problems."""
    file = tmp_path / "serving.toml"
    file.write_text("[serving]\nport = -1\nhots = '::1'\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read_serving_settings(file)
    assert len(refused.value.problems) == 2


def test_a_missing_file_is_named(tmp_path):
    """So that a typing error is seen."""
    with pytest.raises(ConfigError, match="must be a readable TOML file"):
        read_serving_settings(tmp_path / "none.toml")


def test_workers_read_what_was_handed_over(monkeypatch):
    """The environment carries every setting; without it the defaults hold."""
    asked = ServingSettings().with_values(
        {"workers": 3, "cors_origins": ["https://clinic.example"], "timeout_seconds": 2}
    )
    assert asked.timeout_seconds == 2.0
    assert serving_settings() == ServingSettings()
    for name, value in asked.as_environment().items():
        monkeypatch.setenv(name, value)
    assert serving_settings() == asked


def test_a_broken_environment_is_refused(monkeypatch):
    """No worker guesses."""
    monkeypatch.setenv("RESPREDICT_SERVING", "[1]")
    with pytest.raises(ConfigError, match="RESPREDICT_SERVING must be a JSON object"):
        serving_settings()


TLS = {"tls_certificate": "c.pem", "tls_key": "k.pem"}


@pytest.mark.parametrize(
    ("host", "more", "keys", "lacking"),
    [
        ("127.0.0.1", {}, False, None),
        ("::1", {}, False, None),
        ("0.0.0.0", {}, False, "0.0.0.0 with no key and no TLS"),
        ("10.0.0.5", {}, True, "10.0.0.5 with no TLS"),
        ("10.0.0.5", TLS, False, "10.0.0.5 with no key"),
        ("::", {"behind_proxy": True}, False, ":: with no key"),
        ("::", {"behind_proxy": True}, True, None),
        ("10.0.0.5", TLS, True, None),
    ],
)
def test_others_reach_it_with_keys_and_tls_only(host, more, keys, lacking):
    """Beyond loopback both are asked for, and what is lacking is named."""
    settings = ServingSettings().with_values({"host": host, **more})
    if lacking is None:
        settings.check_reach(keys=keys)
        return
    with pytest.raises(ConfigError) as refused:
        settings.check_reach(keys=keys)
    assert f"got {lacking}." in str(refused.value)
    assert "respredict keys create" in str(refused.value)
