"""An environment of their own for the rivals: neither the shop nor its tests need them, or could clash with them."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import ROOT

FOLDER = ROOT / ".venv-bench"
PYTHON = FOLDER / "bin" / "python"
REQUIREMENTS = ROOT / "requirements-bench.txt"
STAMP = FOLDER / ".installed"
INSTALL_SECONDS = 300
VERSIONS = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


class NotInstalled(Exception):
    """Raised if the rivals are not there and can't be had; the text says why, in a line."""


def install() -> None:
    """Install the rivals unless that was done with exactly these requirements and this Python."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == digest:
        return
    base = getattr(sys, "_base_executable", sys.executable)
    run([base, "-m", "venv", "--clear", str(FOLDER)])
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([str(PYTHON), *pip, "-r", str(REQUIREMENTS)])
    STAMP.write_text(digest)


def run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"pip ended with {done.returncode}"]
        raise NotInstalled(said[-1])


def versions(python: Path = PYTHON) -> dict[str, str]:
    """Return {package: version} of what is installed for a Python."""
    done = subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True, check=True)
    return {name.lower(): version for name, version in json.loads(done.stdout).items()}
