"""The web can have as many sockets as it allows, whatever the system begins with."""

import os
import resource
import subprocess
import sys

import pytest
from django.conf import settings

from pizzaProj import open_files
from pizzaProj.limits import OPEN_FILES, OPEN_FILES_OF_MACOS, SOCKETS_OF_PROCESS

FEW = 512
PROGRAM = "import resource, pizzaProj.asgi; print(*resource.getrlimit(resource.RLIMIT_NOFILE))"


def test_the_web_raises_its_own_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=settings.BASE_DIR,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, hard)),
    )
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    assert done.stdout.split() == [str(most), str(hard)], done.stderr
    assert OPEN_FILES > SOCKETS_OF_PROCESS


INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "possible", "after"),
    [
        (FEW, INFINITE, INFINITE, OPEN_FILES),
        (FEW, 2 * FEW, INFINITE, 2 * FEW),
        (FEW, INFINITE, OPEN_FILES_OF_MACOS, OPEN_FILES_OF_MACOS),
        (FEW, INFINITE, FEW, FEW),  # nothing is possible
        (INFINITE, INFINITE, INFINITE, INFINITE),
        (2 * OPEN_FILES, INFINITE, INFINITE, 2 * OPEN_FILES),
    ],
)
def test_it_takes_what_the_system_gives(soft, hard, possible, after, monkeypatch):
    limit = [soft]

    def setrlimit(kind, wanted):
        if possible != INFINITE and wanted[0] > possible:
            raise ValueError("current limit exceeds maximum limit")
        limit[:] = [wanted[0]]

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limit[0], hard))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    open_files.allow_many()
    assert limit == [after]
