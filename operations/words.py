"""The commands that a person can type, for the folder of this shop."""

import os
import shlex

from home.management.commands.seed import data_option


def command(name: str) -> str:
    """Return a command of manage.py as it is typed beside this shop."""
    if os.environ.get("DATABASE_URL"):
        return f"python manage.py {name}"
    return f"python3 run.py {data_option()}{name}"


def restoring(backup: object) -> str:
    """Return how a backup is brought back, elsewhere."""
    restore = f"restore {shlex.quote(str(backup))}"
    if os.environ.get("DATABASE_URL"):
        return f"Bring it back, with an empty database in DATABASE_URL: python manage.py {restore}"
    return f"Bring it back into an empty folder: python3 run.py --data FOLDER {restore}"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
