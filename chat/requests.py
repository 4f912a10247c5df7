"""Requests of customers to cancel or change an order, made in its conversation.

Staff answer with one click, and kitchen.flow carries the request out: what was possible when the customer asked can be
too late when staff answer.
"""

import json
from datetime import datetime
from typing import Any

from django.db import transaction
from ninja.errors import HttpError

from chat import messages, orders, stream
from chat.models import Message, Room
from chat.person import Person
from chat.rooms import is_customer
from home.api.bodies import choose, read_order
from home.models import Order, Pizza
from kitchen import flow, stages
from kitchen.locks import lock_kitchen
from realtime.refused import Refused

OPEN, ACCEPTED, DECLINED, TOO_LATE, REPLACED = "open", "accepted", "declined", "too late", "replaced by a newer wish"
REASON = "at the customer's request"
MAX_TEXT = 2_000
CHANGEABLE = (stages.FIRST,)  # the stages at which an order can still be changed
# until a driver has the order, or its customer is called: the stages of every way out
CANCELLABLE = tuple(code for code in stages.WORKED if all(code in route.stages for route in stages.ROUTES.values()))

Items = list[tuple[Pizza, int]]


@transaction.atomic
def ask(room_pk: int, person: Person, content: dict[str, Any], now: datetime) -> Message:
    """Post a request: {"wish": "cancel"}, or {"wish": "change", "items": [{"id": 4, "quantity": 2}]}.

    It replaces an older one that is still open.
    """
    room = messages.lock_to_write(room_pk, person)
    if room.order is None or not is_customer(room.order, person):
        raise Refused("Only the customer can ask for that.")
    client_id = messages.clean_client_id(content.get("id"))
    earlier = messages.sent_before(room, person, client_id)
    if earlier is not None:
        return earlier
    text, data = parse(content, room.order)
    older = list(room.messages.filter(kind=Message.Kind.REQUEST, data__state=OPEN, deleted_at=None))
    for one in older:
        settle(room, one, REPLACED)
    data["state"] = OPEN
    return messages.put(room, person, now, text, Message.Kind.REQUEST, older, data=data, client_id=client_id)


def parse(content: dict[str, Any], order: Order) -> tuple[str, dict[str, Any]]:
    """Return (text, data) of a request. Refused if it is not possible now."""
    if content.get("wish") == "cancel":
        refuse_late_cancel(order)
        return "Please cancel my order.", {"wish": "cancel"}
    if content.get("wish") == "change":
        refuse_late_change(order)
        items = parse_items(content.get("items"), order)
        text = f"Please change my order to {flow.facts(items)['summary']}."
        if len(text) > MAX_TEXT:
            raise Refused("That is too much for one order.")
        rows = [{"id": pizza.pk, "quantity": quantity, "name": pizza.name} for pizza, quantity in items]
        return text, {"wish": "change", "items": rows}
    raise Refused("You can ask to “cancel” or to “change” the order.")


def parse_items(rows: object, order: Order) -> Items:
    """Parse items by the rules of the API. Pizzas already in the order can stay even if they have left the menu."""
    ordered = order.pizzas_left
    try:
        wanted = read_order(json.dumps({"items": rows}).encode())
        kept = Pizza.objects.in_bulk(list(ordered))
        chosen = choose([line for line in wanted.lines if line[0] not in kept])
    except HttpError as error:
        raise Refused(str(error)) from None
    pizzas = kept | {pizza.pk: pizza for pizza, _ in chosen}
    items = [(pizzas[pk], quantity) for pk, quantity in wanted.lines]
    if wanted.quantities == ordered:
        raise Refused("That is already what you ordered.")
    return items


def refuse_late_cancel(order: Order) -> None:
    if order.stage not in CANCELLABLE:
        raise Refused(f"It is too late to cancel: the order is {stages.label(order.stage, order.way).lower()}.")


def refuse_late_change(order: Order) -> None:
    if order.stage not in CHANGEABLE:
        raise Refused(f"It is too late to change it: the order is {stages.label(order.stage, order.way).lower()}.")


@lock_kitchen()  # before the room's lock: deleting an account takes the two in this order, too
def answer(room_pk: int, person: Person, seq: object, accept: object, now: datetime) -> str | None:
    """Accept or decline a request. If it is too late, write so in the conversation and return the sentence."""
    room = orders.lock_as_agent(room_pk, person)
    if not isinstance(accept, bool):
        raise Refused("Say whether to accept it: true or false.")
    message = messages.find(room, seq)
    if message.kind != Message.Kind.REQUEST or not message.data or message.data["state"] != OPEN:
        raise Refused("This request has already been answered.")
    too_late = grant(room, message.data, person) if accept else None
    if too_late:
        settle(room, message, TOO_LATE, too_late)
    else:
        settle(room, message, ACCEPTED if accept else DECLINED)
    copied = orders.catch_up(room)
    is_changed = orders.note_message(room, person, now)
    stream.save(room, [message, *copied], is_changed)
    return too_late


def grant(room: Room, data: dict[str, Any], person: Person) -> str | None:
    """Grant the request. If it is no longer possible, change nothing and return the sentence that says why."""
    assert room.order is not None
    order = Order.objects.get(pk=room.order.pk)  # read again: it can have moved on
    try:
        with transaction.atomic():
            carry_out(order, data, person)
    except Refused as refused:
        return str(refused)
    return None


def carry_out(order: Order, data: dict[str, Any], person: Person) -> None:
    """Call the verb of flow. `seen` makes it refuse if the order has moved on since it was read."""
    if data["wish"] == "cancel":
        refuse_late_cancel(order)
        flow.cancel(order.pk, person.user, REASON, seen=order.seq)
        return
    refuse_late_change(order)
    pizzas = Pizza.objects.in_bulk([row["id"] for row in data["items"]])
    gone = [row["name"] for row in data["items"] if row["id"] not in pizzas]
    if gone:
        raise Refused(f"{gone[0]} is no longer on the menu.")
    items = [(pizzas[row["id"]], row["quantity"]) for row in data["items"]]
    flow.change(order.pk, items, person.user, seen=order.seq)


def settle(room: Room, message: Message, state: str, answer: str = "") -> None:
    assert message.data is not None
    stream.rewrite(room, message, data={**message.data, "state": state, "answer": answer})
