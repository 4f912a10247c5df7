"""Processor time is that of a process and all that came from it, also of what has ended."""

import os
import subprocess
import sys

import pytest

from benchmarks.engines import cpu

pytestmark = pytest.mark.skipif(not cpu.is_readable(), reason="Only Linux has /proc.")

BURNT_SECONDS = 0.3
BURN = f"import time\nwhile time.process_time() < {BURNT_SECONDS}: pass"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}])
print("done", flush=True)
sys.stdin.read()
"""


def test_what_has_ended_is_counted():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        used = cpu.seconds([process.pid])
        assert used >= BURNT_SECONDS - 1 / cpu.TICKS
        assert cpu.seconds([os.getpid()]) >= used, "a child's time is its parent's, too"
        assert cpu.resident_bytes([process.pid]) > 1_000_000
        process.stdin.close()


def test_what_is_gone_used_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert cpu.seconds([process.pid]) == 0


def test_only_postgresqls_processes_have_its_parent():
    assert cpu.parent_of(os.getpid()) is None
