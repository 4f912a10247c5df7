"""`python -m benchmarks.growing_board`: what a board costs with 100, 1,000 and 5,000 open orders, in bytes and CPU.

On SQLite, or on the empty database of DATABASE_URL. Bars: no frame of more than 100 KB; a change of a station sends
the station. The last line of each kitchen is what was sent before: all of its orders.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

OPEN = (100, 1_000, 5_000)
ROUNDS = 7
BAR_BYTES = 100_000

Row = dict[str, Any]


def measure(orders: int, rounds: int) -> list[Row]:
    """Return one row for each thing that is sent."""
    from home import live
    from home.models import Order
    from kitchen import flow
    from kitchen.board import handover, snapshot, windows

    def first_frames() -> list[str]:
        shown = snapshot.snapshot()
        known = [state.order_id for state in shown.orders]
        names = handover.names_of(handover.read_handover(known), known)
        board = {**shown.settings, "who": list(names.values()), "totals": shown.window.totals}
        payloads, lately = [state.payload for state in shown.orders], [state.payload for state in shown.lately]
        return live.frames_of(payloads, lambda some, _: live.frame_of_board(some, lately, board, history={}))

    def look() -> list[str]:
        return [json.dumps({"totals": windows.read_window({}).totals})]

    def change_of_station() -> list[str]:
        before = snapshot.settings()
        oven = next(station for station in before["stations"] if station["stage"] == "baking")
        flow.change_station("baking", capacity=oven["places"] % 9 + 1)
        settings, retimed = snapshot.changes_since(before)
        news = snapshot.changed_settings(before, settings)
        return live.frames_of(
            [state.payload for state in retimed], lambda some, _: live.frame_of_orders(some, changed=news)
        )

    def change_of_order() -> list[str]:
        order = Order.objects.open().filter(stage="out_for_delivery", started_at=None).order_by("joined_at")[0]
        (flow.resume if order.held else flow.hold)(order.pk)
        return [live.frame_of_orders([state.payload for state in snapshot.states_of([order.pk])])]

    def everything() -> list[str]:
        return [live.frame_of_orders(live.state_of(one).payload for one in Order.objects.open().with_items())]

    sent: dict[str, Callable[[], list[str]]] = {
        "first frames": first_frames,
        "a look at who moves up, and the counts": look,
        "a change of a station": change_of_station,
        "a change of an order": change_of_order,
        "all orders, as before": everything,
    }
    return [{"orders": orders, "sent": name, **cost(make, rounds)} for name, make in sent.items()]


def cost(make: Callable[[], list[str]], rounds: int) -> Row:
    """Return the largest frame, all bytes, and the median of the processor time, the database's left out."""
    frames, took_ms = make(), []
    for _ in range(rounds):
        began = time.process_time()
        frames = make()
        took_ms.append(1000 * (time.process_time() - began))
    return {"largest": max(map(len, frames)), "bytes": sum(map(len, frames)), "cpu_ms": round(median(took_ms), 2)}


def prepare(folder: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pizzaProj.settings")
    os.environ["DATA_DIR"] = folder
    import django

    django.setup()
    from unittest import mock

    from django.core.management import call_command

    from home import live
    from kitchen import tasks

    call_command("migrate", verbosity=0)
    mock.patch.object(tasks, "enqueue").start()  # nothing leaves this process
    mock.patch.object(live, "announce").start()


def fill(orders: int) -> None:
    from benchmarks import crowded
    from home.models import Order

    Order.objects.all().delete()
    crowded.fill(orders)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a board is sent as the kitchen grows.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="pizza-board-") as folder:
        prepare(folder)
        for orders in OPEN:
            fill(orders)
            rows += measure(orders, asked.rounds)
    if asked.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(
            f"{row['orders']:>6,} open  {row['sent']:<40} {row['largest']:>10,} bytes in a frame "
            f"{row['bytes']:>10,} in all {row['cpu_ms']:>9,.2f} ms"
        )


if __name__ == "__main__":
    main()
