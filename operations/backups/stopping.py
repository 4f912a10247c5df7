"""Let a backup or a restore be stopped so that it can clear away what it has begun."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from pizzaProj.supervision.supervisor import catch_signals


@contextmanager
def by_any_signal() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    catch_signals(signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
