"""What was refused, as all workers together counted it, on the auditor's desk and in /metrics."""

from __future__ import annotations

import datetime
import os
import re
import signal

import pytest

from tests.serving_pages.conftest import HTML, words_of
from tests.serving_process.running import Running, key_of, own_home

TIMES = 40
LH = "LH must be inside the limits"


@pytest.fixture(scope="module")
def service(trained, tmp_path_factory):
    """Serve with two workers."""
    home = own_home(trained["home"], tmp_path_factory.mktemp("refusing"))
    auditor, operator = key_of(home, "auditor"), key_of(home, "operator")
    with Running(home, "--workers", "2") as service:
        service.auditor, service.operator = auditor, operator
        service.wait_for_workers(2)
        yield service


def desk(service) -> tuple[dict[tuple[str, str], int], str]:
    """Return what the desk says was refused, why and how often; and all its words on it."""
    status, page = service.ask("GET", "/audit/over-time", X_Api_Key=service.auditor, **HTML)
    assert status == 200
    section = page.decode().partition('aria-labelledby="refusals"')[2].partition("</section>")[0]
    rows = re.findall(
        r'<tr><th scope="row">(.*?)</th><td>(.*?)</td><td[^>]*>([\d,]+)</td>', section
    )
    counts = {(what, why): int(times.replace(",", "")) for what, why, times in rows}
    return counts, words_of(section)


def test_the_desk_sums_over_workers_also_over_those_that_ended(service):
    """By rule and without any value; men of a batch apart; the same as /metrics has."""
    counts, words = desk(service)
    assert counts == {}
    assert "None." in words
    low = b'{"age": 34, "lh": {"value": 0.0123456, "unit": "IU/L"}}'
    for _ in range(TIMES):
        assert service.ask("POST", "/v1/score", low)[0] == 422
    service.ask("POST", "/v1/score", b"{")
    service.ask("POST", "/v1/score/batch", b'[{"age": 34}, %b, {"age": 7, "lhh": 1}]' % low)
    expected = {
        ("The request breaks a rule", LH): TIMES,
        ("The body is not JSON", "–"): 1,
        ("A man of a batch breaks a rule", LH): 1,
        ("A man of a batch breaks a rule", "Age must be inside the limits"): 1,
        ("A man of a batch breaks a rule", "No field may be unknown"): 1,
    }
    counts, words = desk(service)
    assert counts == expected
    assert "0.0123" not in words

    before = service.workers()
    os.kill(before[0], signal.SIGKILL)
    service.wait_for_workers(3)
    assert set(service.workers()) != set(before)
    assert desk(service)[0] == expected
    told = service.ask("GET", "/metrics", X_Api_Key=service.operator)[1].decode()
    counted = re.findall(r"^respredict_refusals_total\{.*\} ([\d.]+)$", told, re.MULTILINE)
    assert sorted(map(float, counted)) == sorted(map(float, expected.values()))


def test_the_desk_says_since_when(service):
    """The start of the service, not of the worker that answers."""
    (since,) = re.findall(r"since the service was started, (.{19}) UTC", desk(service)[1])
    started = datetime.datetime.fromisoformat(f"{since}+00:00")
    ago = datetime.datetime.now(datetime.UTC) - started
    assert datetime.timedelta() <= ago < datetime.timedelta(minutes=5)
