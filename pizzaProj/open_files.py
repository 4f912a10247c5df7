"""Allow this process, and its children, as many open files as it can have sockets."""

import resource
from contextlib import suppress

from pizzaProj.limits import OPEN_FILES, OPEN_FILES_OF_MACOS


def allow_many() -> None:
    """Raise the limit, where that is allowed. Many systems and containers begin with 256 or 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for most in (OPEN_FILES, OPEN_FILES_OF_MACOS):
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        with suppress(OSError, ValueError):
            return resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
