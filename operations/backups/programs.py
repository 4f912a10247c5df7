"""Find PostgreSQL's own programs, and run them without showing them a password on the command line."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from broken import sentence_of
from operations.backups.engine import Say
from operations.backups.refused import Refused
from pizzaProj import waits
from pizzaProj.supervision.mortal import mortal

FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/*postgresql*/bin",
    "/opt/homebrew/opt/libpq/bin",
)
ASK_SECONDS = 10  # for its version
SECRET = "*"  # how libpq marks a parameter that is not to be shown


def program(name: str, least: int, why: str) -> tuple[str, int]:
    """Return the path and the main version of a program that is at least so new."""
    found = {path: version for path in paths(name) if (version := version_of(path))}
    for path, version in found.items():
        if version >= least:
            return path, version
    here = f"the one here is {max(found.values())}" if found else "there is none here"
    raise Refused(
        f"{name} {least} or newer is needed, as {why}; {here}. On Debian and Ubuntu: "
        f"sudo apt install postgresql-client-{least} (the list of https://apt.postgresql.org has all versions)."
    )


def paths(name: str) -> Iterator[str]:
    on_path = shutil.which(name)
    if on_path:
        yield on_path
    yield from sorted((path for pattern in FOLDERS for path in glob(f"{pattern}/{name}")), reverse=True)


def version_of(path: str) -> int | None:
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=ASK_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else None


def server_of(parameters: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return where the database is, for --dbname, and what goes by the environment: the password, and all it can."""
    known = {option.keyword.decode(): option for option in pq.Conninfo.get_defaults()}
    shown, environment = {}, {}
    for name, value in parameters.items():
        option = known.get(name)
        if option is None or value in (None, ""):
            continue  # psycopg's own
        if option.envvar is not None:
            environment[option.envvar.decode()] = str(value)
        elif option.dispchar.decode() != SECRET:
            shown[name] = value
    return make_conninfo(**shown), environment


def run(command: list[str], environment: dict[str, str], say: Say, output: IO[bytes] | None = None) -> None:
    """Run a program to its end, and say how far it is. Refused, with what it said, if it fails.

    It dies with this process, and with whatever interrupts this one.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    child = subprocess.Popen(
        mortal(command), env=ours | environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE
    )
    try:
        said = until_its_end(child, say, output)
    except BaseException:
        child.kill()
        child.communicate()
        raise
    if child.returncode:
        raise Refused(why_it_failed(Path(command[0]).name, said))


def until_its_end(child: "subprocess.Popen[bytes]", say: Say, output: IO[bytes] | None) -> str:
    while True:
        try:
            return child.communicate(timeout=waits.BACKUP_SAID_SECONDS)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            so_far = f"{os.fstat(output.fileno()).st_size / 1e6:.1f} MB" if output else "at work"
            say(f"  {so_far} ...")


def why_it_failed(name: str, said: str) -> str:
    """Return what a program said, in our words where we have some. Its own words hold no password."""
    if "No space left" in said:
        return "The disk is full."
    lines = [line for line in said.splitlines() if "error:" in line] or said.splitlines() or ["no reason"]
    known = sentence_of(psycopg.OperationalError(said))
    return f"{known or ''} {name} gave up: {lines[0].partition('error: ')[2] or lines[0]}.".strip()
