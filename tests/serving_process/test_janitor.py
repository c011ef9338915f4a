"""What keeps a worker's collector off its requests; and what shows its figures."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.conftest import ROOT
from tests.serving_process.running import gone

CODE = """
import gc, time, weakref
from serving.process import Janitor

class Node: pass

def cycle():
    a, b = Node(), Node()
    a.other, b.other = b, a
    return weakref.ref(a)

janitor = Janitor()
assert not gc.isenabled() and gc.get_freeze_count() > 1000
left = cycle()
assert janitor.look(1) == 0.0 and left() is not None  # somebody asked just now
assert janitor.look(1) > 0.0 and left() is None       # nobody asked since
left = cycle()
assert janitor.look(1) == 0.0 and left() is not None  # nothing was asked: nothing to do
start, asked = time.monotonic(), 1
while left() is not None:                             # somebody always asks
    asked += 1
    janitor.look(asked)
    assert time.monotonic() - start < 5
    time.sleep(0.05)
print("done")
"""


def test_cycles_go_when_nobody_waits_and_under_load_too():
    """In an interpreter of its own, as it freezes what it finds."""
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "done\n", done.stderr


PARENT = """
import os, subprocess, sys, time
os.environ["RESPREDICT_PARENT"] = str(os.getpid())
worker = subprocess.Popen([sys.executable, "-c", '''
import time
from serving.process import die_with_parent, is_worker
assert is_worker()
die_with_parent()
print("up", flush=True)
time.sleep(60)
'''], stdout=subprocess.PIPE, text=True)
assert worker.stdout.readline() == "up\\n"
print(worker.pid, flush=True)
time.sleep(60)
"""


def test_a_worker_dies_with_its_parent():
    """Killed without warning, the parent leaves nobody behind."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    worker = int(parent.stdout.readline())
    assert not gone(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while not gone(worker):
        assert time.monotonic() < deadline
        time.sleep(0.01)
