"""Which version of the shop this is: what pyproject.toml says, the one place where it stands."""

import tomllib
from pathlib import Path

from django.http import HttpRequest

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
VERSION: str = tomllib.loads(PROJECT.read_text())["project"]["version"]


def in_templates(request: HttpRequest) -> dict[str, str]:
    """Give every page the version, for its footer."""
    return {"version": VERSION}
