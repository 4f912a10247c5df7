"""What all processes of a run share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pizzaProj.tests.once import once


def fill(folder: Path) -> None:
    (folder / "menu").write_text("pizza")


def test_it_is_made_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        fill(folder)

    first, second = (once(tmp_path_factory, "made-once", make) for _ in range(2))
    assert first == second and (first / "menu").read_text() == "pizza"
    assert len(made) <= 1  # by another process, if this one was not the first


def test_what_fails_is_tried_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    name = f"made-again-{os.getpid()}"

    def make(folder: Path) -> None:
        fill(folder)
        raise OSError("The disk is full.")

    with pytest.raises(OSError, match="full"):
        once(tmp_path_factory, name, make)
    assert list(once(tmp_path_factory, name, lambda folder: None).iterdir()) == []


TWO = """
import sys
from pathlib import Path
from types import SimpleNamespace
from pizzaProj.tests.once import once
def make(folder):
    open(sys.argv[1] + "/made", "a").write("x")
print(once(SimpleNamespace(getbasetemp=lambda: Path(sys.argv[1]) / sys.argv[2]), "shared", make))
"""


def test_processes_share_it(tmp_path: Path) -> None:
    env = {**os.environ, "PYTEST_XDIST_WORKER": "gw0"}
    command = [sys.executable, "-c", TWO, str(tmp_path)]
    both = [
        subprocess.Popen([*command, name], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in ("gw0", "gw1")
    ]
    outputs = [one.communicate(timeout=60) for one in both]
    assert outputs == [(f"{tmp_path}/shared\n", "")] * 2
    assert (tmp_path / "made").read_text() == "x"
