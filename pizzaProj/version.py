"""Read the shop's version from pyproject.toml, the only place that states it."""

import tomllib
from pathlib import Path

from django.http import HttpRequest

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
VERSION: str = tomllib.loads(PROJECT.read_text())["project"]["version"]


def in_templates(request: HttpRequest) -> dict[str, str]:
    """Provide every page with the version, for its footer."""
    return {"version": VERSION}
