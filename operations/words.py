"""The commands that a person can type, for the folder of this shop."""

import os

from home.management.commands.seed import data_option


def command(name: str) -> str:
    """Return a command of manage.py as it is typed beside this shop."""
    if os.environ.get("DATABASE_URL"):
        return f"python manage.py {name}"
    return f"python3 run.py {data_option()}{name}"
