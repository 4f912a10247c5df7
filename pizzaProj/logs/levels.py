"""How much is logged: one setting, LOG_LEVEL, for the shop's own entries; what libraries say, from warnings on."""

import logging
from typing import Any

from django.core.exceptions import ImproperlyConfigured

NAMES = ("debug", "info", "warning", "error")
OURS = (
    "accounts",
    "archive",
    "celery_app",
    "chat",
    "home",
    "keeping",
    "kitchen",
    "office",
    "operations",
    "pictures",
    "pizzaProj",
    "realtime",
    "simulation",
    "telemetry",
)


def checked(name: str) -> int:
    """Return the level of a name, in small or capital letters."""
    if name.lower() not in NAMES:
        *others, last = NAMES
        raise ImproperlyConfigured(f"LOG_LEVEL must be {', '.join(others)} or {last}, not “{name}”.")
    return logging.getLevelNamesMapping()[name.upper()]


def loggers(level: int) -> dict[str, dict[str, Any]]:
    """Return the settings of the shop's own loggers. They hold under any `--loglevel` of Celery or `-v` of Daphne."""
    return {name: {"level": level} for name in OURS}


def least(level: int) -> int:
    """Return what any entry must have at least. Up to warnings, Celery's `--loglevel` and Daphne's `-v` decide."""
    return level if level > logging.WARNING else logging.NOTSET
