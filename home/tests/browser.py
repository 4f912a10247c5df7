"""Find a browser for the tests, or install one, or say how to. The tests never skip for want of one.

`python3 run.py test` runs this before pytest; the tests themselves call `find_or_install`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START_TIMEOUT_SECONDS = 60
HOW_TO_GET_ONE = """\
The tests need a real browser, and none was found. Any of these three will do:
  1. install Chromium or Chrome, such as: sudo apt install chromium
  2. let Playwright get its own: .venv/bin/playwright install chromium
  3. say where one is: CHROMIUM=/path/to/chromium python3 run.py test"""
PRINT_PLAYWRIGHTS_OWN = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""


class NoBrowser(Exception):
    """The text says how to get one."""


def find_or_install() -> str:
    """Return the path of a Chromium that starts."""
    path = find() or (install() and find())
    if not path:
        raise NoBrowser(HOW_TO_GET_ONE)
    return path


def find() -> str | None:
    wanted = os.environ.get("CHROMIUM")
    if wanted:
        if not starts(wanted):
            raise NoBrowser(f"CHROMIUM is {wanted}, but that does not start.")
        return wanted
    return next((path for path in candidates() if starts(path)), None)


def candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, NAMES))
    # In a process of its own: Playwright's sync API refuses to work beside a test's running event loop.
    command = [sys.executable, "-c", PRINT_PLAYWRIGHTS_OWN]
    yield subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def starts(path: str) -> bool:
    """Return whether it starts. On some systems a script of that name only tells how to install the real one."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=START_TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def install() -> bool:
    """Install one if this is root on Debian and the like; anyone else has to be asked."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = ([apt, "update"], [apt, "install", "--yes", "--no-install-recommends", "chromium"])
    return all(
        subprocess.run(command, env=quiet, stdout=sys.stderr, check=False).returncode == 0 for command in commands
    )


if __name__ == "__main__":
    try:
        print(find_or_install())
    except NoBrowser as error:
        sys.exit(str(error))
