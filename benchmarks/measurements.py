"""All measurements by name: `python3 run.py bench --only NAME`."""

from collections.abc import Callable

from benchmarks.sitting import Sitting
from benchmarks.watching.crowds import one_to_all
from benchmarks.watching.latency import commit_to_socket

MEASUREMENTS: dict[str, tuple[str, Callable[[Sitting], None]]] = {
    "latency": ("From the commit to the watcher", commit_to_socket),
    "crowds": ("One change to a crowd of watchers", one_to_all),
}
WITH_RIVALS = {"crowds"}
