"""The simulator needs numpy and the standard library, and nothing else: it runs where nothing else is installed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import simulation

RUN_ALL = """
import importlib, json, pkgutil, sys

sys.path.append(sys.argv[1])
for missing in ("django", "celery", "channels", "redis", "kitchen"):
    try:
        importlib.import_module(missing)
    except ModuleNotFoundError:
        continue
    sys.exit(f"{missing} is here")

import simulation

modules = [module.name for module in pkgutil.walk_packages(simulation.__path__, "simulation.")]
for name in modules:
    importlib.import_module(name)

from simulation.simulator import read_spec, simulate

spec = {
    "stations": [{"name": "oven", "places": 2, "service": {"law": "fixed", "mean": 60}}],
    "arrivals": {"law": "times", "seconds": [0, 0, 30]},
    "trace": True,
}
result = simulate(read_spec(spec)).as_dict()
print(json.dumps({"modules": modules, "result": result}))
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Make a folder of packages with numpy and the simulator without its tests."""
    installed = Path(np.__file__).parent
    for folder in (installed, installed.with_name("numpy.libs")):  # a wheel's own shared libraries, where it has some
        if folder.exists():
            (tmp_path / folder.name).symlink_to(folder)
    ours = Path(simulation.__file__).parent
    shutil.copytree(ours, tmp_path / "simulation", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    return tmp_path


def test_it_runs_where_nothing_but_numpy_is_installed(packages: Path, tmp_path: Path) -> None:
    """-I and -S: no environment, no site-packages, not even the folder we are in."""
    command = [sys.executable, "-I", "-S", "-c", RUN_ALL, str(packages)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert "simulation.engine" in said["modules"]
    ends = [order["stations"][0]["end"] for order in said["result"]["orders_trace"]]
    assert ends == [60, 60, 120]
