"""Write one line of the log for each change of an order or of one of its pizzas, after the commit.

To follow a click, take its id (X-Request-ID in the answer, or "request" in any line) and look for it everywhere:

    grep -h 5f0c8a52d1b3e947 var/logs/*.log | sort

The lines are, in the order of their time: each change of the order (`kitchen.changes`, in the process and the task
that made it), what it caused with other orders ("cause" is then that click), and in each web how many sockets got
which seq (`home.deliveries`), or that its announcement was dropped (`realtime.broadcast`), after which the next check
brings it. With LOG_LEVEL=debug each announcement has a line, too. To follow an order through all of its clicks, look
for its number: grep '"order": 17,'.
"""

from collections.abc import Sequence
from typing import Any

from home.models import OrderEvent
from telemetry.news import News
from telemetry.trace import Trace

news = News(__name__)


def tell(events: Sequence[OrderEvent], course: Trace) -> None:
    """Log what one verb has done to one order, and in whose course."""
    if news.is_wanted():
        for event in events:
            news.tell(str(event.event), fields_of(event, course))


def fields_of(event: OrderEvent, course: Trace) -> dict[str, Any]:
    """Return what the line says. The order is its number in the database: its id would let anyone watch it."""
    request = event.order.request_id
    return {
        "order": event.order_id,
        "item": event.item,
        "stage": event.stage,
        "seq": event.seq,
        "epoch": event.epoch,
        "by": event.by_id,
        "late_seconds": None if event.late_seconds is None else round(event.late_seconds, 3),
        "request": request or None,
        "cause": course.request if course.request not in ("", request) else None,
        "task": course.task or None,
        "task_name": course.task_name or None,
    }
