"""Staff actions on the board: a request, as JSON, becomes a verb of `flow`. No rules here, only questions of form."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import rights
from home import live
from home.models import Order, OrderItem
from kitchen import flow, stages
from kitchen.board.snapshot import the_shop
from kitchen.board.windows import parse_asked
from kitchen.models import Shop, Station

MOST_WORDS = 200  # characters of a reason
LARGEST = 2**31  # bound of any number: within what the databases hold, above any speed or mean

VERBS: dict[str, Callable[..., None]] = {
    "advance": flow.advance,
    "take": flow.take,
    "recall": flow.recall,
    "hold": flow.hold,
    "resume": flow.resume,
    "rush": flow.rush,
    "cancel": flow.cancel,
    "remake": flow.remake,
}
OF_ORDERS = ("override", "undo")  # the verbs that are called differently
RIGHTS = {"station": rights.SET_STATIONS, "shop": rights.RUN_SHOP, "show": rights.SEE_ORDERS}
COLUMNS = {"places": "capacity"}  # board keys that differ from the column's name
# The board's page offers these for a ticket: (label, key). Cancel and remake have a part of their own there.
BUTTONS = {
    "advance": ("Done now", "D"),
    "take": ("Take along", "T"),
    "recall": ("Back one stage", "R"),
    "hold": ("Hold", "H"),
    "resume": ("Resume", "H"),
    "rush": ("Make it first", "F"),
}
# One tap says why a pizza is made again; customers read the reason.
MISHAPS = {
    "Dropped": "it was dropped",
    "Burnt": "it was burnt",
    "Not as ordered": "it was not as ordered",
}


def act(content: dict[str, Any], user: Any) -> dict[str, Any]:
    """Perform an action and return the answer to its sender. flow.Refused or ValidationError: nothing has changed."""
    name = content.get("action")
    if name not in names():
        raise flow.Refused("Unknown action.")
    rights.require(user, right_to(name))
    if name == "show":
        parse_asked(content)
        return {"done": "show"}
    if name == "station":
        return change_station(content, user)
    if name == "shop":
        return change_shop(content)
    return change_order(name, content, user)


def names() -> list[str]:
    """Return all actions."""
    return [*VERBS, *OF_ORDERS, *RIGHTS]


def right_to(name: str) -> rights.Right:
    """Return the right that an action takes. What is not about the shop itself moves an order."""
    return RIGHTS.get(name, rights.MOVE_ORDERS)


def change_order(name: str, content: dict[str, Any], user: Any) -> dict[str, Any]:
    pk, seq, reason = find(content.get("order_id")), parse_seq(content), parse_reason(content)
    if not reason and (name == "cancel" or content.get("stage") == stages.CANCELLED.code):
        raise flow.Refused("Say why the order is cancelled.")
    item = parse_item(content, pk)
    about: dict[str, Any] = {"seen": seq} if item is None else {"seen": seq, "item": item}
    # One transaction around the verb and the reading of what it wrote: `undo` needs the seq of this very change.
    with transaction.atomic():
        if name == "undo":
            flow.undo(pk, seq, user)
        elif name == "override":
            flow.override(pk, str(content.get("stage")), user, reason, **about)
        else:
            VERBS[name](pk, user, reason, **about)
        payload = Order.objects.get(pk=pk).payload()
    return {"done": name, "order": payload, **({} if item is None else {"item": item})}


def change_station(content: dict[str, Any], user: Any) -> dict[str, Any]:
    parsers = {
        "places": parse_whole,
        "headway_seconds": parse_number,
        "is_open": parse_switch,
        "mean_seconds": parse_number,
        "as_measured": parse_switch,
        "ends_by": parse_word,
    }
    changes: dict[str, Any] = {
        COLUMNS.get(key, key): parse(content[key]) for key, parse in parsers.items() if key in content
    }
    if not changes:
        raise flow.Refused(f"Say what to change: {list_of(parsers)}.")
    if content.get("stage") == stages.READY and "ends_by" in changes:
        raise flow.Refused("Whether the counter hands over by itself is a setting of the shop.")
    flow.change_station(str(content.get("stage")), by=user, **changes)
    return {"done": "station"}


def change_shop(content: dict[str, Any]) -> dict[str, Any]:
    parsers = {
        "is_open": parse_switch,
        "speed": parse_number,
        "demand_per_hour": parse_number,
        "carry_out_share": parse_number,
        "hands_over": parse_switch,
    }
    changes = {field: parse(content[field]) for field, parse in parsers.items() if field in content}
    if not changes:
        raise flow.Refused(f"Say what to change: {list_of(parsers)}.")
    with transaction.atomic():
        if "speed" in changes:
            flow.set_speed(changes.pop("speed"))
        shop = the_shop()
        for field, value in changes.items():
            setattr(shop, field, value)
        shop.full_clean()
        if changes:
            shop.save(update_fields=changes.keys())
    return {"done": "shop"}


# A client can send anything at all


def find(order_id: Any) -> int:
    if live.is_order_id(order_id):
        for pk in Order.objects.filter(order_id=order_id).values_list("pk", flat=True):
            return pk
    raise flow.Refused("There is no such order.")


def parse_seq(content: dict[str, Any]) -> int:
    seq = content.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq < LARGEST:
        raise flow.Refused("Say which state of the order you saw: its seq.")
    return seq


def parse_item(content: dict[str, Any], pk: int) -> int | None:
    """Return the number of the pizza that an action is about, None for the whole order."""
    item = content.get("item")
    if item is None:
        return None
    if not isinstance(item, int) or isinstance(item, bool):
        raise flow.Refused("“item” must be the number of a pizza: a whole number.")
    if not 0 < item < LARGEST or not OrderItem.objects.filter(order=pk, number=item).exists():
        raise flow.Refused("The order has no such pizza.")
    return item


def parse_reason(content: dict[str, Any]) -> str:
    reason = content.get("reason", "")
    if not isinstance(reason, str) or len(reason) > MOST_WORDS or not reason.isprintable():
        raise flow.Refused(f"Give the reason in one line of at most {MOST_WORDS} characters.")
    return reason.strip()


def parse_number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not -LARGEST < value < LARGEST:
        raise flow.Refused("Enter a number.")
    return value


def parse_whole(value: Any) -> int:
    number = parse_number(value)
    if number != int(number):
        raise flow.Refused("Enter a whole number.")
    return int(number)


def parse_word(value: Any) -> str:
    if not isinstance(value, str):
        raise flow.Refused("Enter a word.")
    return value


def parse_switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise flow.Refused("Say yes or no: true or false.")
    return value


def list_of(keys: Iterable[str]) -> str:
    """Return "places, is_open or mean_seconds"."""
    *others, last = keys
    return f"{', '.join(others)} or {last}"


def in_words(error: Exception) -> str:
    if isinstance(error, ValidationError) and hasattr(error, "error_dict"):
        named = [f"{_label(name)}: {text}" for name, texts in error.message_dict.items() for text in texts]
        return " ".join(named).capitalize()
    return str(error)


def _label(name: str) -> str:
    """Return the name that pages use for a column of a station or of the shop."""
    for model in (Station, Shop):
        for field in model._meta.fields:
            if field.name == name:
                return str(field.verbose_name)
    return name.replace("_", " ")
