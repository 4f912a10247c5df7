"""All measurements by name: `python3 run.py bench --only NAME`."""

from collections.abc import Callable

from benchmarks.engines.comparison import on_postgresql, on_sqlite
from benchmarks.engines.flight import many_in_flight
from benchmarks.engines.paced import at_its_own_pace
from benchmarks.engines.written import rows_and_frames
from benchmarks.evening.evening import real_mix
from benchmarks.scaling.units import of_each
from benchmarks.sitting import Sitting
from benchmarks.watching.announcing import in_sync_code
from benchmarks.watching.crowds import one_to_all
from benchmarks.watching.latency import commit_to_socket
from benchmarks.watching.memory import of_idle_watcher
from benchmarks.watching.rush import many_sockets

MEASUREMENTS: dict[str, tuple[str, Callable[[Sitting], None]]] = {
    "postgresql": ("Engines beside each other, PostgreSQL", on_postgresql),
    "sqlite": ("Engines beside each other, SQLite", on_sqlite),
    "written": ("Rows written and frames sent for a change", rows_and_frames),
    "paced": ("The shop at its own pace", at_its_own_pace),
    "flight": ("Very many orders in flight", many_in_flight),
    "evening": ("An evening of the real mix", real_mix),
    "units": ("What each thing costs", of_each),
    "latency": ("From the commit to the watcher", commit_to_socket),
    "crowds": ("One change to a crowd of watchers", one_to_all),
    "memory": ("The memory of an idle watcher", of_idle_watcher),
    "rush": ("Many sockets", many_sockets),
    "announcing": ("Announcing a change", in_sync_code),
}
WITH_RIVALS = {"postgresql", "crowds"}
