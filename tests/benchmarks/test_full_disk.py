"""Heavy proof: on a disk that is full the service says so, and resumes once there is room.

The whole home lies on a small file system of its own, which takes the right to mount one.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from respredict.ledger.reading import Reader
from respredict.ledger.verify import verify
from tests.serving_process.running import MAN, Running, key_of, own_home

pytestmark = pytest.mark.prove

ROOM = "28m"


@pytest.fixture
def small(tmp_path) -> Iterator[Path]:
    """Return a folder that is a file system of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> None:
    """Take what room there is, to the last byte."""
    with file.open("wb", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while filler.write(bytes(size)):
                    pass


def test_a_full_disk_is_told_and_outlived(in_trained, small):
    """503 with the reason from the same worker, nothing half-written, and then 200 again."""
    home = own_home(in_trained["home"], small)
    operator = key_of(home, "operator")
    with Running(home) as service:
        answered = [service.score()["ledger"]["sequence"]]
        worker = service.workers()
        fill(small / "filler")
        statuses, told = [], {}
        for _ in range(200):
            status, body = service.ask("POST", "/v1/score", MAN)
            statuses.append(status)
            if status == 200:  # what room its log has is used up first
                answered.append(json.loads(body)["ledger"]["sequence"])
            else:
                told = json.loads(body)
        full = [service.ask("POST", "/v1/score", body)[0] for body in (MAN, b'{"age": 3}', b"{")]
        reads = [
            service.ask("GET", path, X_Api_Key=operator)[0]
            for path in ("/v1/model", "/metrics", "/readyz")
        ]
        assert service.workers() == worker
        (small / "filler").unlink()
        freed = time.monotonic()
        while service.ask("POST", "/v1/score", MAN)[0] != 200:
            assert time.monotonic() - freed < 10, service.output()
            time.sleep(0.05)
        resumed = time.monotonic() - freed
        answered.append(service.score()["ledger"]["sequence"])
        assert service.workers() == worker
    print(
        f"\n{statuses.count(200)} answered after the disk was full, then "
        f"{statuses.count(503)} refused: {told['detail']} Again after {resumed:.1f} s"
    )
    assert statuses[-1] == 503
    assert set(statuses) <= {200, 503}
    assert statuses == sorted(statuses)
    assert (told["status"], told["reason"]) == (503, "full")
    assert full == [503, 422, 400]
    assert reads == [200, 200, 503]  # the last one: not ready
    assert verify(home).ok
    with Reader(home) as reader:
        assert {reader.get(sequence).kind for sequence in answered} == {"decision"}
