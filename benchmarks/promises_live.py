"""Measure how often the running shop keeps its promises: `python -m benchmarks.promises_live SPEED [CARRY_OUT]`.

A whole stack (web, worker, beat, Valkey) in a temporary folder, and the customers of `rush`, for a kitchen day that
takes 24 hours / SPEED. All delays of the real thing are in it: requests, the queue, workers that are late. CARRY_OUT
is the share of the customers who collect their order, from 0 to 1.
"""

import os
import socket
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

FOLDER = tempfile.mkdtemp(prefix="pizza-promises-")
os.environ["DATA_DIR"] = FOLDER  # before Django reads it, so that no running shop is touched
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pizzaProj.settings")

import django

django.setup()

from django.utils import timezone
from rich.console import Console
from rich.table import Table

from benchmarks.processes import ROOT, Process, running
from home.models import Order
from kitchen import stages
from kitchen.models import Promise
from kitchen.promises import ledger

PER_HOUR, MINUTES, SEED = 21.5, 24 * 60, "20261120"  # five hundred and some
KEPT = (86.0, 94.0)  # per cent, the bar
PATIENCE_SECONDS = 30.0


def main(speed: float, carry_out: str = "0") -> None:
    folder, console = Path(FOLDER), Console(highlight=False)
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    manage = [sys.executable, str(ROOT / "manage.py")]
    stack = [*manage, "stack", "--port", str(port), "--speed", str(speed)]
    with running(Process(stack, folder / "stack.log", dict(os.environ))) as shop:
        shop.wait_until(lambda: answers(url))
        asked = ["--per-hour", str(PER_HOUR), "--minutes", str(MINUTES), "--seed", SEED, "--profile", "flat"]
        asked += [] if carry_out == "0" else ["--carry-out", carry_out]
        with running(Process([*manage, "rush", *asked, "--url", url], folder / "rush.log", dict(os.environ))) as rush:
            rush.wait_for_end()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while unsettled() and time.monotonic() < deadline:
            time.sleep(0.5)
    console.print((folder / "rush.log").read_text().strip(), soft_wrap=True)
    sys.exit(show(console, speed))


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


def answers(url: str) -> bool:
    with suppress(OSError):
        return bool(urllib.request.urlopen(f"{url}api/menu/", timeout=5).status == 200)
    return False


def unsettled() -> int:
    return Promise.objects.filter(outcome=None).count()


def show(console: Console, speed: float) -> int:
    """Print the figures. Return the exit code: 0 if the bar is met."""
    ledger.settle(timezone.now())
    rows = ledger.newest(simulated=True)
    figures = ledger.figures(rows)
    if figures is None:
        console.print("Nothing came.")
        return 1
    shown = Table("Orders", "kept %", "95 % sure", "width, min", "off by, min", title=f"Speed {speed:g}")
    parts = [*ledger.by_load(rows), *(ledger.by_way(rows) if len(ledger.by_way(rows)) > 1 else [])]
    for name, part in [("all", figures), *((part["name"], part) for part in parts)]:
        sure = f"{part['percent_low']:.0f} to {part['percent_high']:.0f}"
        figures_of = (part["percent"], sure, part["width_minutes"], part["error_minutes"])
        shown.add_row(f"{name}, {part['orders']}", *(x if isinstance(x, str) else f"{x:.1f}" for x in figures_of))
    console.print(shown)
    without = Order.objects.filter(promised_low=None).count()
    still = Order.objects.exclude(stage__in=(stages.READY, stages.LAST)).count()
    console.print(f"Without a promise: {without}. Not delivered or ready: {still}.")
    return int(not KEPT[0] <= figures["percent"] <= KEPT[1])


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0, *sys.argv[2:3])
