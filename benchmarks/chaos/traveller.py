"""Move the clock of a Python process by TRAVEL_SECONDS, its monotonic one excepted.

The lab copies this file to a folder on a worker's PYTHONPATH as sitecustomize.py, which Python imports at its start,
before anybody has taken hold of `time.time` or `datetime.datetime`.
"""

import datetime
import os
import time
from datetime import datetime as true_datetime
from typing import Any, Self

SECONDS = float(os.environ.get("TRAVEL_SECONDS", "0"))
true_time = time.time


def moved_time() -> float:
    return true_time() + SECONDS


class AnyDatetime(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, true_datetime)


class Moved(true_datetime, metaclass=AnyDatetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Self:
        return cls.fromtimestamp(moved_time(), tz)


if SECONDS:
    time.time = moved_time
    datetime.datetime = Moved  # type: ignore[misc]
