"""The state of an order as everyone may see it: what every frame, page and answer of the API shows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

from home.whereabouts import whereabouts
from kitchen import outlook, stages

Order: TypeAlias = Any  # home.models calls these functions, so that they can't import it
OrderItem: TypeAlias = Any


def payload(order: "Order", moment: outlook.Moment | None = None) -> dict[str, Any]:
    """Return the whole state of an order. No personal data, and no query if its items were read with it.

    Times are ISO 8601 with zone (or null), amount is in dollars, progress in per cent. `due_at` is when the work can
    be expected to be done, not when it was drawn to be (kitchen.outlook).
    """
    stage, front, moment = stages.BY_CODE[order.stage], order.front, moment or outlook.Moment()
    state = order.state_at(front)
    shown = [times(work, moment) for work in front]
    return {
        "order_id": order.order_id,
        "number": order.number,
        "summary": order.summary,
        "amount": float(order.amount),
        "way": order.way,
        "status": stages.label(order.stage, order.way),
        "stage": stage.code,
        "progress": stage.progress,
        "seq": order.seq,
        "state": state,
        "words": words(order, state),
        "rushed": order.rushed,
        "simulated": order.simulated,
        "created_at": iso(order.created_at),
        "joined_at": iso(min(work.joined_at for work in front)),
        "started_at": iso(min((started for started, _ in shown if started), default=None)),
        "due_at": iso(max((due for _, due in shown if due), default=None)),
        "overdue": any(work.overdue for work in front),
        "ready_at": iso(order.ready_at),
        "delivered_at": iso(order.delivered_at),
        "promise": order.promise,
        "eta": eta(order, state),
        "items": items(order, state, moment, dict(zip(map(id, front), shown, strict=True))),
        "items_done": sum(item.is_done and not item.is_struck for item in order.parts),
        "url": order.get_absolute_url(),
    }


Times = tuple[datetime | None, datetime | None]  # when work began, and when it can be expected to be done


def times(work: "Order | OrderItem", moment: outlook.Moment) -> Times:
    return work.started_at, moment.expected_end(work)


def items(order: "Order", state: str, moment: outlook.Moment, known: dict[int, Times]) -> list[dict[str, Any]]:
    """Return the items by number. Where the order goes on as a whole, so do all its pizzas."""
    is_whole = not order.cooking
    rows = []
    for item in order.parts:
        goes_along = is_whole and not item.is_struck
        work: Order | OrderItem = order if goes_along else item
        started, due = known.get(id(work)) or times(work, moment)
        rows.append(
            {
                "number": item.number,
                "name": item.name,
                "stage": work.stage,
                "state": state if goes_along else item.state,
                "joined_at": iso(work.joined_at),
                "rushed": work.rushed,
                "started_at": iso(started),
                "due_at": iso(due),
                "overdue": work.overdue,
            }
        )
    return rows


def words(order: "Order", state: str) -> str:
    """Return the state in the words that the customer reads; of several pizzas, where most is going on."""
    if len(order.parts) > 1 and state not in stages.ENDED and order.cooking:
        return whereabouts(order.parts)
    if state == "held":
        return "On hold"
    if order.stage == stages.LAST:
        return str(order.route.last_words)
    stage = stages.BY_CODE[order.stage]
    return stage.waiting if state == "waiting" else stage.working


def eta(order: "Order", state: str) -> dict[str, str] | None:
    """Return the present forecast; None where nothing can be said: on hold, station closed, fulfilled."""
    if order.stage == order.route.fulfilled or state in ("held", *stages.ENDED):
        return None
    if any(item.held and item.is_cooking for item in order.parts):  # the others will wait for it
        return None
    return interval(order, order.eta_low, order.eta_median, order.eta_high)


def interval(
    order: "Order", low: datetime | None, median: datetime | None, high: datetime | None
) -> dict[str, str] | None:
    """Return an interval as ISO times, and what it is about: at the door, or ready to collect."""
    if low is None or median is None or high is None:
        return None
    moments: Sequence[tuple[str, datetime]] = (("low", low), ("median", median), ("high", high))
    return {**{name: moment.isoformat() for name, moment in moments}, "what": order.route.what}


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
